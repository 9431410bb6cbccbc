/** linux.resources.memory: its limits are set, and hold. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { areRefused, areSet, Container, underBothDrivers } from "./harness/cgroup.ts";
import type { Config } from "./harness/config.ts";
import { succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";

nothingIsLeftAtTheEnd();

const MIB = 1024 * 1024;
const NO_LIMIT = "infinity";
const bytes = (mebibytes: number): string => String(mebibytes * MIB);

areSet(["memory controller", "swap"], {
  "a limit": {
    resources: { memory: { limit: 64 * MIB } },
    files: { "memory.max": bytes(64), "memory.swap.max": "max" },
    properties: { MemoryMax: bytes(64), MemorySwapMax: NO_LIMIT },
  },
  "swap is what is left of both together": {
    resources: { memory: { limit: 64 * MIB, swap: 96 * MIB } },
    files: { "memory.max": bytes(64), "memory.swap.max": bytes(32) },
    properties: { MemoryMax: bytes(64), MemorySwapMax: bytes(32) },
  },
  "both equal: no swap": {
    resources: { memory: { limit: 64 * MIB, swap: 64 * MIB } },
    files: { "memory.max": bytes(64), "memory.swap.max": "0" },
    properties: { MemoryMax: bytes(64), MemorySwapMax: "0" },
  },
  "a limit of memory and none of swap": {
    resources: { memory: { limit: 64 * MIB, swap: -1 } },
    files: { "memory.max": bytes(64), "memory.swap.max": "max" },
    properties: { MemoryMax: bytes(64), MemorySwapMax: NO_LIMIT },
  },
  "no limit": {
    resources: { memory: { limit: -1, reservation: -1 } },
    files: { "memory.max": "max", "memory.swap.max": "max", "memory.low": "max" },
    properties: { MemoryMax: NO_LIMIT, MemorySwapMax: NO_LIMIT, MemoryLow: NO_LIMIT },
  },
  "a reservation": {
    resources: { memory: { reservation: 32 * MIB } },
    files: { "memory.low": bytes(32), "memory.max": "max" },
    properties: { MemoryLow: bytes(32), MemoryMax: NO_LIMIT },
  },
  "zeros ask for nothing": {
    resources: { memory: { limit: 0, reservation: 0, swap: 0, kernel: 0, kernelTCP: 0 } },
    files: { "memory.max": "max", "memory.low": "0", "memory.swap.max": "max" },
  },
  "what cgroup v2 does anyway": {
    resources: { memory: { useHierarchy: true, disableOOMKiller: false } },
    files: { "memory.max": "max" },
  },
});

areRefused(["memory controller"], {
  "swap without a limit of memory": [{ memory: { swap: MIB } }, /memory\/swap/, /memory\.limit/],
  "swap below memory": [{ memory: { limit: 2 * MIB, swap: MIB } }, /memory\/swap/],
  "a limit of kernel memory": [{ memory: { kernel: MIB } }, /memory\/kernel/],
  "a limit of memory for TCP": [{ memory: { kernelTCP: MIB } }, /memory\/kernelTCP/],
  swappiness: [{ memory: { swappiness: 60 } }, /memory\/swappiness/],
  "no killer": [{ memory: { disableOOMKiller: true } }, /memory\/disableOOMKiller/],
  "no hierarchy": [{ memory: { useHierarchy: false } }, /memory\/useHierarchy/],
});

underBothDrivers("who takes more than the limit is killed", ["memory controller"], (driver) => {
  const limit = { memory: { limit: 24 * MIB, swap: 24 * MIB } };
  const { status } = new Container(driver).run(limit, "exec tail /dev/zero");
  assert.equal(status, 137);
});

underBothDrivers(
  "the kernel counts the kill, and others go on",
  ["memory controller"],
  (driver) => {
    const limit = { memory: { limit: 24 * MIB, swap: 24 * MIB } };
    const script = "tail /dev/zero; echo $?; grep -w oom_kill /sys/fs/cgroup/memory.events";
    const { status, stdout } = new Container(driver).run(limit, script);
    assert.deepEqual([status, stdout], [0, "137\noom_kill 1\n"]);
  },
);

/** Keeps so much in files, whose memory nobody writes to again. */
const keep = (mebibytes: number): string =>
  `dd if=/dev/zero of=/mnt/file bs=1M count=${mebibytes} 2>/dev/null`;

/** Files that are in memory, or swapped out. */
function addFiles({ mounts }: Config): void {
  mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["size=256m"] });
}

underBothDrivers(
  "swap is used as far as it is allowed",
  ["memory controller", "swap"],
  (driver) => {
    const limit = { memory: { limit: 24 * MIB, swap: 64 * MIB } };
    const script = `${keep(48)} && cat /sys/fs/cgroup/memory.swap.current`;
    const { stdout } = succeeded(new Container(driver).run(limit, script, addFiles));
    assert.ok(Number(stdout) > 20 * MIB, `${stdout} bytes are swapped out`);
    const { status } = new Container(driver).run(limit, `exec ${keep(96)}`, addFiles);
    assert.equal(status, 137, "memory and swap together are limited");
  },
);
