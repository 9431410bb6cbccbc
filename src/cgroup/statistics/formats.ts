/** What a group's files say, in the formats of the kernel (cgroup-v2.rst, "Interface Files", "Format"). */
import { EISDIR, EOPNOTSUPP, O_RDONLY } from "#abi";
import { unless } from "../../linux/errno.ts";
import { findAt, readBytes, using } from "../../linux/fs.ts";
import { decode } from "../../linux/text.ts";

/** A number of the kernel, exact up to 64 bits. */
export type Count = number | bigint;

/** A limit; "max" is none. */
export type Limit = Count | "max";

/** Numbers by the kernel's own names, of which each version of it has more. */
export type Keyed = Readonly<Record<string, Count>>;

/**
 * What a group's file says, or undefined if the group does not have it, since its controller is not there or the kernel
 * does without (EOPNOTSUPP: PSI that was switched off at boot); a group below it may have taken the name (EISDIR).
 * Throws Errno; ENODEV for a group that has just gone.
 */
export function readFile<T>(
  group: number,
  file: string,
  parse: (text: string) => T,
): T | undefined {
  const fd = unless([EOPNOTSUPP], () => findAt(group, file, O_RDONLY));
  if (fd === undefined) return undefined;
  const bytes = using(fd, () => unless([EOPNOTSUPP, EISDIR], () => readBytes(fd)));
  return bytes && parse(decode(bytes));
}

/** A number, which may have a fraction. */
export function parseCount(text: string): Count {
  const number = Number(text);
  return /^\d+\s*$/.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number;
}

export const parseLimit = (text: string): Limit =>
  text.trimEnd() === "max" ? "max" : parseCount(text);

/** A flat keyed file: `nr_periods 7`. */
export const parseKeyed = (text: string): Keyed =>
  Object.fromEntries(
    linesOf(text).map((line) => {
      const [key = "", value = ""] = line.split(" ");
      return [key, parseCount(value)];
    }),
  );

/** A nested keyed file: `8:0 rbytes=4096 wbytes=0`. */
export const parseNested = <Value>(
  text: string,
  parseValue: (text: string) => Value,
): Readonly<Record<string, Readonly<Record<string, Value>>>> =>
  Object.fromEntries(
    linesOf(text).map((line) => {
      const [key = "", ...pairs] = line.split(" ");
      return [key, Object.fromEntries(pairs.flatMap((pair) => parsePair(pair, parseValue)))];
    }),
  );

/** What is no pair is left out: io.stat has names alone of devices without statistics. */
function parsePair<Value>(
  pair: string,
  parseValue: (text: string) => Value,
): [key: string, value: Value][] {
  const [key = "", value] = pair.split("=");
  return value === undefined ? [] : [[key, parseValue(value)]];
}

/** A list of ranges, as of processors: `0-3,7`. */
export const parseRanges = (text: string): number[] =>
  text
    .trimEnd()
    .split(",")
    .filter((range) => range !== "")
    .flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");
