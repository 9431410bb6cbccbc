/** A container's own user namespace: how its first process becomes the root of it (user_namespaces(7)). */
import type { LinuxDevice, User } from "@opencontainers-types";
import { EINVAL, PR_SET_DUMPABLE } from "#abi";
import { doing } from "../failure.ts";
import { setGid, setGroups, setUid } from "../linux/credentials.ts";
import { isErrno } from "../linux/errno.ts";
import { prctl } from "../linux/process.ts";
import { deviceSources, isBelowDev } from "./devices.ts";
import { type MountPlan, mountSources } from "./mountPlan.ts";
import { DEV } from "./mounts.ts";
import { type Source, sourceName } from "./sources.ts";

/** What the creator opens for the process: each file once. */
export function planSources(
  rootfs: string,
  mounts: readonly MountPlan[],
  devices: readonly LinuxDevice[],
  made: ReadonlyMap<string, number>,
): Source[] {
  // The last one covers the others.
  const hasHostsDev = mounts.findLast(({ destination }) => destination === DEV)?.options.bind;
  const all = [
    { path: rootfs, pointer: "/root/path" },
    ...mountSources(mounts),
    ...deviceSources(devices, made).filter(({ path }) => !(hasHostsDev && isBelowDev(path))),
  ];
  return [...new Map(all.map((source) => [sourceName(source), source])).values()];
}

/**
 * The process's part, once its ids are mapped: it was born as a user of the host and becomes the namespace's root, or the
 * container's user, if root is not mapped (EINVAL; as with crun, for `podman run --userns=keep-id`). From here on it is
 * nobody of the host: no id and no group of its creator is left, but for the groups that it was
 * asked to keep. It keeps the capabilities that it has had in the
 * namespace since its birth.
 */
export function becomeNamespaceRoot({ uid, gid }: User, keepsGroups: boolean): void {
  doing("becoming root of the user namespace", "/linux/uidMappings", () => {
    if (!keepsGroups) setGroups([]);
    orElse(setGid, 0, gid);
    orElse(setUid, 0, uid);
    // A change of the user sets it anew, to fs.suid_dumpable (prctl(2)).
    prctl(PR_SET_DUMPABLE, 0);
  });
}

/** Sets the first of two ids that is mapped. */
function orElse(set: (id: number) => void, id: number, other: number): void {
  try {
    set(id);
  } catch (error) {
    if (!isErrno(error, EINVAL)) throw error;
    set(other);
  }
}
