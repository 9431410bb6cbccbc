/** A connection to a message bus: calls and their replies, one after the other, and signals (D-Bus Specification). */
import { POLLIN, SOCK_STREAM } from "#abi";
import { Failure } from "../../../failure.ts";
import { close } from "../../../linux/fs.ts";
import { poll } from "../../../linux/signals.ts";
import { connectTo, receive, sendAll } from "../../../linux/socket.ts";
import { decode, encode } from "../../../linux/text.ts";
import {
  type BusValue,
  decodeMessage,
  ERROR,
  encodeMessage,
  LENGTH_KNOWN,
  METHOD_CALL,
  METHOD_RETURN,
  type Message,
  messageLength,
  SIGNAL,
} from "./message.ts";

/** What a peer answered instead of a result. `message` reads `StopUnit: org.freedesktop.systemd1.NoSuchUnit: Unit …`. */
export class BusError extends Error {
  override readonly name = "BusError";
  /** Its name on the bus, such as `org.freedesktop.systemd1.NoSuchUnit`. */
  readonly code: string;

  constructor(member: string, code: string, text: BusValue | undefined) {
    super(`${member}: ${code}${typeof text === "string" ? `: ${text}` : ""}`);
    this.code = code;
  }
}

/** An object of a peer on the bus, and one of its interfaces. */
export interface BusObject {
  destination: string;
  path: string;
  interface: string;
}

const BUS: BusObject = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
};

/** As of sd_bus_call(3). */
const CALL_TIMEOUT_MS = 25_000;
const NO_ANSWER = "the bus does not answer in time";
const RECEIVE_BYTES = 4096;

export class BusConnection {
  readonly #fd: number;
  readonly #end: number;
  #lastSerial = 0;
  /** What came and has not been taken. */
  #received: Uint8Array = new Uint8Array(0);
  readonly #signals: Message[] = [];

  /**
   * Takes over a connected socket; whatever is asked of it, nothing is waited for beyond `patience`, in milliseconds from
   * now. Throws a Failure if the bus does not welcome this process.
   */
  constructor(fd: number, patience = Number.POSITIVE_INFINITY) {
    this.#fd = fd;
    this.#end = Date.now() + patience;
    try {
      this.#authenticate();
      this.call(BUS, "Hello");
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  /** Connects to the first socket that somebody listens at. Throws a Failure. */
  static to(sockets: readonly string[], patience?: number): BusConnection {
    let failed: unknown;
    for (const socket of sockets)
      try {
        return new BusConnection(connectTo(socket, SOCK_STREAM), patience);
      } catch (error) {
        failed ??= error;
      }
    throw failed;
  }

  close(): void {
    close(this.#fd);
  }

  /** Calls a method and returns the values of its reply. Throws a BusError, or a Failure without a reply in time. */
  call(
    object: BusObject,
    member: string,
    signature = "",
    body: readonly BusValue[] = [],
  ): readonly BusValue[] {
    const serial = ++this.#lastSerial;
    sendAll(
      this.#fd,
      encodeMessage({ type: METHOD_CALL, serial, ...object, member, signature, body }),
    );
    const deadline = this.#deadline(CALL_TIMEOUT_MS);
    for (;;) {
      const message = this.#next(deadline);
      if (message === undefined) throw new Failure(`${member}: ${NO_ANSWER}`);
      if (message.type === SIGNAL) this.#signals.push(message);
      if (message.replySerial !== serial) continue;
      if (message.type === METHOD_RETURN) return message.body;
      if (message.type === ERROR)
        throw new BusError(member, message.errorName ?? "an error", message.body[0]);
    }
  }

  /** Has the bus pass on the signals that a rule describes ("Match Rules"), from now on. */
  addMatch(rule: string): void {
    this.call(BUS, "AddMatch", "s", [rule]);
  }

  /** The first signal that is wanted, of those that came and those to come; undefined when the time is up. */
  awaitSignal(isWanted: (signal: Message) => boolean, milliseconds: number): Message | undefined {
    const deadline = this.#deadline(milliseconds);
    for (;;) {
      const signal = this.#signals.shift() ?? this.#next(deadline);
      if (signal === undefined || (signal.type === SIGNAL && isWanted(signal))) return signal;
    }
  }

  /**
   * "EXTERNAL": the kernel tells the bus who this process is. No identity is claimed (the first DATA is empty), since the
   * uid that this process sees need not be the one that the bus sees, if one of them is in a user namespace.
   */
  #authenticate(): void {
    sendAll(this.#fd, encode("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"));
    const deadline = this.#deadline(CALL_TIMEOUT_MS);
    const answers = [this.#line(deadline), this.#line(deadline)];
    if (!answers[1]?.startsWith("OK "))
      throw new Failure(`the bus does not let this user in: ${answers.join(", ")}`);
  }

  #deadline(milliseconds: number): number {
    return Math.min(Date.now() + milliseconds, this.#end);
  }

  /** A line of the authentication, without its end. */
  #line(deadline: number): string {
    for (;;) {
      const end = this.#received.indexOf(0x0a);
      if (end >= 0) return decode(this.#take(end + 1)).trimEnd();
      if (!this.#receive(RECEIVE_BYTES, deadline)) throw new Failure(NO_ANSWER);
    }
  }

  /** The next message; undefined when the time is up. */
  #next(deadline: number): Message | undefined {
    if (!this.#has(LENGTH_KNOWN, deadline)) return undefined;
    const length = messageLength(this.#received);
    return this.#has(length, deadline) ? decodeMessage(this.#take(length)) : undefined;
  }

  #take(length: number): Uint8Array {
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  #has(length: number, deadline: number): boolean {
    while (this.#received.length < length)
      if (!this.#receive(length - this.#received.length, deadline)) return false;
    return true;
  }

  /** Receives what is there, of which more than `wanted` bytes may remain for later. False when the time is up. */
  #receive(wanted: number, deadline: number): boolean {
    const left = deadline - Date.now();
    if (left <= 0) return false;
    if (poll([{ fd: this.#fd, events: POLLIN }], left).length === 0) return true;
    const received = receive(this.#fd, Math.max(wanted, RECEIVE_BYTES));
    if (received === undefined) throw new Failure("the bus has closed the connection");
    const joined = new Uint8Array(this.#received.length + received.data.length);
    joined.set(this.#received);
    joined.set(received.data, this.#received.length);
    this.#received = joined;
    return true;
  }
}
