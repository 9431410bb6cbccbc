/** process.user, rlimits and the standard streams: who the process is (credentials(7), getrlimit(2)). */

import type { POSIXRlimit, User } from "@opencontainers-types";
import * as abi from "#abi";
import { EPERM, EROFS, PR_SET_KEEPCAPS } from "#abi";
import { doing, Failure } from "../failure.ts";
import { setGid, setGroups, setRlimit, setUid } from "../linux/credentials.ts";
import { unless } from "../linux/errno.ts";
import { chown, stat } from "../linux/fs.ts";
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
 * Sets the limits of the calling process, or of `pid`. Raising a hard limit needs CAP_SYS_RESOURCE on the host: a process
 * does it for itself before it drops its capabilities, and for one in a user namespace its creator does it.
 */
export function applyRlimits(rlimits: readonly POSIXRlimit[], pid = 0): void {
  rlimits.forEach(({ type, soft, hard }, i) => {
    const pointer = `/process/rlimits/${i}`;
    const resource = RESOURCES[type];
    if (resource === undefined)
      throw new Failure(`there is no resource limit "${type}"`, { pointer: `${pointer}/type` });
    try {
      setRlimit(resource, soft, hard, pid);
    } catch (cause) {
      throw new Failure(`setting ${type} to ${soft}:${hard}`, {
        cause,
        pointer,
        hint: "a hard limit is raised with CAP_SYS_RESOURCE only, and the soft limit must not be above it",
      });
    }
  });
}

/**
 * Becomes the user. The permitted capabilities survive until the sets of config.json replace them (PR_SET_KEEPCAPS);
 * groups change first, while there is the privilege for it.
 */
export function becomeUser({ uid, gid, additionalGids = [] }: User): void {
  doing(`becoming user ${uid}:${gid}`, "/process/user", () => {
    prctl(PR_SET_KEEPCAPS, 1);
    setGroups(additionalGids);
    setGid(gid);
    setUid(uid);
    prctl(PR_SET_KEEPCAPS, 0);
  });
}

/**
 * Gives the standard streams to the user, so that it can open /dev/stdout again. Not /dev/null, which others use, and not
 * what cannot be given (a read-only filesystem, another user's file in a user namespace).
 */
export function giveStandardStreams(uid: number): void {
  for (const fd of [0, 1, 2]) {
    const { uid: owner, rdev } = stat(fd);
    const isNull = rdev.major === 1 && rdev.minor === 3;
    if (owner !== uid && !isNull) unless([EPERM, EROFS], () => chown(fd, uid, -1));
  }
}
