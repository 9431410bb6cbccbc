/** What a group has used and may use, as its files say (cgroup-v2.rst, "Controllers"). */
import { DT_REG } from "#abi";
import { listDirectory } from "../../linux/fs.ts";
import {
  type Count,
  type Keyed,
  type Limit,
  parseCount,
  parseKeyed,
  parseLimit,
  parseNested,
  parseRanges,
  readFile,
} from "./formats.ts";
import { type Pressure, type PressureResource, readPressure } from "./pressure.ts";

/** A thing that is counted. What the kernel does not tell is undefined, here and below. */
export interface Usage {
  current: Count;
  max: Limit | undefined;
  peak?: Count | undefined;
  /** How often a limit was hit, and the like. */
  events?: Keyed | undefined;
}

/** Times in microseconds, sizes in bytes, both of the group with all groups below it. */
export interface Statistics {
  cpu: {
    /** cpu.stat; periods and throttling only with the controller. */
    stat: Keyed | undefined;
    /** cpu.stat.local: the group's own throttling, without that of the groups above it. */
    local: Keyed | undefined;
  };
  /** The processors and memory nodes that may be used in effect. */
  cpuset: { cpus: number[] | undefined; mems: number[] | undefined } | undefined;
  memory: MemoryStatistics | undefined;
  pids: Usage | undefined;
  /** By device: `8:0`. */
  io: Readonly<Record<string, Keyed>> | undefined;
  /** By page size: `2MB`. */
  hugetlb: Readonly<Record<string, HugetlbUsage>>;
  /** By device: `mlx4_0`. */
  rdma: { current: Readonly<Record<string, Keyed>>; max: RdmaLimits } | undefined;
  pressure: Readonly<Record<PressureResource, Pressure | undefined>>;
}

export interface MemoryStatistics extends Usage {
  stat: Keyed;
  /** Without the memory that is not swapped out. */
  swap: Usage | undefined;
  /** memory.numa_stat: by kind of memory, and then by node (`N0`). */
  numa: Readonly<Record<string, Keyed>> | undefined;
}

export interface HugetlbUsage extends Usage {
  /** Pages that are promised, whether they are used or not. */
  reserved: Usage | undefined;
}

/** By device, and then by resource. */
export type RdmaLimits = Readonly<Record<string, Readonly<Record<string, Limit>>>>;

/** Reads all of them. Throws Errno; ENODEV for a group that has just gone. */
export function readStatistics(group: number): Statistics {
  const keyed = (file: string) => readFile(group, file, parseKeyed);
  return {
    cpu: { stat: keyed("cpu.stat"), local: keyed("cpu.stat.local") },
    cpuset: cpuset(group),
    memory: memory(group),
    pids: usage(group, "pids"),
    io: nested(group, "io.stat"),
    hugetlb: hugetlb(group),
    rdma: rdma(group),
    pressure: {
      cpu: readPressure(group, "cpu"),
      memory: readPressure(group, "memory"),
      io: readPressure(group, "io"),
    },
  };
}

/** The files `<name>.current`, `.max`, `.peak` and `.events`; undefined if there is not even the first. */
function usage(group: number, name: string): Usage | undefined {
  const current = readFile(group, `${name}.current`, parseCount);
  return current === undefined
    ? undefined
    : {
        current,
        max: readFile(group, `${name}.max`, parseLimit),
        peak: readFile(group, `${name}.peak`, parseCount),
        events: readFile(group, `${name}.events`, parseKeyed),
      };
}

const nested = (group: number, file: string) =>
  readFile(group, file, (text) => parseNested(text, parseCount));

function cpuset(group: number): Statistics["cpuset"] {
  const cpus = readFile(group, "cpuset.cpus.effective", parseRanges);
  const mems = readFile(group, "cpuset.mems.effective", parseRanges);
  return cpus || mems ? { cpus, mems } : undefined;
}

function memory(group: number): MemoryStatistics | undefined {
  const used = usage(group, "memory");
  return (
    used && {
      ...used,
      stat: readFile(group, "memory.stat", parseKeyed) ?? {},
      swap: usage(group, "memory.swap"),
      numa: nested(group, "memory.numa_stat"),
    }
  );
}

/** The sizes are those that the group has files of; directories are groups, which may have any name. */
function hugetlb(group: number): Statistics["hugetlb"] {
  const sizes = listDirectory(".", group)
    .filter(({ type }) => type === DT_REG)
    .flatMap(({ name }) => /^hugetlb\.(\w+)\.current$/.exec(name)?.slice(1) ?? []);
  return Object.fromEntries(
    sizes.flatMap((size) => {
      const used = usage(group, `hugetlb.${size}`);
      return used
        ? [[size, { ...used, reserved: usage(group, `hugetlb.${size}.rsvd`) }] as const]
        : [];
    }),
  );
}

function rdma(group: number): Statistics["rdma"] {
  const current = nested(group, "rdma.current");
  const max = readFile(group, "rdma.max", (text) => parseNested(text, parseLimit));
  return current && { current, max: max ?? {} };
}
