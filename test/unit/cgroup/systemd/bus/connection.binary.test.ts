/** A connection and a bus that this file plays, in a process of its own. */
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { SOCK_STREAM } from "#abi";
import {
  BusConnection,
  BusError,
  type BusObject,
} from "../../../../../src/cgroup/systemd/bus/connection.ts";
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
import { Failure } from "../../../../../src/failure.ts";
import { close } from "../../../../../src/linux/fs.ts";
import { exit, exitStatus, spawn, wait } from "../../../../../src/linux/process.ts";
import { receive, sendAll, socketpair } from "../../../../../src/linux/socket.ts";
import { decode, encode } from "../../../../../src/linux/text.ts";
import { descriptorCount } from "../../../linux/scratch.ts";

/** The bus's end. */
class Peer {
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

  signal(member: string, ...body: string[]): void {
    const place = { path: "/p", interface: "i.i", member };
    this.send({ type: SIGNAL, ...place, signature: "s".repeat(body.length), body });
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
function withPeer(bus: (peer: Peer) => void, client: (fd: number) => void): void {
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
  equal(descriptorCount(), before, "a descriptor is left open");
}

const OBJECT: BusObject = { destination: "d.d", path: "/p", interface: "i.i" };

function connected(bus: (peer: Peer) => void, client: (connection: BusConnection) => void): void {
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

describe("a connection to a bus", () => {
  test("calls methods and gets their results", () => {
    connected(
      (peer) => {
        const call = peer.message();
        deepEqual(call, {
          ...OBJECT,
          type: 1,
          serial: 2,
          member: "Start",
          signature: "sa(sv)",
          body: ["unit", [["Delegate", { signature: "b", value: true }]]],
        });
        peer.answer(call, "ot", "/job/1", 7n);
        peer.answer(peer.message(), "");
      },
      (connection) => {
        const properties = [["Delegate", { signature: "b", value: true }]] as const;
        deepEqual(connection.call(OBJECT, "Start", "sa(sv)", ["unit", properties]), ["/job/1", 7n]);
        deepEqual(connection.call(OBJECT, "Ping"), []);
      },
    );
  });

  test("tells what a peer has against a call", () => {
    connected(
      (peer) => {
        const refuse = (...body: string[]) => {
          const { serial: replySerial } = peer.message();
          const signature = "s".repeat(body.length);
          peer.send({ type: ERROR, errorName: "e.Denied", replySerial, signature, body });
        };
        refuse("not you");
        refuse();
      },
      (connection) => {
        try {
          connection.call(OBJECT, "Stop");
          ok(false, "it was refused");
        } catch (error) {
          ok(error instanceof BusError);
          equal(error.code, "e.Denied");
          equal(error.message, "Stop: e.Denied: not you");
        }
        throws(() => connection.call(OBJECT, "Stop"), { message: "Stop: e.Denied" });
      },
    );
  });

  test("keeps the signals that come between, in their order, and passes over other answers", () => {
    connected(
      (peer) => {
        peer.answer(peer.message(), "");
        const call = peer.message();
        peer.signal("One", "a");
        peer.answer({ ...call, serial: 4711 }, "s", "to somebody else");
        peer.signal("Two", "b");
        peer.answer(call, "s", "mine");
        peer.signal("Three", "c");
      },
      (connection) => {
        connection.addMatch("type='signal'");
        deepEqual(connection.call(OBJECT, "Do"), ["mine"]);
        const next = () => connection.awaitSignal(() => true, 5000)?.body;
        deepEqual([next(), next()], [["a"], ["b"]]);
        deepEqual(connection.awaitSignal(({ member }) => member === "Three", 5000)?.body, ["c"]);
      },
    );
  });

  test("waits for a signal no longer than it is told to", () => {
    connected(
      (peer) => {
        peer.signal("Other");
        throws(() => peer.message(), /was closed/);
      },
      (connection) => {
        const start = Date.now();
        equal(
          connection.awaitSignal(({ member }) => member === "Mine", 150),
          undefined,
        );
        const took = Date.now() - start;
        ok(took >= 150 && took < 5000, `${took} ms`);
      },
    );
  });

  test("takes messages in pieces, and large ones", () => {
    const long = "x".repeat(300_000);
    connected(
      (peer) => {
        const first = peer.message();
        const type = METHOD_RETURN;
        const answer = { type, replySerial: first.serial, serial: 9, signature: "as" };
        peer.sendSlowly(encodeMessage({ ...answer, body: [["in", "pieces"]] }));
        const second = peer.message();
        peer.answer(second, "s", String(second.body[0]));
      },
      (connection) => {
        deepEqual(connection.call(OBJECT, "A"), [["in", "pieces"]]);
        deepEqual(connection.call(OBJECT, "B", "s", [long]), [long]);
      },
    );
  });

  test("ends with the bus", () => {
    connected(
      (peer) => {
        peer.message();
      },
      (connection) => {
        throws(() => connection.call(OBJECT, "A"), {
          message: "the bus has closed the connection",
        });
        throws(() => connection.call(OBJECT, "A"), /EPIPE/);
      },
    );
  });

  test("is not made where the bus does not let one in", () => {
    withPeer(
      (peer) => {
        peer.line();
        peer.sendSlowly("REJECTED EXTERNAL ANONYMOUS\r\nERROR\r\n");
      },
      (fd) => {
        throws(
          () => new BusConnection(fd),
          (error) => {
            ok(error instanceof Failure);
            match(error.message, /does not let this user in: REJECTED EXTERNAL ANONYMOUS, ERROR$/);
            return true;
          },
        );
      },
    );
  });

  test("is not made where nobody listens", () => {
    throws(() => BusConnection.to(["/nonexistent/bus", "\0tsrun-nobody"]), {
      message: 'connect("/nonexistent/bus"): ENOENT',
    });
  });
});
