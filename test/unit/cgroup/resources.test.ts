/** Which files of a group a config's resources become. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxResources } from "@opencontainers-types";
import { sharesToWeight } from "../../../src/cgroup/resources/cpu.ts";
import { planResources } from "../../../src/cgroup/resources/plan.ts";
import type { Setting } from "../../../src/cgroup/resources/setting.ts";
import { Failure } from "../../../src/failure.ts";

/** `memory.max=1048576`; `?` before the `=` means optional; what is written instead comes after `|`. */
const shown = ({ file, value, optional, instead }: Setting): string =>
  `${file}${optional ? "?" : ""}=${value}${instead ? ` | ${shown(instead)}` : ""}`;

const planned = (resources: LinuxResources | undefined): string[] =>
  planResources(resources).settings.map(shown);

function writes(name: string, cases: [resources: LinuxResources, ...settings: string[]][]): void {
  describe(name, () => {
    for (const [resources, ...settings] of cases)
      test(show(resources), () => deepEqual(planned(resources), settings));
  });
}

function refuses(name: string, cases: [resources: LinuxResources, pointer: string][]): void {
  describe(name, () => {
    for (const [resources, pointer] of cases)
      test(show(resources), () => {
        throws(
          () => planResources(resources),
          (error: unknown) =>
            error instanceof Failure && error.pointer === `/linux/resources/${pointer}`,
        );
      });
  });
}

const show = (resources: LinuxResources): string =>
  JSON.stringify(resources, (_, value) => (typeof value === "bigint" ? `${value}n` : value));

const LARGEST = 2n ** 63n - 1n;

test("a config without resources sets nothing", () => {
  deepEqual(planResources(undefined), { settings: [], warnings: [] });
});

writes("what engines write for no limit", [
  [{}],
  [{ devices: [{ allow: false, access: "rwm" }] }],
  [{ memory: { limit: 0, reservation: 0, swap: 0, kernel: 0, kernelTCP: -1 } }],
  [{ memory: { disableOOMKiller: false, useHierarchy: true, swappiness: 2n ** 64n - 1n } }],
  [{ cpu: { shares: 0, quota: 0, period: 0, cpus: "", mems: "" } }],
  [{ cpu: { realtimeRuntime: 0, realtimePeriod: 0 } }],
  [{ cpu: { realtimeRuntime: -1 } }],
  [{ pids: {} }],
  [{ blockIO: { weight: 0, leafWeight: 0, weightDevice: [], throttleReadBpsDevice: [] } }],
  [{ hugepageLimits: [], rdma: {}, unified: {}, network: { classID: 0, priorities: [] } }],
]);

writes("memory", [
  [{ memory: { limit: 1048576 } }, "memory.max=1048576"],
  [{ memory: { limit: LARGEST } }, `memory.max=${LARGEST}`],
  [{ memory: { limit: -1 } }, "memory.swap.max?=max", "memory.max=max"],
  [{ memory: { limit: -1n, swap: 0 } }, "memory.swap.max?=max", "memory.max=max"],
  [{ memory: { limit: -1, swap: 300 } }, "memory.swap.max=300", "memory.max=max"],
  [{ memory: { limit: -1, swap: -1 } }, "memory.swap.max?=max", "memory.max=max"],
  [{ memory: { limit: 100, swap: 300 } }, "memory.swap.max=200", "memory.max=100"],
  [{ memory: { limit: 100, swap: 100 } }, "memory.swap.max?=0", "memory.max=100"],
  [{ memory: { limit: 100, swap: -1 } }, "memory.swap.max?=max", "memory.max=100"],
  [{ memory: { limit: 100, swap: 0 } }, "memory.max=100"],
  [{ memory: { swap: -1 } }, "memory.swap.max?=max"],
  [
    { memory: { limit: 2n ** 62n, swap: LARGEST } },
    `memory.swap.max=${LARGEST - 2n ** 62n}`,
    `memory.max=${2n ** 62n}`,
  ],
  [{ memory: { reservation: 5 } }, "memory.low=5"],
  [{ memory: { reservation: -1 } }, "memory.low=max"],
  [
    { memory: { limit: 7, reservation: 9, checkBeforeUpdate: true } },
    "memory.max=7",
    "memory.low=9",
  ],
]);

refuses("memory that cannot be", [
  [{ memory: { limit: -2 } }, "memory/limit"],
  [{ memory: { reservation: -2n } }, "memory/reservation"],
  [{ memory: { limit: 5, swap: -2 } }, "memory/swap"],
  [{ memory: { swap: 5 } }, "memory/swap"],
  [{ memory: { limit: 5, swap: 4 } }, "memory/swap"],
]);

refuses("what cgroup v2 has nothing for", [
  [{ memory: { kernel: 1 } }, "memory/kernel"],
  [{ memory: { kernelTCP: 1n } }, "memory/kernelTCP"],
  [{ memory: { swappiness: 0 } }, "memory/swappiness"],
  [{ memory: { swappiness: 60 } }, "memory/swappiness"],
  [{ memory: { disableOOMKiller: true } }, "memory/disableOOMKiller"],
  [{ memory: { useHierarchy: false } }, "memory/useHierarchy"],
  [{ cpu: { realtimeRuntime: 1 } }, "cpu/realtimeRuntime"],
  [{ cpu: { realtimePeriod: 1 } }, "cpu/realtimePeriod"],
  [{ blockIO: { leafWeight: 10 } }, "blockIO/leafWeight"],
  [
    {
      blockIO: {
        weightDevice: [
          { major: 8, minor: 0, weight: 10 },
          { major: 8, minor: 16, leafWeight: 10 },
        ],
      },
    },
    "blockIO/weightDevice/1/leafWeight",
  ],
  [{ network: { classID: 1 } }, "network/classID"],
  [{ network: { priorities: [{ name: "lo", priority: 0 }] } }, "network/priorities"],
]);

writes("cpu", [
  [{ cpu: { shares: 1024 } }, "cpu.weight=100"],
  [{ cpu: { shares: 2n ** 64n - 1n } }, "cpu.weight=10000"],
  [{ cpu: { quota: 50000 } }, "cpu.max=50000 100000"],
  [{ cpu: { quota: 50000, period: 20000 } }, "cpu.max=50000 20000"],
  [{ cpu: { period: 20000 } }, "cpu.max=max 20000"],
  [{ cpu: { quota: -1 } }, "cpu.max=max 100000"],
  [{ cpu: { quota: -1, period: 20000 } }, "cpu.max=max 20000"],
  [{ cpu: { burst: 0 } }, "cpu.max.burst=0"],
  [{ cpu: { burst: 5 } }, "cpu.max.burst=0", "cpu.max.burst=5"],
  [
    { cpu: { burst: 1000, quota: 1000 } },
    "cpu.max.burst=0",
    "cpu.max=1000 100000",
    "cpu.max.burst=1000",
  ],
  [
    { cpu: { burst: 1000, quota: -1 } },
    "cpu.max.burst=0",
    "cpu.max=max 100000",
    "cpu.max.burst=1000",
  ],
  [{ cpu: { idle: 1 } }, "cpu.idle=1"],
  [{ cpu: { idle: 0 } }, "cpu.idle?=0"],
  [{ cpu: { idle: 0n, shares: 1024 } }, "cpu.idle?=0", "cpu.weight=100"],
  [{ cpu: { idle: 1n, shares: 1024 } }, "cpu.idle=1"],
  [{ cpu: { cpus: "0-3,7", mems: "0" } }, "cpuset.cpus=0-3,7", "cpuset.mems=0"],
]);

test("an idle group's shares are a warning", () => {
  equal(planResources({ cpu: { idle: 1, shares: 5 } }).warnings.length, 1);
  deepEqual(planResources({ cpu: { idle: 1, shares: 0 } }).warnings, []);
  deepEqual(planResources({ cpu: { idle: 0, shares: 5 } }).warnings, []);
});

refuses("cpu values that cannot be", [
  [{ cpu: { idle: 2 } }, "cpu/idle"],
  [{ cpu: { idle: -1n } }, "cpu/idle"],
  [{ cpu: { quota: 1000, burst: 1001 } }, "cpu/burst"],
  [{ cpu: { quota: 1000, burst: 2n ** 60n } }, "cpu/burst"],
]);

describe("shares as a weight", () => {
  // The formula's values, computed with 50 digits.
  const known = [
    [0, 1],
    [1, 1],
    [2, 1],
    [3, 2],
    [10, 4],
    [52, 11],
    [100, 17],
    [102, 17],
    [128, 21],
    [256, 35],
    [512, 59],
    [1000, 99],
    [1024, 100],
    [1025, 101],
    [2048, 174],
    [4096, 303],
    [10240, 639],
    [20480, 1134],
    [65536, 3023],
    [131072, 5478],
    [262143, 10000],
    [262144, 10000],
    [262145, 10000],
  ] as const;
  for (const [shares, weight] of known)
    test(`${shares} is ${weight}`, () => equal(sharesToWeight(shares), weight));

  test("more shares are never less weight, and always one that the kernel takes", () => {
    for (let [shares, last] = [2, 1]; shares <= 262144; shares += 1 + (shares >> 6)) {
      const weight = sharesToWeight(shares);
      ok(Number.isInteger(weight) && weight >= last && weight <= 10000, `${shares}: ${weight}`);
      last = weight;
    }
  });
});

writes("pids", [
  [{ pids: { limit: 10 } }, "pids.max=10"],
  [{ pids: { limit: 0 } }, "pids.max=1"],
  [{ pids: { limit: -1 } }, "pids.max=max"],
  [{ pids: { limit: -5n } }, "pids.max=max"],
]);

const disk = { major: 8, minor: 0 };

writes("block I/O", [
  [{ blockIO: { weight: 10 } }, "io.bfq.weight=10 | io.weight=1"],
  [{ blockIO: { weight: 500 } }, "io.bfq.weight=500 | io.weight=4950"],
  [{ blockIO: { weight: 1000 } }, "io.bfq.weight=1000 | io.weight=10000"],
  [
    { blockIO: { weightDevice: [{ ...disk, weight: 100 }] } },
    "io.bfq.weight=8:0 100 | io.weight=8:0 910",
  ],
  [
    { blockIO: { weightDevice: [{ ...disk, weight: 0 }] } },
    "io.bfq.weight=8:0 default | io.weight=8:0 default",
  ],
  [
    {
      blockIO: {
        throttleReadBpsDevice: [
          { ...disk, rate: 1 },
          { major: 253, minor: 1n, rate: 2n ** 64n - 1n },
        ],
        throttleWriteBpsDevice: [{ ...disk, rate: 2 }],
        throttleReadIOPSDevice: [{ ...disk, rate: 3 }],
        throttleWriteIOPSDevice: [{ ...disk, rate: 0 }],
      },
    },
    "io.max=8:0 rbps=1",
    "io.max=253:1 rbps=18446744073709551615",
    "io.max=8:0 wbps=2",
    "io.max=8:0 riops=3",
    "io.max=8:0 wiops=max",
  ],
]);

refuses("block I/O that cannot be", [
  [{ blockIO: { weight: 9 } }, "blockIO/weight"],
  [{ blockIO: { weight: 1001 } }, "blockIO/weight"],
  [{ blockIO: { weightDevice: [disk] } }, "blockIO/weightDevice/0"],
  [{ blockIO: { weightDevice: [{ ...disk, weight: 1 }] } }, "blockIO/weightDevice/0"],
]);

writes("huge pages", [
  [
    { hugepageLimits: [{ pageSize: "2MB", limit: 0 }] },
    "hugetlb.2MB.max=0",
    "hugetlb.2MB.rsvd.max?=0",
  ],
  [
    {
      hugepageLimits: [
        { pageSize: "64KB", limit: 1 },
        { pageSize: "1GB", limit: 2n ** 64n - 1n },
      ],
    },
    "hugetlb.64KB.max=1",
    "hugetlb.64KB.rsvd.max?=1",
    "hugetlb.1GB.max=18446744073709551615",
    "hugetlb.1GB.rsvd.max?=18446744073709551615",
  ],
]);

writes("RDMA", [
  [
    { rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10000 } } },
    "rdma.max=mlx5_1 hca_handle=3 hca_object=10000",
  ],
  [
    { rdma: { a: { hcaHandles: 0 }, b: { hcaObjects: 4294967295 } } },
    "rdma.max=a hca_handle=0",
    "rdma.max=b hca_object=max",
  ],
]);

refuses("RDMA that cannot be", [
  [{ rdma: { mlx5_1: {} } }, "rdma/mlx5_1"],
  [{ rdma: { "a hca_handle=1": { hcaObjects: 1 } } }, "rdma/a hca_handle=1"],
  [{ rdma: { "": { hcaObjects: 1 } } }, "rdma/"],
]);

writes("unified", [
  [{ unified: { "memory.high": "max" } }, "memory.high=max"],
  [{ unified: { "hugetlb.1GB.max": "5", "misc.max": "a 1" } }, "hugetlb.1GB.max=5", "misc.max=a 1"],
  [
    { unified: { "io.max": "8:0 rbps=1 wiops=2\n8:16 rbps=3\n" } },
    "io.max=8:0 rbps=1 wiops=2",
    "io.max=8:16 rbps=3",
  ],
  [{ unified: { "cpuset.cpus": "" } }, "cpuset.cpus=\n"],
  // An empty line would be 0.
  [{ unified: { "memory.max": "", "hugetlb.2MB.max": "\n" } }],
  [{ unified: { "cgroup.max.depth": "1" } }, "cgroup.max.depth=1"],
]);

refuses("unified names that are none", [
  [{ unified: { "": "1" } }, "unified/"],
  [{ unified: { ".": "1" } }, "unified/."],
  [{ unified: { "..": "1" } }, "unified/.."],
  [{ unified: { memory: "1" } }, "unified/memory"],
  [{ unified: { "a/memory.max": "1" } }, "unified/a~1memory.max"],
  [{ unified: { "memory.max/../../x": "1" } }, "unified/memory.max~1..~1..~1x"],
  [{ unified: { "../memory.max": "1" } }, "unified/..~1memory.max"],
  [{ unified: { "memory.~max\0": "1" } }, "unified/memory.~0max\0"],
  [{ unified: { "memory.high": "1\0" } }, "unified/memory.high"],
  [{ unified: { "cgroup.procs": "1" } }, "unified/cgroup.procs"],
  [{ unified: { "cgroup.threads": "1" } }, "unified/cgroup.threads"],
  [{ unified: { "cgroup.type": "threaded" } }, "unified/cgroup.type"],
  [{ unified: { "cgroup.kill": "1" } }, "unified/cgroup.kill"],
  [{ unified: { "cgroup.freeze": "1" } }, "unified/cgroup.freeze"],
]);

test("unified comes last, and every setting knows its place", () => {
  const { settings } = planResources({
    unified: { "memory.max": "5" },
    rdma: { "a/b": { hcaHandles: 1 } },
    hugepageLimits: [{ pageSize: "2MB", limit: 1 }],
    cpu: { cpus: "0", period: 1000, shares: 2 },
    blockIO: { throttleReadBpsDevice: [{ ...disk, rate: 1 }], weight: 10 },
    memory: { limit: -1, reservation: 1 },
    pids: { limit: 1 },
  });
  deepEqual(
    settings.map(({ file, pointer }) => `${file} ${pointer.slice("/linux/resources/".length)}`),
    [
      "pids.max pids/limit",
      "memory.swap.max memory/limit",
      "memory.max memory/limit",
      "memory.low memory/reservation",
      "io.bfq.weight blockIO/weight",
      "io.max blockIO/throttleReadBpsDevice/0",
      "cpu.weight cpu/shares",
      "cpu.max cpu/period",
      "cpuset.cpus cpu/cpus",
      "hugetlb.2MB.max hugepageLimits/0",
      "hugetlb.2MB.rsvd.max hugepageLimits/0",
      "rdma.max rdma/a~1b",
      "memory.max unified/memory.max",
    ],
  );
});
