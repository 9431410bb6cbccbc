/** A user namespace of the container's own and a cgroup namespace that it joins, in which its process is born. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readlinkSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { shellBundle } from "./harness/bundle.ts";
import { addUserNamespace } from "./harness/config.ts";
import { eventually, succeeded } from "./harness/expect.ts";
import { cgroupRoot } from "./harness/hierarchy.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

/** A process in a cgroup namespace that is rooted in a group of its own, below which the container's is not. */
function inOtherCgroups(group: string): ChildProcess {
  mkdirSync(group);
  const script = `echo $$ > ${group}/cgroup.procs && exec unshare --cgroup sleep 60`;
  const child = spawn("sh", ["-c", script], { stdio: "ignore" });
  const own = readlinkSync("/proc/self/ns/cgroup");
  eventually("it has its namespace", () => readlinkSync(`/proc/${child.pid}/ns/cgroup`) !== own);
  return child;
}

// systemd mounts cgroup2 with nsdelegate, which lets no process out of its cgroup namespace.
test("a cgroup namespace is joined whose root is elsewhere", needs("systemd"), async () => {
  const [id, otherId] = [newId(), newId()];
  const group = join(cgroupRoot(), otherId);
  const other = inOtherCgroups(group);
  try {
    const path = `/proc/${other.pid}/ns/cgroup`;
    const script = "readlink /proc/self/ns/cgroup; grep ^0: /proc/self/cgroup";
    const bundle = shellBundle(script, {
      edit: (config) => {
        addUserNamespace(config);
        config.linux.cgroupsPath = `/${id}`;
        config.linux.namespaces = config.linux.namespaces.map((each) =>
          each.type === "cgroup" ? { ...each, path } : each,
        );
        // It belongs to whom the namespace belongs to.
        config.mounts = config.mounts.filter(({ type }) => type !== "cgroup");
      },
    });
    const { stdout } = succeeded(tsrun.call(["run", "--bundle", bundle.path, newId()]));
    assert.equal(stdout, `${readlinkSync(path)}\n0::/../${id}\n`);
  } finally {
    other.kill("SIGKILL");
    await once(other, "exit");
    rmdirSync(group);
  }
});
