/** Filters of system calls: classic BPF programs that seccomp(2) loads for the calling process and its descendants. */
import {
  EFAULT,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
  SECCOMP_SET_MODE_FILTER,
  SYS_seccomp,
} from "#abi";
import { syscall } from "#host";
import { check } from "./errno.ts";
import { struct } from "./struct.ts";

const sockFprog = struct({ len: "u16", filter: "pointer" });

/** Words of a `struct sock_filter`: operation and jumps, value (linux/filter.h). */
export const INSTRUCTION_WORDS = 2;

/** How many instructions the kernel takes (BPF_MAXINSNS, linux/bpf_common.h). */
export const MAX_INSTRUCTIONS = 4096;

/**
 * A filter ready to be loaded, so that the call itself is all that is left to do. Without `no_new_privs` it takes
 * CAP_SYS_ADMIN in the process's user namespace. `flags` are SECCOMP_FILTER_FLAG_*; the result is the listener's
 * descriptor with SECCOMP_FILTER_FLAG_NEW_LISTENER, which is close-on-exec, else 0.
 */
export function prepareFilter(program: Uint32Array, flags: number): () => number {
  const filter = sockFprog.pack({ len: program.length / INSTRUCTION_WORDS, filter: program });
  return () => {
    const result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter);
    return result < 0 ? check(result, "seccomp", "SECCOMP_SET_MODE_FILTER", flags) : result;
  };
}

/**
 * Whether this kernel knows a SECCOMP_FILTER_FLAG_*. It looks at the flags before it looks for the filter, of which there
 * is none here: nothing is loaded.
 */
export function knowsFilterFlag(flag: number): boolean {
  const companion =
    flag === SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag | companion, null) === -EFAULT;
}
