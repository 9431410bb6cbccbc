/** What the kernel says when a system call fails (errno(3)). */
import { EACCES, EISDIR, ELOOP, ENOENT, ENOTDIR, EPERM, ERRNO_NAMES } from "#abi";
import { lookup } from "./names.ts";
import { printable } from "./text.ts";

/** The name of an errno, such as `ENOENT`. */
export const errnoName = (errno: number): string =>
  lookup(ERRNO_NAMES, String(errno)) ?? `errno ${errno}`;

/**
 * Words of the C library (strerror(3)) that engines look for in what went wrong, whatever it was: Docker and Podman make
 * the status 127 of a place that is missing, and 126 of one that is forbidden, and give advice.
 */
const WORDS: Readonly<Record<number, string>> = {
  [EACCES]: "permission denied",
  [EISDIR]: "is a directory",
  [ELOOP]: "too many levels of symbolic links",
  [ENOENT]: "no such file or directory",
  [ENOTDIR]: "not a directory",
  [EPERM]: "operation not permitted",
};

/** An errno for people and for engines: `no such file or directory (ENOENT)`, `EBUSY`. */
export function errnoText(errno: number): string {
  const words = WORDS[errno];
  return words === undefined ? errnoName(errno) : `${words} (${errnoName(errno)})`;
}

/** A failed system call. `message` reads `openat2("etc/passwd"): no such file or directory (ENOENT)`. */
export class Errno extends Error {
  override readonly name = "Errno";
  /** The errno, positive. */
  readonly errno: number;
  /** Its name, such as `ENOENT`. */
  readonly code: string;
  /** The system call. */
  readonly call: string;

  constructor(errno: number, call: string, salient: readonly unknown[] = []) {
    super(`${call}(${salient.map(shown).join(", ")}): ${errnoText(errno)}`);
    this.errno = errno;
    this.code = errnoName(errno);
    this.call = call;
  }
}

/** Bytes are a path, with its NUL. */
function shown(value: unknown): string {
  const text = value instanceof Uint8Array ? printable(value.subarray(0, -1)) : value;
  return typeof text === "string" ? JSON.stringify(text) : String(text);
}

/** The result of a system call, or an Errno that names the call and the arguments worth reading. */
export function check(result: number, call: string, ...salient: unknown[]): number {
  if (result < 0) throw new Errno(-result, call, salient);
  return result;
}

/** Whether an error is one of these errnos: `isErrno(error, ENOENT, ENOTDIR)`. */
export function isErrno(error: unknown, ...errnos: number[]): error is Errno {
  return error instanceof Errno && errnos.includes(error.errno);
}

/** The step's value, or undefined if it fails with one of these errnos. */
export function unless<T>(errnos: readonly number[], step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (isErrno(error, ...errnos)) return undefined;
    throw error;
  }
}
