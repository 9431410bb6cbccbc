/** Who a process is and what it may do: ids, capabilities, sessions, keyrings (credentials(7), capabilities(7)). */

import {
  _LINUX_CAPABILITY_VERSION_3,
  CAP_SETGID,
  EINVAL,
  ENOSYS,
  EPERM,
  KEYCTL_JOIN_SESSION_KEYRING,
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
  SYS_capget,
  SYS_capset,
  SYS_getegid,
  SYS_geteuid,
  SYS_keyctl,
  SYS_prctl,
  SYS_prlimit64,
  SYS_setgroups,
  SYS_setresgid,
  SYS_setresuid,
  SYS_setsid,
  SYS_umask,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { readText } from "./fs.ts";
import { prctl } from "./process.ts";
import { struct } from "./struct.ts";

export const geteuid = (): number => syscall(SYS_geteuid);
export const getegid = (): number => syscall(SYS_getegid);

/** The map of a user namespace in which every id is what it is for the kernel (user_namespaces(7)). */
const ALL_IDS = /^\s*0\s+0\s+4294967295\s*$/;

/** Whether the caller's privilege is that of a user namespace only, and not the machine's. */
export const inUserNamespace = (): boolean => !ALL_IDS.test(readText("/proc/self/uid_map"));

/** Whether the caller has nothing of the machine's privilege: a user, or root of a user namespace only. */
export const isRootless = (): boolean => geteuid() !== 0 || inUserNamespace();

export function setsid(): void {
  check(syscall(SYS_setsid), "setsid");
}

/** Returns the mask that was. */
export const umask = (mask: number): number => syscall(SYS_umask, mask);

/**
 * Sets the supplementary groups; false where the user namespace denies setgroups(2) for ever, as one does that a user has
 * made without help (user_namespaces(7)): they stay as they are then.
 */
export function setGroups(gids: readonly number[]): boolean {
  const result = syscall(SYS_setgroups, gids.length, new Uint32Array(gids));
  if (result === -EPERM && hasCapability(CAP_SETGID)) return false;
  check(result, "setgroups", gids.join(" "));
  return true;
}

/** Real, effective and saved. */
export function setGid(gid: number): void {
  check(syscall(SYS_setresgid, gid, gid, gid), "setresgid", gid);
}

/** Real, effective and saved. */
export function setUid(uid: number): void {
  check(syscall(SYS_setresuid, uid, uid, uid), "setresuid", uid);
}

/** prlimit(2); 0 is the calling process. The values are exact up to 2^64 - 1 (RLIM_INFINITY). */
export function setRlimit(
  resource: number,
  soft: number | bigint,
  hard: number | bigint,
  pid = 0,
): void {
  const limit = new BigUint64Array([BigInt(soft), BigInt(hard)]);
  check(syscall(SYS_prlimit64, pid, resource, limit, null), "prlimit64", `${soft}:${hard}`);
}

/** What prlimit(2) says; 0 is the calling process. */
export function getRlimit(resource: number, pid = 0): { soft: bigint; hard: bigint } {
  const limit = new BigUint64Array(2);
  check(syscall(SYS_prlimit64, pid, resource, null, limit), "prlimit64", pid);
  return { soft: limit[0] as bigint, hard: limit[1] as bigint };
}

/** A set of capabilities: bit n is the capability with number n. */
export type CapabilitySet = bigint;

export interface ThreadCapabilities {
  effective: CapabilitySet;
  permitted: CapabilitySet;
  inheritable: CapabilitySet;
}

const userCapHeader = struct({ version: "u32", pid: "i32" });

/** capset(2) of the calling process. */
export function setCapabilities({ effective, permitted, inheritable }: ThreadCapabilities): void {
  const words = new Uint32Array(6);
  [effective, permitted, inheritable].forEach((set, i) => {
    words[i] = Number(set & 0xffff_ffffn);
    words[i + 3] = Number(set >> 32n);
  });
  const header = userCapHeader.pack({ version: _LINUX_CAPABILITY_VERSION_3 });
  check(syscall(SYS_capset, header, words), "capset");
}

/** Whether a capability is effective in the calling process, in its user namespace (capget(2)). */
export function hasCapability(capability: number): boolean {
  const words = new Uint32Array(6);
  const header = userCapHeader.pack({ version: _LINUX_CAPABILITY_VERSION_3 });
  check(syscall(SYS_capget, header, words), "capget");
  // The effective set is the first of three, which come once for the low and once for the high half.
  const half = words[capability < 32 ? 0 : 3] as number;
  return ((half >>> (capability % 32)) & 1) === 1;
}

/** False for a capability that this kernel does not have (EINVAL). */
export function dropBoundingCapability(capability: number): boolean {
  const result = syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
  if (result === -EINVAL) return false;
  check(result, "prctl(PR_CAPBSET_DROP)", capability);
  return true;
}

export function clearAmbientCapabilities(): void {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
}

/** Needs the capability in the permitted and the inheritable set. */
export function raiseAmbientCapability(capability: number): void {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability);
}

/** keyctl(2): gives the process a session keyring of its own, on kernels that have keyrings. */
export function joinSessionKeyring(name: string): void {
  const result = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name, 0, 0, 0);
  if (result !== -ENOSYS) check(result, "keyctl(JOIN_SESSION_KEYRING)", name);
}
