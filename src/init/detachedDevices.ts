/**
 * Devices for a container with a user namespace of its own, whose root may not make any (mknod(2), EPERM): its creator makes
 * those of linux.devices, with the owner and the mode that they are to have, and hands them over as detached mounts.
 */
import type { Linux } from "@opencontainers-types";
import {
  CLONE_NEWNS,
  EPERM,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MS_PRIVATE,
  MS_REC,
  O_DIRECTORY,
  O_PATH,
} from "#abi";
import { doing, Failure, type FailureData } from "../failure.ts";
import { umask } from "../linux/credentials.ts";
import { isErrno } from "../linux/errno.ts";
import {
  chownAt,
  close,
  type DeviceNumber,
  makedev,
  mknodAt,
  open,
  openPath,
  using,
} from "../linux/fs.ts";
import { attachMount, cloneMount, createMount, mount } from "../linux/mount.ts";
import { cleanPath } from "../linux/path.ts";
import { exit, spawn, wait } from "../linux/process.ts";
import { type Channel, failThrough, openChannel } from "./channel.ts";
import { kindOf, modeOf } from "./devices.ts";
import { hostId } from "./idMappings.ts";

interface Device {
  path: string;
  pointer: string;
  mode: number;
  number: DeviceNumber;
  /** The host's ids. */
  uid: number;
  gid: number;
}

/** `made` carries one of the mounts. */
type FromMaker = { type: "made" } | { type: "failed"; failure: FailureData };

/**
 * The mounts by the paths of their devices. None where the creator may make no devices either, and not those whose owner
 * is nobody in the namespace: these are bound from the host. Throws a Failure.
 */
export function makeDetachedDevices(linux: Linux): Map<string, number> {
  const devices = devicesToMake(linux);
  const made = new Map<string, number>();
  if (devices.length === 0) return made;
  const { creator, child } = openChannel<FromMaker, never>();
  // A mount is only cloned from a mount namespace of which it is part (before Linux 6.15): one that nobody else sees.
  const { pidfd } = spawn({ flags: CLONE_NEWNS }, () => {
    close(creator.fd);
    return makeAll(devices, child);
  });
  close(child.fd);
  try {
    for (const { path } of devices) {
      const received = creator.receive();
      if (received === undefined) break;
      if (received.message.type === "failed") throw Failure.from(received.message.failure);
      made.set(path, received.descriptors[0] as number);
    }
    return made;
  } finally {
    close(creator.fd);
    using(pidfd, wait);
  }
}

function devicesToMake({ devices = [], uidMappings = [], gidMappings = [] }: Linux): Device[] {
  const wanted = new Map<string, Device>();
  devices.forEach((device, i) => {
    const path = cleanPath(device.path);
    const uid = hostId(uidMappings, device.uid ?? 0);
    const gid = hostId(gidMappings, device.gid ?? 0);
    if (device.type === "p" || uid === undefined || gid === undefined || wanted.has(path)) return;
    const { number } = kindOf(device);
    wanted.set(path, {
      path,
      pointer: `/linux/devices/${i}`,
      mode: modeOf(device),
      number,
      uid,
      gid,
    });
  });
  return [...wanted.values()];
}

function makeAll(devices: readonly Device[], channel: Channel<never, FromMaker>): never {
  try {
    mount(null, "/", null, MS_REC | MS_PRIVATE);
    umask(0);
    const folder = createMount("tmpfs", [], MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    using(open("/", O_PATH | O_DIRECTORY), (root) => attachMount(folder, root));
    devices.forEach((device, i) => {
      const made = doing(`making the device ${device.path}`, device.pointer, () =>
        make(folder, String(i), device),
      );
      using(made, () => channel.send({ type: "made" }, [made]));
    });
    return exit(0);
  } catch (error) {
    const cause = error instanceof Failure ? error.cause : error;
    return isErrno(cause, EPERM) ? exit(0) : failThrough(channel, error);
  }
}

function make(folder: number, name: string, { mode, number, uid, gid }: Device): number {
  mknodAt(folder, name, mode, makedev(number.major, number.minor));
  chownAt(folder, name, uid, gid);
  return using(openPath(name, 0, folder), cloneMount);
}
