/** The device files and links that every container has (specification, "Default Devices" and "Default symlinks"). */

import type { LinuxDevice } from "@opencontainers-types";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  EEXIST,
  ENOENT,
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

/** access(2): whether the file is there. */
const F_OK = 0;
const DEFAULT_MODE = 0o666;

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

/**
 * Makes the default devices that are not configured in the container's /dev; the umask is 0. With `openHost` they are the
 * host's: the root of a user namespace may not make devices (user_namespaces(7)).
 */
export function makeDefaultDevices(
  dev: number,
  configured: readonly LinuxDevice[],
  openHost: OpenSource | undefined,
): void {
  for (const { name, number } of defaultDevices(configured))
    doing(`making /dev/${name}`, undefined, () => {
      if (openHost) bindDevice(dev, name, S_IFCHR, number, openHost(`/dev/${name}`));
      else makeNode(dev, name, S_IFCHR | DEFAULT_MODE, number);
    });
}

function defaultDevices(configured: readonly LinuxDevice[]) {
  const taken = new Set(configured.map(({ path }) => cleanPath(path)));
  return DEFAULT_DEVICES.filter(([name]) => !taken.has(`/dev/${name}`)).map(
    ([name, major, minor]) => ({ name, number: { major, minor } }),
  );
}

/** The devices of the host that a container with a user namespace of its own needs. */
export const deviceSources = (configured: readonly LinuxDevice[]): Source[] => [
  ...defaultDevices(configured).map(({ name }) => ({ path: `/dev/${name}`, pointer: undefined })),
  ...configured.flatMap(({ path, type }, i) =>
    TYPES[type] === S_IFIFO ? [] : [{ path: cleanPath(path), pointer: `/linux/devices/${i}/path` }],
  ),
];

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

/** Makes the devices of linux.devices, and the directories that lead to them; with `openHost` they are the host's. */
export function makeConfiguredDevices(
  root: number,
  devices: readonly LinuxDevice[],
  openHost: OpenSource | undefined,
): void {
  devices.forEach((device, i) => {
    doing(`making the device ${device.path}`, `/linux/devices/${i}`, () =>
      makeDevice(root, device, openHost),
    );
  });
}

function makeDevice(
  root: number,
  { path, type, major = 0, minor = 0, fileMode, uid = 0, gid = 0 }: LinuxDevice,
  openHost: OpenSource | undefined,
): void {
  const format = TYPES[type];
  if (format === undefined)
    throw new Error(`there is no device type "${type}": it is c, u, b or p`);
  const { directory, name } = splitPath(path);
  const number = { major: Number(major), minor: Number(minor) };
  using(makeDirectoryInRoot(root, directory), (parent) => {
    const bound = openHost && format !== S_IFIFO;
    const made = bound
      ? bindDevice(parent, name, format, number, openHost(cleanPath(path)))
      : makeNode(parent, name, format | (fileMode ?? DEFAULT_MODE), number);
    if (!made && !isDevice(statAt(parent, name), format, number))
      throw new Error("another file has its name");
    if (made && !bound && (uid !== 0 || gid !== 0)) chownAt(parent, name, uid, gid);
  });
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
    const existing = unless([ENOENT], () => statAt(parent, name));
    if (existing && (existing.mode & S_IFMT) !== S_IFREG) return false;
    using(makeFile(parent, name, DEFAULT_MODE), (target) =>
      using(cloneMount(source), (mount) => attachMount(mount, target)),
    );
    return true;
  });
}

function isDevice({ mode, rdev }: Status, format: number, { major, minor }: DeviceNumber): boolean {
  return (mode & S_IFMT) === format && rdev.major === major && rdev.minor === minor;
}
