/** The filter of linux.seccomp, as the container's process loads it into itself. */
import { CAP_SYS_ADMIN, F_DUPFD_CLOEXEC } from "#abi";
import { doing } from "../failure.ts";
import type { CapabilitySet } from "../linux/credentials.ts";
import { close, fcntl } from "../linux/fs.ts";
import { prepareFilter } from "../linux/seccomp.ts";
import { type Filter, hasListener } from "../seccomp/filter.ts";
import type { InitEnd } from "./channel.ts";

/** What loading a filter takes: without `no_new_privs` that is CAP_SYS_ADMIN (seccomp(2)). */
export const capabilityToLoad = (noNewPrivileges: boolean | undefined): CapabilitySet =>
  noNewPrivileges ? 0n : 1n << BigInt(CAP_SYS_ADMIN);

/**
 * The very last step before execve, so that a profile need not allow any other call. Undefined for a filter with a
 * listener, which is loaded before.
 */
export const lastStep = (filter: Filter): (() => void) | undefined =>
  hasListener(filter) ? undefined : loader(filter);

function loader({ program, flags }: Filter): () => number {
  const load = prepareFilter(program, flags);
  return () => doing("loading the seccomp filter", "/linux/seccomp", load);
}

/**
 * Loads a filter that has a listener, and hands the listener to the creator. From then on every call of this process may
 * have to wait for the listener's answer, the one that sends it as well: so the creator hears before which descriptor it
 * will be, and can fetch it by itself. The descriptor is closed by execve.
 */
export function loadWithListener(filter: Filter, channel: InitEnd): void {
  if (!hasListener(filter)) return;
  const load = loader(filter);
  channel.send({ type: "filtering", listener: nextDescriptor() });
  channel.send({ type: "listener" }, [load()]);
}

/** The number of the next descriptor: always the lowest that is free (open(2)). */
function nextDescriptor(): number {
  const next = fcntl(0, F_DUPFD_CLOEXEC);
  close(next);
  return next;
}
