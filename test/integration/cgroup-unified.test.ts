/** linux.resources.unified, files of the group by their names; and linux.resources.network, which none has. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { areRefused, areSet, Container, underBothDrivers } from "./harness/cgroup.ts";
import { eventually } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";

nothingIsLeftAtTheEnd();

const MIB = 1024 * 1024;

areSet(["memory controller", "cpu controller", "cpuset controller", "pids controller"], {
  "files that have a property": {
    resources: {
      unified: {
        "memory.min": "4M",
        "memory.low": "8M",
        "memory.high": "48M",
        "memory.max": "64M",
        "memory.swap.max": "16M",
        "memory.zswap.max": "1M",
        "cpu.weight": "321",
        "cpu.max": "30000 60000",
        "cpuset.cpus": "0",
        "cpuset.mems": "0",
        "pids.max": "77",
        "memory.oom.group": "1",
      },
    },
    files: {
      "memory.min": `${4 * MIB}`,
      "memory.low": `${8 * MIB}`,
      "memory.high": `${48 * MIB}`,
      "memory.max": `${64 * MIB}`,
      "memory.swap.max": `${16 * MIB}`,
      "memory.zswap.max": `${MIB}`,
      "cpu.weight": "321",
      "cpu.max": "30000 60000",
      "cpuset.cpus": "0",
      "cpuset.mems": "0",
      "pids.max": "77",
      "memory.oom.group": "1",
    },
    properties: {
      MemoryMin: `${4 * MIB}`,
      MemoryLow: `${8 * MIB}`,
      MemoryHigh: `${48 * MIB}`,
      MemoryMax: `${64 * MIB}`,
      MemorySwapMax: `${16 * MIB}`,
      MemoryZSwapMax: `${MIB}`,
      CPUWeight: "321",
      CPUQuotaPerSecUSec: "500ms",
      CPUQuotaPeriodUSec: "60ms",
      AllowedCPUs: "0",
      AllowedMemoryNodes: "0",
      TasksMax: "77",
      OOMPolicy: "kill",
    },
  },
  "files that have none": {
    resources: {
      unified: { "cgroup.max.depth": "3", "memory.swap.high": "8M", "cpu.max.burst": "0" },
    },
    files: { "cgroup.max.depth": "3", "memory.swap.high": `${8 * MIB}`, "cpu.max.burst": "0" },
  },
  "the last word over the other resources": {
    resources: {
      memory: { limit: 64 * MIB },
      cpu: { shares: 1024 },
      pids: { limit: 10 },
      unified: { "memory.max": `${96 * MIB}`, "cpu.weight": "50", "pids.max": "max" },
    },
    files: { "memory.max": `${96 * MIB}`, "cpu.weight": "50", "pids.max": "max" },
    properties: { MemoryMax: `${96 * MIB}`, CPUWeight: "50", TasksMax: "infinity" },
  },
  "several lines for a file": {
    resources: { unified: { "io.max": "254:0 rbps=1048576\n254:0 wiops=100\n" } },
    files: { "io.max": "254:0 rbps=1048576 wbps=max riops=max wiops=100" },
  },
  "an empty text sets nothing": {
    resources: { cpu: { shares: 2048 }, unified: { "cpu.weight": "", "cpuset.cpus": "" } },
    files: { "cpu.weight": "174", "cpuset.cpus": "" },
  },
});

areRefused(["cpuset controller"], {
  "to take back a list that a process keeps to": [
    { cpu: { cpus: "0" }, unified: { "cpuset.cpus": "" } },
    /unified\/cpuset\.cpus/,
    /processes are in the group/,
  ],
});

areRefused([], {
  ...Object.fromEntries(
    ["../memory.max", "memory/max", "memory", ".", "..", ""].map((name) => [
      `the name ${JSON.stringify(name)}`,
      [{ unified: { [name]: "1" } }, /resources\/unified/, /is no file of a cgroup/] as const,
    ]),
  ),
  ...Object.fromEntries(
    ["cgroup.procs", "cgroup.threads", "cgroup.type", "cgroup.kill", "cgroup.freeze"].map(
      (name) => [
        `the file ${name}`,
        [{ unified: { [name]: "1" } }, /resources\/unified/, /is no resource/] as const,
      ],
    ),
  ),
  "a class of network packets": [{ network: { classID: 1 } }, /network\/classID/],
  "priorities of network devices": [
    { network: { priorities: [{ name: "lo", priority: 1 }] } },
    /network\/priorities/,
  ],
});

underBothDrivers("memory.high holds up who takes more", ["memory controller"], (driver) => {
  const container = new Container(driver);
  container.start({ unified: { "memory.high": "8M", "memory.swap.max": "0" } }, "tail /dev/zero");
  eventually("it is held up", () => container.count("memory.events", "high") > 10);
  assert.equal(container.count("memory.events", "oom_kill"), 0);
  container.delete();
});
