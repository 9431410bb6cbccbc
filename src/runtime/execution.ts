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
 * it from that. `hasExecuted` asks the kernel.
 */
export function awaitExecution(connection: number, hasExecuted: () => boolean): void {
  const [first, second] = using(connection, (fd) => {
    const answer = answerOn(fd);
    return [answer, isBeginning(answer) ? answerOn(fd) : undefined];
  });
  const failure = isBeginning(first) ? second : first;
  if (failure !== undefined) throw Failure.from(JSON.parse(failure) as FailureData);
  // It comes at the program's beginning or at the end of a process that has executed none.
  if (first !== EXECUTING && !hasExecuted()) throw silenceOf(first);
}

const isBeginning = (answer: string | undefined): boolean =>
  answer === EXECUTING || answer === EXECUTING_MUTE;

/** A process that has not even said that it comes to its program was killed, or an agent of seccomp let it say nothing. */
const silenceOf = (first: string | undefined): Failure =>
  first === undefined
    ? new Failure("the container's process ended before it came to its program", {
        hint: "was it killed?",
      })
    : new Failure("executing the program, and the seccomp filter keeps the reason back", {
        pointer: "/linux/seccomp",
        hint: "let it allow write or sendmsg to hear more",
      });

/** Whether this very process has executed a program since it was made; one that has gone already counts as one that has not. */
export function hasExecuted(process: ProcessIdentity | undefined): boolean {
  const status = process && processStatus(process.pid);
  return status !== undefined && status.startTime === process?.startTime && status.hasExecuted;
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
