/** The kernel's formats (cgroup-v2.rst, "Format"), with numbers of all 64 bits. */
import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "node:test";
import {
  parseCount,
  parseKeyed,
  parseLimit,
  parseNested,
  parseRanges,
  readFile,
} from "../../../src/cgroup/statistics/formats.ts";
import { inScratch, makeFile } from "../linux/scratch.ts";

describe("numbers are exact", () => {
  const counts: [text: string, count: number | bigint][] = [
    ["0\n", 0],
    ["9007199254740991\n", 9007199254740991],
    ["9007199254740993\n", 9007199254740993n],
    ["18446744073709551615", 18446744073709551615n],
    ["12.34", 12.34],
  ];
  for (const [text, count] of counts)
    test(JSON.stringify(text), () => {
      equal(parseCount(text), count);
      equal(parseLimit(text), count);
    });

  test("no limit", () => equal(parseLimit("max\n"), "max"));
});

test("flat keyed", () => {
  deepEqual(parseKeyed("usage_usec 12\nnr_periods 9223372036854775807\n"), {
    usage_usec: 12,
    nr_periods: 9223372036854775807n,
  });
  deepEqual(parseKeyed(""), {});
});

test("nested keyed", () => {
  deepEqual(parseNested("8:0 rbytes=4096 wbytes=0\n254:16 rbytes=1\n", parseCount), {
    "8:0": { rbytes: 4096, wbytes: 0 },
    "254:16": { rbytes: 1 },
  });
  deepEqual(parseNested("mlx4_0 hca_handle=2 hca_object=max\n", parseLimit), {
    mlx4_0: { hca_handle: 2, hca_object: "max" },
  });
  // A device that has done nothing yet.
  deepEqual(parseNested("8:0 \n", parseCount), { "8:0": {} });
});

test("ranges", () => {
  deepEqual(parseRanges("0-3,7,10-11\n"), [0, 1, 2, 3, 7, 10, 11]);
  deepEqual(parseRanges("5\n"), [5]);
  deepEqual(parseRanges("\n"), []);
});

test("a file that the group does not have says nothing", () =>
  inScratch((group) => {
    makeFile(group, "pids.current", "7\n");
    equal(readFile(group, "pids.current", parseCount), 7);
    equal(readFile(group, "pids.max", parseLimit), undefined);
  }));
