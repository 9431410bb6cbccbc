/** The foreground of `run`: waits for the container's process, passing on signals and the terminal's bytes. */
import {
  EAGAIN,
  EIO,
  ENOTTY,
  POLLIN,
  POLLOUT,
  SIGCHLD,
  SIGCONT,
  SIGWINCH,
  SYS_read,
  SYS_write,
} from "#abi";
import { syscall } from "#host";
import { unless } from "../linux/errno.ts";
import { setNonBlocking } from "../linux/fs.ts";
import { type Child, type Ending, getpid, reapUpTo, sendSignal, wait } from "../linux/process.ts";
import { openSignals, poll, readSignal, type Watched } from "../linux/signals.ts";
import {
  awaitForeground,
  copyWindowSize,
  endOfInput,
  getTermios,
  rawTermios,
  setTermios,
  type Termios,
} from "../linux/tty.ts";
import type { Readiness } from "./notifySocket.ts";

/**
 * Waits until the process has ended. `terminal` is the master of its terminal, if it has one; `readiness` is passed on, if
 * somebody waits for it.
 */
export function supervise(
  child: Child,
  terminal: number | undefined,
  readiness?: Readiness | undefined,
): Ending {
  const signals = openSignals();
  const relays =
    terminal === undefined ? [] : [new Relay(0, terminal, endOfInput), new Relay(terminal, 1)];
  const moving = readiness ? [...relays, readiness] : relays;
  const shown = terminal === undefined ? undefined : new ShownTerminal(terminal);
  try {
    shown?.take();
    for (;;) {
      const ready = poll([
        { fd: child.pidfd, events: POLLIN },
        { fd: signals, events: POLLIN },
        ...moving.flatMap((each) => each.watched()),
      ]);
      for (const each of moving) each.move(new Set(ready.map(({ fd }) => fd)));
      handleSignals(signals, child, shown);
      if (ready.some(({ fd }) => fd === child.pidfd)) {
        // What the container wrote last is still in the terminal.
        relays[1]?.drain();
        return wait(child.pidfd) as Ending;
      }
    }
  } finally {
    shown?.giveBack();
  }
}

/** All but those that are for this process itself are for the container's. */
function handleSignals(signals: number, child: Child, shown: ShownTerminal | undefined): void {
  for (let next = readSignal(signals); next !== undefined; next = readSignal(signals)) {
    const { signal, sender } = next;
    if (signal === SIGCHLD) reapUpTo(child);
    else if (signal === SIGWINCH && shown) shown.resize();
    // SIGPIPE: what this process wrote is read by nobody any more.
    else if (sender !== getpid()) sendSignal(child.pidfd, signal);
    // Whatever has stopped this process, a shell may have used the terminal since.
    if (signal === SIGCONT) shown?.take();
  }
}

/** A container's terminal on the caller's own, which is raw in the meantime. */
class ShownTerminal {
  readonly #master: number;
  #settings: Termios | undefined;

  constructor(master: number) {
    this.#master = master;
    setNonBlocking(master);
  }

  take(): void {
    if (!awaitForeground(0)) return;
    this.#settings ??= getTermios(0);
    if (this.#settings) setTermios(0, rawTermios(this.#settings));
    this.resize();
  }

  resize(): void {
    copyWindowSize(0, this.#master);
  }

  /** A terminal that has hung up has nothing to restore. */
  giveBack(): void {
    const settings = this.#settings;
    if (settings) unless([EIO, ENOTTY], () => setTermios(0, settings));
  }
}

/** What a pipe takes without blocking once poll(2) calls it writable (PIPE_BUF, pipe(7)). */
const CHUNK = 4096;

/** A terminal holds at most 64 KiB that nobody has read. */
const LEFTOVER_CHUNKS = 16;

/** Moves bytes from one descriptor to another, reading only when what was read before has been written. */
class Relay {
  readonly #from: number;
  readonly #to: number;
  readonly #farewell: (last: number | undefined) => Uint8Array;
  #last: number | undefined;
  #pending: Uint8Array = new Uint8Array(0);
  #ended = false;

  /** `farewell` is written when there is no more to read after a last byte. */
  constructor(
    from: number,
    to: number,
    farewell: (last: number | undefined) => Uint8Array = () => new Uint8Array(0),
  ) {
    this.#from = from;
    this.#to = to;
    this.#farewell = farewell;
  }

  /** What to wait for. */
  watched(): Watched[] {
    if (this.#pending.length > 0) return [{ fd: this.#to, events: POLLOUT }];
    return this.#ended ? [] : [{ fd: this.#from, events: POLLIN }];
  }

  move(ready: ReadonlySet<number>): void {
    if (this.#pending.length > 0 && ready.has(this.#to)) this.#write();
    else if (this.#pending.length === 0 && !this.#ended && ready.has(this.#from)) this.#read();
  }

  /** Writes what is left to read, and no more: somebody may go on writing at the other end. */
  drain(): void {
    this.#flush();
    for (let chunks = 0; chunks < LEFTOVER_CHUNKS; chunks++) {
      this.#read();
      if (this.#pending.length === 0) return;
      this.#flush();
    }
  }

  #flush(): void {
    while (this.#pending.length > 0) {
      poll([{ fd: this.#to, events: POLLOUT }]);
      this.#write();
    }
  }

  #read(): void {
    const buffer = new Uint8Array(CHUNK);
    const length = syscall(SYS_read, this.#from, buffer, CHUNK);
    // A terminal's master says EIO when nobody holds the other end any more (pty(7)).
    // Other errors (a directory as standard input) end the input as well.
    if (length > 0) {
      this.#pending = buffer.subarray(0, length);
      this.#last = buffer[length - 1] as number;
    } else if (length !== -EAGAIN) {
      this.#ended = true;
      this.#pending = this.#farewell(this.#last);
    }
  }

  /** A reader that has gone is no reason to stop the container: what it would have read is dropped. */
  #write(): void {
    const length = syscall(SYS_write, this.#to, this.#pending, this.#pending.length);
    if (length === -EAGAIN) return;
    this.#pending = length < 0 ? this.#pending.subarray(0, 0) : this.#pending.subarray(length);
  }
}
