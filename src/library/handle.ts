/** What a caller holds of a process in a container. */
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { ESRCH, SIGKILL } from "#abi";
import { Failure } from "../failure.ts";
import { unless } from "../linux/errno.ts";
import { close } from "../linux/fs.ts";
import { processStatus } from "../linux/proc.ts";
import { pidfdOpen, sendSignal } from "../linux/process.ts";
import { signalNumber } from "../linux/signals.ts";
import type { Running } from "./binary.ts";
import { BinaryError, toRuntimeError } from "./errors.ts";
import type { Streams } from "./stdio.ts";
import type { Terminal } from "./terminal.ts";

/** How a process has ended. */
export interface ExitStatus {
  /** From 0 to 255, as a shell has it: 128 + n for a process that signal n has killed. */
  status: number;
}

/** A signal by its number or its name: `9`, `"KILL"`, `"SIGKILL"`. */
export type Signal = number | string;

/** The number of a signal. Throws a RuntimeError for one that does not exist. */
export function toSignalNumber(signal: Signal): number {
  const number = signalNumber(String(signal));
  if (number !== undefined) return number;
  throw toRuntimeError(new Failure(`unknown signal ${JSON.stringify(signal)}`));
}

/** A process that goes on without this one: what `create` has made, or `run` and `exec` with `detach`. */
export class ContainerProcess {
  /** In the PID namespace of this process. */
  readonly pid: number;
  /** Where the options say `"pipe"`. */
  readonly stdin: Writable | undefined;
  /** Where the options say `"pipe"`. */
  readonly stdout: Readable | undefined;
  /** Where the options say `"pipe"`. */
  readonly stderr: Readable | undefined;
  /** Where the options ask for one. */
  readonly terminal: Terminal | undefined;

  /** @internal */
  constructor(pid: number, streams: Streams | undefined, terminal: Terminal | undefined) {
    this.pid = pid;
    this.stdin = streams?.stdin;
    this.stdout = streams?.stdout;
    this.stderr = streams?.stderr;
    this.terminal = terminal;
  }
}

/** A process that a tsrun in the foreground waits for. */
export class AttachedProcess extends ContainerProcess {
  /**
   * When the process has ended. Rejects with a RuntimeError if tsrun itself fails, and with the reason of the AbortSignal
   * once that has killed the process.
   */
  readonly exited: Promise<ExitStatus>;
  #pidfd: number | undefined;

  /** @internal */
  constructor(
    started: Started,
    ended: Promise<number>,
    streams: Streams | undefined,
    terminal: Terminal | undefined,
  ) {
    super(started.pid, streams, terminal);
    this.#pidfd = started.pidfd;
    this.exited = ended
      .then((status) => ({ status }))
      .finally(() => {
        if (this.#pidfd !== undefined) close(this.#pidfd);
        this.#pidfd = undefined;
      });
    this.exited.catch(() => {});
  }

  /** Sends a signal to this very process (default: SIGTERM). False if it has ended. */
  kill(signal: Signal = "SIGTERM"): boolean {
    const number = toSignalNumber(signal);
    return this.#pidfd !== undefined && sendSignal(this.#pidfd, number);
  }

  /** @internal Kills it when the signal comes. */
  killOn(signal: AbortSignal | undefined): void {
    const kill = () => this.kill(SIGKILL);
    signal?.addEventListener("abort", kill, { once: true });
    this.exited.finally(() => signal?.removeEventListener("abort", kill)).catch(() => {});
    if (signal?.aborted) kill();
  }
}

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
  { child, ended }: Running,
  pidFile: string,
  isThere: (pid: number) => boolean,
): Promise<Started> {
  let over = false;
  const end = ended.finally(() => {
    over = true;
  });
  end.catch(() => {});
  let started: Started | undefined;
  for (let pause = FIRST_PAUSE_MS; !over; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    started ??= opened(readPid(pidFile), child.pid);
    if (started && isThere(started.pid)) return started;
    await Promise.race([sleep(pause), end]).catch(() => {});
  }
  if (started?.pidfd !== undefined) close(started.pidfd);
  // It rejects for what has failed.
  const status = await end;
  const pid = readPid(pidFile);
  if (pid === undefined)
    throw new BinaryError(new Failure(`tsrun has ended with status ${status} and made no process`));
  return { pid, pidfd: undefined };
}

/** A pid is another process's as soon as its parent, tsrun, has waited for it: one whose parent that is is the one. */
function opened(pid: number | undefined, parent: number | undefined): Started | undefined {
  if (pid === undefined) return undefined;
  const pidfd = unless([ESRCH], () => pidfdOpen(pid));
  if (pidfd === undefined) return undefined;
  if (processStatus(pid)?.parent === parent) return { pid, pidfd };
  close(pidfd);
  return undefined;
}

export function readPid(path: string): number | undefined {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
