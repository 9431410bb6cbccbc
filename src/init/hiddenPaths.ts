/** linux.maskedPaths and linux.readonlyPaths: what of /proc and /sys a container must not see or change. */
import {
  AT_RECURSIVE,
  ELOOP,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  O_PATH,
} from "#abi";
import { doing, Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { close, findInRoot, using } from "../linux/fs.ts";
import { attachMount, cloneMount, createMount, setMountAttributes } from "../linux/mount.ts";
import { cleanPath } from "../linux/path.ts";
import { isDirectory } from "./inRoot.ts";
import { openNull } from "./nullDevice.ts";

/**
 * What a path names, as the container will see it; undefined if there is nothing. Magic links of /proc are refused. A
 * slash at the end of a file's path must not keep the file from being found.
 */
function findTarget(root: number, path: string): number | undefined {
  const place = path.replace(/(\/\.?)+$/, "");
  if (place === "" || (place.includes("..") && cleanPath(place) === "/"))
    throw new Failure("the root directory cannot be covered by a mount", {
      hint: "root.readonly makes it read-only",
    });
  try {
    return findInRoot(root, place, O_PATH);
  } catch (cause) {
    if (!isErrno(cause, ELOOP)) throw cause;
    throw new Failure("following its links", {
      cause,
      hint: "links such as /proc/self/cwd are not followed: name what they lead to",
    });
  }
}

/**
 * Covers files with /dev/null and directories with one empty read-only tmpfs, of this SELinux label. Paths that do not
 * exist are hidden.
 */
export function maskPaths(root: number, paths: readonly string[], label?: string): void {
  let empty: number | undefined;
  let devNull: number | undefined;
  paths.forEach((path, i) => {
    doing(`masking ${path}`, `/linux/maskedPaths/${i}`, () => {
      const target = findTarget(root, path);
      if (target === undefined) return;
      using(target, () => {
        if (isDirectory(target) && empty === undefined) {
          // The first gets the tmpfs itself: it must be attached for others to be cloned from it (before Linux 6.15).
          empty = emptyDirectory(label);
          attachMount(empty, target);
          return;
        }
        if (!isDirectory(target)) devNull ??= openNull(root);
        const cover = isDirectory(target) ? empty : devNull;
        using(cloneMount(cover as number), (mount) => attachMount(mount, target));
      });
    });
  });
  for (const cover of [empty, devNull]) if (cover !== undefined) close(cover);
}

const emptyDirectory = (label: string | undefined): number =>
  createMount(
    "tmpfs",
    [
      ["source", "tmpfs"],
      ["size", "0"],
      ["mode", "755"],
      ...(label ? ([["context", label]] as const) : []),
    ],
    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
  );

/** Mounts each path on itself, read-only. Paths that do not exist need no protection. */
export function protectPaths(root: number, paths: readonly string[]): void {
  paths.forEach((path, i) => {
    doing(`making ${path} read-only`, `/linux/readonlyPaths/${i}`, () => {
      const target = findTarget(root, path);
      if (target === undefined) return;
      using(target, () =>
        using(cloneMount(target, AT_RECURSIVE), (mount) => {
          setMountAttributes(mount, { set: MOUNT_ATTR_RDONLY });
          attachMount(mount, target);
        }),
      );
    });
  });
}
