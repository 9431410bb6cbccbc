/** A container whose cgroup mount is writable makes groups as it likes; it is listed, killed and deleted all the same. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Bundle, shellBundle } from "./harness/bundle.ts";
import { mountAt } from "./harness/config.ts";
import { becomes, eventually, patience, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { newId, Runtime, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** So few descriptors that there is not one for each group. */
const frugal = new Runtime("tsrun", [
  ...["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"],
  ...tsrun.command,
]);

/** Moves a process into the group that is the working directory, and ends with it. */
const SETTLES = "sleep 300 & echo $! > cgroup.procs && echo ready; wait";

const makingGroups = (script: string): Bundle =>
  shellBundle(`cd /sys/fs/cgroup; ${script}; ${SETTLES}`, {
    edit: (config) => {
      mountAt(config, "/sys/fs/cgroup").options = ["rw", "nosuid", "noexec", "nodev"];
    },
  });

/** What a container makes takes long in a machine that is emulated. */
const LEVELS = patience > 1 ? 300 : 1200;

const SCRIPTS: Record<string, string> = {
  "a name that is not UTF-8": `name=$(printf 'x\\377'); mkdir "$name"; cd "$name"`,
  "thousands of levels": `i=0; while [ $i -lt ${LEVELS} ] && mkdir d && cd d; do i=$((i+1)); done`,
  "thousands of groups beside each other": `mkdir $(busybox seq ${LEVELS}); cd 7`,
};

for (const [name, script] of Object.entries(SCRIPTS))
  test(`${name}: listed, counted, killed and deleted`, () => {
    const bundle = makingGroups(script);
    for (const ending of ["killed", "deleted"]) {
      const id = newId();
      const run = succeeded(tsrun.call(["run", "--detach", "--bundle", bundle.path, id]));
      eventually("the groups are there", () => run.stdout === "ready\n");
      assert.equal(run.stderr, "");
      const { stdout } = succeeded(frugal.call(["ps", "--format", "json", id]), "ps");
      assert.equal((JSON.parse(stdout) as number[]).length, 2);
      succeeded(frugal.call(["events", "--stats", id]), "events");
      if (ending === "killed") {
        succeeded(frugal.call(["kill", "--all", id, "USR1"]), "kill");
        becomes(id, "stopped");
        succeeded(frugal.call(["delete", id]), "delete");
      } else succeeded(frugal.call(["delete", "--force", id]), "delete --force");
    }
  });
