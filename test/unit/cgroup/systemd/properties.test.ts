import { deepEqual } from "node:assert/strict";
import { describe, test } from "node:test";
import type { Setting } from "../../../../src/cgroup/resources/setting.ts";
import type { BusValue } from "../../../../src/cgroup/systemd/bus/message.ts";
import {
  initialPropertiesOf,
  lostToSystemd,
  propertiesOf,
  roundedForSystemd,
} from "../../../../src/cgroup/systemd/properties.ts";

const INFINITY = 2n ** 64n - 1n;
const NEW = 257;
const PERIOD = 20_000n;
const hasAll = { hasFile: () => true, cpuPeriod: () => PERIOD };

const settingsOf = (files: Record<string, string>): Setting[] =>
  Object.entries(files).map(([file, value]) => ({ file, value, pointer: "/x" }));

/** By name, without the types. */
const valuesOf = (files: Record<string, string>, version = NEW): Record<string, BusValue> =>
  Object.fromEntries(
    propertiesOf(settingsOf(files), version, hasAll).map(([name, { value }]) => [name, value]),
  );

describe("what systemd is told", () => {
  const table: [files: Record<string, string>, expected: Record<string, BusValue>][] = [
    [{}, {}],
    [{ "memory.max": "1048576" }, { MemoryMax: 1048576n }],
    [{ "memory.max": "max" }, { MemoryMax: INFINITY }],
    [{ "memory.max": "1M\n" }, { MemoryMax: 1048576n }],
    [{ "memory.max": "2g" }, { MemoryMax: 2147483648n }],
    [{ "memory.max": "0" }, { MemoryMax: 1n }],
    [
      { "memory.high": "0", "memory.low": "0" },
      { MemoryHigh: 1n, MemoryLow: 0n },
    ],
    [{ "memory.max": "nonsense" }, {}],
    [{ "memory.max": "0x10000000" }, { MemoryMax: 2n ** 28n }],
    [{ "memory.max": "0X1E" }, { MemoryMax: 30n }],
    [{ "memory.max": "0x10k" }, { MemoryMax: 16384n }],
    [{ "memory.max": "0200000000" }, { MemoryMax: 2n ** 25n }],
    [{ "memory.max": "010M" }, { MemoryMax: 8388608n }],
    [{ "memory.max": "18446744073709551617" }, { MemoryMax: 1n }],
    [{ "memory.max": "08" }, {}],
    [{ "memory.max": "0x" }, {}],
    [{ "memory.max": "+5" }, {}],
    [
      { "memory.min": "1", "memory.low": "2", "memory.high": "3" },
      { MemoryMin: 1n, MemoryLow: 2n, MemoryHigh: 3n },
    ],
    [{ "memory.swap.max": "0" }, { MemorySwapMax: 0n }],
    [{ "memory.zswap.max": "4096" }, { MemoryZSwapMax: 4096n }],
    [{ "pids.max": "20" }, { TasksMax: 20n }],
    [{ "pids.max": "max" }, { TasksMax: INFINITY }],
    [{ "pids.max": "0" }, { TasksMax: 1n }],
    [{ "pids.max": "0x14" }, { TasksMax: 20n }],
    [{ "pids.max": "5K" }, {}],
    [{ "pids.max": "18446744073709551616" }, {}],
    [{ "cpu.weight": "39" }, { CPUWeight: 39n }],
    [{ "cpu.idle": "1" }, { CPUWeight: 0n }],
    [{ "cpu.weight": "39", "cpu.idle": "1" }, { CPUWeight: 0n }],
    [{ "cpu.weight": "39", "cpu.idle": "0" }, { CPUWeight: 39n }],
    [{ "cpu.idle": "0" }, { CPUWeight: INFINITY }],
    [{ "cpu.idle": "0x1" }, { CPUWeight: 0n }],
    [{ "cpu.weight": "047" }, { CPUWeight: 39n }],
    [{ "cpu.max": "50000 100000" }, { CPUQuotaPeriodUSec: 100000n, CPUQuotaPerSecUSec: 500000n }],
    [{ "cpu.max": "12345 100000" }, { CPUQuotaPeriodUSec: 100000n, CPUQuotaPerSecUSec: 130000n }],
    [{ "cpu.max": "5000" }, { CPUQuotaPeriodUSec: PERIOD, CPUQuotaPerSecUSec: 250000n }],
    [{ "cpu.max": "max" }, { CPUQuotaPeriodUSec: PERIOD, CPUQuotaPerSecUSec: INFINITY }],
    [{ "cpu.max": "max 20000" }, { CPUQuotaPeriodUSec: 20000n, CPUQuotaPerSecUSec: INFINITY }],
    [{ "cpu.max": "10 0" }, {}],
    [{ "cpuset.cpus": "0,2-3,9" }, { AllowedCPUs: [0b1101, 0b10] }],
    [{ "cpuset.cpus": "7-8" }, { AllowedCPUs: [0x80, 1] }],
    [{ "cpuset.cpus": "" }, { AllowedCPUs: [] }],
    [{ "cpuset.cpus": "0-99999999999" }, {}],
    [{ "cpuset.cpus": "a" }, {}],
    [{ "cpuset.mems": "0" }, { AllowedMemoryNodes: [1] }],
    [{ "io.weight": "default 200" }, { IOWeight: 200n }],
    [{ "io.weight": "200" }, { IOWeight: 200n }],
    [{ "io.weight": "8:0 300" }, {}],
    [{ "io.bfq.weight": "100" }, { IOWeight: 100n }],
    [{ "io.bfq.weight": "1000" }, { IOWeight: 10000n }],
    [{ "io.bfq.weight": "default 10" }, { IOWeight: 10n }],
    [{ "io.max": "8:0 rbps=1048576", "hugetlb.2MB.max": "0", "rdma.max": "x" }, {}],
    [{ constructor: "1", "cpu.max.burst": "1" }, {}],
  ];
  for (const [files, expected] of table)
    test(JSON.stringify(files), () => deepEqual(valuesOf(files), expected));

  test("by old versions is what they know", () => {
    const files = {
      "cpu.idle": "1",
      "cpu.weight": "7",
      "cpu.max": "1000 10000",
      "cpuset.cpus": "0",
      "memory.zswap.max": "1",
    };
    deepEqual(valuesOf(files, 240), { CPUWeight: 7n, CPUQuotaPerSecUSec: 100000n });
    deepEqual(valuesOf(files, 244), {
      AllowedCPUs: [1],
      CPUWeight: 7n,
      CPUQuotaPeriodUSec: 10000n,
      CPUQuotaPerSecUSec: 100000n,
    });
    deepEqual(valuesOf(files, 252)["CPUWeight"], 0n);
  });

  test("has the types of org.freedesktop.systemd1(5)", () => {
    const files = { "memory.max": "1", "cpuset.cpus": "0", "cpu.max": "1 1000", "io.weight": "1" };
    const types = propertiesOf(settingsOf(files), NEW, hasAll).map(([name, { signature }]) => [
      name,
      signature,
    ]);
    deepEqual(Object.fromEntries(types), {
      MemoryMax: "t",
      AllowedCPUs: "ay",
      CPUQuotaPeriodUSec: "t",
      CPUQuotaPerSecUSec: "t",
      IOWeight: "t",
    });
  });

  test("is about the file that the kernel has, and the last of its values for all devices", () => {
    const bfq = (value: string, instead: string): Setting => ({
      ...{ file: "io.bfq.weight", value, pointer: "/x" },
      instead: { file: "io.weight", value: instead, pointer: "/x" },
    });
    const settings = [bfq("50", "default 400"), bfq("200", "default 1920"), bfq("8:0 9", "8:0 8")];
    const weight = (hasBfq: boolean) =>
      propertiesOf(settings, NEW, { ...hasAll, hasFile: () => hasBfq });
    deepEqual(weight(true), [["IOWeight", { signature: "t", value: 1200n }]]);
    deepEqual(weight(false), [["IOWeight", { signature: "t", value: 1920n }]]);
  });

  test("is a quota with the period that the kernel will have", () => {
    const settings = [
      ...settingsOf({ "cpu.max": "max 50000" }),
      ...settingsOf({ "cpu.max": "5000" }),
    ];
    deepEqual(propertiesOf(settings, NEW, hasAll), [
      ["CPUQuotaPeriodUSec", { signature: "t", value: 50000n }],
      ["CPUQuotaPerSecUSec", { signature: "t", value: 100000n }],
    ]);
    const unknown = { ...hasAll, cpuPeriod: () => undefined };
    deepEqual(propertiesOf(settings.slice(1), NEW, unknown), []);
  });

  test("is followed by writing again what it has BFQ forget", () => {
    const lost = settingsOf({ "io.bfq.weight": "8:16 300" });
    const kept = settingsOf({ "io.weight": "8:0 300", "io.max": "8:0 rbps=1" });
    deepEqual(lostToSystemd([...kept, ...settingsOf({ "io.bfq.weight": "200" }), ...lost]), lost);
    deepEqual(lostToSystemd(settingsOf({ "io.bfq.weight": "default 200" })), []);
  });

  test("of the end of a whole group is told at the start only", () => {
    const settings = settingsOf({ "memory.oom.group": "1" });
    deepEqual(propertiesOf(settings, NEW, hasAll), []);
    deepEqual(initialPropertiesOf(settings, NEW), [
      ["OOMPolicy", { signature: "s", value: "kill" }],
    ]);
    deepEqual(initialPropertiesOf(settingsOf({ "memory.oom.group": "0" }), NEW), [
      ["OOMPolicy", { signature: "s", value: "continue" }],
    ]);
    deepEqual(initialPropertiesOf(settings, 252), []);
    deepEqual(initialPropertiesOf(settingsOf({ "memory.max": "1" }), NEW), []);
  });
});

describe("a quota as systemd writes it down", () => {
  const table: [given: string, rounded: string][] = [
    ["12345 100000", "13000 100000"],
    ["50000 100000", "50000 100000"],
    ["1000 1000000", "10000 1000000"],
    ["max 5000", "max 5000"],
    ["33333", "33333"],
    ["nonsense", "nonsense"],
  ];
  for (const [given, rounded] of table)
    test(`${given} is ${rounded}`, () => {
      const settings = settingsOf({ "memory.max": "12345", "cpu.max": given });
      deepEqual(
        roundedForSystemd(settings),
        settingsOf({ "memory.max": "12345", "cpu.max": rounded }),
      );
    });

  test("has the period that was set before it", () => {
    const settings = (last: string) => [
      ...settingsOf({ "cpu.max": "max 50000" }),
      ...settingsOf({ "cpu.max": last }),
    ];
    deepEqual(roundedForSystemd(settings("5001")), settings("5500 50000"));
  });
});
