/** `start`: lets the container's process go on to the program, and learns whether it got there. */
import { ECONNREFUSED, ECONNRESET, ENOENT, SOCK_SEQPACKET } from "#abi";
import { FAILURE_BYTES, Failure, type FailureData } from "../failure.ts";
import { runHooks } from "../init/hooks.ts";
import { isErrno, unless } from "../linux/errno.ts";
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
 * Starts a container whose lock is held, and closes its directory, whatever happens; gives the lock up before the
 * `poststart` hooks run. "If any poststart hook fails, the runtime MUST generate an error, stop the container, and
 * continue the lifecycle at step 12" (specification, "Lifecycle").
 */
export function startCreated(
  context: Context,
  directory: StateDirectory,
  state: StoredState,
): void {
  try {
    release(directory);
    unlinkAt(directory.fd, START_SOCKET);
  } catch (error) {
    directory.close();
    throw error;
  }
  directory.unlock();
  try {
    runHooks("poststart", state.hooks.poststart, hookState(state, "running"));
  } catch (error) {
    if (directory.lock()) removeLocked(context, directory, state);
    else directory.close();
    throw error;
  }
  directory.close();
}

/** Lets the process go on until execve has closed the connection. Throws a Failure that says what kept it from that. */
function release(directory: StateDirectory): void {
  const connection = unless([ECONNREFUSED, ENOENT], () =>
    connectTo(directory.socketPath(), SOCK_SEQPACKET),
  );
  if (connection === undefined)
    throw new Failure(`the container ${directory.id} does not wait to be started`);
  const answer = using(connection, answerOn);
  if (answer !== undefined) throw Failure.from(answer);
}

/** What the process says; undefined if it was silent. Until it has accepted, its end resets the connection. */
function answerOn(connection: number): FailureData | undefined {
  try {
    const message = receive(connection, FAILURE_BYTES);
    return message && (JSON.parse(decode(message.data)) as FailureData);
  } catch (error) {
    if (!isErrno(error, ECONNRESET)) throw error;
    throw new Failure("the container's process ended before it was started");
  }
}
