/** Signals read from a descriptor (signalfd(2)), and one loop that waits (poll(2)). */

import {
  EINTR,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  SFD_CLOEXEC,
  SFD_NONBLOCK,
  SIG_BLOCK,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SIGKILL,
  SIGNALS,
  SIGSTOP,
  SYS_ppoll,
  SYS_read,
  SYS_rt_sigaction,
  SYS_rt_sigprocmask,
  SYS_signalfd4,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { lookupNumber } from "./names.ts";
import { struct } from "./struct.ts";

const SIGSET_SIZE = 8;
const LAST_SIGNAL = 64;
const ALL = 0xffff_ffff_ffff_ffffn;

const sigset = (bits: bigint): BigUint64Array => new BigUint64Array([bits]);

/** Blocks all signals that can be blocked; they are read from a signalfd. */
export function blockSignals(): void {
  check(syscall(SYS_rt_sigprocmask, SIG_SETMASK, sigset(ALL), null, SIGSET_SIZE), "rt_sigprocmask");
}

/**
 * Ignored signals stay ignored over execve(2), and a program does not expect them to be: all become default. They remain
 * blocked until `unblockSignals`.
 */
export function resetSignalActions(): void {
  for (let signal = 1; signal <= LAST_SIGNAL; signal++)
    if (signal !== SIGKILL && signal !== SIGSTOP) resetSignalAction(signal);
}

/** A kernel's struct sigaction, on any architecture; SIG_DFL without flags is all zeros. */
const DEFAULT_ACTION = new Uint8Array(32);

/** The same for one of them. */
export function resetSignalAction(signal: number): void {
  syscall(SYS_rt_sigaction, signal, DEFAULT_ACTION, null, SIGSET_SIZE);
}

/** The last thing before execve(2): the mask stays over it as well. */
export function unblockSignals(): void {
  check(syscall(SYS_rt_sigprocmask, SIG_SETMASK, sigset(0n), null, SIGSET_SIZE), "rt_sigprocmask");
}

/** Lets one signal do to this process during an action what it does to others. */
export function withUnblocked<Result>(signal: number, action: () => Result): Result {
  const mask = sigset(1n << BigInt(signal - 1));
  const change = (how: number) =>
    check(syscall(SYS_rt_sigprocmask, how, mask, null, SIGSET_SIZE), "rt_sigprocmask");
  change(SIG_UNBLOCK);
  try {
    return action();
  } finally {
    change(SIG_BLOCK);
  }
}

/** A descriptor that reads every signal that `blockSignals` blocks. */
export function openSignals(): number {
  return check(
    syscall(SYS_signalfd4, -1, sigset(ALL), SIGSET_SIZE, SFD_CLOEXEC | SFD_NONBLOCK),
    "signalfd4",
  );
}

const siginfo = struct({ signo: "u32", errno: "i32", code: "i32", pid: "u32" });
const SIGINFO_SIZE = 128;

export interface ReceivedSignal {
  signal: number;
  /** The process that sent it; 0 for the kernel, and for one in another PID namespace. */
  sender: number;
}

/** The next signal that came, or undefined. */
export function readSignal(signals: number): ReceivedSignal | undefined {
  const info = new Uint8Array(SIGINFO_SIZE);
  const length = syscall(SYS_read, signals, info, info.length);
  if (length !== SIGINFO_SIZE) return undefined;
  return { signal: siginfo.get(info, "signo"), sender: siginfo.get(info, "pid") };
}

/** 0 is no signal, but asks whether there is a process (kill(2)). A signal's number from its number, its name or its name without SIG, in any case; undefined if there is none. */
export function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number <= LAST_SIGNAL ? number : undefined;
  }
  const name = text.toUpperCase();
  return lookupNumber(SIGNALS, name.startsWith("SIG") ? name : `SIG${name}`);
}

const pollfd = struct({ fd: "i32", events_revents: "u32" });

export interface Watched {
  fd: number;
  /** POLLIN, POLLOUT. */
  events: number;
}

/** What poll(2) found for one descriptor. */
export interface Ready {
  fd: number;
  readable: boolean;
  writable: boolean;
  hangup: boolean;
}

/**
 * Waits until something happens on one of the descriptors, for at most `timeout` milliseconds. Empty when the time is
 * up.
 */
export function poll(watched: readonly Watched[], timeout?: number): Ready[] {
  const table = new Uint8Array(watched.length * pollfd.size);
  const view = new DataView(table.buffer);
  watched.forEach(({ fd, events }, i) => {
    view.setInt32(i * pollfd.size, fd, true);
    view.setInt16(i * pollfd.size + 4, events, true);
  });
  const limit = timeout === undefined ? null : timespec(timeout);
  const result = syscall(SYS_ppoll, table, watched.length, limit, null, SIGSET_SIZE);
  if (result !== -EINTR) check(result, "ppoll");
  return watched.flatMap(({ fd }, i) => {
    const revents = view.getInt16(i * pollfd.size + 6, true);
    return result <= 0 || revents === 0
      ? []
      : [
          {
            fd,
            readable: (revents & POLLIN) !== 0,
            writable: (revents & POLLOUT) !== 0,
            hangup: (revents & (POLLHUP | POLLERR | POLLNVAL)) !== 0,
          },
        ];
  });
}

const timespec = (milliseconds: number): BigInt64Array =>
  new BigInt64Array([
    BigInt(Math.floor(milliseconds / 1000)),
    BigInt(Math.floor((milliseconds % 1000) * 1_000_000)),
  ]);
