/** A create or delete killed at any moment leaves nothing that `delete --force` does not remove. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeBundle, newFolder } from "./harness/bundle.ts";
import { addUserNamespace } from "./harness/config.ts";
import { succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const bundle = makeBundle(["sleep", "300"]);
const inUserNamespace = makeBundle(["sleep", "300"], { edit: addUserNamespace });
const POINTS = 40;

/** The `nth` call of a system call. */
interface Moment {
  call: string;
  nth: number;
}

/** Kills the runtime at that moment; whatever it has forked lives on. */
function killedAt({ call, nth }: Moment): Runtime {
  const inject = `inject=${call}:signal=SIGKILL:when=${nth}`;
  return new Runtime("tsrun", ["strace", "-qq", "-o", "/dev/null", "-e", inject, tsrunPath]);
}

/** All system calls that the runtime itself makes, in order; strace counts each kind by itself. */
function momentsOf(...args: string[]): Moment[] {
  const log = join(newFolder("strace"), "log");
  const traced = new Runtime("tsrun", ["strace", "-qq", "-o", log, tsrunPath]);
  succeeded(traced.call(args));
  const counts: Record<string, number> = {};
  return [...readFileSync(log, "utf8").matchAll(/^(\w+)\(/gm)]
    .map(([, call]) => call as string)
    .filter((call) => call !== "exit_group")
    .map((call) => {
      counts[call] = (counts[call] ?? 0) + 1;
      return { call, nth: counts[call] };
    });
}

/** At most `count` of the list, evenly spread. */
function spread<T>(list: T[], count = POINTS): T[] {
  const stride = Math.max(1, Math.ceil(list.length / count));
  return list.filter((_, i) => i % stride === 0);
}

function createWorksAgain(id: string, { path } = bundle): void {
  succeeded(tsrun.call(["create", "-b", path, id]), "create with the same id");
  succeeded(tsrun.call(["delete", "--force", id]), "delete");
}

test("create killed after a time", () => {
  for (let i = 0; i < POINTS; i++) {
    leavesNothing(() => {
      const id = newId();
      const seconds = `${((i + 1) * 0.01) / POINTS}`;
      const killed = new Runtime("tsrun", ["timeout", "-s", "KILL", seconds, tsrunPath]);
      killed.call(["create", "-b", bundle.path, id]);
      succeeded(tsrun.call(["delete", "--force", id]), `delete --force after ${seconds} s`);
    });
  }
});

for (const [kind, of] of [
  ["", bundle],
  [" in a user namespace", inUserNamespace],
] as const)
  test(`create killed at a system call${kind}`, () => {
    const id = newId();
    const moments = momentsOf("create", "-b", of.path, id);
    succeeded(tsrun.call(["delete", "--force", id]));
    assert.ok(moments.length > 20, `only ${moments.length} system calls`);
    let killed = 0;
    for (const moment of spread(moments)) {
      leavesNothing(() => {
        const name = newId();
        const { status } = killedAt(moment).call(["create", "-b", of.path, name]);
        if (status !== 0) killed++;
        const when = `${moment.call} number ${moment.nth}`;
        succeeded(tsrun.call(["delete", "--force", name]), `delete --force after ${when}`);
        createWorksAgain(name, of);
      });
    }
    // The number of calls varies a little with timing, so the last ones may not be reached.
    assert.ok(killed > 20, `only ${killed} were killed`);
  });

test("delete killed at a system call", () => {
  const id = newId();
  succeeded(tsrun.call(["create", "-b", bundle.path, id]));
  for (const moment of spread(momentsOf("delete", "--force", id), 20)) {
    leavesNothing(() => {
      const name = newId();
      succeeded(tsrun.call(["create", "-b", bundle.path, name]));
      killedAt(moment).call(["delete", "--force", name]);
      const when = `${moment.call} number ${moment.nth}`;
      succeeded(tsrun.call(["delete", "--force", name]), `delete --force after ${when}`);
      createWorksAgain(name);
    });
  }
});

test("run killed: the container dies or is deleted", () => {
  for (let i = 0; i < 10; i++) {
    leavesNothing(() => {
      const id = newId();
      const killed = new Runtime("tsrun", [
        "timeout",
        "-s",
        "KILL",
        `${(i + 1) * 0.003}`,
        tsrunPath,
      ]);
      killed.call(["run", "-b", bundle.path, id]);
      succeeded(tsrun.call(["delete", "--force", id]), "delete --force");
    });
  }
});
