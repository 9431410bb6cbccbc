import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { unsupportedResources } from "../../../src/cgroup/resources.ts";

test("a config without limits asks for nothing", () => {
  deepEqual(unsupportedResources(undefined), []);
  deepEqual(unsupportedResources(null), []);
  deepEqual(unsupportedResources({ devices: [{ allow: false, access: "rwm" }] }), []);
});

test("what engines write for no limit asks for nothing", () => {
  const resources = {
    memory: { limit: -1, swap: -1n, reservation: 0, disableOOMKiller: false },
    cpu: { shares: 0n, cpus: "", mems: "", quota: null },
    pids: { limit: -1 },
    blockIO: { weight: 0, weightDevice: [], throttleReadBpsDevice: null },
    network: { priorities: [] },
    hugepageLimits: [],
    rdma: {},
    unified: null,
    another: { limit: 1 },
  };
  // As JSON gives it: with null, and with members that the specification does not know.
  deepEqual(unsupportedResources(resources as object), []);
});

test("every limit is named by its pointer", () => {
  deepEqual(
    unsupportedResources({
      memory: { limit: 1048576, checkBeforeUpdate: true },
      cpu: { cpus: "0-1", shares: 1024 },
      pids: { limit: 10n },
      blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }] },
      network: { classID: 5 },
      hugepageLimits: [{ pageSize: "2MB", limit: 0 }],
      rdma: { mlx5_1: { hcaHandles: 0 } },
      unified: { "memory.high": "0", "odd~/name": "1" },
    }),
    [
      "/linux/resources/memory/limit",
      "/linux/resources/memory/checkBeforeUpdate",
      "/linux/resources/cpu/cpus",
      "/linux/resources/cpu/shares",
      "/linux/resources/pids/limit",
      "/linux/resources/blockIO/throttleReadBpsDevice",
      "/linux/resources/network/classID",
      "/linux/resources/hugepageLimits/0",
      "/linux/resources/rdma/mlx5_1",
      "/linux/resources/unified/memory.high",
      "/linux/resources/unified/odd~0~1name",
    ],
  );
});
