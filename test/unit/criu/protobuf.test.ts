import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeMessage, encodeMessage, type Schema } from "../../../src/criu/protobuf.ts";

const hexOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/[\da-f]{2}/g) ?? [], (digits) => Number.parseInt(digits, 16));

const INNER = { a: [1, "int32"] } as const satisfies Schema;
const SCHEMA = {
  number: [1, "int32"],
  text: [2, "string"],
  inner: [3, INNER],
  texts: [4, "string", "repeated"],
  inners: [5, INNER, "repeated"],
  natural: [6, "uint32"],
  flag: [16, "bool"],
} as const satisfies Schema;

type Message = Parameters<typeof encodeMessage<typeof SCHEMA>>[1];

/** By hand, the first three after the documentation's own examples. */
const messages: [message: Message, hex: string][] = [
  [{ number: 150 }, "08 9601"],
  [{ text: "testing" }, "12 07 74657374696e67"],
  [{ inner: { a: 150 } }, "1a 03 08 9601"],
  [{}, ""],
  [{ number: 0 }, "08 00"],
  [{ number: -1 }, "08 ffffffffffffffffff01"],
  [{ number: -(2 ** 31) }, "08 80808080f8ffffffff01"],
  [{ number: 2 ** 31 - 1 }, "08 ffffffff07"],
  [{ natural: 2 ** 32 - 1 }, "30 ffffffff0f"],
  [{ natural: 0x40000000 }, "30 8080808004"],
  [{ text: "" }, "12 00"],
  [{ text: "é" }, "12 02 c3a9"],
  // A tag beyond 15 takes two bytes.
  [{ flag: true }, "8001 01"],
  [{ flag: false }, "8001 00"],
  [{ texts: ["a", "", "b"] }, "22 01 61 22 00 22 01 62"],
  [{ inners: [{ a: 1 }, {}] }, "2a 02 08 01 2a 00"],
  [{ number: 1, text: "x", flag: true }, "08 01 12 01 78 8001 01"],
];

describe("a message", () => {
  for (const [message, hex] of messages)
    test(`${JSON.stringify(message)} is ${hex || "nothing"}`, () => {
      equal(hexOf(encodeMessage(SCHEMA, message)), hex.replaceAll(" ", ""));
      deepEqual(decodeMessage(SCHEMA, bytesOf(hex)), message);
    });

  test("of more than 127 bytes has a length of two", () => {
    const text = "x".repeat(300);
    const bytes = encodeMessage(SCHEMA, { text });
    equal(hexOf(bytes.subarray(0, 3)), "12ac02");
    deepEqual(decodeMessage(SCHEMA, bytes), { text });
  });

  test("an empty list is not on the wire, nor is what is undefined", () => {
    equal(encodeMessage(SCHEMA, { texts: [], number: undefined } as unknown as Message).length, 0);
  });

  test("numbers that do not fit are refused", () => {
    for (const number of [2 ** 31, -(2 ** 31) - 1, 1.5, Number.NaN])
      throws(() => encodeMessage(SCHEMA, { number }), RangeError, String(number));
    for (const natural of [-1, 2 ** 32])
      throws(() => encodeMessage(SCHEMA, { natural }), RangeError, String(natural));
  });

  test("text that has no UTF-8 form is refused", () => {
    throws(() => encodeMessage(SCHEMA, { text: "\ud800" }), TypeError);
    throws(() => decodeMessage(SCHEMA, bytesOf("12 01 ff")), TypeError);
  });
});

describe("reading", () => {
  test("passes over fields that it does not know, whatever their wire type", () => {
    const unknown = ["38 9601", "39 0102030405060708", "3a 02 ffff", "3d 01020304"];
    for (const field of unknown)
      deepEqual(decodeMessage(SCHEMA, bytesOf(`${field} 08 07`)), { number: 7 }, field);
  });

  test("takes the last of a field that comes again", () => {
    deepEqual(decodeMessage(SCHEMA, bytesOf("08 01 08 02")), { number: 2 });
  });

  test("takes the lower half of a number of 64 bits", () => {
    deepEqual(decodeMessage(SCHEMA, bytesOf("30 8180808080808080 8001")), { natural: 1 });
    deepEqual(decodeMessage(SCHEMA, bytesOf("8001 8001")), { flag: true });
  });

  test("refuses what ends too early, another wire type, and what is no wire type", () => {
    const wrong = [
      "08",
      "08 80",
      "12 05 61",
      "12",
      "0a 01 61",
      "10 01",
      "0b",
      `08 ${"80".repeat(10)}`,
    ];
    for (const hex of wrong) throws(() => decodeMessage(SCHEMA, bytesOf(hex)), TypeError, hex);
    for (const hex of ["3b 00", "3f 00", "39 0102"])
      throws(() => decodeMessage(SCHEMA, bytesOf(hex)), TypeError, hex);
  });
});
