/** linux.memoryPolicy: the NUMA nodes from which the process gets its memory (set_mempolicy(2)). */
import type { LinuxMemoryPolicy } from "@opencontainers-types";
import * as abi from "#abi";
import { EINVAL, ENOSYS } from "#abi";
import { Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { parseList, toMask } from "../linux/listFormat.ts";
import { setMemoryPolicy } from "../linux/memory.ts";

export const MODES: Readonly<Record<LinuxMemoryPolicy["mode"], number>> = {
  MPOL_DEFAULT: abi.MPOL_DEFAULT,
  MPOL_BIND: abi.MPOL_BIND,
  MPOL_INTERLEAVE: abi.MPOL_INTERLEAVE,
  MPOL_WEIGHTED_INTERLEAVE: abi.MPOL_WEIGHTED_INTERLEAVE,
  MPOL_PREFERRED: abi.MPOL_PREFERRED,
  MPOL_PREFERRED_MANY: abi.MPOL_PREFERRED_MANY,
  MPOL_LOCAL: abi.MPOL_LOCAL,
};

export const FLAGS: Readonly<Record<NonNullable<LinuxMemoryPolicy["flags"]>[number], number>> = {
  MPOL_F_NUMA_BALANCING: abi.MPOL_F_NUMA_BALANCING,
  MPOL_F_RELATIVE_NODES: abi.MPOL_F_RELATIVE_NODES,
  MPOL_F_STATIC_NODES: abi.MPOL_F_STATIC_NODES,
};

/** Sets the policy of the calling process. It must be in its cgroup, within its cpuset's nodes. Throws a Failure. */
export function applyMemoryPolicy({ mode, nodes = "", flags = [] }: LinuxMemoryPolicy): void {
  const modeAndFlags = flags.reduce((bits, name) => bits | FLAGS[name], MODES[mode]);
  try {
    setMemoryPolicy(modeAndFlags, toMask(parseList(nodes)));
  } catch (cause) {
    const whose = nodes === "" ? "" : ` for the memory nodes ${nodes}`;
    throw new Failure(`setting the memory policy ${[mode, ...flags].join("|")}${whose}`, {
      cause,
      pointer: "/linux/memoryPolicy",
      hint: remedy(cause, mode),
    });
  }
}

function remedy(cause: unknown, mode: LinuxMemoryPolicy["mode"]): string | undefined {
  if (isErrno(cause, ENOSYS)) return "this kernel is built without NUMA (CONFIG_NUMA)";
  if (!isErrno(cause, EINVAL)) return undefined;
  const since = mode === "MPOL_WEIGHTED_INTERLEAVE" ? "it needs Linux 6.9; and " : "";
  return `${since}nodes must have memory (/sys/devices/system/node/has_memory) and be in cpuset.mems; see set_mempolicy(2) for the flags`;
}
