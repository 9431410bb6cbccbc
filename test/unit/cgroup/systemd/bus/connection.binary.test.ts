/** A connection to a bus that the test plays. */
import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  BusConnection,
  BusError,
  type BusObject,
} from "../../../../../src/cgroup/systemd/bus/connection.ts";
import { encodeMessage, METHOD_RETURN } from "../../../../../src/cgroup/systemd/bus/message.ts";
import { Failure } from "../../../../../src/failure.ts";
import { connected, type Peer, withPeer } from "./peer.ts";

const OBJECT: BusObject = { destination: "d.d", path: "/p", interface: "i.i" };

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
        peer.refuse(peer.message(), "e.Denied", "not you");
        peer.refuse(peer.message(), "e.Denied");
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
        peer.signal("One", "s", "a");
        peer.answer({ ...call, serial: 4711 }, "s", "to somebody else");
        peer.signal("Two", "s", "b");
        peer.answer(call, "s", "mine");
        peer.signal("Three", "s", "c");
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
        peer.signal("Other", "");
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

  test("waits for all together no longer than it is told to", () => {
    const closes = (peer: Peer) => throws(() => peer.message(), /was closed/);
    const inTime = (message: RegExp, step: () => void) => {
      const start = Date.now();
      throws(step, message);
      const took = Date.now() - start;
      ok(took < 5000, `${took} ms`);
    };
    withPeer(
      (peer) => {
        for (const _ of ["AUTH", "DATA", "BEGIN"]) peer.line();
        closes(peer);
      },
      (fd) =>
        inTime(/^Failure: the bus does not answer in time$/, () => new BusConnection(fd, 150)),
    );
    withPeer(
      (peer) => {
        peer.welcome();
        peer.answer(peer.message(), "");
        peer.message();
        closes(peer);
      },
      (fd) => {
        const connection = new BusConnection(fd, 400);
        connection.call(OBJECT, "First");
        inTime(/^Failure: Second: the bus does not answer in time$/, () =>
          connection.call(OBJECT, "Second"),
        );
        equal(
          connection.awaitSignal(() => true, 60_000),
          undefined,
        );
        connection.close();
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
      message: 'connect("/nonexistent/bus"): no such file or directory (ENOENT)',
    });
  });
});
