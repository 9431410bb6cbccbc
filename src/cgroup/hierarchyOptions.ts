/** The options of the cgroup v2 filesystem, which are one for all its mounts (cgroups(7), "Cgroups v2 mount options"). */
import { O_DIRECTORY } from "#abi";
import { openPath, using } from "../linux/fs.ts";
import { reconfigureFilesystem } from "../linux/mount.ts";
import { mountInfo } from "../linux/proc.ts";
import { hierarchyMountPoint } from "./hierarchy.ts";

/**
 * Runs a step that may lose the options: who mounts the filesystem anew without them takes them from all, and without
 * `nsdelegate` a group that was delegated is not confined any more.
 */
export function keepHierarchyOptions<T>(step: () => T): T {
  const mountPoint = hierarchyMountPoint();
  const before = optionsOf(mountPoint);
  try {
    return step();
  } finally {
    if (optionsOf(mountPoint).join() !== before.join())
      using(openPath(mountPoint, O_DIRECTORY), (mount) =>
        reconfigureFilesystem(
          mount,
          before.map((option) => [option]),
        ),
      );
  }
}

/** Without whether it is read-only, which is a mount's. */
const optionsOf = (mountPoint: string): string[] =>
  mountInfo()
    .findLast((mount) => mount.mountPoint === mountPoint)
    ?.superOptions.filter((option) => option !== "rw" && option !== "ro") ?? [];
