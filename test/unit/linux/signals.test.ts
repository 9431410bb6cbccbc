import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { POLLIN, POLLOUT, SOCK_STREAM } from "#abi";
import { close, readBytes, writeAll } from "../../../src/linux/fs.ts";
import { poll, signalNumber } from "../../../src/linux/signals.ts";
import { socketpair } from "../../../src/linux/socket.ts";

describe("signals by number and name", () => {
  const known: [string, number][] = [
    ["1", 1],
    ["9", 9],
    ["15", 15],
    ["015", 15],
    ["64", 64],
    ["TERM", 15],
    ["SIGTERM", 15],
    ["sigterm", 15],
    ["Term", 15],
    ["sigKill", 9],
    ["HUP", 1],
    ["CHLD", 17],
    ["SIGCLD", 17],
    ["USR1", 10],
    ["WINCH", 28],
    ["IOT", 6],
    ["SYS", 31],
  ];
  for (const [text, number] of known) test(text, () => equal(signalNumber(text), number));

  const unknown = ["", "65", "-9", "+9", "9 ", "1e1", "0x9", "9.0", "SIG", "SIGSIGTERM"];
  const tables = ["HUP=1;SIGINT", "=1", ";", "SIG;SIGHUP", "HUP=", "HUP=1"];
  const more = [
    ...tables,
    "TERMINATE",
    "KILL9",
    "constructor",
    "__proto__",
    "sigtoString",
    "99999999999999999999",
  ];
  for (const text of [...unknown, ...more])
    test(`${JSON.stringify(text)} is none`, () => equal(signalNumber(text), undefined));
});

describe("waiting", () => {
  /** Milliseconds that a step takes. */
  function duration(step: () => void): number {
    const start = Date.now();
    step();
    return Date.now() - start;
  }

  test("as long as it was told, when nothing happens", () => {
    for (const timeout of [0, 1, 30.5, 60]) {
      const took = duration(() => deepEqual(poll([], timeout), []));
      // The clock that measures counts whole milliseconds.
      ok(took >= Math.floor(timeout) - 1 && took < timeout + 500, `${timeout}: ${took} ms`);
    }
  });

  test("seconds and their parts", () => {
    const took = duration(() => deepEqual(poll([], 1040), []));
    ok(took >= 1039 && took < 1900, `${took} ms`);
  });

  test("a time before now is refused", () => {
    throws(() => poll([], -1), { code: "EINVAL", call: "ppoll" });
  });

  test("each descriptor is told for itself", () => {
    const [left, right] = socketpair(SOCK_STREAM);
    const idle = { readable: false, writable: false, hangup: false };
    deepEqual(poll([{ fd: left, events: POLLIN }], 10), []);
    deepEqual(
      poll([
        { fd: left, events: POLLIN },
        { fd: right, events: POLLOUT },
      ]),
      [{ ...idle, fd: right, writable: true }],
    );
    writeAll(right, "text");
    deepEqual(
      poll([
        { fd: right, events: POLLIN },
        { fd: left, events: POLLIN | POLLOUT },
      ]),
      [{ fd: left, readable: true, writable: true, hangup: false }],
    );
    close(right);
    deepEqual(poll([{ fd: left, events: POLLIN }]), [
      { fd: left, readable: true, writable: false, hangup: true },
    ]);
    equal(readBytes(left).length, 4);
    close(left);
  });

  test("a descriptor that is closed is not ready for anything", () => {
    for (const { readable, writable } of poll([{ fd: 99999, events: POLLIN | POLLOUT }], 10))
      deepEqual({ readable, writable }, { readable: false, writable: false });
  });

  test("a negative descriptor is passed over", () => {
    deepEqual(poll([{ fd: -1, events: POLLIN | POLLOUT }], 0), []);
  });
});
