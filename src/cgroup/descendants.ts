/** The groups below a group: a container makes as many as it likes, as deep as it likes, with any name. */
import { DT_DIR, ENOENT, O_DIRECTORY, O_RDONLY, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV } from "#abi";
import { unless } from "../linux/errno.ts";
import { close, openAt, readDirectory, using } from "../linux/fs.ts";
import { openBelow } from "./hierarchy.ts";

/** Gets a group, the one above it, and its name in that. */
type Visit = (group: number, above: number, name: Uint8Array) => void;

/**
 * Visits all groups below another, each after those below it. Three descriptors and no recursion are enough for any
 * depth. Groups may come and go meanwhile. Throws Errno; EXDEV for a group that something is mounted on.
 */
export function visitDescendants(top: number, visit: Visit): void {
  let here = top;
  /** The names that lead from the top to here. */
  const way: Uint8Array[] = [];
  /** For the top, and for each group on the way, the ones below it that are still to be visited. */
  const unvisited = [subgroups(top)];
  try {
    for (;;) {
      const next = unvisited.at(-1)?.pop();
      if (next) {
        const below = findBelow(here, next);
        if (below === undefined) continue;
        if (here !== top) close(here);
        here = below;
        way.push(next);
        unvisited.push(subgroups(here));
      } else {
        unvisited.pop();
        const name = way.pop();
        if (name === undefined) return;
        const above = way.length === 0 ? top : openAbove(here);
        const group = here;
        here = above;
        using(group, () => visit(group, above, name));
      }
    }
  } finally {
    if (here !== top) close(here);
  }
}

const findBelow = (group: number, name: Uint8Array): number | undefined =>
  unless([ENOENT], () => openBelow(group, name));

/**
 * The group above is the one that the way down came through, or was, if it has been removed: groups of cgroup v2 cannot
 * be moved, and out of the mount `..` leads as little as onto another one.
 */
const openAbove = (group: number): number =>
  openAt(group, "..", O_RDONLY | O_DIRECTORY, { resolve: RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV });

/** None if the group has been removed meanwhile: systemd does so as soon as a scope is empty. */
const subgroups = (group: number): Uint8Array[] =>
  (unless([ENOENT], () => readDirectory(group)) ?? [])
    .filter(({ type }) => type === DT_DIR)
    .map(({ rawName }) => rawName);
