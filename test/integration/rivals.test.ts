/** Commands that meet at one container, or two containers at one cgroup path, and a creator that dies at its last step. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder } from "./harness/bundle.ts";
import { becomes, eventually, failed, stateOf, succeeded } from "./harness/expect.ts";
import { cgroups, leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const sleeping = makeBundle(["sleep", "60"]);

function exitStatus(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", (status) => resolve(status)));
}

function isRunning(id: string): boolean {
  const { status, stdout } = tsrun.call(["state", id]);
  return status === 0 && JSON.parse(stdout).status === "running";
}

test("run in the foreground reports 137 when another command deletes its container", async () => {
  const id = newId();
  const running = tsrun.spawn(["run", "-b", sleeping.path, id]);
  const status = exitStatus(running);
  eventually("it runs", () => isRunning(id));
  succeeded(tsrun.call(["delete", "--force", id]));
  assert.equal(await status, 137);
});

test("delete --force twice at once: both succeed", async () => {
  for (let round = 0; round < 8; round++) {
    const id = newId();
    succeeded(tsrun.call(["run", "--detach", "-b", sleeping.path, id]));
    const both = [1, 2].map(() => exitStatus(tsrun.spawn(["delete", "--force", id])));
    assert.deepEqual(await Promise.all(both), [0, 0]);
    failed(tsrun.call(["state", id]), /does not exist/);
  }
});

for (const command of ["delete", "start"]) {
  test(`${command} of a container by its own createRuntime hook is refused at once`, () => {
    const id = newId();
    const log = join(newFolder("hook"), "log");
    const bundle = makeBundle(["true"], {
      edit: (config) => {
        const script = `${tsrunPath} ${command} ${id} > ${log} 2>&1; echo "status $?" >> ${log}`;
        config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script] }] };
      },
    });
    const start = Date.now();
    succeeded(tsrun.call(["run", "-b", bundle.path, id]));
    assert.ok(Date.now() - start < 5000, "it waited for its own creator");
    assert.match(readFileSync(log, "utf8"), /^[^\n]*being created[^\n]*\nstatus 1\n$/);
  });
}

for (const [what, tidies] of [
  ["in the same cgroup", false],
  ["whose cgroup has the same path", true],
] as const)
  test(`deleting a container that has ended spares the next one, ${what}`, () => {
    const cgroupsPath = `/${newId()}-shared`;
    const bundle = makeBundle(["sleep", "60"], {
      edit: (config) => {
        config.linux.cgroupsPath = cgroupsPath;
      },
    });
    const [first, second] = [newId(), newId()];
    succeeded(tsrun.call(["run", "--detach", "-b", bundle.path, first]));
    succeeded(tsrun.call(["kill", first, "KILL"]));
    becomes(first, "stopped");
    // As an engine or systemd tidies up. The second container's group is another one by the same name then.
    if (tidies)
      for (const group of cgroups().filter((path) => path.endsWith(cgroupsPath))) rmdirSync(group);
    succeeded(tsrun.call(["run", "--detach", "-b", bundle.path, second]));
    succeeded(tsrun.call(["delete", first]));
    assert.equal(stateOf(second).status, "running");
    succeeded(tsrun.call(["delete", "--force", second]));
  });

test("deleting a creation that was cut off spares the container that took its cgroup", () => {
  const cgroupsPath = `/${newId()}-shared`;
  const bundle = makeBundle(["sleep", "60"], {
    edit: (config) => {
      config.linux.cgroupsPath = cgroupsPath;
    },
  });
  const [cutOff, running] = [newId(), newId()];
  // Dies when it has made the group, and before there is a process.
  const inject = "inject=clone3:error=EAGAIN:signal=KILL";
  const killed = new Runtime("tsrun", [
    "strace",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    inject,
    tsrunPath,
  ]);
  assert.notEqual(killed.call(["create", "-b", bundle.path, cutOff]).status, 0);
  succeeded(tsrun.call(["run", "--detach", "-b", bundle.path, running]));
  succeeded(tsrun.call(["kill", "--all", cutOff, "KILL"]));
  failed(tsrun.call(["kill", cutOff, "KILL"]), /not running/);
  succeeded(tsrun.call(["delete", "--force", cutOff]));
  assert.equal(stateOf(running).status, "running");
  succeeded(tsrun.call(["delete", "--force", running]));
});

test("a creator that is killed before it has recorded the container takes that along", () => {
  leavesNothing(() => {
    const id = newId();
    const inject = ["-e", "trace=renameat2", "-e", "inject=renameat2:signal=KILL:when=1"];
    const killed = new Runtime("tsrun", [
      ...["strace", "-f", "-qq", "-o", "/dev/null", ...inject],
      ...[tsrunPath, "--cgroup-manager=disabled"],
    ]);
    // strace waits for all that it follows: this returns only because the container's process ends by itself.
    const { status } = killed.call(["create", "-b", sleeping.path, id]);
    assert.notEqual(status, 0, "it was not killed");
    assert.ok(existsSync(`/run/tsrun/${id}`), "it was killed before it began");
    succeeded(tsrun.call(["delete", "--force", id]));
  });
});
