/** A create or delete killed at any moment leaves nothing that `delete --force` does not remove. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeBundle } from "./harness/bundle.ts";
import { addUserNamespace } from "./harness/config.ts";
import { succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { killedAt, momentsOf, shown, spread } from "./harness/moments.ts";
import { newId, Runtime, tsrun, tsrunPath } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const bundle = makeBundle(["sleep", "300"]);
const inUserNamespace = makeBundle(["sleep", "300"], { edit: addUserNamespace });
const POINTS = 40;

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
    for (const moment of spread(moments, POINTS)) {
      leavesNothing(() => {
        const name = newId();
        const { status } = killedAt(moment).call(["create", "-b", of.path, name]);
        if (status !== 0) killed++;
        succeeded(tsrun.call(["delete", "--force", name]), `delete --force after ${shown(moment)}`);
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
      succeeded(tsrun.call(["delete", "--force", name]), `delete --force after ${shown(moment)}`);
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
