/** A container's own group, which is known by its inode: what has taken its path later is another's. */
import { ENODEV, ENOENT, SIGKILL } from "#abi";
import { cgroupProcesses, killCgroup, killCgroupWhole } from "../cgroup/group.ts";
import { inGroup } from "../cgroup/hierarchy.ts";
import { Failure } from "../failure.ts";
import { stat } from "../linux/fs.ts";
import { sendSignal } from "../linux/process.ts";
import { livingProcess, withProcess } from "./process.ts";
import type { StoredState } from "./store.ts";

/** Runs `use` with the directory of the container's group; undefined if it has none, or that is another's by now. */
export const findOwnGroup = <T>(
  { cgroup, cgroupInode }: StoredState,
  use: (group: number) => T,
): T | undefined =>
  cgroup === undefined
    ? undefined
    : inGroup(cgroup, (group) => (stat(group).ino === cgroupInode ? use(group) : undefined));

/** As `findOwnGroup`, or a Failure. */
export function inOwnGroup<T>(state: StoredState, use: (group: number) => T): T {
  if (state.cgroup === undefined) throw noCgroup(state.id);
  try {
    const found = findOwnGroup(state, (group) => ({ value: use(group) }));
    if (found !== undefined) return found.value;
  } catch (error) {
    // The container may end while its group is worked on: then it is no particular file that is missing.
    const { errno } = Failure.of(error);
    const isMissing = errno === ENOENT || errno === ENODEV;
    if (!isMissing || findOwnGroup(state, () => true)) throw error;
  }
  throw goneCgroup(state);
}

/** What is said of a container whose group has gone: it has just been deleted, or somebody else has removed it. */
export const goneCgroup = ({ cgroup, id }: StoredState): Failure =>
  new Failure(`the cgroup ${cgroup} of the container ${id} is gone`);

/** What is said of a container that stays in its creator's group. */
export const noCgroup = (id: string): Failure =>
  new Failure(`the container ${id} has no cgroup of its own`, {
    hint: "it was created with --cgroup-manager=disabled, or by a user without a delegated group",
  });

/**
 * Kills all processes of a container, of which `cgroup` is the group. In a PID namespace of its own none outlives the first,
 * and nobody has to be looked for.
 */
export function killEverything(state: StoredState, cgroup: string | undefined): void {
  withProcess(state, (pidfd) => sendSignal(pidfd, SIGKILL));
  if (cgroup !== undefined) (state.endsWithProcess ? killCgroup : killCgroupWhole)(cgroup);
}

/**
 * The path of the container's group, unless that is another's by now. Nor is it the container's for sure if its creation
 * was cut off before it recorded the group's inode: the container's process, if there was one, has ended then.
 */
export function ownCgroup(state: StoredState): string | undefined {
  const { cgroup } = state;
  if (cgroup === undefined || !findOwnGroup(state, () => true)) return undefined;
  // A container that shares its cgroupsPath may have moved in after this one's end.
  const isOver = state.endsWithProcess && livingProcess(state) === undefined;
  return isOver && cgroupProcesses(cgroup).length > 0 ? undefined : cgroup;
}
