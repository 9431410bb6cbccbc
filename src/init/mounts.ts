/** The mounts of config.json, in their order, each attached to a place that was found inside the root. */

import type { Mount } from "@opencontainers-types";
import {
  AT_RECURSIVE,
  EACCES,
  EINVAL,
  EPERM,
  MOUNT_ATTR_RDONLY,
  O_DIRECTORY,
  O_PATH,
  PROC_SUPER_MAGIC,
  RESOLVE_NO_SYMLINKS,
} from "#abi";
import { doing, Failure } from "../failure.ts";
import { isErrno, unless } from "../linux/errno.ts";
import { filesystemType, findInRoot, stat, using } from "../linux/fs.ts";
import {
  attachMount,
  cloneMount,
  createMount,
  type FsParameter,
  setMountAttributes,
} from "../linux/mount.ts";
import { cleanPath } from "../linux/path.ts";
import { isDirectory, makeDirectoryInRoot, makeFileInRoot } from "./inRoot.ts";
import {
  type AttributeChange,
  type MountOptions,
  parseMountOptions,
  severalChanges,
} from "./mountOptions.ts";
import type { OpenSource, Source } from "./sources.ts";

export interface MountPlan {
  mount: Mount;
  /** Absolute and clean, as seen in the container. */
  destination: string;
  /** For a bind: the absolute path on the host. */
  source: string;
  options: MountOptions;
  pointer: string;
}

/**
 * Reads the mounts of config.json. Relative bind sources are relative to the bundle; `hostCgroups` gives the place of the
 * host's cgroup2 mount for a container without a cgroup namespace. Throws a Failure.
 */
export function planMounts(
  mounts: readonly Mount[],
  bundle: string,
  hostCgroups: (() => string) | undefined,
): MountPlan[] {
  return mounts.map((mount, i) => {
    const pointer = `/mounts/${i}`;
    if (isCgroup(mount) && hostCgroups) return planHostCgroups(mount, hostCgroups(), pointer);
    const options = doing("reading the mount options", `${pointer}/options`, () => {
      const parsed = parseMountOptions(mount.options ?? []);
      return mount.type === "bind" && !parsed.bind ? { ...parsed, bind: "bind" as const } : parsed;
    });
    const source = mount.source ?? "";
    if (options.bind && source === "")
      throw new Failure(`the bind mount on ${mount.destination} has no source`, {
        pointer: `${pointer}/source`,
      });
    return {
      mount,
      destination: cleanPath(mount.destination),
      source: source.startsWith("/") ? source : `${bundle}/${source}`,
      options,
      pointer,
    };
  });
}

const isCgroup = ({ type }: Mount): boolean => type === "cgroup" || type === "cgroup2";

/**
 * In the host's cgroup namespace a new cgroup2 mount would be the host's own mounted again: the kernel then resets its
 * options (nsdelegate, favordynmods) to those given now. A bind mount shows the same and changes nothing.
 */
function planHostCgroups(mount: Mount, source: string, pointer: string): MountPlan {
  const options = { ...parseMountOptions(mount.options ?? []), bind: "bind" as const };
  return { mount, destination: cleanPath(mount.destination), source, options, pointer };
}

/** What the bind mounts need of the host. */
export const mountSources = (plans: readonly MountPlan[]): Source[] =>
  plans
    .filter(({ options }) => options.bind)
    .map(({ source, pointer }) => ({ path: source, pointer: `${pointer}/source` }));

/** Makes the mounts. Returns the ids of those that are bind mounts (statx(2), stx_mnt_id). */
export function makeMounts(
  root: number,
  plans: readonly MountPlan[],
  openSource: OpenSource,
): Set<number> {
  const bound = new Set<number>();
  for (const plan of plans)
    doing(
      `mounting ${plan.mount.source || plan.mount.type} on ${plan.mount.destination}`,
      plan.pointer,
      () => makeMount(root, plan, openSource, bound),
    );
  return bound;
}

function makeMount(
  root: number,
  plan: MountPlan,
  openSource: OpenSource,
  bound: Set<number>,
): void {
  const source = plan.options.bind ? cloneSource(plan, openSource) : undefined;
  const isFile = source !== undefined && !isDirectory(source);
  // procfs and sysfs are where privileged files live: an image must not place them elsewhere by a link.
  const { type } = plan.mount;
  const resolve = type === "proc" || type === "sysfs" ? RESOLVE_NO_SYMLINKS : 0;
  const flags = isFile ? O_PATH : O_PATH | O_DIRECTORY;
  const found = findInRoot(root, plan.destination, flags, { resolve });
  using(found ?? makePlace(root, plan.destination, isFile), (target) => {
    refuseOverProc(target, plan);
    // The kernel would say no more than EINVAL.
    if (isFile && isDirectory(target))
      throw new Error(`a file cannot be mounted on the directory ${plan.destination} (EISDIR)`);
    using(source ?? createFilesystem(plan, target, found !== undefined), (made) => {
      if (source === undefined) changeBelow(made, plan.options.recursiveAttributes);
      attachMount(made, target);
      for (const { type, recursive } of plan.options.propagation)
        setMountAttributes(made, { propagation: type }, recursive);
      if (source !== undefined) bound.add(stat(made).mountId);
    });
  });
}

/** What is missing of the destination is the image's to hold, and the container's root's to make. */
function makePlace(root: number, destination: string, isFile: boolean): number {
  try {
    return isFile ? makeFileInRoot(root, destination) : makeDirectoryInRoot(root, destination);
  } catch (cause) {
    if (!isErrno(cause, EACCES)) throw cause;
    throw new Failure(`making ${destination}`, {
      cause,
      hint: "the directory above it does not belong to the root of the container's user namespace: make the place beforehand, or give it the root filesystem",
    });
  }
}

/** The source of a bind mount as a detached mount, with its attributes already in force. */
function cloneSource({ source, options, pointer }: MountPlan, openSource: OpenSource): number {
  const fd = doing(`opening the source ${source}`, `${pointer}/source`, () => openSource(source));
  const detached = using(fd, () => cloneTree(fd, options.bind === "rbind"));
  changeAttributes(detached, options.attributes);
  changeBelow(detached, options.recursiveAttributes);
  return detached;
}

function cloneTree(source: number, recursive: boolean): number {
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

const changesNothing = ({ set, clear }: AttributeChange): boolean => set === 0 && clear === 0;

/**
 * The flags of a host's mount are locked for the root of a user namespace (mount_namespaces(7)), and the mount keeps
 * those: engines ask for `rw` whatever the host has there.
 */
function changeAttributes(mount: number, change: AttributeChange): void {
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
function changeBelow(mount: number, change: AttributeChange): void {
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
function refuseOverProc(target: number, { mount, destination, options, pointer }: MountPlan): void {
  if ((mount.type === "proc" && !options.bind) || REPLACEABLE_PROC_FILES.has(destination)) return;
  if (filesystemType(target) === PROC_SUPER_MAGIC)
    throw new Failure(`${destination} is inside /proc, which must not be mounted over`, {
      pointer: `${pointer}/destination`,
    });
}

/** `existed`: whether the directory was there before; then a tmpfs takes over its mode, as with runc. */
function createFilesystem(
  { mount, destination, options }: MountPlan,
  target: number,
  existed: boolean,
): number {
  // cgroup v1 is not there to be mounted: whoever asks for `cgroup` gets the tree that tsrun uses.
  const type = isCgroup(mount) ? "cgroup2" : (mount.type ?? "");
  const parameters: FsParameter[] = [["source", mount.source || type], ...options.parameters];
  // A disk that is mounted read-only must not be written to, not even by a journal's replay.
  if ((options.attributes.set & MOUNT_ATTR_RDONLY) !== 0 && !IN_MEMORY.has(type))
    parameters.push(["ro"]);
  if (type === "tmpfs" && existed && !options.parameters.some(([key]) => key === "mode"))
    parameters.push(["mode", (stat(target).mode & 0o7777).toString(8)]);
  try {
    return createMount(type, parameters, attributesAtFirst(destination, options.attributes));
  } catch (cause) {
    const namespace = isErrno(cause, EPERM) ? SHOWN_NAMESPACE[type] : undefined;
    if (namespace === undefined) throw cause;
    throw new Failure(`making the ${type}`, {
      cause,
      hint: `the root of a user namespace mounts it with a new ${namespace} namespace only, and where the host's is not covered in part; bind the host's instead`,
    });
  }
}

/** What a filesystem shows is a namespace, which must be the mounting process's to rule. */
const SHOWN_NAMESPACE: Readonly<Record<string, string>> = {
  proc: "PID",
  sysfs: "network",
  mqueue: "IPC",
  cgroup2: "cgroup",
};

const IN_MEMORY = new Set(["proc", "sysfs", "cgroup2", "mqueue", "devpts", "tmpfs"]);

/** A read-only /dev is still to be filled with devices. */
const attributesAtFirst = (destination: string, { set }: AttributeChange): number =>
  destination === DEV ? set & ~MOUNT_ATTR_RDONLY : set;

export const DEV = "/dev";

/** Makes /dev read-only, if it is to be, once the devices are in it. */
export function sealDev(dev: number, plans: readonly MountPlan[]): void {
  const plan = plans.findLast(
    ({ destination, options }) => destination === DEV && options.bind === undefined,
  );
  if (plan && (plan.options.attributes.set & MOUNT_ATTR_RDONLY) !== 0)
    doing("making /dev read-only", plan.pointer, () =>
      setMountAttributes(dev, { set: MOUNT_ATTR_RDONLY }),
    );
}
