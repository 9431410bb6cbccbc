/** `start`: lets the container's process go on to the program, and learns whether it got there. */
import { ECONNREFUSED, ENOENT, SOCK_SEQPACKET } from "#abi";
import { load } from "#host";
import { Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { unlinkAt, using } from "../linux/fs.ts";
import { connectTo } from "../linux/socket.ts";
import type { Context } from "./context.ts";
import { removeLocked } from "./delete.ts";
import { awaitExecution, hasExecuted } from "./execution.ts";
import type { Readiness } from "./notifySocket.ts";
import { hookState, openForChange } from "./status.ts";
import { START_SOCKET, type StateDirectory, type StoredState } from "./store.ts";

/** Starts a created container. Throws a Failure, with the reason if its program could not be executed. */
export function start(context: Context, id: string): void {
  const { directory, state, status } = openForChange(context.root, id);
  if (!state || status !== "created")
    throw new Failure(`the container ${id} is ${status}; only one that is created can be started`, {
      kind: "container-status",
    });
  const readiness = using(directory.fd, () => startCreated(context, directory, state));
  readiness?.await(state);
}

/**
 * Starts a container whose lock is held, and gives that up before the `poststart` hooks run. "If any poststart hook fails,
 * the runtime MUST generate an error, stop the container, and continue the lifecycle at step 12" (specification,
 * "Lifecycle"); and so with `startContainer` hooks. Returns where the container will say that it is ready, if somebody wants
 * to know.
 */
export function startCreated(
  context: Context,
  directory: StateDirectory,
  state: StoredState,
): Readiness | undefined {
  let readiness: Readiness | undefined;
  try {
    if (context.notifySocket)
      readiness = load(import("./notifySocket.ts")).listenForReadiness(context, directory);
    release(directory, state);
    unlinkAt(directory.fd, START_SOCKET);
  } catch (error) {
    const { isHookFailure } = load(import("../init/hooks.ts"));
    if (isHookFailure(error, "startContainer")) removeLocked(context, directory, state);
    throw error;
  }
  completeStart(context, directory, state);
  return readiness;
}

/** What is left to do when the program runs: gives the lock up and runs the `poststart` hooks. */
export function completeStart(
  context: Context,
  directory: StateDirectory,
  state: StoredState,
): void {
  directory.unlock();
  try {
    runPoststartHooks(state);
  } catch (error) {
    if (directory.lock()) removeLocked(context, directory, state);
    throw error;
  }
}

function runPoststartHooks(state: StoredState): void {
  const { poststart = [] } = state.hooks;
  if (poststart.length === 0) return;
  const { runHooks, withHookOutput } = load(import("../init/hooks.ts"));
  withHookOutput(state.annotations, (circumstances) => {
    runHooks("poststart", poststart, hookState(state, "running"), circumstances);
  });
}

/** Lets the process go on until execve has closed the connection. Throws a Failure that says what kept it from that. */
function release(directory: StateDirectory, state: StoredState): void {
  const connection = unless([ECONNREFUSED, ENOENT], () =>
    connectTo(directory.socketPath(), SOCK_SEQPACKET),
  );
  if (connection === undefined)
    throw new Failure(`the container ${directory.id} does not wait to be started`);
  awaitExecution(connection, () => hasExecuted(state.process));
}
