/** The driver that makes a container's group in the cgroup v2 filesystem itself. */
import { doing, Failure } from "../failure.ts";
import { using } from "../linux/fs.ts";
import { cgroupOf } from "../linux/proc.ts";
import { disabled } from "./disabled.ts";
import type { CgroupDriver } from "./driver.ts";
import { createCgroup, killCgroup, refuseOccupied, refuseThreaded, removeCgroup } from "./group.ts";
import { inGroup } from "./hierarchy.ts";
import { groupPath } from "./path.ts";

export const cgroupfs: CgroupDriver = (request) => {
  const { cgroupsPath, id, settings, isOptional } = request;
  const inConfig = cgroupsPath ? "/linux/cgroupsPath" : undefined;
  const path = orWithout(isOptional, () =>
    doing("choosing the container's cgroup", inConfig, () => {
      const chosen = groupPath(cgroupsPath, id, ownGroup);
      inGroup(chosen, (group) => refuseOccupied(group, chosen));
      return chosen;
    }),
  );
  if (path === undefined) return disabled(request);
  return {
    path,
    movesProcess: false,
    place(start) {
      const asking = inConfig ?? settings[0]?.pointer;
      const group = orWithout(isOptional, () =>
        doing("placing the container", asking, () => createCgroup(path)),
      );
      if (group === undefined) return disabled(request).place(start);
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

/** What a step yields; undefined if it fails and the container may do without a group. */
function orWithout<T>(isOptional: () => boolean, step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (error instanceof Failure && isOptional()) return undefined;
    throw error;
  }
}

function ownGroup(): string {
  const own = cgroupOf("self");
  if (own === undefined) throw new Failure("/proc/self/cgroup names no cgroup v2 group");
  return own;
}
