/** `tsrun update` of each value, by its option and by a document: what holds then, and what a recent runc makes of it. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, shellBundle, WAITS } from "./harness/bundle.ts";
import {
  Container,
  cgroupfs,
  type Resources,
  recentRunc,
  systemd,
  underBothDrivers,
  withCreated,
} from "./harness/cgroup.ts";
import { becomes, failed, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { type Feature, needs } from "./harness/machine.ts";
import { newId, tsrun } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const MIB = 1024 * 1024;
const bytes = (mebibytes: number): string => String(mebibytes * MIB);

interface Step {
  change: Resources | readonly string[];
  /** What the files say then. */
  files: Record<string, string>;
  properties?: Record<string, string>;
  /** Why runc leaves other values, if it does. */
  runcDeparts?: string;
}

interface Sequence {
  features: Feature[];
  from: Resources;
  steps: Record<string, Step>;
}

const SEQUENCES: Record<string, Sequence> = {
  memory: {
    features: ["memory controller", "swap"],
    from: { memory: { limit: 64 * MIB, swap: 96 * MIB } },
    steps: {
      "--memory keeps both together as they are": {
        change: ["--memory", bytes(80)],
        files: { "memory.max": bytes(80), "memory.swap.max": bytes(16) },
        properties: { MemoryMax: bytes(80), MemorySwapMax: bytes(16) },
      },
      "--memory-swap": {
        change: ["--memory-swap", bytes(128)],
        files: { "memory.max": bytes(80), "memory.swap.max": bytes(48) },
      },
      "--memory-reservation": {
        change: ["--memory-reservation", bytes(32)],
        files: { "memory.low": bytes(32), "memory.max": bytes(80) },
        properties: { MemoryLow: bytes(32) },
      },
      "by a document": {
        change: { memory: { limit: 96 * MIB, swap: 96 * MIB, reservation: 48 * MIB } },
        files: { "memory.max": bytes(96), "memory.swap.max": "0", "memory.low": bytes(48) },
      },
      "zeros say nothing": {
        change: { memory: { limit: 0, swap: 0, reservation: 0 } },
        files: { "memory.max": bytes(96), "memory.swap.max": "0", "memory.low": bytes(48) },
      },
      "--memory -1 lifts the limit of swap, too": {
        change: ["--memory", "-1"],
        files: { "memory.max": "max", "memory.swap.max": "max" },
        properties: { MemoryMax: "infinity", MemorySwapMax: "infinity" },
      },
    },
  },
  cpu: {
    features: ["cpu controller"],
    from: { cpu: { shares: 1024, quota: 50000, period: 100000 } },
    steps: {
      "--cpu-share": {
        change: ["--cpu-share", "2048"],
        files: { "cpu.weight": "174", "cpu.max": "50000 100000" },
        properties: { CPUWeight: "174" },
      },
      "--cpu-quota": {
        change: ["--cpu-quota", "60000"],
        files: { "cpu.max": "60000 100000" },
        properties: { CPUQuotaPerSecUSec: "600ms" },
      },
      "--cpu-period": {
        change: ["--cpu-period", "200000"],
        files: { "cpu.max": "60000 200000" },
      },
      "--cpu-burst": {
        change: ["--cpu-burst", "20000"],
        files: { "cpu.max.burst": "20000", "cpu.max": "60000 200000" },
      },
      "quota and burst at once": {
        change: { cpu: { quota: 10000, period: 100000, burst: 5000 } },
        files: { "cpu.max": "10000 100000", "cpu.max.burst": "5000" },
      },
      "no quota": {
        change: ["--cpu-quota", "-1"],
        files: { "cpu.max": "max 100000" },
        properties: { CPUQuotaPerSecUSec: "infinity" },
      },
      "--cpu-idle": { change: ["--cpu-idle", "1"], files: { "cpu.idle": "1" } },
      "not idle any more": {
        change: { cpu: { idle: 0 } },
        files: { "cpu.idle": "0", "cpu.weight": "100" },
      },
    },
  },
  "the cpuset": {
    features: ["cpuset controller"],
    from: { cpu: { cpus: "0-1" } },
    steps: {
      "--cpuset-cpus": {
        change: ["--cpuset-cpus", "1"],
        files: { "cpuset.cpus": "1" },
        properties: { AllowedCPUs: "1" },
      },
      "--cpuset-mems": {
        change: ["--cpuset-mems", "0"],
        files: { "cpuset.cpus": "1", "cpuset.mems": "0" },
        properties: { AllowedCPUs: "1", AllowedMemoryNodes: "0" },
      },
      "by a document": { change: { cpu: { cpus: "0" } }, files: { "cpuset.cpus": "0" } },
    },
  },
  pids: {
    features: ["pids controller"],
    from: { pids: { limit: 10 } },
    steps: {
      "--pids-limit": {
        change: ["--pids-limit", "20"],
        files: { "pids.max": "20" },
        properties: { TasksMax: "20" },
      },
      "by a document": { change: { pids: { limit: 30 } }, files: { "pids.max": "30" } },
      "no limit": { change: ["--pids-limit", "-1"], files: { "pids.max": "max" } },
    },
  },
  "huge pages": {
    features: ["hugetlb controller"],
    from: { hugepageLimits: [{ pageSize: "2MB", limit: 8 * MIB }] },
    steps: {
      "by a document": {
        change: { hugepageLimits: [{ pageSize: "2MB", limit: 4 * MIB }] },
        files: { "hugetlb.2MB.max": bytes(4), "hugetlb.2MB.rsvd.max": bytes(4) },
        runcDeparts: "it ignores them",
      },
    },
  },
  "files by name": {
    features: ["memory controller"],
    from: { unified: { "memory.high": bytes(32) } },
    steps: {
      "by a document": {
        change: { unified: { "memory.high": bytes(48), "memory.min": bytes(1) } },
        files: { "memory.high": bytes(48), "memory.min": bytes(1) },
        properties: { MemoryHigh: bytes(48), MemoryMin: bytes(1) },
      },
      "another controller leaves them": {
        change: ["--pids-limit", "15"],
        files: { "memory.high": bytes(48), "pids.max": "15" },
      },
    },
  },
  "block I/O": {
    features: ["io controller"],
    from: {},
    steps: {
      "--blkio-weight": {
        change: ["--blkio-weight", "500"],
        files: { "io.weight": "default 4950" },
      },
      "rates of a disk": {
        change: { blockIO: { throttleReadBpsDevice: [{ major: 254, minor: 0, rate: MIB }] } },
        files: { "io.max": `254:0 rbps=${MIB} wbps=max riops=max wiops=max` },
      },
      "another of its rates": {
        change: { blockIO: { throttleWriteIOPSDevice: [{ major: 254, minor: 0, rate: 100 }] } },
        files: { "io.max": `254:0 rbps=${MIB} wbps=max riops=max wiops=100` },
      },
    },
  },
};

/** The files in which two containers differ. */
function differences(ours: Container, theirs: Container): string[] {
  const limits = theirs.limits();
  return Object.entries(ours.limits())
    .filter(([file, value]) => limits[file] !== value)
    .map(([file, value]) => `${file}: ${value}, and with runc ${limits[file]}`);
}

for (const [name, { features, from, steps }] of Object.entries(SEQUENCES))
  underBothDrivers(`update of ${name}`, [...features, "recent runc"], (driver) => {
    const theirs = new Container(driver, recentRunc);
    const { status, stderr } = theirs.create(from);
    assert.equal(status, 0, `runc: ${stderr}`);
    withCreated(driver, from, (ours) => {
      for (const [step, { change, files, properties, runcDeparts }] of Object.entries(steps)) {
        succeeded(ours.update(change), step);
        ours.has(files);
        if (properties && driver === systemd) ours.hasProperties(properties);
        const { status, stderr } = theirs.update(change);
        assert.equal(status, 0, `${step}, by runc: ${stderr}`);
        assert.equal(differences(ours, theirs).length > 0, runcDeparts !== undefined, step);
      }
    });
    theirs.delete();
  });

underBothDrivers("shares end the idling", ["cpu controller"], (driver) =>
  withCreated(driver, { cpu: { idle: 1 } }, (container) => {
    succeeded(container.update(["--cpu-share", "512"]));
    container.has({ "cpu.idle": "0", "cpu.weight": "59" });
  }),
);

underBothDrivers("a field takes a file from the map", ["memory controller"], (driver) =>
  withCreated(driver, { unified: { "memory.max": bytes(64) } }, (container) => {
    succeeded(container.update(["--memory", bytes(96)]));
    succeeded(container.update({ unified: { "memory.high": bytes(80) } }));
    container.has({ "memory.max": bytes(96), "memory.high": bytes(80) });
  }),
);

test("what others have set stays", needs("memory controller"), () =>
  withCreated(cgroupfs, { memory: { limit: 64 * MIB } }, (container) => {
    writeFileSync(join(container.group, "memory.max"), bytes(48));
    succeeded(container.update(["--pids-limit", "20"]));
    container.has({ "memory.max": bytes(48), "pids.max": "20" });
  }),
);

interface Refusal {
  features: Feature[];
  from: Resources;
  change: Resources | readonly string[];
  messages: RegExp[];
}

const REFUSALS: Record<string, Refusal> = {
  "a limit below what is in use": {
    features: ["memory controller"],
    from: { memory: { limit: 64 * MIB, checkBeforeUpdate: true } },
    change: ["--memory", "4096"],
    messages: [/memory\/limit/, /are in use/, /checkBeforeUpdate/],
  },
  "swap below the limit": {
    features: ["memory controller"],
    from: { memory: { limit: 64 * MIB, swap: 96 * MIB } },
    change: ["--memory-swap", bytes(32)],
    messages: [/memory\/swap/, /less than memory alone/],
  },
  "a processor that is not there": {
    features: ["cpuset controller"],
    from: { cpu: { cpus: "0-1" }, pids: { limit: 9 } },
    change: { pids: { limit: 8 }, cpu: { cpus: "4000" } },
    messages: [/cpu\/cpus/],
  },
  "one value of many": {
    features: ["cpu controller", "pids controller", "memory controller"],
    from: { pids: { limit: 9 }, memory: { limit: 64 * MIB }, cpu: { quota: 50000 } },
    change: { pids: { limit: 8 }, memory: { limit: 32 * MIB }, cpu: { period: 10 } },
    messages: [/cpu\/quota|cpu\/period/],
  },
  "what cgroup v2 has not": {
    features: ["pids controller"],
    from: { pids: { limit: 9 } },
    change: { pids: { limit: 8 }, memory: { swappiness: 10 } },
    messages: [/memory\/swappiness/],
  },
};

for (const [name, { features, from, change, messages }] of Object.entries(REFUSALS))
  underBothDrivers(`${name} is refused, and nothing changes`, features, (driver) =>
    withCreated(driver, from, (container) => {
      const before = container.limits();
      failed(container.update(change), /updating the resources/, ...messages);
      assert.deepEqual(container.limits(), before);
    }),
  );

const waiting = shellBundle(WAITS).path;

function created(...globals: string[]): string {
  const id = newId();
  succeeded(tsrun.call([...globals, "create", "--bundle", waiting, id]), "create");
  return id;
}

const remove = (id: string) => succeeded(tsrun.call(["delete", "--force", id]), "delete --force");

test("limits of kernel memory are warned about", () => {
  const id = created();
  const call = ["update", "--kernel-memory", bytes(64), "--kernel-memory-tcp", bytes(64), id];
  const { status, stderr } = tsrun.call(call);
  assert.equal(status, 0);
  assert.match(stderr, /^(tsrun: warning: .*kernel.memory.*\n)+$/);
  remove(id);
});

test("a container that has stopped cannot be updated", () => {
  const id = created();
  succeeded(tsrun.call(["kill", id, "KILL"]));
  becomes(id, "stopped");
  failed(tsrun.call(["update", "--pids-limit", "5", id]), /it has stopped/);
  remove(id);
});

test("one without a cgroup cannot be updated", () => {
  const id = created("--cgroup-manager=disabled");
  failed(tsrun.call(["update", "--pids-limit", "5", id]), /no cgroup of its own/);
  remove(id);
});

test("where there is no room for the new state nothing is changed", () => {
  const root = newFolder("small");
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", root]);
  try {
    const runtime = tsrun.with("--root", root);
    const id = newId();
    const { path } = shellBundle(WAITS, {
      edit: (config) => {
        config.linux.resources = { devices: [{ allow: false, access: "rwm" }] };
      },
    });
    succeeded(runtime.call(["run", "--detach", "--bundle", path, id], { input: "" }));
    const readable = () =>
      runtime.call(["exec", id, "sh", "-c", "mknod /tmp/kmsg c 1 11; true </tmp/kmsg"]).status;
    assert.notEqual(readable(), 0);
    writeFileSync(join(root, "filling"), Buffer.alloc(4096));
    assert.throws(() => writeFileSync(join(root, "filling"), Buffer.alloc(1 << 20)), /ENOSPC/);
    const input = JSON.stringify({ devices: [{ allow: true, access: "rwm" }] });
    failed(runtime.call(["update", "--resources", "-", id], { input }), /ENOSPC/);
    rmSync(join(root, "filling"));
    assert.notEqual(readable(), 0);
    assert.deepEqual(
      readdirSync(join(root, id)).filter((name) => name.endsWith(".new")),
      [],
    );
    succeeded(runtime.call(["delete", "--force", id]));
  } finally {
    execFileSync("umount", [root]);
  }
});

test("nonsense is refused with its place", () => {
  const id = created();
  const input = JSON.stringify({ memory: { limit: "much" } });
  failed(tsrun.call(["update", "--resources", "-", id], { input }), /memory\/limit/);
  failed(tsrun.call(["update", "--cpu-quota", "much", id]), /cpu-quota/);
  remove(id);
});
