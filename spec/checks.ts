/** What the generated validators call; `validators.js` imports it. */

/** Where a document departs from its schema. */
export interface Fault {
  /** RFC 6901 JSON pointer of the value, or of the place where it is missing. */
  pointer: string;
  /** What belongs there, to be read after "expected". */
  expected: string;
  /** What is there; `undefined` when nothing is. */
  found: unknown;
}

/** The name of a member, the index of an item. */
type Key = string | number;

/** Adds the fault of a member, or without a key that of the whole, to a list that may not exist yet. */
export function addFault(
  faults: Fault[] | null,
  key: Key | undefined,
  expected: string,
  found: unknown,
): Fault[] {
  const fault = { pointer: key === undefined ? "" : pointerTo(key), expected, found };
  if (faults === null) return [fault];
  faults.push(fault);
  return faults;
}

/** Adds the faults of a part, whose pointers count from that part, to those of the whole. */
export function addFaultsBelow(faults: Fault[] | null, key: Key, below: Fault[]): Fault[] {
  const moved = below.map((fault) => ({ ...fault, pointer: pointerTo(key) + fault.pointer }));
  return faults === null ? moved : faults.concat(moved);
}

const pointerTo = (key: Key): string =>
  `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** What is expected where one of these words has to be; the empty one stands for none. */
export const oneOf = (words: readonly string[]): string =>
  `one of ${words.filter((word) => word !== "").join(", ")}`;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether the value is a whole number that a signed 64-bit field holds, read exactly. */
export function isInt64(value: unknown): boolean {
  return typeof value === "bigint"
    ? value >= -0x8000_0000_0000_0000n && value <= 0x7fff_ffff_ffff_ffffn
    : Number.isSafeInteger(value);
}

/** Whether the value is a whole number that an unsigned 64-bit field holds, read exactly. */
export function isUint64(value: unknown): boolean {
  return typeof value === "bigint"
    ? value >= 0n && value <= 0xffff_ffff_ffff_ffffn
    : Number.isSafeInteger(value) && (value as number) >= 0;
}
