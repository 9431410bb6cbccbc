/** What criu has written to its log about why it failed: that says more than its answers. */
import { O_NOFOLLOW, O_RDONLY, SEEK_SET } from "#abi";
import { findAt, lseek, readBytes, stat, using } from "../linux/fs.ts";
import { printable } from "../linux/text.ts";

/** An error is followed by no more than how criu cleans up. */
const LOOKED_AT = 256 * 1024;

/** The first error is the cause, and those after it say what that led to. */
const SHOWN = 3;

/** `(00.012345)     17: Error (criu/files-reg.c:1831): Can't …`: the time, the process, the place. */
const ERROR_LINE = /^\(\d+\.\d+\)(?: +(?:pie: )?\d+:)? *Error \([^()]*\): (.+)$/;

/** The last errors of the log `name` in a directory, in their order; none if there is no such log. */
export function logErrors(directory: number, name: string): string[] {
  const log = findAt(directory, name, O_RDONLY | O_NOFOLLOW);
  if (log === undefined) return [];
  const text = using(log, () => {
    lseek(log, Math.max(0, stat(log).size - LOOKED_AT), SEEK_SET);
    return printable(readBytes(log));
  });
  return errorsIn(text).slice(-SHOWN);
}

/** The errors of a log's text, without what only criu's developers need. */
export const errorsIn = (log: string): string[] =>
  log.split("\n").flatMap((line) => ERROR_LINE.exec(line)?.[1] ?? []);
