/** What creator and container say to each other during create: one message of JSON a datagram, with descriptors. */
import { ECONNRESET, EPIPE, SOCK_SEQPACKET } from "#abi";
import { FAILURE_BYTES, Failure, type FailureData } from "../failure.ts";
import { Errno, isErrno, unless } from "../linux/errno.ts";
import { exit } from "../linux/process.ts";
import { receive, send, socketpair } from "../linux/socket.ts";
import { decode, encode } from "../linux/text.ts";

/**
 * From the container's process. `networked`: it stands in its network namespace and waits for `netDevices`, if there are
 * any to move there; `mounted`: it waits for `proceed`, if there are hooks to run; `console` carries the
 * master of its terminal; `filtering`: it loads a seccomp filter whose listener will be that descriptor of its, which
 * `listener` carries, if the filter lets it be sent.
 */
export type FromInit =
  | { type: "networked" }
  | { type: "mounted" }
  | { type: "console" }
  | { type: "filtering"; listener: number }
  | { type: "listener" }
  | { type: "created" }
  | { type: "failed"; failure: FailureData };

/**
 * To the container's process: if it has a user namespace of its own, `sources`, as often as it takes, or from a user
 * `mapped`: its ids are mapped now; `placed`, if it is moved into its cgroup after it was made; then `handover` with the socket that listens
 * for `start` and the lock to hold until execve; then, if there are hooks that wait for it, `proceed` when they have
 * run; at last `recorded`, when the state on disk knows of it.
 */
export type ToInit =
  | { type: "sources" }
  | { type: "mapped" }
  | { type: "placed" }
  | { type: "netDevices" }
  | { type: "handover" }
  | { type: "proceed" }
  | { type: "recorded" };

/**
 * Said to whoever waits for the program when all that is left is a seccomp filter and execve: silence before it is the end of
 * the process, and silence after it is success.
 */
export const EXECUTING = "executing";

/** The same before a filter that lets nothing be told: silence after it may be an error. */
export const EXECUTING_MUTE = "executing mute";

/** In bytes. Only errors have a length of their own. */
const TO_INIT_MAX = 256;
const FROM_INIT_MAX = FAILURE_BYTES + TO_INIT_MAX;

export interface Message<T> {
  message: T;
  descriptors: number[];
}

/** One end of the pair. */
export class Channel<In, Out> {
  readonly fd: number;
  readonly #limit: number;

  /** `limit`: how many bytes a message has that comes in here. */
  constructor(fd: number, limit: number) {
    this.fd = fd;
    this.#limit = limit;
  }

  /** Throws a Failure when the other process has gone. */
  send(message: Out, descriptors: readonly number[] = []): void {
    try {
      send(this.fd, encode(JSON.stringify(message)), descriptors);
    } catch (error) {
      // A socket that is closed with unread messages in it resets the connection (unix(7)).
      throw isErrno(error, EPIPE, ECONNRESET) ? endedEarly() : error;
    }
  }

  /** The next message, or undefined when the other process has gone. */
  receive(): Message<In> | undefined {
    const received = unless([ECONNRESET], () => receive(this.fd, this.#limit));
    if (received === undefined) return undefined;
    return { message: JSON.parse(decode(received.data)) as In, descriptors: received.descriptors };
  }
}

/** What a maker has to say of a process of which it hears no more; `how` it ended, where that is known. */
export const endedEarly = (how = ""): Failure =>
  new Failure(`the container's process ended${how} before it was ready`, {
    hint: "was it killed, or is memory short?",
  });

export type CreatorEnd = Channel<FromInit, ToInit>;
export type InitEnd = Channel<ToInit, FromInit>;

/** A new channel between a creator and a process that it makes. */
export function openChannel<From = FromInit, To = ToInit>(): {
  creator: Channel<From, To>;
  child: Channel<To, From>;
} {
  const [creator, child] = socketpair(SOCK_SEQPACKET);
  return { creator: new Channel(creator, FROM_INIT_MAX), child: new Channel(child, TO_INIT_MAX) };
}

/**
 * Tells the creator why, and ends once it has heard: closing a socket with an unread message in it would reset the
 * connection, and the reason would be lost.
 */
export function failThrough(
  channel: Channel<unknown, { type: "failed"; failure: FailureData }>,
  error: unknown,
): never {
  try {
    channel.send({ type: "failed", failure: Failure.of(error).toData() });
    while (!hasEnded(channel));
  } catch (refused) {
    // The agent of a seccomp filter may refuse this as well, or nobody hears any more; that the process ends is heard in
    // any case.
    if (!(refused instanceof Errno || refused instanceof Failure)) throw refused;
  }
  return exit(1);
}

/** What comes with more descriptors than this process may hold is heard as well, though it cannot be taken. */
function hasEnded(channel: Channel<unknown, never>): boolean {
  try {
    return channel.receive() === undefined;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
