/** `--preserve-fds`: which of the caller's descriptors a program keeps. */
import { EBADF, F_GETFD } from "#abi";
import { Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { fcntl } from "../linux/fs.ts";

const FIRST_PRESERVED = 3;

/**
 * Throws a Failure if one of so many descriptors, from 3 on, is not open. It must be called where tsrun has not opened any
 * of its own yet: one of those under a preserved number would end up in the container (CVE-2024-21626).
 */
export function checkPreserved(count: number): void {
  for (let fd = FIRST_PRESERVED; fd < FIRST_PRESERVED + count; fd++)
    if (!isOpen(fd))
      throw new Failure(`preserving ${count} descriptors: descriptor ${fd} is not open`);
}

/** `what` names where the text is from. */
export function toDescriptorCount(what: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new Failure(`${what} is ${JSON.stringify(text)}, which is not a number of descriptors`);
  return Number(text);
}

function isOpen(fd: number): boolean {
  try {
    return fcntl(fd, F_GETFD) >= 0;
  } catch (error) {
    if (isErrno(error, EBADF)) return false;
    throw error;
  }
}
