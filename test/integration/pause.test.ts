/** pause and resume: what the kernel says of the processes, and which states allow it. */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { shellBundle } from "./harness/bundle.ts";
import {
  appears,
  becomes,
  eventually,
  failed,
  pause,
  stateOf,
  succeeded,
} from "./harness/expect.ts";
import { cgroups, leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** Writes to /count all the time. */
const counting = shellBundle("while true; do echo -n . >> /count; sleep 0.01; done", {
  edit: (config) => {
    config.root.readonly = false;
  },
});
const counted = join(counting.rootfs, "count");
const count = (): number => statSync(counted).size;

function create(...globals: string[]): string {
  const id = newId();
  succeeded(tsrun.call([...globals, "create", "-b", counting.path, id]), "create");
  return id;
}

function start(...globals: string[]): string {
  const id = create(...globals);
  succeeded(tsrun.call(["start", id]), "start");
  appears(counted);
  return id;
}

const remove = (id: string): void => {
  succeeded(tsrun.call(["delete", "--force", id]), "delete --force");
};

const frozen = (id: string): boolean => {
  const group = cgroups().find((path) => path.endsWith(`/${id}`)) as string;
  return readFileSync(join(group, "cgroup.events"), "utf8").includes("frozen 1");
};

test("a paused container does nothing until it is resumed", () => {
  leavesNothing(() => {
    const id = start();
    succeeded(tsrun.call(["pause", id]), "pause");
    assert.ok(frozen(id), "all its processes have stopped when the command returns");
    assert.equal(stateOf(id).status, "paused");
    const before = count();
    pause(200);
    assert.equal(count(), before, "it writes no more");
    succeeded(tsrun.call(["resume", id]), "resume");
    assert.equal(stateOf(id).status, "running");
    eventually("it writes again", () => count() > before);
    remove(id);
  });
});

test("a created container can be paused, and is created again when it is resumed", () => {
  const id = create();
  succeeded(tsrun.call(["pause", id]), "pause");
  assert.equal(stateOf(id).status, "paused");
  failed(tsrun.call(["start", id]), /is paused/);
  succeeded(tsrun.call(["resume", id]), "resume");
  assert.equal(stateOf(id).status, "created");
  succeeded(tsrun.call(["start", id]), "start");
  remove(id);
});

test("each is refused in a state that does not allow it", () => {
  const id = start();
  failed(tsrun.call(["resume", id]), /resuming the container/, /is running, not paused/);
  succeeded(tsrun.call(["pause", id]));
  failed(tsrun.call(["pause", id]), /pausing the container/, /is paused, not created or running/);
  succeeded(tsrun.call(["kill", id, "KILL"]), "kill of a paused container");
  becomes(id, "stopped");
  failed(tsrun.call(["pause", id]), /is stopped/);
  failed(tsrun.call(["resume", id]), /is stopped/);
  remove(id);
  failed(tsrun.call(["pause", id]), /does not exist/);
  failed(tsrun.call(["resume", id]), /does not exist/);
});

test("a paused container is deleted by force only", () => {
  leavesNothing(() => {
    const id = start();
    succeeded(tsrun.call(["pause", id]));
    failed(tsrun.call(["delete", id]), /is paused/, /--force/);
    remove(id);
  });
});

test("a container without a cgroup cannot be paused", () => {
  const id = start("--cgroup-manager=disabled");
  failed(tsrun.call(["pause", id]), /no cgroup/, /--cgroup-manager=disabled/);
  remove(id);
});
