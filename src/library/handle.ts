/** What a caller holds of a process in a container. */
import type { Readable, Writable } from "node:stream";
import { SIGKILL } from "#abi";
import { Failure } from "../failure.ts";
import { close } from "../linux/fs.ts";
import { sendSignal } from "../linux/process.ts";
import { signalNumber } from "../linux/signals.ts";
import { onAbort } from "./abort.ts";
import { inProcess, toRuntimeError } from "./errors.ts";
import type { Started } from "./making.ts";
import { type Streams, untilClosed } from "./stdio.ts";
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
  constructor(pid: number, streams: Streams, terminal: Terminal | undefined) {
    this.pid = pid;
    this.stdin = streams.stdin;
    this.stdout = streams.stdout;
    this.stderr = streams.stderr;
    this.terminal = terminal;
  }
}

/** A process that a tsrun in the foreground waits for. */
export class AttachedProcess extends ContainerProcess {
  /**
   * When the process has ended; what it has written may still be on its way. Rejects with a RuntimeError if tsrun itself
   * fails, and with the reason of the AbortSignal once that has killed the process.
   */
  readonly exited: Promise<ExitStatus>;
  /**
   * The same, when moreover all that was written has been read, or handed to the streams of the options: nobody has the
   * pipes or the terminal open any more, be it a process that the first one has left behind. A pipe that nobody reads keeps
   * this from coming, though nothing was written to it.
   */
  readonly closed: Promise<ExitStatus>;
  #pidfd: number | undefined;

  /** @internal */
  constructor(
    started: Started,
    ended: Promise<number>,
    streams: Streams,
    terminal: Terminal | undefined,
  ) {
    super(started.pid, streams, terminal);
    this.#pidfd = started.pidfd;
    this.exited = ended
      .then((status) => ({ status }))
      .finally(() => {
        if (this.#pidfd !== undefined) close(this.#pidfd);
        this.#pidfd = undefined;
        streams.endInput();
      });
    const outputs = terminal ? [terminal] : streams.outputs;
    this.closed = Promise.all([this.exited, ...outputs.map(untilClosed)]).then(
      ([status]) => status,
    );
    for (const promise of [this.exited, this.closed]) promise.catch(() => {});
  }

  /** Sends a signal to this very process (default: SIGTERM). False if it has ended. */
  kill(signal: Signal = "SIGTERM"): boolean {
    const number = toSignalNumber(signal);
    const pidfd = this.#pidfd;
    return pidfd !== undefined && inProcess(() => sendSignal(pidfd, number));
  }

  /** @internal Kills it when the signal comes. */
  killOn(signal: AbortSignal | undefined): void {
    const takeBack = onAbort(signal, () => this.kill(SIGKILL));
    this.exited.finally(takeBack).catch(() => {});
  }
}
