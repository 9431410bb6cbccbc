/** The driver that makes a container's group in the cgroup v2 filesystem itself. */
import { O_WRONLY } from "#abi";
import { doing, Failure } from "../failure.ts";
import { using, writeText } from "../linux/fs.ts";
import { cgroupOf } from "../linux/proc.ts";
import type { CgroupDriver } from "./driver.ts";
import { createCgroup, killCgroup, refuseOccupied, refuseThreaded, removeCgroup } from "./group.ts";
import { inGroup } from "./hierarchy.ts";
import { groupPath } from "./path.ts";

export const cgroupfs: CgroupDriver = ({ cgroupsPath, id, bornInOtherNamespace }) => {
  const inConfig = cgroupsPath ? "/linux/cgroupsPath" : undefined;
  const path = doing("choosing the container's cgroup", inConfig, () => {
    const chosen = groupPath(cgroupsPath, id, ownGroup);
    inGroup(chosen, (group) => refuseOccupied(group, chosen));
    return chosen;
  });
  return {
    path,
    movesProcess: bornInOtherNamespace,
    place(start) {
      const group = doing("placing the container", inConfig, () => createCgroup(path));
      try {
        if (bornInOtherNamespace) move(start(undefined).pid, group);
        else start(group);
        return group;
      } catch (error) {
        try {
          // Looked at only now: reading a group's type costs as much as all the rest, and clone3(2) says EOPNOTSUPP.
          using(group, (fd) =>
            doing("placing the container", inConfig, () => refuseThreaded(fd, path)),
          );
          throw error;
        } finally {
          killCgroup(path);
          removeCgroup(path);
        }
      }
    },
  };
};

function move(pid: number, group: number): void {
  doing("moving the container's process into its cgroup", undefined, () =>
    writeText("cgroup.procs", String(pid), O_WRONLY, group),
  );
}

function ownGroup(): string {
  const own = cgroupOf("self");
  if (own === undefined) throw new Failure("/proc/self/cgroup names no cgroup v2 group");
  return own;
}
