/** Giving a group to the user of its container (config-linux.md, "Cgroup ownership"; cgroups(7), "Delegation"). */
import { AT_FDCWD, ENOENT, O_RDONLY } from "#abi";
import { Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { chown, chownAt, findAt, readBytes, using } from "../linux/fs.ts";
import { decode } from "../linux/text.ts";

const DELEGATE = "/sys/kernel/cgroup/delegate";
/** The specification's, for a kernel that does not say. */
const USUAL_FILES = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/**
 * Gives a group's directory, and those of its files that may be another's, to a user: it can make groups below and move
 * its processes there, and cannot change its own limits.
 */
export function giveGroup(group: number, uid: number): void {
  try {
    chown(group, uid, -1);
    for (const file of delegatedFiles()) unless([ENOENT], () => chownAt(group, file, uid, -1));
  } catch (cause) {
    throw new Failure(`giving the container's cgroup to the user ${uid}`, { cause });
  }
}

function delegatedFiles(): string[] {
  const fd = findAt(AT_FDCWD, DELEGATE, O_RDONLY);
  if (fd === undefined) return USUAL_FILES;
  return using(fd, (file) => decode(readBytes(file)))
    .split("\n")
    .filter((name) => name !== "" && !name.includes("/"));
}
