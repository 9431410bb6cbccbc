import type { LinuxResources } from "@opencontainers-types";
import { AT_FDCWD } from "#abi";
import { maxJsonBytes, stringifyJson } from "../../spec/json.ts";
import { doing, Failure } from "../failure.ts";
import { readBytes, readText } from "../linux/fs.ts";
import { decode } from "../linux/text.ts";
import { type Command, EXISTING_CONTAINER } from "./command.ts";

type UpdateFlags = Readonly<Partial<Record<string, string>>>;

export const update: Command<UpdateFlags> = {
  summary: "update container resource constraints",
  arguments: ["<container-id>"],
  options: {
    "-r, --resources <path>":
      'file with the resources to update, "-" for standard input; beside it only those of Intel RDT count',
    "--blkio-weight <weight>": "weight of block I/O, from 10 to 1000",
    "--cpu-period <microseconds>": "the period that the quota is for",
    "--cpu-quota <microseconds>": "CPU time in a period; -1 for no limit",
    "--cpu-burst <microseconds>": "CPU time that may be saved up beyond the quota",
    "--cpu-share <shares>": "relative share of CPU time, from 2 to 262144",
    "--cpu-rt-period <microseconds>": "real-time period, which cgroup v2 has not",
    "--cpu-rt-runtime <microseconds>": "real-time CPU time, which cgroup v2 does not limit",
    "--cpu-idle <number>": "1 to run only when nothing else wants to, 0 for as usual",
    "--cpuset-cpus <list>": "CPUs to use, a list like 0-3,7",
    "--cpuset-mems <list>": "memory nodes to use, a list like 0-3,7",
    "--kernel-memory <bytes>": "obsolete, ignored",
    "--kernel-memory-tcp <bytes>": "obsolete, ignored",
    "--memory <bytes>": "memory limit; -1 for none",
    "--memory-reservation <bytes>": "memory that the kernel takes back from others first",
    "--memory-swap <bytes>": "limit of memory and swap together; -1 for no limit of swap",
    "--pids-limit <number>": "most processes and threads; -1 for no limit",
    "--l3-cache-schema <schema>":
      "what it may use of the level 3 caches, a line of resctrl: L3:0=f",
    "--mem-bw-schema <schema>":
      "what it may use of the memory bandwidth, a line of resctrl: MB:0=50",
  },
  details: `${EXISTING_CONTAINER}

Bytes may have a unit: 512m, 1.5GiB. What is not given stays as it is.

A file has the form of linux.resources in config.json:

    { "memory": { "limit": 536870912 }, "cpu": { "shares": 512, "cpus": "0-1" } }`,
  execute({ runtime, context }, [id = ""], flags) {
    const path = flags["resources"];
    for (const [flag, option] of UNLIMITED)
      if (!path && flags[flag])
        context.warn(`kernel memory is not limited by itself: ${option} is ignored`);
    const { l3CacheSchema, memBwSchema } = flags;
    const schemata = {
      ...(l3CacheSchema ? { l3CacheSchema } : {}),
      ...(memBwSchema ? { memBwSchema } : {}),
    };
    const document = path ? read(path) : toDocument(flags);
    const isForCaches = Object.keys(schemata).length > 0;
    // Caches are no matter of its cgroup, which it may not have.
    if (!isForCaches || document !== NO_RESOURCES) runtime.update(context, id, document);
    if (isForCaches) runtime.updateIntelRdt(context, id, schemata);
    return 0;
  },
};

function read(path: string): string {
  return doing(`reading the resources from ${path}`, undefined, () =>
    path === "-" ? decode(readBytes(0, maxJsonBytes)) : readText(path, AT_FDCWD, maxJsonBytes),
  );
}

/** Of cgroup v1 only. */
const UNLIMITED = [
  ["kernelMemory", "--kernel-memory"],
  ["kernelMemoryTcp", "--kernel-memory-tcp"],
] as const;

/** The document of no option. */
const NO_RESOURCES = "{}";

type Member = [section: keyof LinuxResources, name: string, value: (text: string) => unknown];

/** What each option is in a document. */
const MEMBERS: Readonly<Record<string, Member>> = {
  blkioWeight: ["blockIO", "weight", toInteger],
  cpuPeriod: ["cpu", "period", toInteger],
  cpuQuota: ["cpu", "quota", toInteger],
  cpuBurst: ["cpu", "burst", toInteger],
  cpuShare: ["cpu", "shares", toInteger],
  cpuRtPeriod: ["cpu", "realtimePeriod", toInteger],
  cpuRtRuntime: ["cpu", "realtimeRuntime", toInteger],
  cpuIdle: ["cpu", "idle", toInteger],
  cpusetCpus: ["cpu", "cpus", String],
  cpusetMems: ["cpu", "mems", String],
  memory: ["memory", "limit", toBytes],
  memoryReservation: ["memory", "reservation", toBytes],
  memorySwap: ["memory", "swap", toBytes],
  pidsLimit: ["pids", "limit", toInteger],
};

/** The options as a document of resources. An empty value means that the option was not given, as with runc. */
function toDocument(flags: UpdateFlags): string {
  const resources: Partial<Record<string, Record<string, unknown>>> = {};
  for (const [flag, [section, name, toValue]] of Object.entries(MEMBERS)) {
    const text = flags[flag];
    if (text)
      resources[section] = {
        ...resources[section],
        [name]: doing(`reading ${spelled(flag)}`, undefined, () => toValue(text)),
      };
  }
  return stringifyJson(resources);
}

/** As on the command line: `--cpu-share` for cpuShare. */
const spelled = (flag: string): string =>
  `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

function toInteger(text: string): bigint {
  if (/^[+-]?\d{1,20}$/.test(text)) return BigInt(text.replace("+", ""));
  throw new Failure(`${JSON.stringify(text)} is not a whole number`);
}

const UNITS = ["", "k", "m", "g", "t", "p"];

/** Bytes with one of Docker's units, powers of 1024: 512m, 512MiB, "1.5 gb". */
function toBytes(text: string): bigint {
  if (text === "-1") return -1n;
  const [, amount, unit = ""] =
    /^(\d{1,20}(?:\.\d+)?) ?(?:b|([kmgtp])(?:i?b)?)?$/i.exec(text) ?? [];
  if (amount === undefined)
    throw new Failure(`${JSON.stringify(text)} is not a number of bytes`, {
      hint: "write it like 1048576, 512m or 1.5GiB, or -1 for no limit",
    });
  const factor = 1024 ** UNITS.indexOf(unit.toLowerCase());
  return amount.includes(".")
    ? BigInt(Math.trunc(Number(amount) * factor))
    : BigInt(amount) * BigInt(factor);
}
