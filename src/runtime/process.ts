/** A container's first process, which is known by its pid and start time: the pid alone may be another's by now. */
import { ESRCH } from "#abi";
import { unless } from "../linux/errno.ts";
import { using } from "../linux/fs.ts";
import { isDead, processStatus } from "../linux/proc.ts";
import { pidfdOpen } from "../linux/process.ts";
import type { ProcessIdentity, StoredState } from "./store.ts";

/** What a process of this one's is known by. */
export const identityOf = (pid: number): ProcessIdentity => ({
  pid,
  startTime: processStatus(pid)?.startTime ?? 0,
});

/** The recorded process, if it is still that one and alive. */
export function livingProcess({ process }: Pick<StoredState, "process">): number | undefined {
  if (!process) return undefined;
  const { pid, startTime } = process;
  const status = processStatus(pid);
  return status && status.startTime === startTime && !isDead(status) ? pid : undefined;
}

/**
 * Calls `use` with a descriptor of the container's process, if it lives. Pid and start time are compared after the
 * descriptor is open: what it leads to from then on cannot be another process.
 */
export function withProcess<T>(state: StoredState, use: (pidfd: number) => T): T | undefined {
  const { process } = state;
  const opened = process && unless([ESRCH], () => pidfdOpen(process.pid));
  if (opened === undefined) return undefined;
  return using(opened, (pidfd) => (livingProcess(state) === undefined ? undefined : use(pidfd)));
}
