/** A bus that tests play, in a process of its own. */
import { equal, ok } from "node:assert/strict";
import { SOCK_STREAM } from "#abi";
import { BusConnection } from "../../../../../src/cgroup/systemd/bus/connection.ts";
import {
  type BusValue,
  decodeMessage,
  ERROR,
  encodeMessage,
  METHOD_RETURN,
  type Message,
  messageLength,
  SIGNAL,
} from "../../../../../src/cgroup/systemd/bus/message.ts";
import { close } from "../../../../../src/linux/fs.ts";
import { exit, exitStatus, spawn, wait } from "../../../../../src/linux/process.ts";
import { receive, sendAll, socketpair } from "../../../../../src/linux/socket.ts";
import { decode, encode } from "../../../../../src/linux/text.ts";
import { descriptorCount } from "../../../linux/scratch.ts";

/** The bus's end. */
export class Peer {
  readonly #fd: number;
  #serial = 100;
  #received = new Uint8Array(0);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The next bytes of which `length` tells how many they are, once it can. */
  #take(length: (bytes: Uint8Array) => number | undefined): Uint8Array {
    for (;;) {
      const wanted = length(this.#received);
      if (wanted !== undefined && this.#received.length >= wanted) {
        const taken = this.#received.slice(0, wanted);
        this.#received = this.#received.slice(wanted);
        return taken;
      }
      const more = receive(this.#fd, 65536);
      if (more === undefined) throw new Error("the connection was closed");
      this.#received = new Uint8Array([...this.#received, ...more.data]);
    }
  }

  line(): string {
    const end = (bytes: Uint8Array) => (bytes.includes(10) ? bytes.indexOf(10) + 1 : undefined);
    return decode(this.#take(end));
  }

  message(): Message {
    return decodeMessage(
      this.#take((bytes) => (bytes.length < 16 ? undefined : messageLength(bytes))),
    );
  }

  /** In pieces of one byte, as a stream may bring it. */
  sendSlowly(text: string | Uint8Array): void {
    for (const byte of typeof text === "string" ? encode(text) : text)
      sendAll(this.#fd, new Uint8Array([byte]));
  }

  send(message: Omit<Message, "serial">): void {
    sendAll(this.#fd, encodeMessage({ ...message, serial: ++this.#serial }));
  }

  answer(call: Message, signature: string, ...body: BusValue[]): void {
    this.send({ type: METHOD_RETURN, replySerial: call.serial, signature, body });
  }

  refuse(call: Message, errorName: string, ...body: string[]): void {
    const signature = "s".repeat(body.length);
    this.send({ type: ERROR, errorName, replySerial: call.serial, signature, body });
  }

  signal(member: string, signature: string, ...body: BusValue[]): void {
    this.send({ type: SIGNAL, path: "/p", interface: "i.i", member, signature, body });
  }

  welcome(): void {
    equal(
      this.line() + this.line() + this.line(),
      "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n",
      "what a client begins with",
    );
    this.sendSlowly("DATA\r\nOK 0123456789abcdef\r\n");
    const hello = this.message();
    equal(hello.member, "Hello");
    this.answer(hello, "s", ":1.1");
  }
}

/** Runs `client` with one end and `bus` in a process with the other. Both must come to their ends. */
export function withPeer(bus: (peer: Peer) => void, client: (fd: number) => void): void {
  const before = descriptorCount();
  const [ours, theirs] = socketpair(SOCK_STREAM);
  const child = spawn({}, () => {
    close(ours);
    bus(new Peer(theirs));
    return exit(0);
  });
  close(theirs);
  try {
    client(ours);
    const ending = wait(child.pidfd);
    equal(ending && exitStatus(ending), 0, "the bus has met what it did not expect");
  } finally {
    close(child.pidfd);
  }
  ok(descriptorCount() <= before, "a descriptor is left open");
}

/** As `withPeer`, with a connection that the bus has welcomed. */
export function connected(
  bus: (peer: Peer) => void,
  client: (connection: BusConnection) => void,
): void {
  withPeer(
    (peer) => {
      peer.welcome();
      bus(peer);
    },
    (fd) => {
      const connection = new BusConnection(fd);
      try {
        client(connection);
      } finally {
        connection.close();
      }
    },
  );
}
