/** Undoing a container: its processes, its cgroup, its state directory. Works however far its creation came, and twice. */
import { ESRCH, POLLIN, SIGKILL } from "#abi";
import { load } from "#host";
import { killCgroup, removeCgroup } from "../cgroup/group.ts";
import { Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { using } from "../linux/fs.ts";
import { pidfdOpen, sendSignal } from "../linux/process.ts";
import { poll } from "../linux/signals.ts";
import { ownCgroup } from "./ownGroup.ts";
import { livingProcess } from "./status.ts";
import type { StateDirectory, StoredState } from "./store.ts";

/** How long a killed process may take to end: it may be writing to a slow disk. */
const DEATH_WAIT_MS = 10_000;

/** Kills and removes all that belongs to a container; `state` is what is known of it, if anything. */
export function destroy(directory: StateDirectory, state: StoredState | undefined): void {
  const cgroup = state && ownCgroup(state);
  if (state) killAndWait(state, cgroup);
  if (state?.scope) {
    const { resetFailedScope, stopScope } = load(import("../cgroup/systemd/scope.ts"));
    // systemd ends a scope with its last process, and keeps one that failed until it is told to forget it.
    (cgroup === undefined ? resetFailedScope : stopScope)(state.scope);
  }
  if (cgroup !== undefined) removeCgroup(cgroup);
  directory.remove();
}

function killAndWait(state: StoredState, cgroup: string | undefined): void {
  withProcess(state, (pidfd) => sendSignal(pidfd, SIGKILL));
  if (cgroup !== undefined) killCgroup(cgroup);
  withProcess(state, (pidfd) => {
    if (poll([{ fd: pidfd, events: POLLIN }], DEATH_WAIT_MS).length === 0)
      throw new Failure(
        `the process ${state.process?.pid} of ${state.id} does not end, though it was killed`,
      );
  });
}

/**
 * Calls `use` with a descriptor of the container's process, if it lives. Pid and start time are compared after the
 * descriptor is open: what it leads to from then on cannot be another process.
 */
export function withProcess<T>(state: StoredState, use: (pidfd: number) => T): T | undefined {
  const { process } = state;
  const opened = process && unless([ESRCH], () => pidfdOpen(process.pid));
  if (opened === undefined) return undefined;
  return using(opened, (pidfd) => (livingProcess(state) === undefined ? undefined : use(pidfd)));
}
