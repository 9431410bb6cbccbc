/**
 * A group's statistics as `runc events` tells them, for engines that read them: the names of cgroup v1, and Go's habit of
 * leaving out what is zero (`omitempty`) where runc's types say so.
 */
import type { Count, Keyed, Limit } from "../cgroup/statistics/formats.ts";
import type { Pressure } from "../cgroup/statistics/pressure.ts";
import type {
  HugetlbUsage,
  MemoryStatistics,
  Statistics,
  Usage,
} from "../cgroup/statistics/statistics.ts";

/** runc's `data`; what is undefined is left out. */
export type RuncStatistics = ReturnType<typeof toRuncStatistics>;

export const toRuncStatistics = (statistics: Statistics & { pids: Usage }) => ({
  cpu: toCpu(statistics.cpu.stat ?? {}, statistics.pressure.cpu),
  cpuset: toCpuset(statistics.cpuset),
  memory: toMemory(statistics.memory, statistics.pressure.memory),
  pids: toPids(statistics.pids),
  blkio: toBlkio(statistics.io ?? {}, statistics.pressure.io),
  hugetlb: Object.fromEntries(
    Object.entries(statistics.hugetlb).map(([size, usage]) => [size, toHugetlb(usage)]),
  ),
  // Neither is known: runc writes these two for containers that use neither as well.
  intel_rdt: {},
  network_interfaces: null,
});

const toCpu = (stat: Keyed, psi: Pressure | undefined) => ({
  usage: unlessEmpty({
    total: unlessZero(nanoseconds(stat["usage_usec"])),
    kernel: nanoseconds(stat["system_usec"]),
    user: nanoseconds(stat["user_usec"]),
  }),
  throttling: unlessEmpty({
    periods: unlessZero(stat["nr_periods"]),
    throttledPeriods: unlessZero(stat["nr_throttled"]),
    throttledTime: unlessZero(nanoseconds(stat["throttled_usec"])),
  }),
  psi,
});

/** The two lists are all that cgroup v2 knows of it; runc leaves them out there. */
const toCpuset = (cpuset: Statistics["cpuset"]) => ({
  cpus: cpuset?.cpus,
  cpu_exclusive: 0,
  mems: cpuset?.mems,
  mem_hardwall: 0,
  mem_exclusive: 0,
  memory_migrate: 0,
  memory_spread_page: 0,
  memory_spread_slab: 0,
  memory_pressure: 0,
  sched_load_balance: 0,
  sched_relax_domain_level: 0,
});

function toMemory(memory: MemoryStatistics | undefined, psi: Pressure | undefined) {
  if (!memory) return { psi };
  const { current, max = "max", peak, stat, swap } = memory;
  return {
    cache: unlessZero(stat["file"]),
    usage: toMemoryEntry(max, current, peak),
    // As on v1, together with the memory that is not swapped out.
    swap: toMemoryEntry(
      sumOfLimits(max, swap?.max ?? (swap ? "max" : 0)),
      sum(current, swap?.current ?? 0),
    ),
    raw: unlessEmpty(stat),
    psi,
  };
}

const toMemoryEntry = (limit: Limit, usage: Count, max: Count = 0) => ({
  limit: limit === "max" ? NO_LIMIT : limit,
  usage: unlessZero(usage),
  max: unlessZero(max),
  failcnt: 0,
});

/** Go's largest uint64. */
const NO_LIMIT = 0xffff_ffff_ffff_ffffn;

const toPids = ({ current, max }: Usage) => ({
  current: unlessZero(current),
  limit: max === "max" ? undefined : unlessZero(max),
});

function toBlkio(io: Readonly<Record<string, Keyed>>, psi: Pressure | undefined) {
  const devices = Object.entries(io);
  const entries = (operations: Readonly<Record<string, string>>) => {
    const all = devices.flatMap(([device, stat]) => toBlkioEntries(device, stat, operations));
    return all.length > 0 ? all : undefined;
  };
  return {
    ioServiceBytesRecursive: entries({ rbytes: "Read", wbytes: "Write" }),
    ioServicedRecursive: entries({ rios: "Read", wios: "Write" }),
    psi,
  };
}

function toBlkioEntries(device: string, stat: Keyed, operations: Readonly<Record<string, string>>) {
  const [major = 0, minor = 0] = device.split(":").map(Number);
  return Object.entries(operations)
    .filter(([key]) => key in stat)
    .map(([key, op]) => ({
      major: unlessZero(major),
      minor: unlessZero(minor),
      op,
      value: unlessZero(stat[key]),
    }));
}

const toHugetlb = ({ current, events, reserved }: HugetlbUsage) => ({
  usage: unlessZero(reserved?.current ?? current),
  failcnt: events?.["max"] ?? 0,
});

const unlessZero = (count: Count | undefined): Count | undefined =>
  count === 0 ? undefined : count;

/** Undefined for an object that has nothing in it but zeros. */
const unlessEmpty = <T extends object>(object: T): T | undefined =>
  Object.values(object).some(Boolean) ? object : undefined;

const nanoseconds = (microseconds: Count = 0): Count => exact(BigInt(microseconds) * 1000n);

const sum = (a: Count, b: Count): Count => exact(BigInt(a) + BigInt(b));

const sumOfLimits = (a: Limit, b: Limit): Limit => (a === "max" || b === "max" ? "max" : sum(a, b));

/** A number where that can hold it. */
const exact = (value: bigint): Count => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};
