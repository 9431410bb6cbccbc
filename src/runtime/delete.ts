/** `delete`: removes a container that has ended, or with `force` any. */

import { SIGKILL } from "#abi";
import { load } from "#host";
import { Failure } from "../failure.ts";
import { sendSignal } from "../linux/process.ts";
import type { Context } from "./context.ts";
import { destroy } from "./destroy.ts";
import { withProcess } from "./process.ts";
import { hookState, refuseWhileCreating, statusOf } from "./status.ts";
import { noContainer, StateDirectory, type StoredState } from "./store.ts";

/**
 * Removes a container and runs its `poststop` hooks. A container that was created and never started is killed, as with
 * runc; a running one only with `force`, with which an unknown one is no error either.
 */
export function remove(context: Context, id: string, { force }: { force: boolean }): void {
  const directory = force
    ? StateDirectory.find(context.root, id)
    : StateDirectory.get(context.root, id);
  if (directory === undefined) return;
  try {
    removeIn(context, directory, force);
  } finally {
    directory.close();
  }
}

function removeIn(context: Context, directory: StateDirectory, force: boolean): void {
  const { id } = directory;
  if (force) killBeforehand(context, directory);
  else refuseWhileCreating(directory);
  if (!directory.lock()) {
    if (force) return;
    throw noContainer(context.root, id);
  }
  const state = force ? readIfSound(context, directory) : directory.read();
  const status = state && !force ? statusOf(directory, state) : undefined;
  if (status === "running" || status === "paused")
    throw new Failure(`the container ${id} is ${status}`, {
      hint: "stop it first, or use --force",
      kind: "container-status",
    });
  removeLocked(context, directory, state);
}

/**
 * Whoever holds the lock may be waiting for the process that is to be removed: a `startContainer` hook of it that hangs, or
 * criu, which is saving it.
 */
function killBeforehand(context: Context, directory: StateDirectory): void {
  const state = directory.isLocked() ? readIfSound(context, directory) : undefined;
  if (state) withProcess(state, (pidfd) => sendSignal(pidfd, SIGKILL));
}

/** A damaged state must not keep a container from being removed; what it would have named is not found then. */
function readIfSound(context: Context, directory: StateDirectory): StoredState | undefined {
  try {
    return directory.read();
  } catch (error) {
    context.warn(
      `${(error as Error).message}; its processes and its cgroup, if any, are left alone`,
    );
    return undefined;
  }
}

/** Removes a container whose lock is held, and gives that up before the `poststop` hooks run. */
export function removeLocked(
  context: Context,
  directory: StateDirectory,
  state: StoredState | undefined,
): void {
  const warnings = destroy(directory, state);
  directory.unlock();
  for (const warning of warnings) context.warn(warning);
  if (state) runPoststopHooks(context, state);
}

/**
 * The same in the very directory that was made for the container: somebody else may have deleted it in the meantime, and made
 * another one with its id. What goes wrong is a warning, for whoever has something else to tell.
 */
export function discard(context: Context, directory: StateDirectory, state: StoredState): void {
  try {
    if (directory.lock()) removeLocked(context, directory, state);
  } catch (error) {
    context.warn(`removing the container ${state.id}: ${(error as Error).message}`);
  }
}

/** "If any poststop hook fails, the runtime MUST log a warning, but the remaining hooks and lifecycle continue". */
export function runPoststopHooks(context: Context, state: StoredState): void {
  const { poststop = [] } = state.hooks;
  if (poststop.length === 0) return;
  const { closeHookOutput, openHookOutput, runHook } = load(import("../init/hooks.ts"));
  const attempt = <T>(step: () => T): T | undefined => {
    try {
      return step();
    } catch (error) {
      context.warn((error as Error).message);
      return undefined;
    }
  };
  const output = attempt(() => openHookOutput(state.annotations)) ?? {};
  poststop.forEach((hook, i) => {
    attempt(() => runHook("poststop", hook, i, hookState(state, "stopped"), { output }));
  });
  closeHookOutput(output);
}
