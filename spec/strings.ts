/** Strings that the kernel cannot be told: C strings end at a NUL, and half a surrogate pair has no bytes in UTF-8. */
import { addFaultsBelow, type Fault } from "./checks.ts";

/** The members of a config whose strings go to the kernel; annotations are anything, other platforms not ours. */
const SPOKEN = new Set(["root", "mounts", "process", "hostname", "domainname", "hooks", "linux"]);

/** The faults of the strings in a config, names of members included; `text` is what it was read from. */
export const stringFaults = (text: string, config: unknown): Fault[] =>
  mayBeFaulty(text)
    ? Object.entries(config ?? {})
        .filter(([name]) => SPOKEN.has(name))
        .flatMap(([name, part]) => addFaultsBelow(null, name, faultsIn(part)))
    : [];

/** In JSON a NUL is always escaped, and in UTF-8 so is half a pair. */
const mayBeFaulty = (text: string): boolean =>
  text.includes("\\u") && /\\u(?:0000|d[89a-f])/i.test(text);

function faultsIn(value: unknown): Fault[] {
  if (typeof value === "string") {
    if (!value.includes("\0") && value.isWellFormed()) return [];
    return [
      { pointer: "", expected: "text without NUL and without half characters", found: value },
    ];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) =>
    addFaultsBelow(null, key, [...faultsIn(key), ...faultsIn(part)]),
  );
}
