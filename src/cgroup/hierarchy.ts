/** The host's cgroup v2 hierarchy and the groups in it, by descriptor (cgroups(7)). */
import {
  CGROUP2_SUPER_MAGIC,
  EACCES,
  ENOENT,
  ENOTDIR,
  O_DIRECTORY,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from "#abi";
import { Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { close, filesystemType, openAt, openPath, using } from "../linux/fs.ts";
import { mountInfo } from "../linux/proc.ts";
import type { Path } from "../linux/text.ts";

/** Where systemd mounts it: on a pure cgroup v2 host, and on a hybrid one beside the v1 hierarchies. */
const USUAL_MOUNT_POINTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/** The root directory, and whether it stays open for the next one who asks. */
const kept: { isWanted: boolean; root?: number } = { isWanted: false };

/** Runs `use` with the root directory of the hierarchy. Throws a Failure on a host that has none mounted. */
export function inHierarchy<T>(use: (root: number) => T): T {
  if (!kept.isWanted) return using(openHierarchy().root, use);
  kept.root ??= openHierarchy().root;
  return use(kept.root);
}

/** Runs a step that looks at many groups: the hierarchy is opened once for it, when it is first asked for. */
export function keepingHierarchy<T>(step: () => T): T {
  kept.isWanted = true;
  try {
    return step();
  } finally {
    kept.isWanted = false;
    if (kept.root !== undefined) close(kept.root);
    delete kept.root;
  }
}

/** The path at which the hierarchy is mounted. Throws a Failure on a host that has none mounted. */
export const hierarchyMountPoint = (): string => closed(openHierarchy());

/** As `hierarchyMountPoint`, or undefined. */
export function findHierarchyMountPoint(): string | undefined {
  const found = findHierarchy();
  return found && closed(found);
}

/** The hierarchy's root directory, open, and where it is mounted. */
interface Hierarchy {
  mountPoint: string;
  root: number;
}

function closed({ mountPoint, root }: Hierarchy): string {
  close(root);
  return mountPoint;
}

function openHierarchy(): Hierarchy {
  const found = findHierarchy();
  if (found) return found;
  throw new Failure("no cgroup v2 filesystem is mounted on this host", {
    hint: "mount one, or run without cgroups: --cgroup-manager=disabled",
  });
}

function findHierarchy(): Hierarchy | undefined {
  const candidates = function* () {
    yield* USUAL_MOUNT_POINTS;
    yield* mountPoints();
  };
  for (const mountPoint of candidates()) {
    const root = openCgroup2(mountPoint);
    if (root !== undefined) return { mountPoint, root };
  }
  return undefined;
}

/** The directory, if a cgroup v2 filesystem is really what one sees there: it may be mounted over. */
function openCgroup2(mountPoint: string): number | undefined {
  const fd = unless([ENOENT, ENOTDIR, EACCES], () => openPath(mountPoint, O_DIRECTORY));
  if (fd === undefined || filesystemType(fd) === CGROUP2_SUPER_MAGIC) return fd;
  close(fd);
  return undefined;
}

/**
 * Only mounts of the whole hierarchy, as this cgroup namespace has it: below a bind mount of one group the paths of
 * /proc/<pid>/cgroup do not hold.
 */
const mountPoints = (): string[] =>
  mountInfo()
    .filter(({ type, root }) => type === "cgroup2" && root === "/")
    .map(({ mountPoint }) => mountPoint);

/**
 * Opens the directory of a group below another. The way there leads over no link and onto no other mount.
 * `path` is relative; "." is the group itself. Throws Errno.
 */
export const openBelow = (group: number, path: Path): number =>
  openAt(group, path, O_RDONLY | O_DIRECTORY, {
    resolve: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
  });

/** Runs `use` with a group's directory; undefined if there is no such group. */
export function inGroup<T>(path: string, use: (group: number) => T): T | undefined {
  return inHierarchy((root) => {
    const group = unless([ENOENT], () => openBelow(root, path.slice(1)));
    return group === undefined ? undefined : using(group, use);
  });
}
