import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type BusValue,
  decodeMessage,
  ERROR,
  encodeMessage,
  LENGTH_KNOWN,
  METHOD_CALL,
  METHOD_RETURN,
  type Message,
  marshal,
  messageLength,
  SIGNAL,
  typesOf,
} from "../../../../../src/cgroup/systemd/bus/message.ts";

const hexOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Bytes from hexadecimal digits, between which text stands in quotes. */
function bytesOf(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [part] of text.matchAll(/'[^']*'|[\da-f]{2}/g))
    if (part.startsWith("'"))
      bytes.push(...[...part.slice(1, -1)].map((letter) => letter.charCodeAt(0)));
    else bytes.push(Number.parseInt(part, 16));
  return new Uint8Array(bytes);
}

/** By hand, after the specification's "Marshaling". */
const marshalled: [signature: string, values: BusValue[], bytes: string][] = [
  ["", [], ""],
  ["y", [255], "ff"],
  ["b", [true], "01 000000"],
  ["b", [false], "00 000000"],
  ["n", [-2], "feff"],
  ["q", [0x1234], "3412"],
  ["i", [-1], "ffffffff"],
  ["u", [0x12345678], "78563412"],
  ["h", [3], "03000000"],
  ["x", [-2n], "feffffff ffffffff"],
  ["t", [2n ** 64n - 1n], "ffffffff ffffffff"],
  ["d", [1.5], "00000000 0000f83f"],
  ["s", ["foo"], "03000000 'foo' 00"],
  ["s", ["é"], "02000000 c3a9 00"],
  ["s", [""], "00000000 00"],
  ["o", ["/a"], "02000000 '/a' 00"],
  ["g", ["a(sv)"], "05 'a(sv)' 00"],
  ["v", [{ signature: "u", value: 7 }], "01 'u' 00 00 07000000"],
  ["v", [{ signature: "t", value: 7n }], "01 't' 00 0000000000 07000000 00000000"],
  ["ay", [[1, 2]], "02000000 01 02"],
  // The padding before the first element counts for nothing, and is there without one.
  ["at", [[1n]], "08000000 00000000 01000000 00000000"],
  ["at", [[]], "00000000 00000000"],
  ["as", [["a", "bc"]], "0f000000 01000000 'a' 00 0000 02000000 'bc' 00"],
  ["yu", [1, 2], "01 000000 02000000"],
  ["yx", [1, 2n], "01 00000000000000 02000000 00000000"],
  ["y(yq)", [1, [2, 3]], "01 00000000000000 02 00 0300"],
  ["a(yt)", [[[1, 2n]]], "10000000 00000000 01 00000000000000 02000000 00000000"],
  [
    "a{sv}",
    [[["k", { signature: "b", value: true }]]],
    "10000000 00000000 01000000 'k' 00 01 'b' 00 000000 01000000",
  ],
  ["aau", [[[1], []]], "0c000000 04000000 01000000 00000000"],
];

describe("values on the wire", () => {
  for (const [signature, values, expected] of marshalled)
    test(`${signature || "nothing"}: ${expected}`, () => {
      equal(hexOf(marshal(signature, values)), hexOf(bytesOf(expected)));
      const message: Message = { type: METHOD_CALL, serial: 1, signature, body: values };
      deepEqual(decodeMessage(encodeMessage(message)).body, values);
    });

  const unfit: Record<string, unknown[]> = {
    y: [256, -1],
    b: [1, "true"],
    n: [32768],
    q: [65536],
    i: [2 ** 31],
    u: [-1, 1.5, 2 ** 32, "1", true, []],
    x: [2n ** 63n],
    t: [-1n, 2n ** 64n, 1.5],
    s: [1, "a\0b", "\ud800"],
    g: ["y".repeat(256)],
    v: [1, [], { signature: "uu", value: 1 }, { signature: "", value: 1 }],
    as: ["text", [1]],
    "(ss)": [["one"]],
  };
  for (const [signature, values] of Object.entries(unfit))
    test(`what does not fit ${signature}`, () => {
      for (const value of values)
        throws(
          () => marshal(signature, [value as BusValue]),
          (error) => error instanceof TypeError || error instanceof RangeError,
        );
    });
});

describe("signatures", () => {
  test("are cut into complete types", () => {
    deepEqual(typesOf("ssa(sv)a(sa(sv))"), ["s", "s", "a(sv)", "a(sa(sv))"]);
    deepEqual(typesOf("yyyyuua(yv)a{s(uv)}"), [..."yyyyuu", "a(yv)", "a{s(uv)}"]);
  });

  for (const bad of ["z", "a", "(", "(s", "()", ")", "a{s}", "a{sss}", "{sv}", "a{sv", "s)"])
    test(`${bad} is none`, () => throws(() => typesOf(bad), TypeError));

  test("of more than 255 characters are none", () => {
    equal(typesOf("y".repeat(255)).length, 255);
    throws(() => typesOf("y".repeat(256)), TypeError);
  });
});

const HELLO =
  "'l' 01 00 01 00000000 01000000 6d000000" +
  "01 01 'o' 00 15000000 '/org/freedesktop/DBus' 00 0000" +
  "02 01 's' 00 14000000 'org.freedesktop.DBus' 00 000000" +
  "03 01 's' 00 05000000 'Hello' 00 0000" +
  "06 01 's' 00 14000000 'org.freedesktop.DBus' 00 000000";

const hello: Message = {
  type: METHOD_CALL,
  serial: 1,
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
  member: "Hello",
  destination: "org.freedesktop.DBus",
  body: [],
};

/** An error in the other byte order, with a header field that nobody knows. */
const BIG_ENDIAN_ERROR =
  "'B' 03 00 01 0000000a 00000102 0000002b" +
  "04 01 's' 00 00000003 'a.b' 00 00000000" +
  "05 01 'u' 00 00000009" +
  "08 01 'g' 00 01 's' 00 00" +
  "63 01 's' 00 00000002 'xy' 00 0000000000" +
  "00000005 'fault' 00";

describe("messages", () => {
  test("are written as the specification says", () => {
    equal(hexOf(encodeMessage(hello)), hexOf(bytesOf(HELLO)));
    deepEqual(decodeMessage(bytesOf(HELLO)), hello);
  });

  test("are read in either byte order", () => {
    const bytes = bytesOf(BIG_ENDIAN_ERROR);
    equal(messageLength(bytes.subarray(0, LENGTH_KNOWN)), bytes.length);
    deepEqual(decodeMessage(bytes), {
      type: ERROR,
      serial: 0x102,
      errorName: "a.b",
      replySerial: 9,
      signature: "s",
      body: ["fault"],
    });
  });

  test("tell their length in the first 16 bytes", () => {
    const bytes = bytesOf(HELLO);
    equal(messageLength(bytes.subarray(0, LENGTH_KNOWN)), bytes.length);
    const withBody = encodeMessage({ ...hello, signature: "ss", body: ["a", "b"] });
    equal(messageLength(withBody), withBody.length);
  });

  test("keep all header fields", () => {
    const full: Message = {
      ...hello,
      type: SIGNAL,
      serial: 0xfffffffe,
      errorName: "some.Error",
      replySerial: 77,
      sender: ":1.5",
      signature: "uoss",
      body: [1, "/job/1", "x.scope", "done"],
    };
    deepEqual(decodeMessage(encodeMessage(full)), full);
  });

  test("of more than 128 MiB are refused from their first bytes", () => {
    const start = bytesOf("'l' 02 00 01 00000008 01000000 00000000");
    throws(() => messageLength(start), RangeError);
    equal(messageLength(bytesOf("'l' 02 00 01 f0ffff07 01000000 00000000")), 2 ** 27);
    throws(() => messageLength(bytesOf("'l' 02 00 01 f1ffff07 01000000 00000000")), RangeError);
    throws(() => messageLength(bytesOf("'x' 02 00 01 00000000 01000000 00000000")), TypeError);
  });

  test("with arrays of more than 64 MiB, or too deep, are refused", () => {
    const head = "'l' 02 01 01 08000000 01000000 08000000 08 01 'g' 00";
    throws(() => decodeMessage(bytesOf(`${head} 02 'ay' 00 01000004 00000000`)), RangeError);
    const nested = (levels: number): BusValue => {
      let value: BusValue = { signature: "y", value: 1 };
      for (let i = 1; i < levels; i++) value = { signature: "v", value };
      return value;
    };
    const deep = (levels: number) =>
      encodeMessage({ ...hello, signature: "v", body: [nested(levels)] });
    deepEqual(decodeMessage(deep(64)).body, [nested(64)]);
    throws(() => decodeMessage(deep(65)), RangeError);
  });

  test("that are cut off or broken are refused, and nothing worse", () => {
    const whole = encodeMessage({
      ...hello,
      type: METHOD_RETURN,
      signature: "a{sv}ayb",
      body: [[["key", { signature: "as", value: ["one", "two"] }]], [1, 2, 3], true],
    });
    const tries = (bytes: Uint8Array): boolean => {
      try {
        decodeMessage(bytes);
        return true;
      } catch (error) {
        ok(error instanceof TypeError || error instanceof RangeError, String(error));
        return false;
      }
    };
    for (let length = 0; length < whole.length; length++)
      equal(tries(whole.subarray(0, length)), false, `the first ${length} bytes`);
    for (let at = 0; at < whole.length; at++)
      for (const value of [0, 1, 0x61, 0x7f, 0xff]) tries(whole.with(at, value));
    ok(tries(whole));
  });
});
