/** The driver that makes a container's group in the cgroup v2 filesystem itself. */
import { doing, Failure } from "../failure.ts";
import { using } from "../linux/fs.ts";
import { cgroupOf } from "../linux/proc.ts";
import type { CgroupDriver } from "./driver.ts";
import { createCgroup, killCgroup, refuseOccupied, refuseThreaded, removeCgroup } from "./group.ts";
import { inGroup } from "./hierarchy.ts";
import { groupPath } from "./path.ts";

export const cgroupfs: CgroupDriver = ({ cgroupsPath, id }) => {
  const inConfig = cgroupsPath ? "/linux/cgroupsPath" : undefined;
  const path = doing("choosing the container's cgroup", inConfig, () => {
    const chosen = groupPath(cgroupsPath, id, ownGroup);
    inGroup(chosen, (group) => refuseOccupied(group, chosen));
    return chosen;
  });
  return {
    path,
    movesProcess: false,
    place(start) {
      const group = doing("placing the container", inConfig, () => createCgroup(path));
      try {
        start(group);
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

function ownGroup(): string {
  const own = cgroupOf("self");
  if (own === undefined) throw new Failure("/proc/self/cgroup names no cgroup v2 group");
  return own;
}
