/** A create or delete killed at any moment leaves nothing that `delete --force` does not remove. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder } from "./harness/bundle.ts";
import { succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const bundle = makeBundle(["sleep", "300"]);
const POINTS = 40;

/** Kills the runtime at its `n`th system call; whatever it has forked lives on. */
function killedAtSyscall(n: number): Runtime {
  const inject = `inject=all:signal=SIGKILL:when=${n}`;
  return new Runtime("tsrun", ["strace", "-qq", "-o", "/dev/null", "-e", inject, tsrunPath]);
}

/** How many system calls the runtime itself makes in a call. */
function syscallsOf(...args: string[]): number {
  const log = join(newFolder("strace"), "log");
  const traced = new Runtime("tsrun", ["strace", "-qq", "-o", log, tsrunPath]);
  succeeded(traced.call(args));
  return readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => /^\w+\(/.test(line)).length;
}

/** `count` whole numbers from 1 to `last`, evenly spread. */
function spread(last: number, count = POINTS): number[] {
  const numbers = Array.from(
    { length: count },
    (_, i) => 1 + Math.round((i * (last - 1)) / (count - 1)),
  );
  return [...new Set(numbers)];
}

function createWorksAgain(id: string): void {
  succeeded(tsrun.call(["create", "-b", bundle.path, id]), "create with the same id");
  succeeded(tsrun.call(["delete", "--force", id]), "delete");
}

test("create killed after a time", () => {
  for (let i = 0; i < POINTS; i++) {
    leavesNothing(() => {
      const id = newId();
      const seconds = `${(i * 0.01) / POINTS}`;
      const killed = new Runtime("tsrun", ["timeout", "-s", "KILL", seconds, tsrunPath]);
      killed.call(["create", "-b", bundle.path, id]);
      succeeded(tsrun.call(["delete", "--force", id]), `delete --force after ${seconds} s`);
    });
  }
});

test("create killed at a system call", () => {
  const id = newId();
  const last = syscallsOf("create", "-b", bundle.path, id);
  succeeded(tsrun.call(["delete", "--force", id]));
  assert.ok(last > 20, `only ${last} system calls`);
  for (const n of spread(last)) {
    leavesNothing(() => {
      const name = newId();
      const { status } = killedAtSyscall(n).call(["create", "-b", bundle.path, name]);
      assert.notEqual(status, 0, `was not killed at system call ${n} of ${last}`);
      succeeded(tsrun.call(["delete", "--force", name]), `delete --force after system call ${n}`);
      if (n % 5 === 0) createWorksAgain(name);
    });
  }
});

test("delete killed at a system call", () => {
  const id = newId();
  succeeded(tsrun.call(["create", "-b", bundle.path, id]));
  const last = syscallsOf("delete", "--force", id);
  for (const n of spread(last, 20)) {
    leavesNothing(() => {
      const name = newId();
      succeeded(tsrun.call(["create", "-b", bundle.path, name]));
      killedAtSyscall(n).call(["delete", "--force", name]);
      succeeded(tsrun.call(["delete", "--force", name]), `delete --force after system call ${n}`);
      createWorksAgain(name);
    });
  }
});

test("run killed: the container dies or is deleted", () => {
  for (let i = 0; i < 10; i++) {
    leavesNothing(() => {
      const id = newId();
      const killed = new Runtime("tsrun", ["timeout", "-s", "KILL", `${i * 0.003}`, tsrunPath]);
      killed.call(["run", "-b", bundle.path, id]);
      succeeded(tsrun.call(["delete", "--force", id]), "delete --force");
    });
  }
});
