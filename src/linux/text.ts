/** Text as the kernel has it: UTF-8, decoded exactly or refused, so that a path is never silently another path. */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Throws a TypeError for bytes that are not UTF-8. */
export const decode = (bytes: Uint8Array): string => strict.decode(bytes);

export const encode = (text: string): Uint8Array => encoder.encode(text);
