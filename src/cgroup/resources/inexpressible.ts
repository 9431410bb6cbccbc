/** What `linux.resources` can say of cgroup v1 and cgroup v2 has nothing for. */
import type { LinuxResources } from "@opencontainers-types";
import { Failure } from "../../failure.ts";

/**
 * "If the conversion is not possible the runtime MUST generate an error" (config-linux.md, Unified). crun does; runc
 * ignores these, kernel memory with a warning. Throws a Failure for the first one asked for.
 */
export function refuseInexpressible(resources: LinuxResources): void {
  for (const [asked, path, reason] of inexpressible(resources))
    if (asked)
      throw new Failure(
        `cgroup v2 cannot do what ${path.replaceAll("/", ".")} asks for: ${reason}`,
        {
          pointer: `/linux/resources/${path}`,
        },
      );
}

const KERNEL_MEMORY = "the kernel's memory is limited with the rest, by memory.limit";
const REALTIME = "real-time processes have no limits";
const LEAF_WEIGHT = "a group with processes has no groups below it to compete with";
const NETWORK = "packets do not belong to groups";

type Inexpressible = [asked: boolean, path: string, reason: string];

const inexpressible = ({ memory, cpu, blockIO, network }: LinuxResources): Inexpressible[] => [
  [isPositive(memory?.kernel), "memory/kernel", KERNEL_MEMORY],
  [isPositive(memory?.kernelTCP), "memory/kernelTCP", KERNEL_MEMORY],
  [isSwappiness(memory?.swappiness), "memory/swappiness", "all groups have the host's"],
  [
    memory?.disableOOMKiller === true,
    "memory/disableOOMKiller",
    "a group that reaches its limit is killed in",
  ],
  [
    memory?.useHierarchy === false,
    "memory/useHierarchy",
    "a limit always holds for the groups below, too",
  ],
  [isPositive(cpu?.realtimeRuntime), "cpu/realtimeRuntime", REALTIME],
  [isPositive(cpu?.realtimePeriod), "cpu/realtimePeriod", REALTIME],
  [isPositive(blockIO?.leafWeight), "blockIO/leafWeight", LEAF_WEIGHT],
  ...(blockIO?.weightDevice ?? []).map(
    ({ leafWeight }, i): Inexpressible => [
      isPositive(leafWeight),
      `blockIO/weightDevice/${i}/leafWeight`,
      LEAF_WEIGHT,
    ],
  ),
  [isPositive(network?.classID), "network/classID", NETWORK],
  [isPositive(network?.priorities?.length), "network/priorities", NETWORK],
];

/** 0 asks for nothing, and -1 for no limit, which is what holds. */
const isPositive = (value: number | bigint = 0): boolean => value > 0;

/** How Go programs write "not given", -1, in 64 bits without a sign. */
const NO_SWAPPINESS = 2n ** 64n - 1n;

const isSwappiness = (value: number | bigint = NO_SWAPPINESS): boolean => value !== NO_SWAPPINESS;
