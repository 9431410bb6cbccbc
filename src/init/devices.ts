/** The device files and links that every container has (specification, "Default Devices" and "Default symlinks"). */

import type { LinuxDevice } from "@opencontainers-types";
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, EEXIST, S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT } from "#abi";
import { doing, Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import {
  access,
  chownAt,
  type DeviceNumber,
  makedev,
  mknodAt,
  type Status,
  statAt,
  symlinkAt,
  using,
} from "../linux/fs.ts";
import { cleanPath } from "../linux/path.ts";
import { makeDirectoryInRoot, splitPath } from "./inRoot.ts";

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

/** Makes the default devices that are not configured in the container's /dev; the umask is 0. */
export function makeDefaultDevices(dev: number, configured: readonly LinuxDevice[]): void {
  const taken = new Set(configured.map(({ path }) => cleanPath(path)));
  for (const [name, major, minor] of DEFAULT_DEVICES.filter(([name]) => !taken.has(`/dev/${name}`)))
    doing(`making /dev/${name}`, undefined, () =>
      makeNode(dev, name, S_IFCHR | DEFAULT_MODE, { major, minor }),
    );
}

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
export function makeConfiguredDevices(root: number, devices: readonly LinuxDevice[]): void {
  devices.forEach((device, i) => {
    doing(`making the device ${device.path}`, `/linux/devices/${i}`, () =>
      makeDevice(root, device),
    );
  });
}

function makeDevice(
  root: number,
  { path, type, major = 0, minor = 0, fileMode, uid = 0, gid = 0 }: LinuxDevice,
): void {
  const format = TYPES[type];
  if (format === undefined)
    throw new Error(`there is no device type "${type}": it is c, u, b or p`);
  const { directory, name } = splitPath(path);
  using(makeDirectoryInRoot(root, directory), (parent) => {
    const mode = format | (fileMode ?? DEFAULT_MODE);
    const number = { major: Number(major), minor: Number(minor) };
    const made = makeNode(parent, name, mode, number);
    if (!made && !isDevice(statAt(parent, name), format, number))
      throw new Error("another file has its name");
    if (made && (uid !== 0 || gid !== 0)) chownAt(parent, name, uid, gid);
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

function isDevice({ mode, rdev }: Status, format: number, { major, minor }: DeviceNumber): boolean {
  return (mode & S_IFMT) === format && rdev.major === major && rdev.minor === minor;
}
