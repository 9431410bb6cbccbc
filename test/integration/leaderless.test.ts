/** Processes whose first thread has ended before the others: they look like zombies, and are none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bundle, makeBundle } from "./harness/bundle.ts";
import { shareNamespace } from "./harness/config.ts";
import { becomes, eventually, failed, stateOf, succeeded } from "./harness/expect.ts";
import { leavesNothing, nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, tsrun } from "./harness/runtime.ts";
import { addSystemCalls, needsCompiler } from "./harness/systemCalls.ts";

nothingIsLeftAtTheEnd();

const LEADERLESS = ["/bin/calls", "leaderless:getpid"];

/** Runs it, waits until a process of it has lost its first thread, and has nothing left after `use`. */
function whileLeaderless(bundle: Bundle, use: (id: string) => void): void {
  leavesNothing(() => {
    const id = newId();
    succeeded(tsrun.call(["run", "--detach", "-b", bundle.path, id]));
    try {
      eventually("its first thread has ended", () =>
        /^ *\d+ Z\S*l/m.test(succeeded(tsrun.call(["ps", id, "-e", "-o", "pid,stat"])).stdout),
      );
      use(id);
    } finally {
      succeeded(tsrun.call(["delete", "--force", id]));
    }
  });
}

const pids = (id: string): number[] =>
  JSON.parse(succeeded(tsrun.call(["ps", "--format", "json", id])).stdout) ?? [];

test(
  "a container's first process goes on without its first thread: it runs, and can be ended",
  needsCompiler,
  () => {
    const bundle = makeBundle(LEADERLESS, { prepare: addSystemCalls });
    whileLeaderless(bundle, (id) => {
      assert.equal(stateOf(id).status, "running");
      failed(tsrun.call(["delete", id]), /is running; stop it first/);
      const { status, stderr } = tsrun.call(["exec", id, "true"]);
      assert.equal(status, 255);
      assert.match(stderr, /cannot exec in .*: the first thread of its first process has ended; /);
      succeeded(tsrun.call(["kill", id, "KILL"]));
      becomes(id, "stopped");
    });
    // delete --force ends it as well: nothing is left.
    whileLeaderless(bundle, () => {});
  },
);

test(
  "cgroup.kill passes such a process over: kill --all and delete --force do not",
  needsCompiler,
  () => {
    const script = `${LEADERLESS.join(" ")} & exec sleep 300`;
    const bundle = makeBundle(["/bin/sh", "-c", script], {
      prepare: addSystemCalls,
      edit: (config) => shareNamespace(config, "pid"),
    });
    whileLeaderless(bundle, (id) => {
      succeeded(tsrun.call(["kill", "--all", id, "KILL"]));
      becomes(id, "stopped");
      eventually("both have ended", () => pids(id).length === 0);
    });
    whileLeaderless(bundle, () => {});
  },
);
