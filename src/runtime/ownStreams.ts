/** What the standard streams of a container are when it is created: for `checkpoint`, which cannot ask for that later. */
import { AT_FDCWD, ENOENT } from "#abi";
import { unless } from "../linux/errno.ts";
import { readlinkAt } from "../linux/fs.ts";

/** What this process's standard streams are, "" for a closed one. A container that gets them may have others later. */
export const ownStreams = (): string[] =>
  [0, 1, 2].map((fd) => unless([ENOENT], () => linkOf(`/proc/self/fd/${fd}`)) ?? "");

/** A path that is not UTF-8 is no name of a pipe. */
function linkOf(path: string): string {
  try {
    return readlinkAt(AT_FDCWD, path);
  } catch (error) {
    if (error instanceof TypeError) return "";
    throw error;
  }
}
