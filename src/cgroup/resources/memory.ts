/** `linux.resources.memory` in the files of the memory controller (cgroup-v2.rst, Memory). */
import type { LinuxMemory } from "@opencontainers-types";
import { ENOENT } from "#abi";
import { Failure } from "../../failure.ts";
import { unless } from "../../linux/errno.ts";
import { readText } from "../../linux/fs.ts";
import { resourcePointer } from "./pointer.ts";
import type { Setting } from "./setting.ts";

type Amount = "limit" | "reservation" | "swap";

const NOTHING = 0n;
const UNLIMITED = -1n;

const at = (field: keyof LinuxMemory): string => resourcePointer("memory", field);

/** 0 asks for nothing, -1 for no limit. Throws a Failure. */
export function* memorySettings(memory: LinuxMemory = {}): Iterable<Setting> {
  const limit = amount(memory, "limit");
  const reservation = amount(memory, "reservation");
  const swap = swapMax(amount(memory, "swap"), limit);
  if (swap !== undefined) yield swapSetting(swap, memory.swap ? "swap" : "limit");
  if (limit !== NOTHING) yield { file: "memory.max", value: text(limit), pointer: at("limit") };
  if (reservation !== NOTHING)
    yield { file: "memory.low", value: text(reservation), pointer: at("reservation") };
}

function amount(memory: LinuxMemory, field: Amount): bigint {
  const bytes = BigInt(memory[field] ?? NOTHING);
  if (bytes >= UNLIMITED) return bytes;
  throw new Failure(`memory.${field} is a number of bytes or -1 for no limit, not ${bytes}`, {
    pointer: at(field),
  });
}

const text = (bytes: bigint): string => (bytes === UNLIMITED ? "max" : String(bytes));

/**
 * memory.swap limits memory and swap together, memory.swap.max swap alone. No limit for memory is none for swap either
 * where that is not given, as in cgroup v1. undefined: nothing to set.
 */
function swapMax(both: bigint, limit: bigint): bigint | undefined {
  if (both === NOTHING) return limit === UNLIMITED ? UNLIMITED : undefined;
  if (both === UNLIMITED || limit === UNLIMITED) return both;
  const pointer = at("swap");
  if (limit === NOTHING)
    throw new Failure(
      "a limit of memory and swap together needs one of memory: cgroup v2 limits the two apart",
      { pointer, hint: "give memory.limit, too" },
    );
  if (both < limit)
    throw new Failure(
      `memory and swap together (${both} bytes) are limited to less than memory alone (${limit})`,
      { pointer },
    );
  return both - limit;
}

function swapSetting(swap: bigint, field: Amount): Setting {
  const limit = { file: "memory.swap.max", value: text(swap), pointer: at(field) };
  // Where the kernel counts no swap, there is none to be had, or none to be limited.
  return swap > 0n ? limit : { ...limit, optional: true };
}

/**
 * checkBeforeUpdate: refuses limits that are below what a group uses, which would kill in it. `group` is its directory.
 * Compares as runc does: memory in use, with the limit of memory and with that of memory and swap. Throws a Failure.
 */
export function refuseBelowUsage(group: number, memory: LinuxMemory = {}): void {
  if (!memory.checkBeforeUpdate) return;
  const current = unless([ENOENT], () => readText("memory.current", group).trimEnd());
  if (current === undefined) return;
  for (const field of ["swap", "limit"] as const) {
    const bytes = amount(memory, field);
    if (bytes > 0n && bytes <= BigInt(current))
      throw new Failure(`memory.${field} would be ${bytes} bytes, and ${current} are in use`, {
        pointer: at(field),
        hint: "memory.checkBeforeUpdate refuses that",
      });
  }
}
