/** Which devices a container may use: `linux.resources.devices` and the ones that every container may. */
import type { LinuxDeviceCgroup } from "@opencontainers-types";
import { BPF_DEVCG_ACC_MKNOD, BPF_DEVCG_ACC_READ, BPF_DEVCG_ACC_WRITE } from "#abi";
import { Failure } from "../../failure.ts";

/** A rule as the kernel's device filter sees things. */
export interface DeviceRule {
  allow: boolean;
  /** Block or character devices; undefined: both. */
  type: "b" | "c" | undefined;
  /** undefined: any. */
  major: number | undefined;
  minor: number | undefined;
  /** BPF_DEVCG_ACC_* bits. */
  access: number;
}

const ACCESS: Readonly<Record<string, number>> = {
  r: BPF_DEVCG_ACC_READ,
  w: BPF_DEVCG_ACC_WRITE,
  m: BPF_DEVCG_ACC_MKNOD,
};

export const EVERY_ACCESS = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;

const allowed = (
  type: "b" | "c",
  major?: number,
  minor?: number,
  access = EVERY_ACCESS,
): DeviceRule => ({ allow: true, type, major, minor, access });

/** Making a node gives no access to the device: programs that unpack archives may. */
const MAKING_NODES: readonly DeviceRule[] = [
  allowed("b", undefined, undefined, BPF_DEVCG_ACC_MKNOD),
  allowed("c", undefined, undefined, BPF_DEVCG_ACC_MKNOD),
];

/** The devices that every container has (config-linux.md, Default Devices): they shall open, too. */
const DEFAULT_DEVICES: readonly DeviceRule[] = [
  allowed("c", 10, 200), // net/tun, which engines have relied upon since the first Docker
  allowed("c", 136), // pts/*
  allowed("c", 5, 2), // ptmx
  allowed("c", 5, 0), // tty
  allowed("c", 1, 9), // urandom
  allowed("c", 1, 8), // random
  allowed("c", 1, 7), // full
  allowed("c", 1, 5), // zero
  allowed("c", 1, 3), // null
];

/** Whether a rule settles everything, whatever was said before it. */
export const matchesEverything = ({ type, major, minor, access }: DeviceRule): boolean =>
  type === undefined && major === undefined && minor === undefined && access === EVERY_ACCESS;

/**
 * A config's rules, and after them what runc allows whatever they say. A config that allows everything but some devices
 * means these exceptions: there, what it denies of making nodes holds, as with runc.
 */
export function withDefaults(rules: readonly DeviceRule[]): DeviceRule[] {
  const allowsTheRest = rules.findLast(matchesEverything)?.allow ?? false;
  return [...rules, ...(allowsTheRest ? [] : MAKING_NODES), ...DEFAULT_DEVICES];
}

/** The rules of a config, in its order. Throws a Failure that points at the value that cannot be one. */
export function readDeviceRules(devices: readonly LinuxDeviceCgroup[]): DeviceRule[] {
  return devices.map(({ allow, type, major, minor, access }, i) => {
    const pointer = `/linux/resources/devices/${i}`;
    return {
      allow,
      type: type === "b" || type === "c" ? type : undefined,
      major: readNumber(major, `${pointer}/major`),
      minor: readNumber(minor, `${pointer}/minor`),
      access: readAccess(access, `${pointer}/access`),
    };
  });
}

/** The kernel compares 32 bits. */
const NUMBER_MAX = 0xffffffff;

function readNumber(
  number: number | bigint | null | undefined,
  pointer: string,
): number | undefined {
  if (number === undefined || number === null || number === -1) return undefined;
  if (number < 0 || number > NUMBER_MAX)
    throw new Failure(`a device number is -1 (any) or from 0 to ${NUMBER_MAX}, not ${number}`, {
      pointer,
    });
  return Number(number);
}

/** runc, too, refuses a rule about no access, rather than to guess what was meant. */
function readAccess(access: string | null | undefined, pointer: string): number {
  let bits = 0;
  for (const letter of access ?? "") {
    const bit = ACCESS[letter];
    if (bit === undefined)
      throw new Failure(`device access is made of r, w and m, not ${JSON.stringify(letter)}`, {
        pointer,
      });
    bits |= bit;
  }
  if (bits === 0)
    throw new Failure("device access is empty", { pointer, hint: "name some of r, w and m" });
  return bits;
}
