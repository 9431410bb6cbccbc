/** Undoing a container: its processes, its cgroup, its state directory. Works however far its creation came, and twice. */
import { POLLIN } from "#abi";
import { load } from "#host";
import type { Scope } from "../cgroup/driver.ts";
import { cgroupProcesses, removeCgroup } from "../cgroup/group.ts";
import { Failure } from "../failure.ts";
import { processStatus } from "../linux/proc.ts";
import { poll } from "../linux/signals.ts";
import { killEverything, ownCgroup } from "./ownGroup.ts";
import { withProcess } from "./process.ts";
import type { StateDirectory, StoredState } from "./store.ts";

/**
 * How long a killed process may take to end, which may be writing to a slow disk, and how often that is looked at: the time
 * in which the whole machine stands still does not count.
 */
const DEATH_WAIT_MS = 10_000;
const DEATH_POLL_MS = 100;

/**
 * Kills and removes all that belongs to a container; `state` is what is known of it, if anything. Returns warnings:
 * nothing of the container is left, but systemd may still know its unit. Throws a Failure if something is left.
 */
export function destroy(directory: StateDirectory, state: StoredState | undefined): string[] {
  const own = state && ownCgroup(state);
  if (state) killAndWait(state, own);
  const cgroup = own ?? (state && unclaimedGroup(state));
  const warnings = state?.scope ? forgetScope(state.scope, cgroup) : [];
  if (cgroup !== undefined) removeCgroup(cgroup);
  if (state?.resctrl) load(import("./intelRdt.ts")).removeResctrl(directory.id, state.resctrl);
  if (state?.rootMount !== undefined)
    load(import("../init/sharedMounts.ts")).unmountSharedRoot(state.rootfs, state.rootMount);
  directory.remove();
  return warnings;
}

/** How long a process may take to see that its creator has gone, and how often that is looked at. */
const ORPHAN_WAIT_MS = 1000;
const ORPHAN_POLL_MS = 10;

/**
 * A creation that was cut off before it recorded its group's inode may have made the group. A process of it ends by
 * itself, and what is then empty is removed; one that stays is another container's, which has taken the path since.
 */
function unclaimedGroup({ cgroup, cgroupInode }: StoredState): string | undefined {
  if (cgroup === undefined || cgroupInode !== undefined) return undefined;
  for (let waited = 0; waited < ORPHAN_WAIT_MS; waited += ORPHAN_POLL_MS) {
    if (cgroupProcesses(cgroup).length === 0) return cgroup;
    poll([], ORPHAN_POLL_MS);
  }
  return undefined;
}

/** A systemd that does not answer must not keep a container from being removed: it sees the group's end later. */
function forgetScope(scope: Scope, cgroup: string | undefined): string[] {
  const { resetFailedScope, stopScope } = load(import("../cgroup/systemd/scope.ts"));
  try {
    // systemd ends a scope with its last process, and keeps one that failed until it is told to forget it.
    (cgroup === undefined ? resetFailedScope : stopScope)(scope);
    return [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [error.message];
  }
}

function killAndWait(state: StoredState, cgroup: string | undefined): void {
  killEverything(state, cgroup);
  withProcess(state, (pidfd) => {
    for (let waited = 0; waited < DEATH_WAIT_MS; waited += DEATH_POLL_MS)
      if (poll([{ fd: pidfd, events: POLLIN }], DEATH_POLL_MS).length > 0) return;
    const pid = state.process?.pid ?? 0;
    throw new Failure(`the process ${pid} of ${state.id} does not end, though it was killed`, {
      hint: processStatus(pid)?.state === "D" ? "it waits for a device or a server" : undefined,
    });
  });
}
