/** Which document of resources the options of `update` make. */
import { deepEqual, equal, match } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { record } from "./recorder.ts";
import { newDirectory } from "./scratch.ts";

const right: [line: string, document: string][] = [
  ["update c", "{}"],
  ["update c --memory 5", '{"memory":{"limit":5}}'],
  ["update --memory=512m c", '{"memory":{"limit":536870912}}'],
  ["update --memory 1.5GiB c", '{"memory":{"limit":1610612736}}'],
  ["update --memory 1kb c", '{"memory":{"limit":1024}}'],
  ["update --memory 7B c", '{"memory":{"limit":7}}'],
  ["update --memory 9223372036854771712 c", '{"memory":{"limit":9223372036854771712}}'],
  ["update --memory -1 --memory-swap=-1 c", '{"memory":{"limit":-1,"swap":-1}}'],
  ["update --memory-reservation 1p c", '{"memory":{"reservation":1125899906842624}}'],
  ["update --memory= c", "{}"],
  ["update --cpu-share 5 --cpu-quota -1 c", '{"cpu":{"quota":-1,"shares":5}}'],
  ["update --cpu-period 1 --cpu-burst 0 --cpu-idle 1 c", '{"cpu":{"period":1,"burst":0,"idle":1}}'],
  [
    "update --cpu-rt-period 1 --cpu-rt-runtime 2 c",
    '{"cpu":{"realtimePeriod":1,"realtimeRuntime":2}}',
  ],
  ["update --cpuset-cpus 0-1 --cpuset-mems 0 c", '{"cpu":{"cpus":"0-1","mems":"0"}}'],
  ["update --blkio-weight 100 --pids-limit 0 c", '{"blockIO":{"weight":100},"pids":{"limit":0}}'],
];

describe("options", () => {
  for (const [line, document] of right)
    test(line, () => {
      const { status, calls, stderr } = record(line.split(" "));
      deepEqual([status, stderr, calls], [0, "", [["update", "c", document]]]);
    });
});

test("the options of Intel RDT are told by themselves, and the others beside them", () => {
  const line = "update --l3-cache-schema L3:0=f --mem-bw-schema MB:0=50 c";
  const told = ["updateIntelRdt", "c", { l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=50" }];
  deepEqual(record(line.split(" ")).calls, [told]);
  deepEqual(record(`${line} --memory 5`.split(" ")).calls, [
    ["update", "c", '{"memory":{"limit":5}}'],
    told,
  ]);
  deepEqual(record(["update", "c", "--mem-bw-schema=MB:0=10"]).calls, [
    ["updateIntelRdt", "c", { memBwSchema: "MB:0=10" }],
  ]);
});

const wrong: [line: string, message: RegExp][] = [
  ["update c --memory 5x", /--memory: "5x" is not a number of bytes/],
  ["update c --memory -2", /--memory: "-2" is not a number of bytes/],
  ["update c --memory 1ki", /--memory: "1ki" is not a number of bytes/],
  ["update c --cpu-share 1.5", /--cpu-share: "1\.5" is not a whole number/],
  ["update c --cpu-rt-period x", /--cpu-rt-period: "x" is not a whole number/],
  ["update c --pids-limit 0x10", /--pids-limit: "0x10" is not a whole number/],
  ["update c -r /nonexistent", /reading the resources from \/nonexistent: .*ENOENT/],
  ["update", /container-id/],
  ["update c d", /too many arguments/],
];

describe("mistakes", () => {
  for (const [line, message] of wrong)
    test(line, () => {
      const { status, calls, stderr } = record(line.split(" "));
      deepEqual([status, calls], [1, []]);
      match(stderr, message);
    });
});

test("kernel memory is ignored with a warning", () => {
  const { status, calls, stderr } = record([
    "update",
    "--kernel-memory",
    "50M",
    "--memory",
    "5",
    "c",
  ]);
  deepEqual([status, calls], [0, [["update", "c", '{"memory":{"limit":5}}']]]);
  match(stderr, /warning: kernel memory/);
});

test("a file is passed on as it is, and the other options do not count", () => {
  const file = join(newDirectory(), "resources.json");
  const text = '{ "pids": { "limit": 5 } }\n';
  writeFileSync(file, text);
  for (const line of [`update -r ${file} c`, `update --resources=${file} --memory nonsense c`]) {
    const { status, calls } = record(line.split(" "));
    equal(status, 0);
    deepEqual(calls, [["update", "c", text]]);
  }
});
