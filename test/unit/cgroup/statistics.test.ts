/** What the files of a group say, all together; a folder of plain files stands for the group. */
import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { readStatistics } from "../../../src/cgroup/statistics/statistics.ts";
import { mkdirAt } from "../../../src/linux/fs.ts";
import { inScratch, makeFile } from "../linux/scratch.ts";

const PRESSURE = `some avg10=1.50 avg60=0.25 avg300=0.00 total=123456
full avg10=0.00 avg60=0.00 avg300=0.00 total=18446744073709551615
`;
const pressure = {
  some: { avg10: 1.5, avg60: 0.25, avg300: 0, total: 123456 },
  full: { avg10: 0, avg60: 0, avg300: 0, total: 18446744073709551615n },
};

/** The files as Linux 6.12 writes them, and what they stand for. */
const files: Record<string, string> = {
  "cpu.stat": "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_bursts 1\nburst_usec 5\n",
  "cpu.stat.local": "throttled_usec 4\n",
  "cpu.pressure": PRESSURE,
  "cpuset.cpus.effective": "0-1,3\n",
  "cpuset.mems.effective": "0\n",
  "memory.current": "8192\n",
  "memory.max": "max\n",
  "memory.peak": "16384\n",
  "memory.events": "low 0\nhigh 0\nmax 2\noom 1\noom_kill 1\n",
  "memory.stat": "anon 4096\nfile 4096\n",
  "memory.swap.current": "0\n",
  "memory.swap.max": "9223372036854771712\n",
  "memory.swap.events": "high 0\nmax 0\nfail 3\n",
  "memory.numa_stat": "anon N0=4096 N1=0\nfile N0=0 N1=4096\n",
  "memory.pressure": PRESSURE,
  "pids.current": "3\n",
  "pids.max": "100\n",
  "pids.peak": "5\n",
  "pids.events": "max 1\n",
  "io.stat": "254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n",
  "io.pressure": PRESSURE,
  "hugetlb.2MB.current": "2097152\n",
  "hugetlb.2MB.max": "max\n",
  "hugetlb.2MB.events": "max 4\n",
  "hugetlb.2MB.rsvd.current": "4194304\n",
  "hugetlb.2MB.rsvd.max": "8388608\n",
  "rdma.current": "mlx4_0 hca_handle=2 hca_object=2000\n",
  "rdma.max": "mlx4_0 hca_handle=max hca_object=4000\n",
};

test("every file of every controller", () =>
  inScratch((group) => {
    for (const [name, text] of Object.entries(files)) makeFile(group, name, text);
    deepEqual(readStatistics(group), {
      cpu: {
        stat: { usage_usec: 30, user_usec: 20, system_usec: 10, nr_bursts: 1, burst_usec: 5 },
        local: { throttled_usec: 4 },
      },
      cpuset: { cpus: [0, 1, 3], mems: [0] },
      memory: {
        current: 8192,
        max: "max",
        peak: 16384,
        events: { low: 0, high: 0, max: 2, oom: 1, oom_kill: 1 },
        stat: { anon: 4096, file: 4096 },
        swap: {
          current: 0,
          max: 9223372036854771712n,
          peak: undefined,
          events: { high: 0, max: 0, fail: 3 },
        },
        numa: { anon: { N0: 4096, N1: 0 }, file: { N0: 0, N1: 4096 } },
      },
      pids: { current: 3, max: 100, peak: 5, events: { max: 1 } },
      io: { "254:0": { rbytes: 4096, wbytes: 0, rios: 1, wios: 0, dbytes: 0, dios: 0 } },
      hugetlb: {
        "2MB": {
          current: 2097152,
          max: "max",
          peak: undefined,
          events: { max: 4 },
          reserved: { current: 4194304, max: 8388608, peak: undefined, events: undefined },
        },
      },
      rdma: {
        current: { mlx4_0: { hca_handle: 2, hca_object: 2000 } },
        max: { mlx4_0: { hca_handle: "max", hca_object: 4000 } },
      },
      pressure: { cpu: pressure, memory: pressure, io: pressure },
    });
  }));

test("a controller that is not there is left out, not zero", () =>
  inScratch((group) => {
    makeFile(group, "cpu.stat", "usage_usec 1\nuser_usec 1\nsystem_usec 0\n");
    const { cpu, hugetlb, pressure, ...others } = readStatistics(group);
    equal(cpu.stat?.["usage_usec"], 1);
    deepEqual(hugetlb, {});
    deepEqual(Object.values(pressure), [undefined, undefined, undefined]);
    for (const [name, value] of Object.entries(others)) equal(value, undefined, name);
  }));

test("groups below that have the names of files are not read", () =>
  inScratch((group) => {
    for (const name of ["hugetlb.2MB.current", "pids.current", "cpu.stat", "memory.current"])
      mkdirAt(group, name, 0o755);
    const { hugetlb, pids, cpu, memory } = readStatistics(group);
    deepEqual(
      { hugetlb, pids, cpu: cpu.stat, memory },
      {
        hugetlb: {},
        pids: undefined,
        cpu: undefined,
        memory: undefined,
      },
    );
  }));
