/** Durations as Go's time.ParseDuration reads them. */
import { equal } from "node:assert/strict";
import { test } from "node:test";
import { parseDuration } from "../../../src/cli/duration.ts";

const right: [text: string, nanoseconds: bigint][] = [
  ["0", 0n],
  ["+0", 0n],
  ["5s", 5_000_000_000n],
  ["1m30s", 90_000_000_000n],
  ["500ms", 500_000_000n],
  ["1h15m30.918273645s", 4_530_918_273_645n],
  ["1.5h", 5_400_000_000_000n],
  [".5s", 500_000_000n],
  ["5.s", 5_000_000_000n],
  ["-1.5s", -1_500_000_000n],
  ["+5s", 5_000_000_000n],
  ["12us", 12_000n],
  ["12\u00b5s", 12_000n],
  ["12\u03bcs", 12_000n],
  ["1ns", 1n],
  ["1.9ns", 1n],
  ["3ns3us3ms3s3m3h", 10_983_003_003_003n],
  ["0.100000000000000000000h", 360_000_000_000n],
  ["9007199254740993ns", 9_007_199_254_740_993n],
  ["9223372036854775807ns", 9_223_372_036_854_775_807n],
  ["2562047h47m16.854775807s", 9_223_372_036_854_775_807n],
];

for (const [text, nanoseconds] of right)
  test(`${text} is a duration`, () => equal(parseDuration(text), nanoseconds));

const wrong = [
  ...["", "-", "3", "s", ".s", "1.", "+.s", "1s2", "1 s", " 1s", "1s ", "1d", "1S", "1mss", "--1s"],
  ...["1.2.3s", "1e3s", "\uff11s", "1\u00b5", "9223372036854775808ns", "2562048h"],
];

for (const text of wrong)
  test(`${JSON.stringify(text)} is none`, () => equal(parseDuration(text), undefined));
