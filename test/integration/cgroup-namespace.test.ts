/** A container sees its own group as the root of all, and nothing beside it (cgroup_namespaces(7)). */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Container, underBothDrivers } from "./harness/cgroup.ts";
import { type Config, mountAt } from "./harness/config.ts";
import { eventually, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";

nothingIsLeftAtTheEnd();

underBothDrivers("its group is the root", ["pids controller"], (driver) => {
  const script = `
    cat /proc/self/cgroup
    cat /sys/fs/cgroup/pids.max
    grep -w 1 /sys/fs/cgroup/cgroup.procs
    ls -d /sys/fs/cgroup/*/ 2>/dev/null
    sed -n 's#^[^ ]* [^ ]* [^ ]* \\([^ ]*\\) /sys/fs/cgroup .*#\\1#p' /proc/self/mountinfo`;
  const { stdout } = succeeded(new Container(driver).run({ pids: { limit: 23 } }, script));
  assert.equal(stdout, "0::/\n23\n1\n/\n");
});

underBothDrivers("nobody in it sees above it", ["pids controller"], (driver) => {
  const script = "cat /sys/fs/cgroup/../cgroup/cgroup.type; cat /proc/1/cgroup";
  const { stdout } = succeeded(new Container(driver).run({}, script));
  assert.equal(stdout, "domain\n0::/\n", "the root of the whole hierarchy has no type");
});

/** The group may be changed from within. */
function makeWritable(config: Config): void {
  mountAt(config, "/sys/fs/cgroup").options = ["rw", "nosuid", "noexec", "nodev"];
}

underBothDrivers("groups that it makes go with it", ["pids controller"], (driver) => {
  const container = new Container(driver);
  const script = `
    cd /sys/fs/cgroup && mkdir -p own/below && echo 1 > own/cgroup.procs &&
    echo +pids > cgroup.subtree_control && echo 7 > own/pids.max
    while true; do sleep 1; done`;
  container.start({}, script, makeWritable);
  const limit = join(container.group, "own/pids.max");
  eventually(
    "it is in its own group",
    () => existsSync(limit) && readFileSync(limit, "utf8") === "7\n",
  );
  container.delete();
});
