/** What a container is doing, as the kernel says. */

import type { State } from "@opencontainers-types";
import { Failure } from "../failure.ts";
import { isDead, processStatus } from "../linux/proc.ts";
import type { StateDirectory, StoredState } from "./store.ts";

/** The recorded process, if it is still that one and alive. */
export function livingProcess(state: StoredState): number | undefined {
  if (!state.process) return undefined;
  const { pid, startTime } = state.process;
  const status = processStatus(pid);
  return status && status.startTime === startTime && !isDead(status) ? pid : undefined;
}

/** The status of the specification ("State"). A creation that nobody is working on any more counts as stopped. */
export function statusOf(directory: StateDirectory, state: StoredState): State["status"] {
  if (state.created === undefined) return directory.isLocked() ? "creating" : "stopped";
  if (livingProcess(state) === undefined) return "stopped";
  return directory.isExecLocked() ? "created" : "running";
}

/**
 * Throws a Failure for a container whose creator is at work: a hook that changes its own container would wait for a lock
 * that its creator holds until the hook has ended.
 */
export function refuseWhileCreating(directory: StateDirectory): void {
  const state = directory.read();
  if (state && statusOf(directory, state) === "creating")
    throw new Failure(`the container ${directory.id} is being created`);
}

/** The state that hooks get; a process that has ended is not in it, since its pid may be another's by now. */
export function hookState(state: StoredState, status: State["status"]): State {
  const { ociVersion, id, bundle, annotations } = state;
  const process = status === "stopped" ? undefined : state.process;
  return { ociVersion, id, status, ...(process ? { pid: process.pid } : {}), bundle, annotations };
}
