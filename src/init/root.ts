/** The container's root filesystem: from a directory of the host to `/` (pivot_root(2), mount_namespaces(7)). */
import {
  AT_RECURSIVE,
  EINVAL,
  EPERM,
  MNT_DETACH,
  MOUNT_ATTR_RDONLY,
  MS_MOVE,
  MS_PRIVATE,
  MS_REC,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
  O_DIRECTORY,
  O_PATH,
  RAMFS_MAGIC,
  TMPFS_MAGIC,
} from "#abi";
import { doing, Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { filesystemType, open, using } from "../linux/fs.ts";
import {
  attachMount,
  cloneMount,
  mount,
  pivotRoot,
  setMountAttributes,
  umount,
} from "../linux/mount.ts";
import { chdir, chroot, fchdir } from "../linux/namespaces.ts";
import { mountInfo } from "../linux/proc.ts";
import type { OpenSource } from "./sources.ts";

const PROPAGATION: Readonly<Record<string, number>> = {
  shared: MS_SHARED,
  rshared: MS_SHARED | MS_REC,
  slave: MS_SLAVE,
  rslave: MS_SLAVE | MS_REC,
  private: MS_PRIVATE,
  rprivate: MS_PRIVATE | MS_REC,
  unbindable: MS_UNBINDABLE,
  runbindable: MS_UNBINDABLE | MS_REC,
};

/** linux.rootfsPropagation as MS_*, 0 if there is none. */
export function rootPropagation(name: string | undefined): number {
  const flags = name ? PROPAGATION[name] : 0;
  if (flags === undefined)
    throw new Failure(`there is no mount propagation "${name}"`, {
      pointer: "/linux/rootfsPropagation",
    });
  return flags;
}

/**
 * Sets the propagation of what the namespace inherited and makes the root filesystem a mount of its own, as pivot_root
 * wants it. Unless it is to be a slave, it is private, as with runc; by default the host's other mounts reach the
 * container, and not the other way. Returns its descriptor, the root for `openInRoot`.
 */
export function prepareRoot(rootfs: string, propagation: number, openSource: OpenSource): number {
  // Nothing could be bound from an unbindable tree: that is for the root alone, at the end.
  const isDefault = propagation === 0 || (propagation & MS_UNBINDABLE) !== 0;
  const inherited = isDefault ? MS_SLAVE | MS_REC : propagation;
  const kind = (propagation & MS_SLAVE) !== 0 ? MS_SLAVE : MS_PRIVATE;
  const isCutOff = (inherited & MS_REC) !== 0 && (inherited & MS_SHARED) === 0;
  doing("setting the mount propagation", "/linux/rootfsPropagation", () => {
    mount(null, "/", null, inherited);
    if (!isCutOff) cutOffParent(rootfs, kind);
  });
  return doing(`mounting the root filesystem ${rootfs}`, "/root/path", () =>
    using(openSource(rootfs), (directory) => {
      const root = cloneMount(directory, AT_RECURSIVE);
      if (!isCutOff || isDefault) setMountAttributes(root, { propagation: kind }, !isCutOff);
      attachMount(root, directory);
      return root;
    }),
  );
}

/**
 * The mount that the root filesystem lies on becomes private, or a slave: pivot_root refuses a shared one, and what is
 * mounted in the container would appear on the host.
 */
function cutOffParent(rootfs: string, kind: number): void {
  const parent = mountInfo()
    .filter(({ mountPoint }) => contains(mountPoint, rootfs))
    .reduce(
      (longest, { mountPoint }) => (mountPoint.length >= longest.length ? mountPoint : longest),
      "/",
    );
  mount(null, parent, null, kind);
}

/** Makes `root`, mounted on the path `rootfs`, the root of this mount namespace and lets go of the old one. */
export function enterRoot(root: number, rootfs: string, noPivot: boolean): void {
  doing("entering the root filesystem", "/root/path", () => {
    if (noPivot || !pivoted(root)) moveRoot(root, rootfs);
    chdir("/");
  });
}

/** pivot_root(2), NOTES: "The rootfs (initial ramfs) cannot be pivot_root()ed"; it may be a tmpfs as well. */
const isInitialRoot = (root: number): boolean =>
  [RAMFS_MAGIC, TMPFS_MAGIC].includes(filesystemType(root));

/** False where the kernel cannot pivot. */
function pivoted(root: number): boolean {
  return using(open("/", O_PATH | O_DIRECTORY), (oldRoot) => {
    fchdir(root);
    try {
      // The same directory twice stacks the old root upon the new one: no place in the image is needed for it.
      pivotRoot(".", ".");
    } catch (error) {
      if (isErrno(error, EINVAL) && isInitialRoot(oldRoot)) return false;
      throw error;
    }
    fchdir(oldRoot);
    // Its unmounting must not reach the host.
    mount(null, ".", null, MS_SLAVE | MS_REC);
    umount(".", MNT_DETACH);
    return true;
  });
}

/**
 * The way without pivot_root. The old root stays below, where a process that leaves a chroot could find it: so the
 * host's proc and sysfs, whose files no permission of the container limits, are unmounted first.
 */
function moveRoot(root: number, rootfs: string): void {
  const outside = mountInfo().filter(({ mountPoint }) => !contains(rootfs, mountPoint));
  for (const { mountPoint, type } of outside.reverse())
    if (type === "proc" || type === "sysfs") unmountOrHide(mountPoint);
  fchdir(root);
  mount(".", "/", null, MS_MOVE);
  chroot(".");
}

const contains = (directory: string, path: string): boolean =>
  path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);

/** In a user namespace a mount may be locked to its parent (EINVAL, EPERM): an empty tmpfs over it hides it as well. */
function unmountOrHide(mountPoint: string): void {
  try {
    umount(mountPoint, MNT_DETACH);
  } catch (error) {
    if (!isErrno(error, EINVAL, EPERM)) throw error;
    mount("tmpfs", mountPoint, "tmpfs", 0);
  }
}

/** linux.rootfsPropagation of the root itself, and in its recursive forms of all that is mounted in it. */
export function shareRoot(root: number, propagation: number): void {
  const type = propagation & (MS_SHARED | MS_UNBINDABLE);
  if (type !== 0)
    doing("setting the root's propagation", "/linux/rootfsPropagation", () =>
      setMountAttributes(root, { propagation: type }, (propagation & MS_REC) !== 0),
    );
}

/** root.readonly: only this mount, what is mounted below it keeps its own options. */
export function makeRootReadonly(root: number): void {
  doing("making the root filesystem read-only", "/root/readonly", () =>
    setMountAttributes(root, { set: MOUNT_ATTR_RDONLY }),
  );
}
