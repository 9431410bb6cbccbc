/** Bind mounts: a part of the host's tree as a detached mount, with its attributes already in force. */
import {
  AT_RECURSIVE,
  EINVAL,
  EPERM,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  MS_PRIVATE,
} from "#abi";
import { load } from "#host";
import { doing, Failure } from "../failure.ts";
import { isErrno, unless } from "../linux/errno.ts";
import { using } from "../linux/fs.ts";
import { cloneMount, setMountAttributes } from "../linux/mount.ts";
import { type AttributeChange, severalChanges } from "./mountOptions.ts";
import type { MountPlan } from "./mountPlan.ts";
import type { OpenSource, Sources } from "./sources.ts";

/** The source of a bind mount, cloned. */
export function cloneSource(plan: MountPlan, sources: Sources): number {
  const { source, options, pointer, idmap } = plan;
  const detached = doing(`opening the source ${source}`, `${pointer}/source`, () =>
    idmap
      ? load(import("./idmappedMounts.ts")).openIdmapped(plan, idmap, sources)
      : using(sources.open(source), (fd) => cloneTree(fd, options.bind === "rbind")),
  );
  changeAttributes(detached, options.attributes);
  changeBelow(detached, options.recursiveAttributes);
  return detached;
}

export function cloneTree(source: number, recursive: boolean): number {
  try {
    return cloneMount(source, recursive ? AT_RECURSIVE : 0);
  } catch (cause) {
    if (recursive || !isErrno(cause, EINVAL)) throw cause;
    throw new Failure("cloning the mount", {
      cause,
      hint: "if something is mounted below it, a user namespace must not uncover that: use rbind",
    });
  }
}

/**
 * A directory of the host in the place of a filesystem that a user namespace may not mount, as crun does it for /sys.
 * What was asked for holds for all mounts below, and nothing that the host mounts there later appears.
 */
export function cloneSubstitute(
  source: string,
  options: AttributeChange,
  open: OpenSource,
): number {
  const detached = using(open(source), (fd) => cloneTree(fd, true));
  const strict = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const attributes = { set: options.set & strict, propagation: MS_PRIVATE };
  setMountAttributes(detached, attributes, true);
  return detached;
}

const changesNothing = ({ set, clear }: AttributeChange): boolean => set === 0 && clear === 0;

/**
 * The flags of a host's mount are locked for the root of a user namespace (mount_namespaces(7)), and the mount keeps
 * those: engines ask for `rw` whatever the host has there.
 */
export function changeAttributes(mount: number, change: AttributeChange): void {
  if (changesNothing(change)) return;
  try {
    setMountAttributes(mount, change);
  } catch (error) {
    if (!isErrno(error, EPERM)) throw error;
    for (const single of severalChanges(change))
      unless([EPERM], () => setMountAttributes(mount, single));
  }
}

/** All or nothing: mount_setattr(2) does not say of which of the mounts below a flag is locked. */
export function changeBelow(mount: number, change: AttributeChange): void {
  if (changesNothing(change)) return;
  try {
    setMountAttributes(mount, change, true);
  } catch (cause) {
    if (!isErrno(cause, EPERM)) throw cause;
    throw new Failure("changing the attributes of all mounts below", {
      cause,
      hint: "what the host's mounts are (ro, nosuid, nodev, noexec, their atime) is locked in a user namespace",
    });
  }
}
