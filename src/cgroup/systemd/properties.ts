/**
 * What systemd is told of a container's limits (systemd.resource-control(5)). It writes the files of a unit's group
 * whenever the unit changes or systemd reloads, all files of a controller that it uses, whoever wrote them last: so it
 * must know every value that it has a property for.
 *
 * It is told nothing of what it has no property for or leaves alone unless told: limits for single devices (`io.max`,
 * the lines of `io.weight` with a device), huge pages, RDMA. The lines of `io.bfq.weight` with a device are lost when
 * it writes that file, since BFQ has a weight for all devices take the place of theirs: `lostToSystemd`. Nor is it told
 * of devices: with DevicePolicy=auto, the default, it attaches no device program, and the one that tsrun attaches stays.
 * A second one, kept by systemd and forgotten by those who change the first, has cut containers off from their devices
 * at each `systemctl daemon-reload`.
 */
import type { Setting } from "../resources/setting.ts";
import type { BusValue, Variant } from "./bus/message.ts";
import type { LimitedGroup } from "./limitedGroup.ts";

export type Property = readonly [name: string, value: Variant];

export const property = (name: string, signature: string, value: BusValue): Property => [
  name,
  { signature, value },
];

/** No limit, and for a weight: none of its own. */
const INFINITY = 2n ** 64n - 1n;

interface Amount {
  file: string;
  property: string;
  /** The smallest value that systemd takes; to the kernel it means the same as those below it. */
  least: bigint;
  /** The first version of systemd that knows it, if not every one does that runs on cgroup v2. */
  since?: number;
}

const AMOUNTS: readonly Amount[] = [
  { file: "memory.min", property: "MemoryMin", least: 0n },
  { file: "memory.low", property: "MemoryLow", least: 0n },
  { file: "memory.high", property: "MemoryHigh", least: 1n },
  { file: "memory.max", property: "MemoryMax", least: 1n },
  { file: "memory.swap.max", property: "MemorySwapMax", least: 0n },
  { file: "memory.zswap.max", property: "MemoryZSwapMax", least: 0n, since: 253 },
  { file: "pids.max", property: "TasksMax", least: 1n },
];

/**
 * The properties that say what the settings say. `version` is systemd's: what it is too old for is left out. So are
 * values that the kernel would refuse, for it to say so where they are written. `group` is the one they are for.
 */
export function propertiesOf(
  settings: readonly Setting[],
  version: number,
  group: LimitedGroup,
): Property[] {
  const written = withPeriods(settings, group.cpuPeriod).map((setting) =>
    setting.instead && !group.hasFile(setting.file) ? setting.instead : setting,
  );
  const values = new Map(written.map(({ file, value }) => [file, value.trim()]));
  return [
    ...AMOUNTS.flatMap((known) => amount(known, values.get(known.file), version)),
    ...cpuSet("AllowedCPUs", values.get("cpuset.cpus"), version),
    ...cpuSet("AllowedMemoryNodes", values.get("cpuset.mems"), version),
    ...cpuWeight(values.get("cpu.weight"), values.get("cpu.idle"), version),
    ...cpuQuota(values.get("cpu.max"), version),
    ...ioWeight(written),
  ];
}

/** What systemd lets be said of a scope only when it makes it. */
export function initialPropertiesOf(settings: readonly Setting[], version: number): Property[] {
  const group = settings.findLast(({ file }) => file === "memory.oom.group")?.value.trim();
  return group === undefined || version < 253
    ? []
    : [property("OOMPolicy", "s", wholeNumber(group) === 1n ? "kill" : "continue")];
}

function amount(known: Amount, value: string | undefined, version: number): Property[] {
  const read = known.file.startsWith("memory.") ? bytes : wholeNumber;
  const number = value === "max" ? INFINITY : read(value);
  if (number === undefined || version < (known.since ?? 0)) return [];
  return [property(known.property, "t", number < known.least ? known.least : number)];
}

/** The kernel reads hexadecimal numbers as well, and octal ones, which begin with 0 (lib/kstrtox.c). */
const readLiteral = (digits: string): bigint | undefined =>
  /^0\d*[89]/.test(digits) ? undefined : BigInt(digits.replace(/^0(?=\d)/, "0o"));

function wholeNumber(value = ""): bigint | undefined {
  const digits = /^\+?(0x[\da-f]+|\d+)$/i.exec(value)?.[1];
  const number = digits === undefined ? undefined : readLiteral(digits);
  return number === undefined || number > INFINITY ? undefined : number;
}

const SUFFIXES = "KMGTPE";

/** A number of bytes may have a suffix; of what is too large, 64 bits count (memparse of the kernel's lib/cmdline.c). */
function bytes(value = ""): bigint | undefined {
  const [, digits, suffix = ""] = /^(0x[\da-f]+|\d+)([KMGTPE]?)$/i.exec(value) ?? [];
  const number = digits === undefined ? undefined : readLiteral(digits);
  if (number === undefined) return undefined;
  const power = suffix === "" ? 0 : SUFFIXES.indexOf(suffix.toUpperCase()) + 1;
  return BigInt.asUintN(64, number << BigInt(10 * power));
}

function cpuSet(name: string, list: string | undefined, version: number): Property[] {
  const set = list === undefined || version < 244 ? undefined : bitmask(list);
  return set === undefined ? [] : [property(name, "ay", set)];
}

/** The kernel has 8192 processors at most (NR_CPUS), and 1024 memory nodes. */
const BITS_MAX = 8192;

/** `0-2,8` as bytes, the lowest numbers first; undefined for what is no such list. */
function bitmask(list: string): number[] | undefined {
  const mask: number[] = [];
  for (const range of list.split(",").map((part) => part.trim())) {
    if (range === "") continue;
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (first === undefined || Number(last) >= BITS_MAX) return undefined;
    for (let bit = Number(first); bit <= Number(last); bit++) {
      while (mask.length <= bit >> 3) mask.push(0);
      mask[bit >> 3] = (mask[bit >> 3] as number) | (1 << (bit & 7));
    }
  }
  return mask;
}

/** A weight of 0 is systemd's word for `cpu.idle`. */
function cpuWeight(
  weight: string | undefined,
  idle: string | undefined,
  version: number,
): Property[] {
  const idles = wholeNumber(idle);
  if (idles === 1n && version >= 252) return [property("CPUWeight", "t", 0n)];
  const number = wholeNumber(weight);
  if (number !== undefined) return [property("CPUWeight", "t", number)];
  return idles === 0n ? [property("CPUWeight", "t", INFINITY)] : [];
}

/** A quota, and the period: without one the kernel keeps the group's. */
const CPU_MAX = /^(max|\d+)(?:\s+(\d+))?$/;

/** The settings, in which a quota without a period has that of the one before it, or the group's if it is the first. */
function withPeriods(
  settings: readonly Setting[],
  groups: () => bigint | undefined,
): readonly Setting[] {
  let period: string | undefined;
  return settings.map((setting) => {
    const [, quota, own] = (setting.file === "cpu.max" && CPU_MAX.exec(setting.value.trim())) || [];
    if (quota === undefined) return setting;
    period = own ?? period ?? groups()?.toString();
    return period === undefined ? setting : { ...setting, value: `${quota} ${period}` };
  });
}

const SECOND = 1_000_000n;
/** systemd writes a quota down in percent of one processor. */
const QUOTA_STEP = SECOND / 100n;

interface CpuMax {
  /** Microseconds of processor time per second. */
  perSecond: bigint;
  /** Microseconds. */
  period: bigint;
}

function readCpuMax(value: string): CpuMax | undefined {
  const [, quota = "", microseconds = "0"] = CPU_MAX.exec(value) ?? [];
  const period = BigInt(microseconds);
  if (period === 0n) return undefined;
  if (quota === "max") return { perSecond: INFINITY, period };
  const exact = (BigInt(quota) * SECOND) / period;
  const steps = (exact + QUOTA_STEP - 1n) / QUOTA_STEP;
  return { perSecond: steps * QUOTA_STEP, period };
}

function cpuQuota(value: string | undefined, version: number): Property[] {
  const max = value === undefined ? undefined : readCpuMax(value);
  if (max === undefined) return [];
  const period = property("CPUQuotaPeriodUSec", "t", max.period);
  return [...(version >= 242 ? [period] : []), property("CPUQuotaPerSecUSec", "t", max.perSecond)];
}

/**
 * The settings as systemd will write them when it reloads, for the group to keep to from the beginning, as with runc:
 * a quota is rounded up to a whole percent of a processor. One without a period, if none comes before it, stays as it
 * is: the kernel keeps the group's.
 */
export const roundedForSystemd = (settings: readonly Setting[]): Setting[] =>
  withPeriods(settings, () => undefined).map((setting) => {
    const max = setting.file === "cpu.max" ? readCpuMax(setting.value.trim()) : undefined;
    if (max === undefined || max.perSecond === INFINITY) return setting;
    return { ...setting, value: `${(max.perSecond * max.period) / SECOND} ${max.period}` };
  });

/** Of these settings those that must be written again whenever systemd has changed the unit: see above. */
export const lostToSystemd = (settings: readonly Setting[]): Setting[] =>
  settings.filter(({ file, value }) => file === "io.bfq.weight" && /^\s*\d+:\d+\s/.test(value));

/** The weight for all devices; one of BFQ as the one that systemd makes it from. */
function ioWeight(settings: readonly Setting[]): Property[] {
  const weights = settings.flatMap(({ file, value }) => {
    const digits = /^(?:default\s+)?(\d+)$/.exec(value.trim())?.[1];
    if (digits === undefined) return [];
    if (file === "io.weight") return [BigInt(digits)];
    return file === "io.bfq.weight" ? [fromBfq(BigInt(digits))] : [];
  });
  return weights.slice(-1).map((weight) => property("IOWeight", "t", weight));
}

/** Both have 100 in the middle; above it BFQ's goes to 1000 where systemd's goes to 10000. */
const fromBfq = (weight: bigint): bigint =>
  weight <= 100n ? weight : 100n + ((weight - 100n) * 9900n) / 900n;
