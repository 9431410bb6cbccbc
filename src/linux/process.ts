/** Processes: making, replacing, waiting for and signalling them. */

import {
  CLD_EXITED,
  CLONE_INTO_CGROUP,
  CLONE_PARENT,
  CLONE_PIDFD,
  EINTR,
  EINVAL,
  ENOENT,
  ESRCH,
  O_RDONLY,
  P_ALL,
  P_PIDFD,
  PR_SET_CHILD_SUBREAPER,
  SIGCHLD,
  SYS_execve,
  SYS_exit_group,
  SYS_getpid,
  SYS_kill,
  SYS_pidfd_getfd,
  SYS_pidfd_open,
  SYS_pidfd_send_signal,
  SYS_prctl,
  SYS_waitid,
  WEXITED,
  WNOHANG,
  WNOWAIT,
} from "#abi";
import { fork, syscall } from "#host";
import { check } from "./errno.ts";
import { open, readBytes, using } from "./fs.ts";
import { resetSignalAction } from "./signals.ts";
import { cStrings, struct } from "./struct.ts";

const cloneArgs = struct({
  flags: "u64",
  pidfd: "pointer",
  child_tid: "u64",
  parent_tid: "u64",
  exit_signal: "u64",
  stack: "u64",
  stack_size: "u64",
  tls: "u64",
  set_tid: "u64",
  set_tid_size: "u64",
  cgroup: "u64",
});

export interface SpawnPlan {
  /** CLONE_NEW* and the like (clone(2)). */
  flags?: number;
  /** A cgroup v2 directory's descriptor in which the child begins. */
  cgroup?: number | undefined;
}

export interface Child {
  pid: number;
  /** Readable once the child has ended (pidfd_open(2)); close-on-exec. */
  pidfd: number;
}

const beginnings: (() => void)[] = [];

/** Has every process that `spawn` makes from now on begin with this. */
export function inEveryChild(begin: () => void): void {
  beginnings.push(begin);
}

/**
 * The one way to make a process (clone3(2)). `child` ends in `execve` or `exit`; if it throws or returns, the process
 * ends with status 1 and never comes back into the caller's frames.
 */
export function spawn({ flags = 0, cgroup }: SpawnPlan, child: () => never): Child {
  keepEndings();
  const pidfd = new Int32Array(1);
  const intoCgroup = cgroup === undefined ? 0 : CLONE_INTO_CGROUP;
  // CLONE_INTO_CGROUP is bit 33: arithmetic, because | would cut to 32 bits.
  const allFlags = BigInt(flags >>> 0) | BigInt(CLONE_PIDFD) | BigInt(intoCgroup);
  const args = cloneArgs.pack({
    flags: allFlags,
    pidfd,
    // A sibling tells their parent in the way that its maker would (clone(2)).
    exit_signal: (flags & CLONE_PARENT) === 0 ? SIGCHLD : 0,
    cgroup: cgroup ?? 0,
  });
  const begin = () => {
    for (const step of beginnings) step();
    return child();
  };
  const pid = check(fork(args, begin), "clone3");
  return { pid, pidfd: pidfd[0] as number };
}

let endingsAreKept = false;

/** Whose caller ignores SIGCHLD does so, too, and of whoever does nobody can wait for the children (sigaction(2)). */
function keepEndings(): void {
  if (!endingsAreKept) resetSignalAction(SIGCHLD);
  endingsAreKept = true;
}

/** execve(2) prepared: the strings are in memory, so that the call itself is all that is left to do. */
export function prepareExec(
  path: string,
  argv: readonly string[],
  env: readonly (string | Uint8Array)[],
): () => never {
  const [args, environment] = [cStrings(argv), cStrings(env)];
  return () => {
    check(syscall(SYS_execve, path, args, environment), "execve", path);
    throw new Error("execve returned");
  };
}

/** The environment that this process was given (proc_pid_environ(5)), for one that is to inherit it. */
export function ownEnvironment(): Uint8Array[] {
  const bytes = using(open("/proc/self/environ", O_RDONLY), (fd) => readBytes(fd));
  const entries: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    entries.push(bytes.subarray(start, end + 1));
    start = end + 1;
  }
  return entries;
}

/** exit_group(2). Throws where a seccomp filter refuses even that: then the engine's end ends the process (`spawn`). */
export function exit(status: number): never {
  syscall(SYS_exit_group, status);
  throw new Error("exit_group is refused");
}

export const getpid = (): number => syscall(SYS_getpid);

const siginfo = struct({
  signo: "i32",
  errno: "i32",
  code: "i32",
  pad: "i32",
  pid: "i32",
  uid: "u32",
  status: "i32",
});
const SIGINFO_SIZE = 128;

/** How a child ended: its status, or the number of the signal that killed it. */
export type Ending = { exited: number } | { killed: number };

/** Waits for a child; with WNOHANG in `flags`, undefined while it runs. */
export function wait(pidfd: number, flags = 0): Ending | undefined {
  const info = new Uint8Array(SIGINFO_SIZE);
  let result: number;
  do result = syscall(SYS_waitid, P_PIDFD, pidfd, info, WEXITED | flags, null);
  while (result === -EINTR);
  check(result, "waitid", pidfd);
  if ((flags & WNOHANG) !== 0 && siginfo.get(info, "pid") === 0) return undefined;
  const status = siginfo.get(info, "status");
  return siginfo.get(info, "code") === CLD_EXITED ? { exited: status } : { killed: status };
}

/** From now on the orphans among this process's descendants become its children (PR_SET_CHILD_SUBREAPER(2const)). */
export function becomeSubreaper(): void {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/** Waits for children that have ended, up to the one that somebody else waits for. */
export function reapUpTo(child: Child): void {
  const info = new Uint8Array(SIGINFO_SIZE);
  const next = (flags: number): number => {
    info.fill(0);
    const result = syscall(SYS_waitid, P_ALL, 0, info, WEXITED | WNOHANG | flags, null);
    return result < 0 ? 0 : siginfo.get(info, "pid");
  };
  for (let pid = next(WNOWAIT); pid !== 0 && pid !== child.pid; pid = next(WNOWAIT)) next(0);
}

/** The shell's convention: 128 + n for a process killed by signal n. */
export const exitStatus = (ending: Ending): number =>
  "exited" in ending ? ending.exited : 128 + ending.killed;

/** How a program ended, to follow its name in a sentence. */
export const describeEnding = (ending: Ending): string =>
  "exited" in ending
    ? `exited with status ${ending.exited}`
    : `was killed by signal ${ending.killed}`;

/**
 * A descriptor that stays this process's even when its pid is used again. Throws Errno: ESRCH when it has gone, also for
 * one that is just going and for the id of another's thread, which leads no thread group (EINVAL, since Linux 6.15 ENOENT).
 */
export function pidfdOpen(pid: number): number {
  const result = syscall(SYS_pidfd_open, pid, 0);
  return check(result === -EINVAL || result === -ENOENT ? -ESRCH : result, "pidfd_open", pid);
}

/**
 * A copy of another process's descriptor, close-on-exec (pidfd_getfd(2)). Throws Errno: EBADF if it has no such one, EPERM
 * if the caller must not look into it.
 */
export function pidfdGetfd(pidfd: number, descriptor: number): number {
  return check(syscall(SYS_pidfd_getfd, pidfd, descriptor, 0), "pidfd_getfd", descriptor);
}

/** False if the process has ended. */
export function sendSignal(pidfd: number, signal: number): boolean {
  const result = syscall(SYS_pidfd_send_signal, pidfd, signal, null, 0);
  if (result === -ESRCH) return false;
  check(result, "pidfd_send_signal", pidfd, signal);
  return true;
}

/** kill(2) for a process group, 0 for the caller's own. False if there is none. */
export function signalGroup(group: number, signal: number): boolean {
  return syscall(SYS_kill, -group, signal) === 0;
}

/** prctl(2). */
export function prctl(option: number, a = 0, b = 0, c = 0, d = 0): number {
  return check(syscall(SYS_prctl, option, a, b, c, d), "prctl", option, a);
}
