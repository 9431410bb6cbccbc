/** What holds after an update, and what of it is set. */
import { deepEqual } from "node:assert/strict";
import { describe, test } from "node:test";
import type { LinuxResources } from "@opencontainers-types";
import {
  changedResources,
  mergeResources,
  restoredResources,
} from "../../../src/runtime/mergeResources.ts";

const cases: [
  name: string,
  before: LinuxResources,
  wanted: LinuxResources,
  after: LinuxResources,
][] = [
  ["nothing", {}, {}, {}],
  ["what is new", {}, { memory: { limit: 1 } }, { memory: { limit: 1 } }],
  [
    "a member keeps the others",
    { memory: { limit: 1, swap: 3, reservation: 1 } },
    { memory: { swap: 4 } },
    { memory: { limit: 1, swap: 4, reservation: 1 } },
  ],
  [
    "0 and empty lists say nothing",
    { memory: { limit: 1 }, cpu: { shares: 5, cpus: "0" }, blockIO: { weight: 10 } },
    { memory: { limit: 0 }, cpu: { shares: 0n, quota: 0, cpus: "" }, blockIO: { weight: 0 } },
    { memory: { limit: 1 }, cpu: { shares: 5, cpus: "0" }, blockIO: { weight: 10 } },
  ],
  [
    "0 is a value of some",
    {
      pids: { limit: 5 },
      cpu: { burst: 5, idle: 1, quota: 5 },
      memory: { checkBeforeUpdate: true },
    },
    { pids: { limit: 0 }, cpu: { burst: 0, idle: 0 }, memory: { checkBeforeUpdate: false } },
    {
      pids: { limit: 0 },
      cpu: { burst: 0, idle: 0, quota: 5 },
      memory: { checkBeforeUpdate: false },
    },
  ],
  [
    "no limit for memory forgets that of swap",
    { memory: { limit: 5, swap: 9 } },
    { memory: { limit: -1 } },
    { memory: { limit: -1 } },
  ],
  [
    "no limit for memory beside one for swap",
    { memory: { limit: 5, swap: 9 } },
    { memory: { limit: -1, swap: 3 } },
    { memory: { limit: -1, swap: 3 } },
  ],
  [
    "a quota keeps the period, also after another update",
    { cpu: { quota: 5, period: 1000 } },
    { cpu: { quota: 6 } },
    { cpu: { quota: 6, period: 1000 } },
  ],
  [
    "an idle group loses its weight",
    { cpu: { shares: 5, quota: 1 } },
    { cpu: { idle: 1 } },
    { cpu: { quota: 1, idle: 1 } },
  ],
  [
    "a weight ends the idling",
    { cpu: { idle: 1 } },
    { cpu: { shares: 5 } },
    { cpu: { idle: 0, shares: 5 } },
  ],
  [
    "both are left to the plan",
    {},
    { cpu: { idle: 1, shares: 5 } },
    { cpu: { idle: 1, shares: 5 } },
  ],
  [
    "devices by their numbers",
    {
      blockIO: {
        weightDevice: [{ major: 8, minor: 0, weight: 10 }],
        throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }],
      },
    },
    {
      blockIO: {
        weightDevice: [
          { major: 8, minor: 16, weight: 20 },
          { major: 8, minor: 0, weight: 30 },
        ],
        throttleReadBpsDevice: [{ major: 8n, minor: 0, rate: 2 }],
        throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 3 }],
      },
    },
    {
      blockIO: {
        weightDevice: [
          { major: 8, minor: 0, weight: 30 },
          { major: 8, minor: 16, weight: 20 },
        ],
        throttleReadBpsDevice: [{ major: 8n, minor: 0, rate: 2 }],
        throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 3 }],
      },
    },
  ],
  [
    "huge pages by their size, RDMA by device",
    { hugepageLimits: [{ pageSize: "2MB", limit: 1 }], rdma: { a: { hcaHandles: 1 } } },
    {
      hugepageLimits: [{ pageSize: "2MB", limit: 0 }],
      rdma: { a: { hcaObjects: 2 }, b: { hcaObjects: 3 } },
    },
    {
      hugepageLimits: [{ pageSize: "2MB", limit: 0 }],
      rdma: { a: { hcaHandles: 1, hcaObjects: 2 }, b: { hcaObjects: 3 } },
    },
  ],
  [
    "device rules are replaced as a whole",
    { devices: [{ allow: false, access: "rwm" }] },
    { devices: [{ allow: true, access: "r" }] },
    { devices: [{ allow: true, access: "r" }] },
  ],
  [
    "no device rules are none to replace with",
    { devices: [{ allow: false, access: "rwm" }] },
    { devices: [] },
    { devices: [{ allow: false, access: "rwm" }] },
  ],
];

describe("what holds afterwards", () => {
  for (const [name, before, wanted, after] of cases)
    test(name, () => deepEqual(mergeResources(before, wanted), after));
});

const before: LinuxResources = {
  devices: [{ allow: false, access: "rwm" }],
  memory: { limit: 5, swap: 9 },
  cpu: { shares: 5, quota: 5 },
  pids: { limit: 5 },
  blockIO: { weight: 10, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }] },
  unified: { "memory.high": "4" },
};

const changes: [
  name: string,
  wanted: LinuxResources,
  changed: LinuxResources,
  restored: LinuxResources,
][] = [
  ["nothing", {}, {}, { unified: { "memory.high": "4" } }],
  [
    "memory as a whole",
    { memory: { limit: 6 } },
    { memory: { limit: 6, swap: 9 } },
    { memory: { limit: 5, swap: 9 }, unified: { "memory.high": "4" } },
  ],
  [
    "cpu and block I/O as a whole",
    { cpu: { quota: 6 }, pids: { limit: 6 }, blockIO: { weight: 20 } },
    {
      cpu: { shares: 5, quota: 6 },
      pids: { limit: 6 },
      blockIO: { ...before.blockIO, weight: 20 },
    },
    {
      cpu: { shares: 5, quota: 5 },
      pids: { limit: 5 },
      blockIO: { ...before.blockIO },
      unified: { "memory.high": "4" },
    },
  ],
  [
    "devices that stay are left alone",
    { devices: [{ allow: false, access: "rwm" }] },
    {},
    { unified: { "memory.high": "4" } },
  ],
  [
    "devices that change",
    { devices: [{ allow: true, access: "r" }] },
    { devices: [{ allow: true, access: "r" }] },
    { unified: { "memory.high": "4" } },
  ],
  [
    "unified as it is given",
    { unified: { "memory.max": "7" } },
    { unified: { "memory.max": "7" } },
    { unified: { "memory.high": "4" } },
  ],
];

describe("what is set, and what sets the old again", () => {
  for (const [name, wanted, expected, restored] of changes)
    test(name, () => {
      const changed = changedResources(before, wanted, mergeResources(before, wanted));
      deepEqual(changed, expected);
      deepEqual(restoredResources(before, changed), restored);
    });
});
