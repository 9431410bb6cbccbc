/** All limits of a container's group are as under a recent runc and crun, with the same driver. */
import "./harness/machinePids.ts";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  Container,
  type Driver,
  type Resources,
  recentCrun,
  recentRunc,
  underBothDrivers,
  withCreated,
} from "./harness/cgroup.ts";
import { nothingIsLeftAtTheEnd } from "./harness/leftovers.ts";
import { type Feature, needs } from "./harness/machine.ts";
import type { Runtime } from "./harness/runtime.ts";

nothingIsLeftAtTheEnd();

const MIB = 1024 * 1024;
const bytes = (mebibytes: number): string => String(mebibytes * MIB);
/** The machine's root disk. */
const disk = { major: 254, minor: 0 };

const CONFIGS: Record<string, Resources> = {
  nothing: {},
  "a bit of everything": {
    memory: { limit: 128 * MIB, reservation: 64 * MIB, swap: 192 * MIB },
    cpu: { shares: 1024, quota: 50000, period: 200000, burst: 20000, cpus: "0-1", mems: "0" },
    pids: { limit: 100 },
    blockIO: {
      weight: 500,
      throttleReadBpsDevice: [{ ...disk, rate: 4 * MIB }],
      throttleWriteBpsDevice: [{ ...disk, rate: 3 * MIB }],
      throttleReadIOPSDevice: [{ ...disk, rate: 400 }],
      throttleWriteIOPSDevice: [{ ...disk, rate: 300 }],
    },
    hugepageLimits: [{ pageSize: "2MB", limit: 4 * MIB }],
    unified: { "memory.high": bytes(100), "memory.oom.group": "1" },
  },
  "no limits": {
    memory: { limit: -1, reservation: -1, swap: -1 },
    cpu: { quota: -1 },
    pids: { limit: -1 },
  },
  zeros: {
    memory: { limit: 0, reservation: 0, swap: 0 },
    cpu: { shares: 0, quota: 0, period: 0, cpus: "", mems: "" },
    blockIO: { weight: 0 },
  },
  "much of all": {
    memory: { limit: -1 },
    cpu: { shares: 100_000, period: 50000 },
    pids: { limit: 4_194_304 },
  },
  "little of all": {
    memory: { limit: 64 * MIB, swap: 64 * MIB },
    cpu: { shares: 2, quota: 20000 },
    pids: { limit: 0 },
  },
  "an uneven quota": { cpu: { quota: 12345, period: 98765 } },
  "an idle group": { cpu: { idle: 1 } },
  "files by name": {
    unified: {
      "memory.min": bytes(4),
      "memory.low": bytes(8),
      "memory.swap.max": bytes(16),
      "cpu.weight": "321",
      "cpu.max": "30000 60000",
      "cpuset.cpus": "0",
      "pids.max": "77",
      "io.max": "254:0 rbps=1048576",
    },
  },
};

interface Departure {
  peer: "runc" | "crun";
  config: RegExp;
  /** The file that has another value; REFUSED if the peer makes no such container. */
  file: RegExp;
  why: string;
}

const REFUSED = "no container";

/** Where peers do something else. What is not listed fails, and so does what no longer occurs. */
const DEPARTURES: readonly Departure[] = [
  {
    peer: "crun",
    config: /^(a bit of everything|much of all)$/,
    file: /^cpu\.weight(\.nice)?$/,
    why: "Before 1.23 crun made weights of shares by a line through the least and the greatest.",
  },
  {
    peer: "crun",
    config: /^a bit of everything$/,
    file: /^hugetlb\.2MB\.rsvd\.max$/,
    why: "crun limits no reservations of huge pages.",
  },
  {
    peer: "crun",
    config: /^little of all$/,
    file: /^pids\.max$/,
    why: "For the specification 0 is a limit, for crun none.",
  },
  {
    peer: "crun",
    config: /^zeros$/,
    file: /^no container$/,
    why: "crun takes a limit of 0 for one in which nothing runs; for runc it asks for nothing.",
  },
  {
    peer: "crun",
    config: /./,
    file: /^rdma\.max$/,
    why: "crun hands only some controllers on to the group that it makes below a scope.",
  },
  {
    peer: "crun",
    config: /^(nothing|an uneven quota|an idle group)$/,
    file: /^pids\.max$/,
    why: "systemd's default for a scope has no effect on the value of crun's group below it.",
  },
  {
    peer: "crun",
    config: /^an uneven quota$/,
    file: /^cpu\.max$/,
    why: "systemd rounds quotas of scopes, and tsrun keeps to that, as runc; crun has its group below.",
  },
];

const seen = new Set<Departure>();

/** Whether it is known that this file differs. */
function isKnown(peer: string, config: string, file: string): boolean {
  const found = DEPARTURES.find(
    (known) => known.peer === peer && known.config.test(config) && known.file.test(file),
  );
  if (found) seen.add(found);
  return found !== undefined;
}

const FEATURES: Feature[] = [
  ...(["memory", "cpu", "cpuset", "pids", "io", "hugetlb"] as const).map(
    (name) => `${name} controller` as const,
  ),
  "recent runc",
];

/** What a peer leaves in the files of the group; undefined if it makes no such container. */
function limitsUnder(peer: Runtime, driver: Driver, resources: Resources) {
  const container = new Container(driver, peer);
  // It may warn of capabilities.
  if (container.create(resources).status !== 0) return undefined;
  // crun makes a group for the container in that of its scope, and limits it.
  const hasOwn = existsSync(join(container.group, "container"));
  const limits = container.limits(hasOwn ? "container" : "");
  container.delete();
  return limits;
}

for (const [name, resources] of Object.entries(CONFIGS))
  underBothDrivers(`limited alike: ${name}`, FEATURES, (driver) => {
    const ours = withCreated(driver, resources, (container) => container.limits());
    const unknown = [recentRunc, recentCrun].flatMap((peer) => {
      const theirs = limitsUnder(peer, driver, resources);
      const files = theirs ? Object.keys({ ...ours, ...theirs }) : [REFUSED];
      return files
        .filter((file) => ours[file] !== theirs?.[file] || file === REFUSED)
        .filter((file) => !isKnown(peer.name, name, file))
        .map((file) => `${file}: ${ours[file]}, with ${peer.name} ${theirs?.[file]}`);
    });
    assert.deepEqual(unknown, []);
  });

test("every known departure still occurs", needs(...FEATURES, "systemd"), () => {
  assert.deepEqual(
    DEPARTURES.filter((departure) => !seen.has(departure)),
    [],
  );
});
