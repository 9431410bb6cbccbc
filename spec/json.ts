/**
 * JSON as Go programs write it: numbers keep all 64 bits, errors say where.
 *
 * `JSON.parse` is several times faster than a parser in TypeScript, but rounds integers beyond
 * 2^53 and reports errors in the engine's own words. So it reads the text first; if a number came
 * out beyond 2^53, or it refused the text, `exactJson.ts` reads it again, to have the number exactly
 * or to say what is wrong. (QuickJS's `JSON.parse` takes `1.` for 1 and `-01` for -1.
 * That is left so: nobody writes them, and finding them would cost as much as reading the text.)
 */
import { checkLimits, parseExactly } from "#exact-json";

/** The largest text that is read, in bytes of UTF-8. */
export const maxJsonBytes = 16 * 1024 * 1024;

/** How deep arrays and objects may be nested. */
export const maxJsonDepth = 64;

export interface ParseOptions {
  /** Leaves out members and array elements that are null: for Go programs null means absent. */
  withoutNulls?: boolean;
}

/** From this length on, the limits are checked before parsing, so that a refusal stays quick. */
const longText = 64 * 1024;

/**
 * The value that a JSON text stands for. An integer beyond 2^53 becomes a bigint; of a repeated
 * key the last value counts, as in Go.
 * @throws {JsonError}
 */
export function parseJson(text: string, { withoutNulls = false }: ParseOptions = {}): unknown {
  if (text.length > longText) checkLimits(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return parseExactly(text, withoutNulls);
  }
  return isExact(value, 0) ? value : parseExactly(text, withoutNulls);

  /** Whether it is not too deep, and no number may have been rounded. On the way leaves out nulls. */
  function isExact(value: unknown, depth: number): boolean {
    if (typeof value === "number") return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
    if (typeof value !== "object" || value === null) return true;
    if (depth === maxJsonDepth) return false;
    if (Array.isArray(value)) {
      for (const item of value) {
        if (typeof item !== "string" && !isExact(item, depth + 1)) return false;
      }
      if (withoutNulls && value.includes(null)) removeNulls(value);
      return true;
    }
    const members = value as Record<string, unknown>;
    for (const key in members) {
      const member = members[key];
      // Most are: a call less for each counts in a whole `run`.
      if (typeof member === "string") continue;
      if (member === null && withoutNulls) delete members[key];
      else if (!isExact(member, depth + 1)) return false;
    }
    return true;
  }
}

function removeNulls(array: unknown[]): void {
  const kept = array.filter((item) => item !== null);
  for (const [index, item] of kept.entries()) array[index] = item;
  array.length = kept.length;
}

/**
 * The JSON text of a value made of objects, arrays, strings, booleans, null, numbers and bigints;
 * a bigint is written out in full. Members that are undefined are left out.
 * @param indent spaces per level; 0 for all in one line
 * @throws {TypeError} for a number or other value that JSON cannot express
 */
export function stringifyJson(value: unknown, indent = 0, level = 0): string {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new TypeError(`JSON cannot express ${value}`);
  }
  if (typeof value !== "object" || value === null) {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined)
      throw new TypeError(`JSON cannot express a value of type ${typeof value}`);
    return text;
  }
  const isArray = Array.isArray(value);
  const items = isArray
    ? value.map((item) => stringifyJson(item, indent, level + 1))
    : Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([key, member]) => {
          const colon = indent === 0 ? ":" : ": ";
          return JSON.stringify(key) + colon + stringifyJson(member, indent, level + 1);
        });
  const [open, close] = isArray ? "[]" : "{}";
  if (items.length === 0 || indent === 0) return `${open}${items.join(",")}${close}`;
  const inner = `\n${" ".repeat(indent * (level + 1))}`;
  return `${open}${inner}${items.join(`,${inner}`)}\n${" ".repeat(indent * level)}${close}`;
}
