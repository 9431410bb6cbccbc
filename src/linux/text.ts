/** Text as the kernel has it: UTF-8, decoded exactly or refused, so that a path is never silently another path. */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * A path, or a name in a directory, as system calls take it: text, or bytes as they came from the kernel, with the NUL at
 * their end.
 */
export type Path = string | Uint8Array;

/** Throws a TypeError for bytes that are not UTF-8. */
export const decode = (bytes: Uint8Array): string => strict.decode(bytes);

/** Throws a TypeError for a string with a lone surrogate. */
export function encode(text: string): Uint8Array<ArrayBuffer> {
  if (!text.isWellFormed()) throw new TypeError("a string with a lone surrogate has no UTF-8 form");
  return encoder.encode(text) as Uint8Array<ArrayBuffer>;
}

/** What a program wrote, for people to read: what is not UTF-8 is shown byte by byte. */
export function printable(bytes: Uint8Array): string {
  try {
    return decode(bytes);
  } catch {
    return String.fromCharCode(...bytes);
  }
}
