/** The options of the cgroup v2 filesystem, which are one for all its mounts (cgroups(7), "Cgroups v2 mount options"). */
import { O_DIRECTORY } from "#abi";
import { openPath, using } from "../linux/fs.ts";
import { reconfigureFilesystem } from "../linux/mount.ts";
import { mountInfo } from "../linux/proc.ts";
import { findHierarchyMountPoint } from "./hierarchy.ts";

/**
 * Runs a step that may lose the options: who mounts the filesystem anew without them takes them from all, and without
 * `nsdelegate` a group that was delegated is not confined any more. `warn` hears why they could not be set again.
 */
export function keepHierarchyOptions<T>(step: () => T, warn: (message: string) => void): T {
  const mountPoint = findHierarchyMountPoint();
  // Without the filesystem there is nothing to lose.
  if (mountPoint === undefined) return step();
  const before = optionsOf(mountPoint);
  try {
    return step();
  } finally {
    restore(mountPoint, before, warn);
  }
}

function restore(
  mountPoint: string,
  options: readonly string[],
  warn: (message: string) => void,
): void {
  try {
    if (optionsOf(mountPoint).join() === options.join()) return;
    using(openPath(mountPoint, O_DIRECTORY), (mount) =>
      reconfigureFilesystem(
        mount,
        options.map((option) => [option]),
      ),
    );
  } catch (error) {
    warn(
      `criu has taken the options ${options.join()} from ${mountPoint}: ${(error as Error).message}`,
    );
  }
}

/** Without whether it is read-only, which is a mount's. */
const optionsOf = (mountPoint: string): string[] =>
  mountInfo()
    .findLast((mount) => mount.mountPoint === mountPoint)
    ?.superOptions.filter((option) => option !== "rw" && option !== "ro") ?? [];
