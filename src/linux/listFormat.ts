/** Lists of CPUs and of memory nodes as the kernel writes them: `0-3,7` (cpuset(7), "List format"). */

/** A range of numbers, both ends in it. */
export type Range = readonly [first: number, last: number];

/** More than any kernel has, and little enough that a mask of them is small: runc's limit. */
const HIGHEST = 65_536;

const RANGE = /^(\d{1,9})(?:-(\d{1,9}))?$/;

/**
 * The ranges of a list. As with runc, spaces around ranges and empty ranges are allowed. Throws a RangeError that says
 * which part is wrong.
 */
export const parseList = (list: string): Range[] =>
  list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(parseRange);

function parseRange(text: string): Range {
  const [, first, last = first] = RANGE.exec(text) ?? [];
  if (first === undefined)
    throw new RangeError(`${JSON.stringify(text)} is neither a number nor a range like 0-3`);
  const range: Range = [Number(first), Number(last)];
  if (range[0] > range[1]) throw new RangeError(`the range ${text} ends before it begins`);
  if (range[1] > HIGHEST) throw new RangeError(`${range[1]} is above ${HIGHEST}`);
  return range;
}

const WORD = 64;

/** The ranges as a bit mask of the kernel's `unsigned long`s: bit n is number n. */
export function toMask(ranges: readonly Range[]): BigUint64Array<ArrayBuffer> {
  const highest = Math.max(-1, ...ranges.map(([, last]) => last));
  const mask = new BigUint64Array(Math.ceil((highest + 1) / WORD));
  for (const [first, last] of ranges)
    for (let n = first; n <= last; n++) {
      const word = Math.floor(n / WORD);
      mask[word] = (mask[word] as bigint) | (1n << BigInt(n % WORD));
    }
  return mask;
}
