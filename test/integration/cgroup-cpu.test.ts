/** linux.resources.cpu, but for its cpuset: weights and quotas are set, and hold. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  areRefused,
  areSet,
  Container,
  systemd,
  underBothDrivers,
  withCreated,
} from "./harness/cgroup.ts";
import { eventually, pause, succeeded } from "./harness/expect.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { needs } from "./harness/machine.ts";

nothingIsLeftAtTheEnd();

areSet(["cpu controller"], {
  "shares become a weight": {
    resources: { cpu: { shares: 2048 } },
    files: { "cpu.weight": "174" },
    properties: { CPUWeight: "174" },
  },
  "the default shares are the default weight": {
    resources: { cpu: { shares: 1024 } },
    files: { "cpu.weight": "100" },
    properties: { CPUWeight: "100" },
  },
  "the least shares": {
    resources: { cpu: { shares: 1 } },
    files: { "cpu.weight": "1" },
    properties: { CPUWeight: "1" },
  },
  "the most shares": {
    resources: { cpu: { shares: 262144 } },
    files: { "cpu.weight": "10000" },
    properties: { CPUWeight: "10000" },
  },
  "a quota in a period": {
    resources: { cpu: { quota: 30000, period: 50000 } },
    files: { "cpu.max": "30000 50000" },
    properties: { CPUQuotaPerSecUSec: "600ms", CPUQuotaPeriodUSec: "50ms" },
  },
  "a quota in the default period": {
    resources: { cpu: { quota: 150000 } },
    files: { "cpu.max": "150000 100000" },
    properties: { CPUQuotaPerSecUSec: "1.500000s", CPUQuotaPeriodUSec: "100ms" },
  },
  "a period alone": {
    resources: { cpu: { period: 50000 } },
    files: { "cpu.max": "max 50000" },
    properties: { CPUQuotaPerSecUSec: "infinity", CPUQuotaPeriodUSec: "50ms" },
  },
  "a negative quota is none": {
    resources: { cpu: { quota: -1, period: 50000 } },
    files: { "cpu.max": "max 50000" },
    properties: { CPUQuotaPerSecUSec: "infinity" },
  },
  "a burst": {
    resources: { cpu: { quota: 20000, burst: 10000 } },
    files: { "cpu.max": "20000 100000", "cpu.max.burst": "10000" },
  },
  "an idle group": {
    resources: { cpu: { idle: 1 } },
    files: { "cpu.idle": "1" },
    properties: { CPUWeight: "idle" },
  },
  "one that is not idle": {
    resources: { cpu: { idle: 0, shares: 2048 } },
    files: { "cpu.idle": "0", "cpu.weight": "174" },
    properties: { CPUWeight: "174" },
  },
  "zeros ask for nothing": {
    resources: { cpu: { shares: 0, quota: 0, period: 0, realtimeRuntime: 0, realtimePeriod: 0 } },
    files: { "cpu.weight": "100", "cpu.max": "max 100000" },
  },
});

test("systemd rounds a quota up to whole percents", needs("cpu controller", "systemd"), () => {
  withCreated(systemd, { cpu: { quota: 12345, period: 100000 } }, (container) => {
    container.has({ "cpu.max": "13000 100000" });
    container.hasProperties({ CPUQuotaPerSecUSec: "130ms" });
  });
});

areRefused(["cpu controller"], {
  "a burst above the quota": [{ cpu: { quota: 10000, burst: 20000 } }, /cpu\/burst/],
  "a period that the kernel refuses": [{ cpu: { period: 10 } }, /cpu\/period/, /period is 1000 to/],
  "another idle than 0 and 1": [{ cpu: { idle: 2 } }, /cpu\/idle/],
  "a real-time runtime": [{ cpu: { realtimeRuntime: 1000 } }, /cpu\/realtimeRuntime/],
  "a real-time period": [{ cpu: { realtimePeriod: 1000 } }, /cpu\/realtimePeriod/],
});

underBothDrivers("shares for an idle group are warned about", ["cpu controller"], (driver) => {
  const container = new Container(driver);
  const { status, stderr } = container.create({ cpu: { idle: 1, shares: 512 } });
  assert.equal(status, 0);
  assert.match(stderr, /^tsrun: warning: linux\.resources\.cpu\.shares has no effect.*\n$/);
  container.has({ "cpu.idle": "1" });
  container.delete();
});

const BUSY = "while true; do :; done";

underBothDrivers("a fifth of a processor is not exceeded", ["cpu controller"], (driver) => {
  const container = new Container(driver);
  container.start({ cpu: { quota: 20000, period: 100000 } }, BUSY);
  eventually("it is held up", () => container.count("cpu.stat", "nr_throttled") > 1);
  const used = () => container.count("cpu.stat", "usage_usec");
  const [before, begin] = [used(), Date.now()];
  pause(2000);
  const part = (used() - before) / ((Date.now() - begin) * 1000);
  assert.ok(part > 0.08 && part < 0.3, `it used ${part} of a processor`);
  container.delete();
});

underBothDrivers("of a processor, each gets by its weight", ["cpu controller"], (driver) => {
  const containers = [128, 1024].map((shares) => {
    const container = new Container(driver);
    container.start({ cpu: { shares, cpus: "0" } }, BUSY);
    return container;
  });
  const used = () => containers.map((each) => each.count("cpu.stat", "usage_usec"));
  const before = used();
  pause(2000);
  const [light, heavy] = used().map((now, i) => now - (before[i] as number)) as [number, number];
  assert.ok(heavy > 2 * light, `${light} and ${heavy} µs`);
  for (const container of containers) container.delete();
});

underBothDrivers("root in the container cannot lift its limits", ["cpu controller"], (driver) => {
  const container = new Container(driver);
  const { stdout } = succeeded(
    container.run(
      { cpu: { quota: 50000 } },
      "(echo max > /sys/fs/cgroup/cpu.max) 2>/dev/null; cat /sys/fs/cgroup/cpu.max",
    ),
  );
  assert.equal(stdout, "50000 100000\n");
});
