/** process.user, rlimits and the standard streams: who the process is (credentials(7), getrlimit(2)). */

import type { POSIXRlimit, User } from "@opencontainers-types";
import * as abi from "#abi";
import { PIPEFS_MAGIC, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, S_IFIFO, S_IFMT, S_IFSOCK } from "#abi";
import { doing, Failure } from "../failure.ts";
import { getRlimit, setGid, setGroups, setRlimit, setUid } from "../linux/credentials.ts";
import { Errno } from "../linux/errno.ts";
import { chown, filesystemType, stat } from "../linux/fs.ts";
import { prctl } from "../linux/process.ts";

const RESOURCES: Readonly<Record<string, number>> = {
  RLIMIT_AS: abi.RLIMIT_AS,
  RLIMIT_CORE: abi.RLIMIT_CORE,
  RLIMIT_CPU: abi.RLIMIT_CPU,
  RLIMIT_DATA: abi.RLIMIT_DATA,
  RLIMIT_FSIZE: abi.RLIMIT_FSIZE,
  RLIMIT_LOCKS: abi.RLIMIT_LOCKS,
  RLIMIT_MEMLOCK: abi.RLIMIT_MEMLOCK,
  RLIMIT_MSGQUEUE: abi.RLIMIT_MSGQUEUE,
  RLIMIT_NICE: abi.RLIMIT_NICE,
  RLIMIT_NOFILE: abi.RLIMIT_NOFILE,
  RLIMIT_NPROC: abi.RLIMIT_NPROC,
  RLIMIT_RSS: abi.RLIMIT_RSS,
  RLIMIT_RTPRIO: abi.RLIMIT_RTPRIO,
  RLIMIT_RTTIME: abi.RLIMIT_RTTIME,
  RLIMIT_SIGPENDING: abi.RLIMIT_SIGPENDING,
  RLIMIT_STACK: abi.RLIMIT_STACK,
};

/**
 * Makes room for the limits of config.json, of the calling process or of `pid`: what is below is raised, and nothing is
 * lowered yet. Raising a hard limit needs CAP_SYS_RESOURCE on the host: a process does it for itself before it drops its
 * capabilities, and for one in a user namespace its creator does it.
 */
export function raiseHardLimits(rlimits: readonly POSIXRlimit[], pid = 0): void {
  eachLimit(rlimits, (resource, { soft, hard }) => {
    if (BigInt(soft) > BigInt(hard)) throw new Error("the soft limit is above the hard one");
    const current = getRlimit(resource, pid);
    if (BigInt(hard) > current.hard) setRlimit(resource, current.soft, hard, pid);
  });
}

/**
 * Sets the limits, for which `raiseHardLimits` has made room, so that it takes no privilege. They are the program's: the
 * steps that lead to it need descriptors and memory, and its hooks files, that it may not have.
 */
export function applyRlimits(rlimits: readonly POSIXRlimit[]): void {
  eachLimit(rlimits, (resource, { soft, hard }) => setRlimit(resource, soft, hard));
}

function eachLimit(
  rlimits: readonly POSIXRlimit[],
  use: (resource: number, limit: POSIXRlimit) => void,
): void {
  rlimits.forEach((limit, i) => {
    const { type, soft, hard } = limit;
    const pointer = `/process/rlimits/${i}`;
    const resource = RESOURCES[type];
    if (resource === undefined)
      throw new Failure(`there is no resource limit "${type}"`, { pointer: `${pointer}/type` });
    try {
      use(resource, limit);
    } catch (cause) {
      throw new Failure(`setting ${type} to ${soft}:${hard}`, {
        cause,
        pointer,
        hint:
          "a hard limit is raised with CAP_SYS_RESOURCE only, that of RLIMIT_NOFILE up to /proc/sys/fs/nr_open, and the soft " +
          "limit must not be above it",
      });
    }
  });
}

/** Whether the caller's supplementary groups are to stay: `podman run --group-add keep-groups` asks so, and crun(1) says how. */
export const keepsGroups = (annotations: Readonly<Record<string, string>> = {}): boolean =>
  (annotations["run.oci.keep_original_groups"] ?? "0") !== "0";

/**
 * Becomes the user. The permitted capabilities survive until the sets of config.json replace them (PR_SET_KEEPCAPS);
 * groups change first, while there is the privilege for it.
 */
export function becomeUser({ uid, gid, additionalGids = [] }: User, keepsGroups: boolean): void {
  doing(`becoming user ${uid}:${gid}`, "/process/user", () => {
    prctl(PR_SET_KEEPCAPS, 1);
    if (!keepsGroups && !setGroups(additionalGids)) refuseGroups(additionalGids);
    setGid(gid);
    setUid(uid);
    prctl(PR_SET_KEEPCAPS, 0);
    // A change of the user sets it anew, to fs.suid_dumpable (prctl(2)).
    prctl(PR_SET_DUMPABLE, 0);
  });
}

/** Groups that were there before stay, as with runc: nobody in the container asked for those. */
function refuseGroups(additionalGids: readonly number[]): void {
  if (additionalGids.length > 0)
    throw new Failure(`the groups ${additionalGids.join(", ")} cannot be set`, {
      pointer: "/process/user/additionalGids",
      hint: "setgroups(2) is denied in a user namespace that a user has made without newgidmap: map more than one gid",
    });
}

/**
 * Gives the standard streams to the user, so that it can open /dev/stdout again: those that `isGivable` accepts. An owner
 * may open a file anew for more than its descriptor allows, and change its mode: never what has other users, as regular
 * files and devices of the host have. What cannot be given (a filesystem that is read-only, or has no owners) stays.
 */
export function giveStandardStreams(uid: number, isGivable: (fd: number) => boolean): void {
  for (const fd of [0, 1, 2])
    if (stat(fd).uid !== uid && isGivable(fd)) {
      try {
        chown(fd, uid, -1);
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
      }
    }
}

/** A pipe or a socket. A terminal of the host is its owner's, who would open it again, and might be spied on. */
export function isStream(fd: number): boolean {
  const type = stat(fd).mode & S_IFMT;
  return type === S_IFIFO || type === S_IFSOCK;
}

/** A pipe or a socket that exists by its descriptors only: who has been given it gets at nothing else of the host. */
export function isNamelessStream(fd: number): boolean {
  const type = stat(fd).mode & S_IFMT;
  return type === S_IFSOCK || (type === S_IFIFO && filesystemType(fd) === PIPEFS_MAGIC);
}
