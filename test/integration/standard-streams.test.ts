/** Whose the standard streams are: the container's user gets pipes, and never what others use, too. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import { addUserNamespace, type Config, HOST_UID } from "./harness/config.ts";
import { succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const UID = 1000;

const asUser = (config: Config): void => {
  config.process.user = { uid: UID, gid: UID };
};

/** [what, the edit, who UID is on the host]. */
const PLACES: [string, (config: Config) => void, number][] = [
  ["", () => {}, UID],
  [" in a user namespace", addUserNamespace, HOST_UID + UID],
];

/** tsrun called by a shell that does `redirected`: "$@" is the call. */
const inShell = (redirected: string): Runtime =>
  new Runtime("tsrun", ["sh", "-c", redirected, "sh", tsrunPath]);

function run(script: string, edit: (config: Config) => void, runtime: Runtime): string {
  const { path } = shellBundle(script, {
    edit: (config) => {
      asUser(config);
      edit(config);
    },
  });
  return succeeded(runtime.call(["run", "--bundle", path, newId()])).stdout;
}

for (const [where, edit] of PLACES)
  test(`pipes are the user’s, who can open them again${where}`, () => {
    const script = ": >> /proc/self/fd/1 && cat /proc/self/fd/0 && stat -L -c %u /proc/self/fd/1";
    assert.equal(run(script, edit, inShell(`echo in | "$@" | cat`)), `in\n${UID}\n`);
  });

/** Makes a file of a kind at a path, owned by root. */
const KINDS: Record<string, (path: string) => void> = {
  "a regular file": (path) => writeFileSync(path, "mine"),
  "a directory": (path) => mkdirSync(path),
  "a device": (path) => execFileSync("mknod", [path, "c", "1", "7"]),
  "a file of /proc": () => {},
};

for (const [where, edit] of PLACES)
  for (const [kind, make] of Object.entries(KINDS))
    test(`${kind} stays its owner’s${where}`, () => {
      const path = kind === "a file of /proc" ? "/proc/version" : join(newFolder("stream"), "file");
      make(path);
      if (path !== "/proc/version") {
        chownSync(path, 4321, 4321);
        chmodSync(path, 0o700);
      }
      const before = statSync(path);
      // What was opened for reading only would be open for everything to its owner.
      run("chmod 777 /proc/self/fd/0 2> /dev/null; true", edit, inShell(`exec "$@" < ${path}`));
      const { uid, gid, mode } = statSync(path);
      assert.deepEqual([uid, gid, mode], [before.uid, before.gid, before.mode]);
    });

for (const [where, edit, host] of PLACES) {
  const isOwn = host === UID;
  test(`a FIFO with a name ${isOwn ? "is the user’s" : "stays its owner’s"}${where}`, () => {
    const path = join(newFolder("stream"), "fifo");
    execFileSync("mkfifo", [path]);
    run("true", edit, inShell(`exec "$@" <> ${path}`));
    assert.equal(statSync(path).uid, isOwn ? UID : 0);
  });

  test(`the caller’s terminal stays its owner’s${where}`, () => {
    const folder = newFolder("stream");
    const { path } = shellBundle("true", {
      edit: (config) => {
        asUser(config);
        edit(config);
      },
    });
    const call = `"${tsrun.command.join(" ")}" run --bundle ${path} ${newId()}`;
    const inTerminal = `${call}; stat -L -c %u /proc/self/fd/0 > ${folder}/owner`;
    execFileSync("script", ["-qec", inTerminal, "/dev/null"], { stdio: "ignore" });
    const owner = execFileSync("cat", [`${folder}/owner`], { encoding: "utf8" });
    assert.equal(owner, "0\n");
  });

  test(`a terminal of its own is the user’s${where}`, () => {
    const { path } = shellBundle("stat -L -c %u /proc/self/fd/0 && : >> /proc/self/fd/1", {
      edit: (config) => {
        asUser(config);
        edit(config);
        config.process.terminal = true;
      },
    });
    const call = `"${tsrun.command.join(" ")}" run --bundle ${path} ${newId()}`;
    const shown = execFileSync("script", ["-qec", call, "/dev/null"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    assert.match(shown, new RegExp(`\\b${UID}\r`));
  });
}

/** Tells whether the standard input is in a mount of the container's, and open for reading and writing. */
const IS_OWN = `id=$(sed -n 's/^mnt_id:.//p' /proc/self/fdinfo/0)
  grep -q "^$id " /proc/self/mountinfo && sed -n 's/^flags:.*\\(.\\)$/\\1/p' /proc/self/fdinfo/0`;
const nullInput = inShell('exec "$@" < /dev/null');

for (const [where, edit] of PLACES)
  test(`the host’s null device becomes the container’s${where}`, () => {
    assert.equal(run(IS_OWN, edit, nullInput), "2\n");
  });

test("so it does in an exec; what stands in its place is not waited for", () => {
  const { path } = shellBundle(WAITS, {
    edit: ({ process }) => {
      const both = ["CAP_FOWNER", "CAP_MKNOD"];
      process.capabilities = { bounding: both, effective: both, permitted: both };
    },
  });
  const id = newId();
  const exec = (script: string): string =>
    succeeded(nullInput.call(["exec", id, "sh", "-c", script])).stdout;
  succeeded(tsrun.call(["run", "--detach", "--bundle", path, id]));
  try {
    const { mode } = statSync("/dev/null");
    assert.equal(exec(IS_OWN), "2\n");
    exec("chmod 600 /proc/self/fd/0");
    assert.equal(statSync("/dev/null").mode, mode);
    for (const replacement of ["mkfifo /dev/null", "ln -s /dev/zero /dev/null", "true"]) {
      exec(`rm -f /dev/null; busybox ${replacement}`);
      assert.equal(exec("echo here; cat"), "here\n");
    }
  } finally {
    succeeded(tsrun.call(["delete", "--force", id]));
  }
});
