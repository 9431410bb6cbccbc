/** process.oomScoreAdj: whom the kernel kills when memory is short (proc_pid_oom_score_adj(5)). */
import { EACCES, O_RDWR } from "#abi";
import { Failure } from "../failure.ts";
import { isErrno } from "../linux/errno.ts";
import { readBytes, using, writeAll } from "../linux/fs.ts";
import { openProc, openProcRoot } from "../linux/proc.ts";
import { decode } from "../linux/text.ts";

/**
 * Has `make` make processes with this score. They inherit it: /proc/<pid> of a process that must not be looked into is the
 * machine's root's, and closed to a user, so that this process sets its own, and sets it back. Throws a Failure.
 */
export function withOomScore<T>(score: number, make: () => T): T {
  const own = using(openProcRoot(), (proc) => openProc(proc, "self/oom_score_adj", O_RDWR));
  return using(own, () => {
    const before = decode(readBytes(own)).trim();
    try {
      set(own, score, before);
      return make();
    } finally {
      writeAll(own, before);
    }
  });
}

function set(own: number, score: number, before: string): void {
  try {
    writeAll(own, String(score));
  } catch (cause) {
    throw new Failure(`setting oom_score_adj to ${score}`, {
      cause,
      pointer: "/process/oomScoreAdj",
      hint: isErrno(cause, EACCES)
        ? `less than ${before}, which tsrun has itself, may take CAP_SYS_RESOURCE`
        : undefined,
    });
  }
}
