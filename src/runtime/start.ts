/** `start`: lets the container's process go on to the program, and learns whether it got there. */
import { ECONNREFUSED, ENOENT, SOCK_SEQPACKET } from "#abi";
import { FAILURE_BYTES, Failure, type FailureData } from "../failure.ts";
import { runHooks } from "../init/hooks.ts";
import { unless } from "../linux/errno.ts";
import { unlinkAt, using } from "../linux/fs.ts";
import { connectTo, receive } from "../linux/socket.ts";
import { decode } from "../linux/text.ts";
import type { Context } from "./context.ts";
import { removeLocked } from "./delete.ts";
import { hookState, openForChange } from "./status.ts";
import { START_SOCKET, type StateDirectory, type StoredState } from "./store.ts";

/** Starts a created container. Throws a Failure, with the reason if its program could not be executed. */
export function start(context: Context, id: string): void {
  const { directory, state, status } = openForChange(context.root, id);
  if (!state || status !== "created")
    throw new Failure(`the container ${id} is ${status}; only one that is created can be started`);
  startCreated(context, directory, state);
}

/**
 * Starts a container whose lock is held, and closes its directory; gives the lock up before the `poststart` hooks run. "If any poststart hook fails,
 * the runtime MUST generate an error, stop the container, and continue the lifecycle at step 12" (specification,
 * "Lifecycle").
 */
export function startCreated(
  context: Context,
  directory: StateDirectory,
  state: StoredState,
): void {
  const failure = release(directory);
  if (failure) {
    directory.close();
    throw Failure.from(failure);
  }
  unlinkAt(directory.fd, START_SOCKET);
  directory.unlock();
  try {
    runHooks("poststart", state.hooks.poststart, hookState(state, "running"));
  } catch (error) {
    if (directory.lock()) removeLocked(context, directory, state);
    throw error;
  }
  directory.close();
}

/** What kept the program from running; undefined when execve has closed the connection. */
function release(directory: StateDirectory): FailureData | undefined {
  const connection = unless([ECONNREFUSED, ENOENT], () =>
    connectTo(directory.socketPath(), SOCK_SEQPACKET),
  );
  if (connection === undefined)
    return { message: `the container ${directory.id} does not wait to be started` };
  const message = using(connection, () => receive(connection, FAILURE_BYTES));
  return message && (JSON.parse(decode(message.data)) as FailureData);
}
