/** Whether a process comes as far as its program: it says what kept it from execve, and is silent from there on. */
import { ECONNRESET } from "#abi";
import { FAILURE_BYTES, Failure, type FailureData } from "../failure.ts";
import { EXECUTING, EXECUTING_MUTE } from "../init/channel.ts";
import { isErrno } from "../linux/errno.ts";
import { using } from "../linux/fs.ts";
import { processStatus } from "../linux/proc.ts";
import { receive } from "../linux/socket.ts";
import { decode } from "../linux/text.ts";
import type { ProcessIdentity } from "./store.ts";

/**
 * Waits until execve has closed the process's end of `connection`, and closes this one. Throws a Failure that says what kept
 * it from that.
 */
export function awaitExecution(connection: number, process: ProcessIdentity | undefined): void {
  const [first, second] = using(connection, (fd) => {
    const answer = answerOn(fd);
    return [answer, isBeginning(answer) ? answerOn(fd) : undefined];
  });
  const failure = isBeginning(first) ? second : first;
  if (failure !== undefined) throw Failure.from(JSON.parse(failure) as FailureData);
  if (first === undefined)
    throw new Failure("the container's process ended before it came to its program", {
      hint: "was it killed?",
    });
  if (first === EXECUTING_MUTE) checkExecuted(process);
}

const isBeginning = (answer: string | undefined): boolean =>
  answer === EXECUTING || answer === EXECUTING_MUTE;

/**
 * Behind a filter that lets nothing be told, silence may be an error. It comes at the program's beginning or at the end of
 * a process that has executed none: one that has gone already counts as that.
 */
function checkExecuted(process: ProcessIdentity | undefined): void {
  const status = process && processStatus(process.pid);
  if (status?.startTime !== process?.startTime || !status?.hasExecuted)
    throw new Failure("executing the program, and the seccomp filter keeps the reason back", {
      pointer: "/linux/seccomp",
      hint: "let it allow write or sendmsg to hear more",
    });
}

/** What the process says; undefined if it was silent. Until it has accepted, its end resets the connection. */
function answerOn(connection: number): string | undefined {
  try {
    const message = receive(connection, FAILURE_BYTES);
    return message && decode(message.data);
  } catch (error) {
    if (!isErrno(error, ECONNRESET)) throw error;
    throw new Failure("the container's process ended before it was started");
  }
}
