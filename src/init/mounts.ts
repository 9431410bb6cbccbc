/** The mounts of config.json, in their order, each attached to a place that was found inside the root. */
import {
  EACCES,
  EINVAL,
  ELOOP,
  ENOENT,
  ENOTDIR,
  EROFS,
  MOUNT_ATTR_RDONLY,
  O_DIRECTORY,
  O_PATH,
  PROC_SUPER_MAGIC,
  RESOLVE_NO_SYMLINKS,
} from "#abi";
import { load } from "#host";
import { doing, Failure } from "../failure.ts";
import { errnoText, isErrno, unless } from "../linux/errno.ts";
import { close, filesystemType, findInRoot, openInRoot, stat, using } from "../linux/fs.ts";
import { attachMount, setMountAttributes } from "../linux/mount.ts";
import { changeBelow, cloneSource } from "./binds.ts";
import { createFilesystem } from "./filesystems.ts";
import { isDirectory, makeDirectoryInRoot, makeFileInRoot } from "./inRoot.ts";
import type { MountPlan } from "./mountPlan.ts";
import type { Sources } from "./sources.ts";

/** What the mounts have made. */
export interface Mounted {
  /** The container's root: another one than before if something is mounted on `/`. */
  root: number;
  /** The ids of bind mounts (statx(2), stx_mnt_id). */
  bound: Set<number>;
  /** To become read-only once all that belongs into them is there. */
  unsealed: { mount: number; plan: MountPlan }[];
}

/** Makes the mounts. */
export function makeMounts(root: number, plans: readonly MountPlan[], sources: Sources): Mounted {
  const mounted: Mounted = { root, bound: new Set(), unsealed: [] };
  for (const plan of plans)
    doing(
      `mounting ${plan.mount.source || plan.mount.type} on ${plan.mount.destination}`,
      plan.pointer,
      () => (plan.options.remounts ? remount(plan, mounted) : makeMount(plan, sources, mounted)),
    );
  return mounted;
}

function makeMount(plan: MountPlan, sources: Sources, mounted: Mounted): void {
  const { mount, destination, options } = plan;
  const { root } = mounted;
  const source = options.bind ? cloneSource(plan, sources) : undefined;
  const isFile = source !== undefined && !isDirectory(source);
  // procfs and sysfs are where privileged files live: an image must not place them elsewhere by a link.
  const resolve = mount.type === "proc" || mount.type === "sysfs" ? RESOLVE_NO_SYMLINKS : 0;
  const found = findPlace(root, destination, isFile ? O_PATH : O_PATH | O_DIRECTORY, resolve);
  using(found ?? makePlace(root, plan, isFile), (target) => {
    refuseOverProc(target, plan);
    // The kernel would say no more than EINVAL.
    if (isFile && isDirectory(target))
      throw new Failure(
        `a file cannot be mounted on the directory ${destination}: ${errnoText(ENOTDIR)}`,
        { errno: ENOTDIR },
      );
    const existed = found !== undefined;
    const made = source ?? makeFilesystem(plan, { fd: target, existed }, sources);
    attachMount(made, target);
    for (const { type, recursive } of options.propagation)
      setMountAttributes(made, { propagation: type }, recursive);
    if (source !== undefined) mounted.bound.add(stat(made).mountId);
    keepOrClose(made, plan, mounted);
  });
}

function makeFilesystem(
  plan: MountPlan,
  target: { fd: number; existed: boolean },
  sources: Sources,
): number {
  const { attributes, recursiveAttributes, copiesUp } = plan.options;
  const waits = isSealedLater(plan) ? MOUNT_ATTR_RDONLY : 0;
  const made = createFilesystem(plan, target, attributes.set & ~waits, sources);
  if (copiesUp) load(import("./tmpcopyup.ts")).copyUp(target.fd, made);
  changeBelow(made, recursiveAttributes);
  return made;
}

/** What stays open: the new root, and what becomes read-only later. */
function keepOrClose(made: number, plan: MountPlan, mounted: Mounted): void {
  const isRoot = plan.destination === "/";
  if (isRoot) {
    close(mounted.root);
    mounted.root = made;
  }
  if (isSealedLater(plan)) mounted.unsealed.push({ mount: made, plan });
  else if (!isRoot) close(made);
}

export const DEV = "/dev";

const isReadonly = ({ options }: MountPlan): boolean =>
  (options.attributes.set & MOUNT_ATTR_RDONLY) !== 0;

/** /dev is still to be filled with devices; and an empty tmpfs with places for other mounts, as with runc. */
const isSealedLater = (plan: MountPlan): boolean =>
  isReadonly(plan) &&
  (plan.options.remounts ||
    (!plan.options.bind && (plan.mount.type === "tmpfs" || plan.destination === DEV)));

/** Makes read-only what had to be written to before. */
export function sealMounts({ unsealed }: Mounted): void {
  for (const { mount, plan } of unsealed)
    doing(`making ${plan.destination} read-only`, plan.pointer, () =>
      // Not what a hook has unmounted.
      unless([EINVAL], () => setMountAttributes(mount, { set: MOUNT_ATTR_RDONLY })),
    );
}

function remount(plan: MountPlan, mounted: Mounted): void {
  const mount = openInRoot(mounted.root, plan.destination, O_PATH);
  const { set, clear } = plan.options.attributes;
  load(import("./remounts.ts")).changeMount(mount, plan, { set: set & ~MOUNT_ATTR_RDONLY, clear });
  if (isSealedLater(plan)) mounted.unsealed.push({ mount, plan });
  else close(mount);
}

function findPlace(
  root: number,
  destination: string,
  flags: number,
  resolve: number,
): number | undefined {
  try {
    return findInRoot(root, destination, flags, { resolve });
  } catch (cause) {
    if (!isErrno(cause, ELOOP)) throw cause;
    const hint =
      resolve === 0
        ? "links such as /proc/self/cwd are not followed: name what they lead to"
        : "no link is followed to where proc and sysfs are mounted: the image must have a directory there, or nothing";
    throw new Failure("following the links of the root filesystem", { cause, hint });
  }
}

/** What is missing of the destination is the image's to hold, and the container's root's to make. */
function makePlace(root: number, plan: MountPlan, isFile: boolean): number {
  const { destination } = plan;
  try {
    return isFile ? makeFileInRoot(root, destination) : makeDirectoryInRoot(root, destination);
  } catch (cause) {
    // procfs makes nothing, and says that nothing is there.
    if (isErrno(cause, ENOENT) && destination.startsWith("/proc/")) throw insideProc(plan);
    const hint = isErrno(cause, EACCES)
      ? "the directory above it does not belong to the root of the container's user namespace: make the place beforehand, or give it the root filesystem"
      : "what it would lie in is read-only: make the place beforehand, or mount that first without ro";
    if (!isErrno(cause, EACCES, EROFS)) throw cause;
    throw new Failure(`making ${destination}`, { cause, hint });
  }
}

/** Files of /proc that an engine may replace by a bind mount, as LXCFS does (runc's list). */
const REPLACEABLE_PROC_FILES = new Set(
  [
    "cpuinfo",
    "diskstats",
    "meminfo",
    "stat",
    "swaps",
    "uptime",
    "loadavg",
    "slabinfo",
    "sys/kernel/ns_last_pid",
    "sys/crypto/fips_enabled",
  ].map((name) => `/proc/${name}`),
);

/** A mount over a file of /proc could turn a privileged write into a harmless one (CVE-2019-16884, CVE-2019-19921). */
function refuseOverProc(target: number, plan: MountPlan): void {
  const { mount, destination, options } = plan;
  if ((mount.type === "proc" && !options.bind) || REPLACEABLE_PROC_FILES.has(destination)) return;
  if (filesystemType(target) === PROC_SUPER_MAGIC) throw insideProc(plan);
}

const insideProc = ({ destination, pointer }: MountPlan): Failure =>
  new Failure(`${destination} is inside /proc, which must not be mounted over`, {
    pointer: `${pointer}/destination`,
  });
