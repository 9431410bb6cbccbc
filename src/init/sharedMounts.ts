/**
 * A container in a mount namespace where others live: the creator's own, if config.json lists none, or one that it joins.
 * The root filesystem is mounted on itself there, and the process goes into it by chroot(2): pivot_root(2) would move the
 * root of the others too.
 */
import { AT_RECURSIVE, ENOENT, MNT_DETACH, MS_PRIVATE, O_DIRECTORY, UMOUNT_NOFOLLOW } from "#abi";
import { doing, Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { openPath, stat, using } from "../linux/fs.ts";
import { attachMount, cloneMount, setMountAttributes, umount } from "../linux/mount.ts";
import { chdir, chroot, fchdir } from "../linux/namespaces.ts";
import { mountInfo } from "../linux/proc.ts";
import type { OpenSource } from "./sources.ts";

/**
 * Mounts the root filesystem on itself, so that all that is mounted in it goes with it. `announce` hears the mount's id
 * (statx(2), stx_mnt_id) before it is there to be seen. Returns its descriptor, the root for `openInRoot`.
 */
export function mountSharedRoot(
  rootfs: string,
  openSource: OpenSource,
  announce: (mountId: number) => void = () => {},
): number {
  return doing(`mounting the root filesystem ${rootfs}`, "/root/path", () =>
    using(openSource(rootfs), (directory) => {
      const root = cloneMount(directory, AT_RECURSIVE);
      // What is mounted in it must not reach where it was cloned from.
      setMountAttributes(root, { propagation: MS_PRIVATE }, true);
      announce(stat(root).mountId);
      attachMount(root, directory);
      // Nor who sees this one: on a shared mount it has become a shared one itself (mount_namespaces(7)).
      setMountAttributes(root, { propagation: MS_PRIVATE }, true);
      return root;
    }),
  );
}

/**
 * Takes the mount with this id away from where it is, with all that is below it; nothing if it has gone already. Throws a
 * Failure if it is out of reach below another mount.
 */
export function unmountSharedRoot(rootfs: string, mountId: number): void {
  const found = unless([ENOENT], () => using(openPath(rootfs, O_DIRECTORY), stat));
  if (found?.mountId === mountId)
    doing(`unmounting the root filesystem ${rootfs}`, undefined, () =>
      umount(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW),
    );
  else if (mountInfo().some(({ id, mountPoint }) => id === mountId && mountPoint === rootfs))
    throw new Failure(`something else is mounted over the container's root filesystem ${rootfs}`, {
      hint: "first unmount it, or delete the container of the same root filesystem that was created later",
    });
}

export function enterSharedRoot(root: number): void {
  doing("entering the root filesystem", "/root/path", () => {
    fchdir(root);
    chroot(".");
    chdir("/");
  });
}
