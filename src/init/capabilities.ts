/** process.capabilities: the five sets (capabilities(7), "Thread capability sets"). */

import type { LinuxCapabilities } from "@opencontainers-types";
import { CAPABILITIES } from "#abi";
import {
  type CapabilitySet,
  clearAmbientCapabilities,
  dropBoundingCapability,
  raiseAmbientCapability,
  setCapabilities,
} from "../linux/credentials.ts";
import { lookupNumber } from "../linux/names.ts";

export interface CapabilityPlan {
  bounding: CapabilitySet;
  effective: CapabilitySet;
  permitted: CapabilitySet;
  inheritable: CapabilitySet;
  ambient: CapabilitySet;
  /** Names that this version does not know; runc ignores them too, with a warning. */
  unknown: string[];
}

/** Reads the five sets; one that is absent is empty. */
export function planCapabilities(capabilities: LinuxCapabilities = {}): CapabilityPlan {
  const unknown = new Set<string>();
  const set = (names: readonly string[] = []): CapabilitySet => {
    let bits = 0n;
    for (const name of names) {
      const number = lookupNumber(CAPABILITIES, name);
      if (number === undefined) unknown.add(name);
      else bits |= 1n << BigInt(number);
    }
    return bits;
  };
  return {
    bounding: set(capabilities.bounding),
    effective: set(capabilities.effective),
    permitted: set(capabilities.permitted),
    inheritable: set(capabilities.inheritable),
    ambient: set(capabilities.ambient),
    unknown: [...unknown],
  };
}

/** A set as two halves: numbers are quicker than bigints. */
const halvesOf = (set: CapabilitySet): [low: number, high: number] => [
  Number(set & 0xffff_ffffn),
  Number(set >> 32n),
];

const has = (halves: readonly number[], capability: number): boolean =>
  (((halves[capability >> 5] as number) >>> (capability & 31)) & 1) === 1;

/** The kernel's own limit: the sets are 64 bits wide. */
const CAPABILITY_BITS = 64;

/** Needs CAP_SETPCAP, so it comes before the user changes. The kernel's last capability ends it. */
export function limitBounding(bounding: CapabilitySet): void {
  const kept = halvesOf(bounding);
  for (let capability = 0; capability < CAPABILITY_BITS; capability++)
    if (!has(kept, capability) && !dropBoundingCapability(capability)) return;
}

/**
 * Sets what remains after the user has changed. An ambient capability must be permitted and inheritable; engines list
 * more, and as with runc those have no effect. `retained` are kept as well, up to execve: the program's sets come from the
 * inheritable, ambient and bounding ones and from its file (capabilities(7), "Transformation of capabilities during
 * execve()"), never from those that its process had permitted or effective.
 */
export function applyCapabilities(
  { effective, permitted, inheritable, ambient }: CapabilityPlan,
  retained: CapabilitySet,
): void {
  setCapabilities({
    effective: effective | retained,
    permitted: permitted | retained,
    inheritable,
  });
  clearAmbientCapabilities();
  const raisable = halvesOf(ambient & permitted & inheritable);
  for (let capability = 0; capability < CAPABILITY_BITS; capability++)
    if (has(raisable, capability)) raiseAmbientCapability(capability);
}
