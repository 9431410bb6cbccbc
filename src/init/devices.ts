/** The device files and links that every container has (specification, "Default Devices" and "Default symlinks"). */

import type { LinuxDevice } from "@opencontainers-types";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  EEXIST,
  ENOENT,
  EPERM,
  F_OK,
  O_NOFOLLOW,
  O_PATH,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
} from "#abi";
import { doing, Failure } from "../failure.ts";
import { isErrno, unless } from "../linux/errno.ts";
import {
  access,
  chownAt,
  type DeviceNumber,
  makedev,
  mknodAt,
  openInRoot,
  type Status,
  stat,
  statAt,
  symlinkAt,
  using,
} from "../linux/fs.ts";
import { attachMount, cloneMount } from "../linux/mount.ts";
import { cleanPath } from "../linux/path.ts";
import { makeDirectoryInRoot, makeFile, splitPath } from "./inRoot.ts";
import type { OpenSource, Source } from "./sources.ts";

const DEFAULT_MODE = 0o666;
/** Of a fileMode, as with runc and crun; engines write a file type into it as well. */
const PERMISSIONS = 0o777;

/** [name, major, minor] in /dev. /dev/console comes with a terminal only, /dev/ptmx is a link. */
const DEFAULT_DEVICES = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
] as const;

const LINKS = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
] as const;

const TYPES: Readonly<Record<string, number>> = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO };

/** Where devices come from that a process may not make itself (mknod(2), EPERM), as the root of a user namespace may not. */
export interface HostDevices {
  open: OpenSource;
  /** Whether that is known beforehand. */
  areNeeded: boolean;
  /** Those that the creator has made instead (detachedDevices.ts), by their paths; they stay open until execve. */
  made: ReadonlyMap<string, number>;
}

/** Makes the default devices that are not configured in the container's /dev; the umask is 0. */
export function makeDefaultDevices(
  dev: number,
  configured: readonly LinuxDevice[],
  host: HostDevices,
): void {
  for (const { name, number } of defaultDevices(configured))
    doing(`making /dev/${name}`, undefined, () =>
      orBound(
        host,
        () => makeNode(dev, name, S_IFCHR | DEFAULT_MODE, number),
        () => bindDevice(dev, name, S_IFCHR, number, host.open(`/dev/${name}`)),
      ),
    );
}

/** Makes a device if that is permitted, or binds the host's. */
const orBound = <T>({ areNeeded }: HostDevices, make: () => T, bind: () => T): T =>
  (areNeeded ? undefined : unless([EPERM], make)) ?? bind();

function defaultDevices(configured: readonly LinuxDevice[]) {
  const taken = new Set(configured.map(({ path }) => cleanPath(path)));
  return DEFAULT_DEVICES.filter(([name]) => !taken.has(`/dev/${name}`)).map(
    ([name, major, minor]) => ({ name, number: { major, minor } }),
  );
}

/** The devices of the host that a container with a user namespace of its own needs. */
export const deviceSources = (
  configured: readonly LinuxDevice[],
  made: ReadonlyMap<string, number>,
): Source[] => [
  ...defaultDevices(configured).map(({ name }) => ({ path: `/dev/${name}`, pointer: undefined })),
  ...configured.flatMap(({ path, type }, i) =>
    TYPES[type] === S_IFIFO || isPtmx(path) || made.has(cleanPath(path))
      ? []
      : [{ path: cleanPath(path), pointer: `/linux/devices/${i}/path` }],
  ),
];

/** It is a link to that of the container's own devpts, also where it is configured (as with runc and crun). */
const isPtmx = (path: string): boolean => cleanPath(path) === "/dev/ptmx";

/** Makes the links of /dev, /dev/ptmx among them: devpts has its own. */
export function makeLinks(dev: number): void {
  for (const [name, target] of LINKS) makeLink(dev, name, target);
  if (access(AT_FDCWD, "/proc/kcore", F_OK, AT_SYMLINK_NOFOLLOW) === 0)
    makeLink(dev, "core", "/proc/kcore");
  makeLink(dev, "ptmx", "pts/ptmx");
}

/** An existing name stays as it is: on a /dev of its own an image may have its own links. */
function makeLink(dev: number, name: string, target: string): void {
  try {
    symlinkAt(target, dev, name);
  } catch (error) {
    if (!isErrno(error, EEXIST)) throw new Failure(`making /dev/${name}`, { cause: error });
  }
}

/** Makes the devices of linux.devices, and the directories that lead to them. */
export function makeConfiguredDevices(
  root: number,
  devices: readonly LinuxDevice[],
  host: HostDevices,
): void {
  devices.forEach((device, i) => {
    if (isPtmx(device.path)) return;
    doing(`making the device ${device.path}`, `/linux/devices/${i}`, () =>
      makeDevice(root, device, host),
    );
  });
}

/**
 * Where /dev is a bind mount (of a directory of the host): its devices are those of linux.devices already, or it is an
 * error; none is made in what belongs to the host. The others are made.
 */
export function makeDevicesBesideDev(
  root: number,
  devices: readonly LinuxDevice[],
  host: HostDevices,
): void {
  devices.forEach((device, i) => {
    const { path } = device;
    if (isPtmx(path)) return;
    doing(`looking the device ${path} up`, `/linux/devices/${i}`, () => {
      if (!isBelowDev(path)) makeDevice(root, device, host);
      else if (
        !using(openInRoot(root, path, O_PATH | O_NOFOLLOW), (fd) => matches(stat(fd), device))
      )
        throw new Error("the bind mount on /dev has another file there");
    });
  });
}

export const isBelowDev = (path: string): boolean => cleanPath(path).startsWith("/dev/");

function makeDevice(root: number, device: LinuxDevice, host: HostDevices): void {
  const { path, uid = 0, gid = 0 } = device;
  const { format, number } = kindOf(device);
  const detached = host.made.get(cleanPath(path));
  const { directory, name } = splitPath(cleanPath(path));
  using(makeDirectoryInRoot(root, directory), (parent) => {
    let bound = false;
    const make = () => makeNode(parent, name, modeOf(device), number);
    const bind = () => {
      bound = true;
      return detached === undefined
        ? bindDevice(parent, name, format, number, host.open(cleanPath(path)))
        : placeDevice(parent, name, detached);
    };
    const made = format === S_IFIFO ? make() : orBound(host, make, bind);
    if (!made && !matches(statAt(parent, name), device))
      throw new Error("another file has its name");
    if (made && !bound && (uid !== 0 || gid !== 0)) chownAt(parent, name, uid, gid);
  });
}

/** What mknod(2) takes: the type and the permissions. */
export const modeOf = (device: LinuxDevice): number =>
  kindOf(device).format | ((device.fileMode ?? DEFAULT_MODE) & PERMISSIONS);

interface Kind {
  /** S_IF*. */
  format: number;
  number: DeviceNumber;
}

/** Throws an Error for a type that there is not. */
export function kindOf({ type, major = 0, minor = 0 }: LinuxDevice): Kind {
  const format = TYPES[type];
  if (format === undefined)
    throw new Error(`there is no device type "${type}": it is c, u, b or p`);
  const number =
    format === S_IFIFO ? { major: 0, minor: 0 } : { major: Number(major), minor: Number(minor) };
  return { format, number };
}

function matches(status: Status, device: LinuxDevice): boolean {
  const { format, number } = kindOf(device);
  return isDevice(status, format, number);
}

/**
 * Makes a device file. Whatever has its name already stays (it may be a mount of config.json, or a file of the host seen
 * through one), but a device that was asked for must be that device.
 */
function makeNode(parent: number, name: string, mode: number, device: DeviceNumber): boolean {
  try {
    mknodAt(parent, name, mode, makedev(device.major, device.minor));
    return true;
  } catch (error) {
    if (!isErrno(error, EEXIST)) throw error;
    return false;
  }
}

/**
 * Binds a device file of the host, with the owner and the mode that it has there. Whatever has its name stays as well,
 * but for a plain file, which is where an earlier container had it.
 */
function bindDevice(
  parent: number,
  name: string,
  format: number,
  number: DeviceNumber,
  source: number,
): boolean {
  return using(source, () => {
    if (!isDevice(stat(source), format, number))
      throw new Error(`the host's is not the device ${number.major}:${number.minor}`);
    return using(cloneMount(source), (mount) => placeDevice(parent, name, mount));
  });
}

function placeDevice(parent: number, name: string, mount: number): boolean {
  const existing = unless([ENOENT], () => statAt(parent, name));
  if (existing && (existing.mode & S_IFMT) !== S_IFREG) return false;
  using(makeFile(parent, name, DEFAULT_MODE), (target) => attachMount(mount, target));
  return true;
}

function isDevice({ mode, rdev }: Status, format: number, { major, minor }: DeviceNumber): boolean {
  return (mode & S_IFMT) === format && rdev.major === major && rdev.minor === minor;
}
