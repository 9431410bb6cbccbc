/** A clock's ticks from a descriptor, to be waited for beside others (timerfd_create(2)). */
import {
  CLOCK_MONOTONIC,
  SYS_read,
  SYS_timerfd_create,
  SYS_timerfd_settime,
  TFD_CLOEXEC,
  TFD_NONBLOCK,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";

const NANOSECONDS_PER_SECOND = 1_000_000_000n;

/** A descriptor that becomes readable every `interval` nanoseconds, for the first time after one of them. */
export function openTimer(interval: bigint): number {
  const fd = check(
    syscall(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
    "timerfd_create",
  );
  // struct itimerspec: it_interval and it_value, each of seconds and nanoseconds.
  const period = [interval / NANOSECONDS_PER_SECOND, interval % NANOSECONDS_PER_SECOND] as const;
  const spec = new BigInt64Array([...period, ...period]);
  check(syscall(SYS_timerfd_settime, fd, 0, spec, null), "timerfd_settime", interval);
  return fd;
}

/** How often a timer has ticked since this was asked last. */
export function readTimer(timer: number): bigint {
  const ticks = new BigUint64Array(1);
  syscall(SYS_read, timer, ticks, ticks.byteLength);
  return ticks[0] as bigint;
}
