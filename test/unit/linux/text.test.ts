/** UTF-8 as RFC 3629 has it: what the kernel says comes back as the same bytes, or is refused. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { decode, encode, printable } from "../../../src/linux/text.ts";

describe("text and bytes lead to each other", () => {
  const pairs: [string, number[]][] = [
    ["", []],
    ["a", [0x61]],
    ["\0", [0]],
    ["\x7f", [0x7f]],
    ["\x80", [0xc2, 0x80]],
    ["\u07ff", [0xdf, 0xbf]],
    ["\u0800", [0xe0, 0xa0, 0x80]],
    ["\ud7ff", [0xed, 0x9f, 0xbf]],
    ["\ue000", [0xee, 0x80, 0x80]],
    ["\ufffd", [0xef, 0xbf, 0xbd]],
    ["\uffff", [0xef, 0xbf, 0xbf]],
    ["\u{10000}", [0xf0, 0x90, 0x80, 0x80]],
    ["\u{10ffff}", [0xf4, 0x8f, 0xbf, 0xbf]],
    ["\ufeff", [0xef, 0xbb, 0xbf]],
    ["\ufeffa\ufeff", [0xef, 0xbb, 0xbf, 0x61, 0xef, 0xbb, 0xbf]],
    ["e\u0301", [0x65, 0xcc, 0x81]],
  ];
  for (const [text, bytes] of pairs)
    test(JSON.stringify(text), () => {
      deepEqual([...encode(text)], bytes);
      equal(decode(Uint8Array.from(bytes)), text);
    });

  test("a part of a buffer", () => {
    equal(decode(encode("abcdef").subarray(2, 4)), "cd");
  });
});

describe("bytes that are not UTF-8 are refused", () => {
  const malformed: [string, number[]][] = [
    ["a continuation byte alone", [0x80]],
    ["0xff", [0x61, 0xff]],
    ["0xfe", [0xfe]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["an overlong slash of three bytes", [0xe0, 0x80, 0xaf]],
    ["an overlong slash of four bytes", [0xf0, 0x80, 0x80, 0xaf]],
    ["an overlong NUL", [0xc0, 0x80]],
    ["a high surrogate", [0xed, 0xa0, 0x80]],
    ["a low surrogate", [0xed, 0xbf, 0xbf]],
    ["a pair of surrogates (CESU-8)", [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
    ["beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["a byte that begins nothing", [0xf5, 0x80, 0x80, 0x80]],
    ["two bytes cut short", [0xc3]],
    ["three bytes cut short", [0xe2, 0x82]],
    ["four bytes cut short", [0xf0, 0x9f, 0x98]],
    ["a sequence that is broken off", [0xe2, 0x82, 0x61]],
  ];
  for (const [name, bytes] of malformed)
    test(name, () => {
      throws(() => decode(Uint8Array.from(bytes)), TypeError);
      throws(() => decode(Uint8Array.from([0x61, ...bytes, 0x61])), TypeError);
    });

  test("what lies beyond the view does not complete it", () => {
    throws(() => decode(encode("aé").subarray(0, 2)), TypeError);
  });
});

test("a lone surrogate has no bytes", () => {
  for (const text of ["\ud800", "a\udfff", "\udc00\ud800"]) throws(() => encode(text), TypeError);
});

test("for people, bytes that are not UTF-8 are shown one by one", () => {
  equal(printable(encode("a\u00e9")), "a\u00e9");
  equal(printable(Uint8Array.of(0x61, 0xe9)), "a\u00e9");
});
