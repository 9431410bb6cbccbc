/** The process that a tsrun makes: when it is there, and how both are ended before that. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ESRCH, SIGKILL } from "#abi";
import { Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { close, using } from "../linux/fs.ts";
import { isDead, processStatus } from "../linux/proc.ts";
import { pidfdOpen, sendSignal } from "../linux/process.ts";
import { onAbort } from "./abort.ts";
import type { Running } from "./binary.ts";
import { BinaryError } from "./errors.ts";

/** A process that has come into being; without a descriptor it has ended already. */
export interface Started {
  pid: number;
  pidfd: number | undefined;
}

/** How often is looked whether it is there; each next pause is longer. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/**
 * Waits for the pid that a tsrun in the foreground writes, and until `isThere` says that the program runs. Rejects with
 * what has kept it from that. `running` may end before anybody has looked: then it was short.
 */
export async function untilStarted(
  running: Running,
  pidFile: string,
  isThere: (pid: number) => boolean,
): Promise<Started> {
  const { child, ended } = running;
  let over = false;
  const end = ended.finally(() => {
    over = true;
  });
  end.catch(() => {});
  let started: Started | undefined;
  for (let pause = FIRST_PAUSE_MS; !over; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      started ??= opened(pidIn(pidFile), child.pid);
      if (started && isThere(started.pid)) return started;
    } catch (error) {
      // Other calls may have all descriptors at the moment; the process runs none the less.
      if (!isOutOfDescriptors(error)) return giveUp(running, pidFile, started, error);
    }
    await Promise.race([sleep(pause), end]).catch(() => {});
  }
  if (started?.pidfd !== undefined) close(started.pidfd);
  // It rejects for what has failed.
  const status = await end;
  return { pid: readPid(pidFile, status), pidfd: undefined };
}

/** What the kernel says by Errno, and Node by its own errors. */
const isOutOfDescriptors = (error: unknown): boolean =>
  ["EMFILE", "ENFILE"].includes((error as { code?: string }).code ?? "");

/** Without a handle nobody could end the process. */
async function giveUp(
  running: Running,
  pidFile: string,
  started: Started | undefined,
  error: unknown,
): Promise<never> {
  if (started?.pidfd !== undefined) close(started.pidfd);
  await killWhole(running, pidFile).catch(() => {});
  throw error;
}

/**
 * Kills a tsrun and the process that it has made, if it has come to that, when the signal comes: a container's process
 * outlives its tsrun. Returns what takes that back.
 */
export const killWholeOn = (signal: AbortSignal | undefined, running: Running, pidFile: string) =>
  onAbort(signal, () => {
    killWhole(running, pidFile).catch(() => {});
  });

/**
 * tsrun is stopped first: then it does not wait for the process, whose pid is nobody else's so, and does not let it go on
 * to its program after the look for that pid, which it writes before.
 */
async function killWhole({ child }: Running, pidFile: string): Promise<void> {
  try {
    child.kill("SIGSTOP");
    while (isRunning(child.pid)) await sleep(FIRST_PAUSE_MS);
    const made = opened(pidIn(pidFile), child.pid);
    if (made) using(made.pidfd, (pidfd) => sendSignal(pidfd, SIGKILL));
  } finally {
    child.kill("SIGKILL");
  }
}

/** Neither stopped nor dead. */
function isRunning(pid: number | undefined): boolean {
  const status = pid === undefined ? undefined : processStatus(pid);
  return status !== undefined && status.state !== "T" && !isDead(status);
}

/** A pid is another process's as soon as its parent, tsrun, has waited for it: one whose parent that is is the one. */
function opened(pid: number | undefined, parent: number | undefined) {
  if (pid === undefined) return undefined;
  const pidfd = unless([ESRCH], () => pidfdOpen(pid));
  if (pidfd === undefined) return undefined;
  try {
    if (processStatus(pid)?.parent === parent) return { pid, pidfd };
  } catch (error) {
    close(pidfd);
    throw error;
  }
  close(pidfd);
  return undefined;
}

/** The pid that a tsrun has written before it ended with this status. */
export function readPid(path: string, status: number): number {
  const pid = pidIn(path);
  if (pid !== undefined) return pid;
  throw new BinaryError(new Failure(`tsrun has ended with status ${status} and made no process`));
}

/** Another program's file may be there until tsrun writes it. */
function pidIn(path: string): number | undefined {
  try {
    const text = readFileSync(path, "utf8");
    return /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
