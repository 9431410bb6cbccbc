/** What creator and container say to each other during create: one message of JSON a datagram, with descriptors. */
import { ECONNRESET, SOCK_SEQPACKET } from "#abi";
import { FAILURE_BYTES, type FailureData } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { receive, send, socketpair } from "../linux/socket.ts";
import { decode, encode } from "../linux/text.ts";

/** From the container's process. `console` carries the master of its terminal. */
export type FromInit =
  | { type: "mounted" }
  | { type: "console" }
  | { type: "created" }
  | { type: "failed"; failure: FailureData };

/**
 * To the container's process: `sources`, as often as it takes, if it has a user namespace of its own, whose ids are
 * mapped now; `placed`, if it is moved into its cgroup after it was made; then `handover` with the socket that listens
 * for `start` and the lock to hold until execve; then, if there are hooks that wait for it, `proceed` when they have
 * run; at last `recorded`, when the state on disk knows of it.
 */
export type ToInit =
  | { type: "sources" }
  | { type: "placed" }
  | { type: "handover" }
  | { type: "proceed" }
  | { type: "recorded" };

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

  send(message: Out, descriptors: readonly number[] = []): void {
    send(this.fd, encode(JSON.stringify(message)), descriptors);
  }

  /** The next message, or undefined when the other process has gone. */
  receive(): Message<In> | undefined {
    const received = unless([ECONNRESET], () => receive(this.fd, this.#limit));
    if (received === undefined) return undefined;
    return { message: JSON.parse(decode(received.data)) as In, descriptors: received.descriptors };
  }
}

export type CreatorEnd = Channel<FromInit, ToInit>;
export type InitEnd = Channel<ToInit, FromInit>;

export interface ChannelEnds {
  creator: CreatorEnd;
  init: InitEnd;
}

export function openChannel(): ChannelEnds {
  const [creator, init] = socketpair(SOCK_SEQPACKET);
  return { creator: new Channel(creator, FROM_INIT_MAX), init: new Channel(init, TO_INIT_MAX) };
}
