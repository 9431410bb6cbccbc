/** The database of users as a file has it (passwd(5)). */
import { decode } from "./text.ts";

const NEWLINE = 0x0a;

/** A longer line is nobody's. */
const LINE_MAX = 4096;

const FIELDS = { name: 0, home: 5 } as const;

/**
 * What the file's bytes say of a user; undefined if it is not there, not in UTF-8, or no string of C's, since it has a NUL. The
 * first line of a uid counts.
 */
export function userField(
  passwd: Uint8Array,
  uid: number,
  field: keyof typeof FIELDS,
): string | undefined {
  // Lines are compared as Latin-1, so that a name in another encoding in one line does not cost the others.
  const fields = latin1Lines(passwd)
    .map((line) => line.split(":"))
    .find((line) => line[2] === String(uid));
  return utf8(fields?.[FIELDS[field]]);
}

function utf8(latin1: string | undefined): string | undefined {
  try {
    return latin1 && !latin1.includes("\0")
      ? decode(Uint8Array.from(latin1, (character) => character.charCodeAt(0)))
      : undefined;
  } catch {
    return undefined;
  }
}

function latin1Lines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, start);
    const line = bytes.subarray(start, end < 0 ? bytes.length : end);
    if (line.length <= LINE_MAX) lines.push(String.fromCharCode(...line));
    start += line.length + 1;
  }
  return lines;
}
