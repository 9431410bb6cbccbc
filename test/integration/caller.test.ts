/** What the caller brings along: umask, ids, keyring quota, the way to the executable, pid files, long arguments. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder } from "./harness/bundle.ts";
import { becomes, failed, stateOf, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const brief = makeBundle(["echo", "ran"]);
const sleeping = makeBundle(["sleep", "60"]);

test("tsrun that is bound over another executable runs itself, not what it hides", () => {
  const other = join(newFolder("bin"), "other");
  copyFileSync("/bin/busybox", other);
  chmodSync(other, 0o755);
  execFileSync("mount", ["--bind", tsrunPath, other]);
  try {
    const bound = new Runtime("tsrun", [other]);
    assert.equal(succeeded(bound.call(["run", "-b", brief.path, newId()])).stdout, "ran\n");
  } finally {
    execFileSync("umount", [other]);
  }
});

/** Kinds whose hooks run before anything of config.json's umask counts. */
const OUTSIDE = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] as const;

for (const mask of ["0022", "0027"]) {
  test(`hooks have the caller’s umask: ${mask}`, () => {
    const trace = newFolder("trace");
    const bundle = makeBundle(["true"], {
      edit: (config) => {
        config.hooks = Object.fromEntries(
          OUTSIDE.map((kind) => [
            kind,
            [{ path: "/bin/sh", args: ["sh", "-c", `umask > ${trace}/${kind}`] }],
          ]),
        );
      },
    });
    const caller = ["sh", "-c", `umask ${mask}; exec "$@"`, "sh", tsrunPath];
    succeeded(new Runtime("tsrun", caller).call(["run", "-b", bundle.path, newId()]));
    for (const kind of OUTSIDE)
      assert.equal(readFileSync(join(trace, kind), "utf8"), `${mask}\n`, kind);
  });
}

test("--pid-file follows no link that somebody planted for its temporary file", () => {
  const folder = newFolder("pid");
  const victim = join(newFolder("victim"), "file");
  writeFileSync(victim, "untouched");
  const file = join(folder, "pid");
  // The names that it could take: with the numbers of the processes that come next.
  const last = Number(readFileSync("/proc/sys/kernel/ns_last_pid", "utf8"));
  const suffixes = Array.from({ length: 200 }, (_, i) => `.${last + i}`);
  for (const suffix of ["", ".tmp", ".new", ...suffixes])
    symlinkSync(victim, join(folder, `.pid${suffix}`));
  const id = newId();
  const outcome = tsrun.call(["create", "--pid-file", file, "-b", sleeping.path, id]);
  assert.equal(readFileSync(victim, "utf8"), "untouched");
  if (outcome.status === 0) {
    assert.equal(readFileSync(file, "utf8"), `${stateOf(id).pid}`);
    assert.ok(lstatSync(file).isFile());
  } else failed(outcome, /pid file/);
  succeeded(tsrun.call(["delete", "--force", id]));
});

const NO_FILES: Record<string, (path: string) => void> = {
  "a directory": (path) => mkdirSync(path),
  "a fifo": (path) => execFileSync("mkfifo", [path]),
  "a device": (path) => execFileSync("mknod", [path, "c", "1", "7"]),
};

for (const [kind, make] of Object.entries(NO_FILES)) {
  test(`a pid file that is ${kind} is refused, and stays alone`, () => {
    const folder = newFolder("pid");
    const file = join(folder, "pid");
    make(file);
    const { ino, mode } = lstatSync(file);
    leavesNothing(() => {
      const call = ["create", "--pid-file", file, "-b", sleeping.path, newId()];
      failed(tsrun.call(call), /pid file/, new RegExp(file));
    });
    assert.deepEqual(readdirSync(folder), ["pid"]);
    const after = lstatSync(file);
    assert.deepEqual([after.ino, after.mode], [ino, mode]);
  });
}

/** tsrun where keyctl(2) fails. */
function keyctlSays(error: string): Runtime {
  const inject = ["-e", "trace=keyctl", "-e", `inject=keyctl:error=${error}`];
  return new Runtime("tsrun", ["strace", "-f", "-qq", "-o", "/dev/null", ...inject, tsrunPath]);
}

test("a session keyring that the quota forbids is an error", () => {
  leavesNothing(() => {
    const call = ["run", "-b", brief.path, newId()];
    failed(keyctlSays("EDQUOT").call(call), /keyring/, /EDQUOT/);
  });
});

test("a kernel without keyrings runs containers", () => {
  const { stdout } = succeeded(keyctlSays("ENOSYS").call(["run", "-b", brief.path, newId()]));
  assert.equal(stdout, "ran\n");
});

/** The longest line that somebody will read to its end. */
const READABLE = 4096;
const LONG = "x".repeat(100_000);

const LONG_VALUES: Record<string, { args: string[]; path?: string }> = {
  "a program’s name": { args: [LONG] },
  "a program’s path": { args: [`/${LONG}`] },
  "a PATH": { args: ["missing"], path: `/${LONG}` },
  "a PATH of many folders": { args: ["missing"], path: "/folder:".repeat(12_500) },
};

for (const [name, { args, path }] of Object.entries(LONG_VALUES)) {
  test(`${name} of 100 KB gives one readable line when there is no program`, () => {
    const bundle = makeBundle(args, {
      edit: (config) => {
        if (path !== undefined) config.process.env = [`PATH=${path}`];
      },
    });
    leavesNothing(() => {
      const outcome = tsrun.call(["run", "-b", bundle.path, newId()]);
      failed(outcome, /^tsrun: unable to start container process: exec: "/, /\/process\/args\/0/);
      assert.ok(outcome.stderr.length < READABLE, `${outcome.stderr.length} characters`);
    });
  });
}

for (const entry of ["NAMEONLY", "=value", ""]) {
  test(`an environment entry without a name and a value is refused: ${JSON.stringify(entry)}`, () => {
    const bundle = makeBundle(["true"], {
      edit: (config) => {
        config.process.env.push(entry);
      },
    });
    const index = bundle.config.process.env.length - 1;
    leavesNothing(() => {
      const outcome = tsrun.call(["run", "-b", bundle.path, newId()]);
      failed(outcome, new RegExp(`/process/env/${index}\\b`));
    });
  });
}

test("kill with signal 0 answers whether the container runs", () => {
  const id = newId();
  succeeded(tsrun.call(["run", "--detach", "-b", sleeping.path, id]));
  succeeded(tsrun.call(["kill", id, "0"]));
  assert.equal(stateOf(id).status, "running");
  succeeded(tsrun.call(["kill", id, "KILL"]));
  becomes(id, "stopped");
  failed(tsrun.call(["kill", id, "0"]), /not running/);
  succeeded(tsrun.call(["delete", id]));
});

/** tsrun for somebody who is not root. */
function unprivileged(): Runtime {
  const copy = join(newFolder("bin"), "tsrun");
  copyFileSync(tsrunPath, copy);
  chmodSync(copy, 0o755);
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
  return new Runtime("tsrun", [...nobody, copy]);
}

test("creating a container without root is refused with that reason", () => {
  const nobody = unprivileged();
  leavesNothing(() => {
    for (const command of ["create", "run"])
      failed(nobody.call([command, "-b", sleeping.path, newId()]), /needs root/);
  });
});

test("other commands without root say what they were doing", () => {
  const nobody = unprivileged();
  const id = newId();
  succeeded(tsrun.call(["create", "-b", sleeping.path, id]));
  for (const command of ["state", "start", "kill", "delete"])
    failed(nobody.call([command, id]), /state directory \/run\/tsrun/, /EACCES/);
  assert.equal(stateOf(id).status, "created");
  succeeded(tsrun.call(["delete", "--force", id]));
});
