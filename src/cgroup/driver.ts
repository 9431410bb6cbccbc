/** How a container comes into a cgroup: the choices of --cgroup-manager. */
import { doing, Failure } from "../failure.ts";
import { using } from "../linux/fs.ts";
import { cgroupOf } from "../linux/proc.ts";
import { createCgroup, refuseOccupied, refuseThreaded } from "./group.ts";
import { inGroup } from "./hierarchy.ts";
import { groupPath } from "./path.ts";

/** A container's group, chosen and not made yet. */
export interface ChosenCgroup {
  /** Below the mount, as in /proc/<pid>/cgroup, for the state to record; undefined: the container gets no group. */
  readonly path: string | undefined;
  /**
   * Makes the group and starts the container's first process in it. `start` is called once: with the group's directory
   * for CLONE_INTO_CGROUP where processes are placed before they begin, with undefined where they are moved by pid.
   * Throws a Failure if the group cannot be made, and then has made nothing; what `start` throws goes through, and then
   * the group is there to be removed.
   */
  readonly place: <Child extends { pid: number }>(
    start: (group: number | undefined) => Child,
  ) => Placed<Child>;
}

export interface Placed<Child> {
  child: Child;
  /** The group's directory, which the caller closes; undefined without a group. */
  group: number | undefined;
}

/**
 * Chooses the container's group by `linux.cgroupsPath` and makes nothing. Throws a Failure if others use the group, so
 * that what the state records may be killed and removed as the container's own.
 */
export type CgroupDriver = (cgroupsPath: string | undefined, id: string) => ChosenCgroup;

/** The cgroup v2 filesystem itself. */
const cgroupfs: CgroupDriver = (cgroupsPath, id) => {
  const inConfig = cgroupsPath ? "/linux/cgroupsPath" : undefined;
  const path = doing("choosing the container's cgroup", inConfig, () => {
    const chosen = groupPath(cgroupsPath, id, ownGroup);
    inGroup(chosen, (group) => refuseOccupied(group, chosen));
    return chosen;
  });
  return {
    path,
    place(start) {
      const group = doing("placing the container", inConfig, () => createCgroup(path));
      try {
        return { child: start(group), group };
      } catch (error) {
        // Looked at only now: reading a group's type costs as much as all the rest, and clone3(2) says EOPNOTSUPP.
        using(group, (fd) =>
          doing("placing the container", inConfig, () => refuseThreaded(fd, path)),
        );
        throw error;
      }
    },
  };
};

function ownGroup(): string {
  const own = cgroupOf("self");
  if (own === undefined) throw new Failure("/proc/self/cgroup names no cgroup v2 group");
  return own;
}

/** Containers stay in the group of their creator, as with crun. */
const disabled: CgroupDriver = () => ({
  path: undefined,
  place: (start) => ({ child: start(undefined), group: undefined }),
});

export const cgroupDrivers = { cgroupfs, disabled };
