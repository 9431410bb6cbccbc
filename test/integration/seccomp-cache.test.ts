/** Kept filters: a container gets the same filter with them and without, and never another one. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, shellBundle } from "./harness/bundle.ts";
import { succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const bundleWith = (errnoRet: number) =>
  shellBundle("mkdir /tmp/made 2>&1", {
    edit: (config) => {
      config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet }],
      };
    },
  }).path;

const bundle = bundleWith(95);
const FOLDER = "@seccomp";

/** Runs it with a state root, and makes sure of the filter's effect. */
function run(root: string, path = bundle, message = /Operation not supported/): void {
  const { status, stdout, stderr } = tsrun
    .with("--root", root)
    .call(["run", "--bundle", path, newId()]);
  assert.equal(stderr, "");
  assert.match(stdout, message);
  assert.equal(status, 1, "mkdir's");
}

/** The only file that is kept. */
function keptIn(root: string): string {
  const names = readdirSync(join(root, FOLDER));
  assert.equal(names.length, 1, names.join(" "));
  return join(root, FOLDER, names[0] as string);
}

test("a filter is kept for the next container, for its owner alone, and not written again", () => {
  const root = newFolder("state");
  run(root);
  const kept = keptIn(root);
  const before = statSync(kept, { bigint: true });
  assert.equal(before.mode & 0o7777n, 0o600n);
  assert.equal(statSync(join(root, FOLDER)).mode & 0o7777, 0o700);
  run(root);
  const after = statSync(kept, { bigint: true });
  assert.deepEqual([after.ino, after.mtimeNs], [before.ino, before.mtimeNs]);
});

test("the kept one is the one that is used", () => {
  const root = newFolder("state");
  run(root);
  const log = join(root, "strace");
  const traced = new Runtime("tsrun", ["strace", "-f", "-o", log, tsrunPath, "--root", root]);
  traced.call(["run", "--bundle", bundle, newId()]);
  // libseccomp asks the kernel what it knows before it compiles.
  assert.doesNotMatch(readFileSync(log, "utf8"), /SECCOMP_GET_ACTION_AVAIL/);
  rmSync(keptIn(root));
  traced.call(["run", "--bundle", bundle, newId()]);
  assert.match(readFileSync(log, "utf8"), /SECCOMP_GET_ACTION_AVAIL/);
});

test("another profile has another filter", () => {
  const root = newFolder("state");
  run(root);
  run(root, bundleWith(28), /No space left/);
  run(root);
  assert.equal(readdirSync(join(root, FOLDER)).length, 2);
});

test("a damaged file is replaced", () => {
  const root = newFolder("state");
  run(root);
  const kept = keptIn(root);
  const sound = readFileSync(kept);
  for (const place of [3, 40, sound.length - 2]) {
    const damaged = Buffer.from(sound);
    damaged[place] = (damaged[place] as number) ^ 1;
    writeFileSync(kept, damaged);
    run(root);
    assert.deepEqual(readFileSync(kept), sound);
  }
  writeFileSync(kept, "");
  run(root);
  assert.deepEqual(readFileSync(kept), sound);
});

test("what others could have written is not used", () => {
  const root = newFolder("state");
  run(root, bundleWith(28), /No space left/);
  const other = readFileSync(keptIn(root));
  rmSync(join(root, FOLDER), { recursive: true });
  run(root);
  const kept = keptIn(root);
  // Whoever may write there could put in what lets everything through; here it is another filter.
  writeFileSync(kept, other);
  run(root);
  chmodSync(kept, 0o666);
  run(root);
  chownSync(kept, 1000, 1000);
  run(root);
  chmodSync(join(root, FOLDER), 0o777);
  run(root);
  chownSync(join(root, FOLDER), 1000, 1000);
  run(root);
});

test("a folder elsewhere, or something else in its place, is not used and no hindrance", () => {
  const [root, elsewhere] = [newFolder("state"), newFolder("elsewhere")];
  symlinkSync(elsewhere, join(root, FOLDER));
  run(root);
  run(root);
  assert.deepEqual(readdirSync(elsewhere), []);
  const blocked = newFolder("state");
  writeFileSync(join(blocked, FOLDER), "");
  run(blocked);
});

// There is room for the container and not for the filter.
test("a full state root is no hindrance, and nothing half written stays in it", () => {
  const root = newFolder("state");
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=192k", "small", root]);
  try {
    const names = Array.from({ length: 4000 }, (_, i) => `no_such_call_${i}`);
    const { path } = shellBundle("mkdir /tmp/made 2>&1", {
      edit: (config) => {
        config.linux.seccomp = {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [
            { names: [...names, "mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 },
          ],
        };
      },
    });
    run(root, path);
    assert.deepEqual(readdirSync(join(root, FOLDER)), []);
  } finally {
    execFileSync("umount", [root]);
  }
});

test("many creators at once", async () => {
  const root = newFolder("state");
  const statuses = await Promise.all(
    Array.from({ length: 6 }, () => {
      const call = ["run", "--bundle", bundle, newId()];
      const child = tsrun.with("--root", root).spawn(call);
      return new Promise((ended) => child.on("close", ended));
    }),
  );
  assert.deepEqual(statuses, [1, 1, 1, 1, 1, 1]);
  keptIn(root);
  run(root);
});

test("a container's commands are not led astray by the folder", () => {
  const root = newFolder("state");
  run(root);
  for (const command of ["state", "delete"]) {
    const { status, stderr } = tsrun.with("--root", root).call([command, FOLDER]);
    assert.equal(status, 1);
    assert.match(stderr, /other characters than/);
  }
  const { path } = shellBundle("true", {
    edit: (config) => {
      config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW" };
    },
  });
  const id = newId();
  succeeded(tsrun.with("--root", root).call(["create", "--bundle", path, id]));
  succeeded(tsrun.with("--root", root).call(["delete", "--force", id]));
});
