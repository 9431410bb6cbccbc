/** `kill`: a signal for the container's process, or for all of its processes. */
import { ESRCH, SIGKILL } from "#abi";
import { freeze, isFrozen, thaw } from "../cgroup/freezer.ts";
import { cgroupProcesses } from "../cgroup/group.ts";
import { inGroup } from "../cgroup/hierarchy.ts";
import { Failure } from "../failure.ts";
import { Errno, unless } from "../linux/errno.ts";
import { using } from "../linux/fs.ts";
import { pidfdOpen, sendSignal } from "../linux/process.ts";
import type { Context } from "./context.ts";
import { killEverything, ownCgroup } from "./ownGroup.ts";
import { withProcess } from "./process.ts";
import { StateDirectory, type StoredState } from "./store.ts";

/**
 * Sends a signal to the first process, and with `all` to every process of the container's cgroup, also when the first one
 * has ended. So does SIGKILL where there is no PID namespace of the container's own, with which the kernel would end the
 * others: as with runc since 1.2. Throws a Failure when there is no process to get it, and not all were meant.
 */
export function kill(
  context: Context,
  id: string,
  signal: number,
  { all }: { all: boolean },
): void {
  const state = StateDirectory.get(context.root, id).read();
  if (all && state && state.cgroup === undefined)
    context.warn(`${id} has no cgroup, so that only its first process is known`);
  const isForAll = all || (signal === SIGKILL && state?.endsWithProcess === false);
  const cgroup = isForAll && state ? ownCgroup(state) : undefined;
  if (state && cgroup !== undefined) killAll(state, cgroup, signal);
  else if (!state || (!withProcess(state, (pidfd) => sendSignal(pidfd, signal)) && !all))
    throw new Failure(`container not running: ${id} has no process`, { kind: "container-status" });
}

function killAll(state: StoredState, cgroup: string, signal: number): void {
  if (signal === SIGKILL) killEverything(state, cgroup);
  else
    inGroup(cgroup, (group) =>
      whileFrozen(group, () => {
        for (const pid of cgroupProcesses(cgroup))
          unless([ESRCH], () => using(pidfdOpen(pid), (pidfd) => sendSignal(pidfd, signal)));
      }),
    );
}

/** What is frozen makes no process that would be missed, and no pid becomes another's. */
function whileFrozen(group: number, step: () => void): void {
  const isFrozenHere = !isFrozen(group) && tryToFreeze(group);
  try {
    step();
  } finally {
    if (isFrozenHere) thaw(group);
  }
}

/** A process that waits in the kernel may keep a group from being frozen: then those that are there get the signal. */
function tryToFreeze(group: number): boolean {
  try {
    freeze(group);
    return true;
  } catch (error) {
    if (error instanceof Failure || error instanceof Errno) return false;
    throw error;
  }
}
