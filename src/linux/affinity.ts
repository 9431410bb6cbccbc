/** On which CPUs a process may run (sched_setaffinity(2)). */
import { SYS_sched_setaffinity } from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { parseList, toMask } from "./listFormat.ts";

/** In bytes: for as many CPUs as a kernel can be built for, those that are plugged in later included. */
const MASK_SIZE = 1024;

/**
 * Lets the calling process run on every CPU that its cpuset has, now and later. It stays where it was if the kernel
 * refuses that, which is no reason to run no container.
 */
export function freeAffinity(): void {
  syscall(SYS_sched_setaffinity, 0, MASK_SIZE, new Uint8Array(MASK_SIZE).fill(0xff));
}

/** Ties the calling process to the CPUs of a list such as `0-3,7`. Throws a RangeError for what is no list, and Errno. */
export function setAffinity(list: string): void {
  const mask = toMask(parseList(list));
  check(syscall(SYS_sched_setaffinity, 0, mask.byteLength, mask), "sched_setaffinity", list);
}
