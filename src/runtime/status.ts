/** What a container is doing, as the kernel says. */

import type { State } from "@opencontainers-types";
import { ENODEV, ENOENT } from "#abi";
import { isFrozen } from "../cgroup/freezer.ts";
import { Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { findOwnGroup } from "./ownGroup.ts";
import { livingProcess } from "./process.ts";
import { noContainer, StateDirectory, type StoredState } from "./store.ts";

/** The specification's ("State"), and runc's for a container whose processes are frozen. */
export type ContainerStatus = State["status"] | "paused";

/** A creation that nobody is working on any more counts as stopped. */
export function statusOf(directory: StateDirectory, state: StoredState): ContainerStatus {
  if (state.created === undefined) return directory.isLocked() ? "creating" : "stopped";
  // As long as the lock is held, its process lives: nobody else has it.
  const isCreated = directory.isExecLocked();
  if (!isCreated && livingProcess(state) === undefined) return "stopped";
  if (isPaused(state)) return "paused";
  return isCreated ? "created" : "running";
}

/**
 * Throws a Failure for a container whose creator is at work: a hook that changes its own container would wait for a lock
 * that its creator holds until the hook has ended.
 */
export function refuseWhileCreating(directory: StateDirectory): void {
  const state = directory.read();
  if (state && statusOf(directory, state) === "creating")
    throw new Failure(`the container ${directory.id} is being created`, {
      kind: "container-status",
    });
}

/** Its processes may end, and its group be removed, while this looks (ENOENT, ENODEV). */
const isPaused = (state: StoredState): boolean =>
  unless([ENOENT, ENODEV], () => findOwnGroup(state, isFrozen)) ?? false;

/** A container that a command changes; its directory is locked. */
export interface Opened {
  directory: StateDirectory;
  state: StoredState | undefined;
  status: ContainerStatus;
}

/** Opens and locks an existing container. Throws a Failure if there is none, or if it is being created. */
export function openForChange(root: string, id: string): Opened {
  const directory = StateDirectory.get(root, id);
  refuseWhileCreating(directory);
  if (!directory.lock()) throw noContainer(root, id);
  const state = directory.read();
  return { directory, state, status: state ? statusOf(directory, state) : "stopped" };
}

/** The state that hooks get; a process that has ended is not in it, since its pid may be another's by now. */
export function hookState(state: StoredState, status: State["status"]): State {
  const { ociVersion, id, bundle, annotations } = state;
  const process = status === "stopped" ? undefined : state.process;
  return { ociVersion, id, status, ...(process ? { pid: process.pid } : {}), bundle, annotations };
}
