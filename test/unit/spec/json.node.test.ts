/** Our JSON parser against Node's `JSON.parse`, on texts that are mostly just not JSON. */
import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { JsonError } from "../../../spec/exactJson.ts";
import { parseJson } from "../../../spec/json.ts";

const seeds = [
  String.raw`{"a":[1,2.5,-3e10,"x\n\u00e9",true,false,null,{}],"b":{"c":"d"}}`,
  String.raw`[0,-0,1e-5,"","\"",[[]],"\ud83d\ude00"]`,
];
const pieces = [
  ...'"\\{}[],:01.e-+tnu \né/N\t\u0001\u00a0\ufeff',
  "null",
  "\\u00",
  "1234567890123456",
];

/** Numbers that look random and are the same in every run. */
function sequence(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % limit;
  };
}

function attempt(parse: (text: string) => unknown, text: string): unknown {
  try {
    return { value: parse(text) };
  } catch (error) {
    ok(error instanceof JsonError || error instanceof SyntaxError, `${error} for ${text}`);
    return "refused";
  }
}

/** Doubles for bigints, as `JSON.parse` has them. */
function rounded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, member) => (typeof member === "bigint" ? Number(member) : member)) ??
      "null",
  );
}

test("it reads and refuses what Node reads and refuses", () => {
  const random = sequence(20240229);
  for (let round = 0; round < 100_000; round++) {
    let text = seeds[random(seeds.length)] as string;
    for (let changes = 1 + random(3); changes > 0; changes--) {
      const at = random(text.length);
      const piece = random(3) === 0 ? "" : (pieces[random(pieces.length)] as string);
      text = text.slice(0, at) + piece + text.slice(at + random(2));
    }
    // With such a number in it, our own parser has to read the text.
    const wrapped = `[9007199254740993,${text}]`;
    deepEqual(rounded(attempt(parseJson, wrapped)), rounded(attempt(JSON.parse, wrapped)), wrapped);
  }
});
