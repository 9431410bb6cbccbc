/** Statistics in runc's form: its names, its units, and what it leaves out. */
import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "node:test";
import { stringifyJson } from "../../../spec/json.ts";
import type { Statistics, Usage } from "../../../src/cgroup/statistics/statistics.ts";
import { toRuncStatistics } from "../../../src/runtime/runcStatistics.ts";

type Input = Statistics & { pids: Usage };

const NO_LIMIT = 18446744073709551615n;
const stall = { avg10: 0.5, avg60: 0, avg300: 0, total: 7 };
const psi = { some: stall, full: stall };

/** A group without any controller. */
const bare: Input = {
  cpu: { stat: { usage_usec: 3, user_usec: 1, system_usec: 2 }, local: undefined },
  cpuset: undefined,
  memory: undefined,
  pids: { current: 1, max: undefined },
  io: undefined,
  hugetlb: {},
  rdma: undefined,
  pressure: { cpu: undefined, memory: undefined, io: undefined },
};

const told = (changes: Partial<Input>) => toRuncStatistics({ ...bare, ...changes });

test("what runc 1.5 prints for a group without controllers", () => {
  equal(
    stringifyJson(told({})),
    '{"cpu":{"usage":{"total":3000,"kernel":2000,"user":1000}},' +
      '"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,' +
      '"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,' +
      '"sched_relax_domain_level":0},"memory":{},"pids":{"current":1},"blkio":{},"hugetlb":{},' +
      '"intel_rdt":{},"network_interfaces":null}',
  );
});

describe("cpu", () => {
  test("times are nanoseconds, beyond 2^53 too", () => {
    const stat = { usage_usec: 9007199254740991, user_usec: 0, system_usec: 9007199254740991 };
    deepEqual(told({ cpu: { stat, local: undefined } }).cpu.usage, {
      total: 9007199254740991000n,
      kernel: 9007199254740991000n,
      user: 0,
    });
  });

  test("throttling and pressure", () => {
    const stat = { nr_periods: 4, nr_throttled: 2, throttled_usec: 1500 };
    const { cpu } = told({
      cpu: { stat, local: undefined },
      pressure: { ...bare.pressure, cpu: psi },
    });
    deepEqual(cpu.throttling, { periods: 4, throttledPeriods: 2, throttledTime: 1500000 });
    equal(cpu.usage, undefined);
    deepEqual(cpu.psi, psi);
  });
});

describe("memory", () => {
  const memory = {
    current: 4096,
    max: 8192,
    peak: 6000,
    events: undefined,
    stat: { anon: 1, file: 2 },
    swap: { current: 100, max: 1000, peak: 500, events: undefined },
    numa: undefined,
  };

  test("swap is told together with memory", () => {
    deepEqual(told({ memory }).memory, {
      cache: 2,
      usage: { limit: 8192, usage: 4096, max: 6000, failcnt: 0 },
      swap: { limit: 9192, usage: 4196, max: undefined, failcnt: 0 },
      raw: { anon: 1, file: 2 },
      psi: undefined,
    });
  });

  test("no limit is the largest number, of both as soon as of one", () => {
    const limits = (max: number | "max", swapMax: number | "max") => {
      const { usage, swap } = told({
        memory: { ...memory, max, swap: { ...memory.swap, max: swapMax } },
      }).memory;
      return [usage?.limit, swap?.limit];
    };
    deepEqual(limits("max", "max"), [NO_LIMIT, NO_LIMIT]);
    deepEqual(limits("max", 1000), [NO_LIMIT, NO_LIMIT]);
    deepEqual(limits(8192, "max"), [8192, NO_LIMIT]);
  });

  test("without swap accounting it is memory alone", () => {
    deepEqual(told({ memory: { ...memory, swap: undefined } }).memory.swap, {
      limit: 8192,
      usage: 4096,
      max: undefined,
      failcnt: 0,
    });
  });
});

test("pids: no limit is none", () => {
  deepEqual(told({ pids: { current: 2, max: "max" } }).pids, { current: 2, limit: undefined });
  deepEqual(told({ pids: { current: 2, max: 9 } }).pids, { current: 2, limit: 9 });
});

test("blkio: lists by operation, of bytes and of requests", () => {
  const { blkio } = told({
    io: {
      "8:0": { rbytes: 4096, wbytes: 0, rios: 1, wios: 2, dbytes: 9, dios: 9 },
      "0:1": { rbytes: 5 },
    },
    pressure: { ...bare.pressure, io: psi },
  });
  equal(
    stringifyJson(blkio.ioServiceBytesRecursive),
    '[{"major":8,"op":"Read","value":4096},{"major":8,"op":"Write"},{"minor":1,"op":"Read","value":5}]',
  );
  equal(
    stringifyJson(blkio.ioServicedRecursive),
    '[{"major":8,"op":"Read","value":1},{"major":8,"op":"Write","value":2}]',
  );
  deepEqual(blkio.psi, psi);
});

test("hugetlb: what is reserved, where the kernel tells it", () => {
  const used = { current: 1, max: "max", events: { max: 3 } } as const;
  const { hugetlb } = told({
    hugetlb: {
      "2MB": { ...used, reserved: { current: 2, max: "max" } },
      "1GB": { ...used, current: 0, reserved: undefined },
    },
  });
  deepEqual(hugetlb, { "2MB": { usage: 2, failcnt: 3 }, "1GB": { usage: undefined, failcnt: 3 } });
});

test("cpuset: the lists are told", () => {
  const { cpuset } = told({ cpuset: { cpus: [0, 2], mems: [0] } });
  deepEqual([cpuset.cpus, cpuset.mems], [[0, 2], [0]]);
});
