/** How long processes have waited for a resource (pressure stall information, Documentation/accounting/psi.rst). */
import { EINVAL, ENOENT, EOPNOTSUPP, O_NONBLOCK, O_RDWR } from "#abi";
import { Failure } from "../../failure.ts";
import { isErrno } from "../../linux/errno.ts";
import { close, openAt, writeAll } from "../../linux/fs.ts";
import { type Count, parseCount, parseNested, readFile } from "./formats.ts";

/** What processes wait for. */
export type PressureResource = "cpu" | "memory" | "io";

/** `some`: at least one process waited; `full`: all of them did, so that nothing was done. */
export type PressureKind = "some" | "full";

/** How much was waited. */
export interface Stall {
  /** The share of the last 10, 60 and 300 seconds, in percent. */
  avg10: number;
  avg60: number;
  avg300: number;
  /** Microseconds. */
  total: Count;
}

/** By what `some` and `full` stand for. */
export type Pressure = Readonly<Partial<Record<PressureKind, Stall>>>;

/** The pressure of a group, or undefined where the kernel does not measure it. */
export const readPressure = (group: number, resource: PressureResource): Pressure | undefined =>
  readFile(group, `${resource}.pressure`, parsePressure);

export const parsePressure = (text: string): Pressure =>
  parseNested(text, parseCount) as unknown as Pressure;

/** What somebody wants to hear of: processes waiting for longer than `threshold` within `window`. */
export interface PressureTrigger {
  resource: PressureResource;
  kind: PressureKind;
  /** Nanoseconds; the kernel counts in microseconds. */
  threshold: bigint;
  window: bigint;
}

/**
 * A descriptor on which poll(2) says POLLPRI when it happens, once in a window at most. Closing it ends the watch.
 * Throws a Failure.
 */
export function openTrigger(group: number, trigger: PressureTrigger): number {
  const { resource, kind, threshold, window } = trigger;
  const command = `${kind} ${threshold / 1000n} ${window / 1000n}`;
  try {
    const fd = openAt(group, `${resource}.pressure`, O_RDWR | O_NONBLOCK);
    try {
      writeAll(fd, command);
      return fd;
    } catch (error) {
      close(fd);
      throw error;
    }
  } catch (cause) {
    throw new Failure(`watching ${resource}.pressure for ${JSON.stringify(command)}`, {
      cause,
      hint: remedy(cause),
    });
  }
}

function remedy(error: unknown): string | undefined {
  if (isErrno(error, EINVAL))
    return "a window lasts from 500ms to 10s, without CAP_SYS_RESOURCE a multiple of 2s, and its threshold less";
  if (isErrno(error, ENOENT, EOPNOTSUPP))
    return "this kernel does not measure pressure: boot it with psi=1";
  return undefined;
}
