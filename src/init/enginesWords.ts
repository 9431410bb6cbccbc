/**
 * Words that engines look for in what went wrong: a program or a place that is missing gives the status 127, one that is
 * forbidden 126.
 */
import { EACCES, ELOOP, ENOENT, ENOTDIR } from "#abi";

export const MISSING = "no such file or directory (ENOENT)";
export const FORBIDDEN = "permission denied (EACCES)";

/** By errno, those of a path that does not lead there. */
export const PATH_WORDS: Readonly<Record<number, string>> = {
  [ENOENT]: MISSING,
  [EACCES]: FORBIDDEN,
  [ENOTDIR]: "not a directory (ENOTDIR)",
  [ELOOP]: "too many levels of symbolic links (ELOOP)",
};
