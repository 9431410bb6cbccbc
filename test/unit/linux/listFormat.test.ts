import { deepEqual, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import { parseList, type Range, toMask } from "../../../src/linux/listFormat.ts";

describe("lists of CPUs and nodes", () => {
  const lists: [string, Range[]][] = [
    ["", []],
    [" ", []],
    [",,", []],
    ["0", [[0, 0]]],
    [
      "0-3,7",
      [
        [0, 3],
        [7, 7],
      ],
    ],
    [
      " 1 , 5-6 ,",
      [
        [1, 1],
        [5, 6],
      ],
    ],
    ["65536", [[65_536, 65_536]]],
  ];
  for (const [text, ranges] of lists)
    test(JSON.stringify(text), () => deepEqual(parseList(text), ranges));

  const wrong = [
    "a",
    "-1",
    "1-",
    "1-2-3",
    "3-1",
    "65537",
    "0 1",
    "1.5",
    "0x1",
    "1- 2",
    "9999999999",
  ];
  for (const text of wrong)
    test(`${JSON.stringify(text)} is none`, () => {
      throws(() => parseList(text), RangeError);
    });
});

describe("a list as the kernel's mask", () => {
  const masks: [string, bigint[]][] = [
    ["", []],
    ["0", [1n]],
    ["0-3,7", [0x8fn]],
    ["63-64", [1n << 63n, 1n]],
    ["128", [0n, 0n, 1n]],
  ];
  for (const [text, words] of masks)
    test(JSON.stringify(text), () => deepEqual([...toMask(parseList(text))], words));
});
