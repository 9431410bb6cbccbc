/** A container's own user namespace: how its first process becomes the root of it (user_namespaces(7)). */
import type { Linux, LinuxDevice, LinuxIDMapping } from "@opencontainers-types";
import { EPERM, O_WRONLY, PR_SET_DUMPABLE } from "#abi";
import { doing, Failure } from "../failure.ts";
import { setGid, setGroups, setUid } from "../linux/credentials.ts";
import { isErrno } from "../linux/errno.ts";
import { using } from "../linux/fs.ts";
import { openProcRoot, writeProc } from "../linux/proc.ts";
import { prctl } from "../linux/process.ts";
import { deviceSources } from "./devices.ts";
import { idMapText } from "./idMappings.ts";
import { DEV, type MountPlan, mountSources } from "./mounts.ts";
import type { Source } from "./sources.ts";

/**
 * The creator's part: maps the ids of the user namespace in which a process was born. setgroups(2) stays allowed in it,
 * since a privileged creator decided the groups.
 */
export function writeIdMaps(pid: number, { uidMappings = [], gidMappings = [] }: Linux): void {
  using(openProcRoot(), (proc) => {
    writeMap(proc, `${pid}/uid_map`, uidMappings, "/linux/uidMappings");
    writeMap(proc, `${pid}/gid_map`, gidMappings, "/linux/gidMappings");
  });
}

function writeMap(
  proc: number,
  file: string,
  mappings: readonly LinuxIDMapping[],
  pointer: string,
): void {
  try {
    writeProc(proc, file, idMapText(mappings), O_WRONLY);
  } catch (cause) {
    throw new Failure("mapping the ids of the user namespace", {
      cause,
      pointer,
      hint: isErrno(cause, EPERM)
        ? "each hostID must be an id of the user namespace in which tsrun runs, and root's may take CAP_SETFCAP"
        : undefined,
    });
  }
}

/** What the creator opens for the process: each file once. */
export function planSources(
  rootfs: string,
  mounts: readonly MountPlan[],
  devices: readonly LinuxDevice[],
): Source[] {
  // The last one covers the others.
  const hasHostsDev = mounts.findLast(({ destination }) => destination === DEV)?.options.bind;
  const all = [
    { path: rootfs, pointer: "/root/path" },
    ...mountSources(mounts),
    ...(hasHostsDev ? [] : deviceSources(devices)),
  ];
  return [...new Map(all.map((source) => [source.path, source])).values()];
}

/**
 * The process's part, once its ids are mapped: it was born as a user of the host and becomes the namespace's root. From
 * here on it is nobody of the host: no id and no group of its creator is left. It keeps the capabilities that it has had
 * in the namespace since its birth.
 */
export function becomeNamespaceRoot(): void {
  doing("becoming root of the user namespace", "/linux/uidMappings", () => {
    setGroups([]);
    setGid(0);
    setUid(0);
    // A change of the user sets it anew, to fs.suid_dumpable (prctl(2)).
    prctl(PR_SET_DUMPABLE, 0);
  });
}
