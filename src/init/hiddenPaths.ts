/** linux.maskedPaths and linux.readonlyPaths: what of /proc and /sys a container must not see or change. */
import {
  AT_RECURSIVE,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  O_NOFOLLOW,
  O_PATH,
  S_IFCHR,
  S_IFMT,
} from "#abi";
import { doing } from "../failure.ts";
import { close, findInRoot, open, stat, using } from "../linux/fs.ts";
import { attachMount, cloneMount, createMount, setMountAttributes } from "../linux/mount.ts";
import { isDirectory } from "./inRoot.ts";

/** The host's /dev/null; whatever else stands there is refused (CVE-2025-31133). */
export function openNull(): number {
  const fd = open("/dev/null", O_PATH | O_NOFOLLOW);
  const { mode, rdev } = stat(fd);
  if ((mode & S_IFMT) !== S_IFCHR || rdev.major !== 1 || rdev.minor !== 3)
    throw new Error("the host's /dev/null is not the null device (1, 3)");
  return fd;
}

/** Covers files with /dev/null and directories with one empty read-only tmpfs. Paths that do not exist are hidden. */
export function maskPaths(root: number, paths: readonly string[], devNull: number): void {
  let empty: number | undefined;
  paths.forEach((path, i) => {
    doing(`masking ${path}`, `/linux/maskedPaths/${i}`, () => {
      const target = findInRoot(root, path, O_PATH);
      if (target === undefined) return;
      using(target, () => {
        const directory = isDirectory(target);
        if (directory) empty ??= emptyDirectory();
        const cover = directory ? (empty as number) : devNull;
        using(cloneMount(cover), (mount) => attachMount(mount, target));
      });
    });
  });
  if (empty !== undefined) close(empty);
}

const emptyDirectory = (): number =>
  createMount(
    "tmpfs",
    [
      ["source", "tmpfs"],
      ["size", "0"],
      ["mode", "755"],
    ],
    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
  );

/** Mounts each path on itself, read-only. Paths that do not exist need no protection. */
export function protectPaths(root: number, paths: readonly string[]): void {
  paths.forEach((path, i) => {
    doing(`making ${path} read-only`, `/linux/readonlyPaths/${i}`, () => {
      const target = findInRoot(root, path, O_PATH);
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
