/** The terminal of whoever calls tsrun, on which a container's or an executed process's is shown. */
import { EACCES, EIO, ENOENT, ENOTTY, ENXIO, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_WRONLY } from "#abi";
import { Errno, unless } from "../linux/errno.ts";
import { open, setNonBlocking, using } from "../linux/fs.ts";
import {
  copyWindowSize,
  getTermios,
  isInForeground,
  isTerminal,
  rawOutput,
  rawTermios,
  setTermios,
  stopInBackground,
  type Termios,
} from "../linux/tty.ts";

/** The first of the standard streams that is a terminal. */
const findTerminal = (): number | undefined => [0, 1, 2].find(isTerminal);

/**
 * Makes the terminal with this master as large as the caller's. Where that is none of the standard streams it is the
 * controlling one, as with runc: what is shown may pass through a pager.
 */
export function fitWindow(master: number): void {
  const terminal = findTerminal();
  if (terminal !== undefined) {
    copyWindowSize(terminal, master);
    return;
  }
  const controlling = unless([EACCES, ENOENT, ENXIO], () => open("/dev/tty", O_RDONLY | O_NOCTTY));
  if (controlling !== undefined) using(controlling, (fd) => copyWindowSize(fd, master));
}

/**
 * A standard stream of this process for reads or writes that do not wait: a terminal that nobody reads takes less than
 * poll(2) seems to promise, and what another process reads first is gone. It is opened anew, since O_NONBLOCK is for all who
 * have the same open file. One that may not be opened (a user's, after su(1)) is taken as it is.
 */
export function streamWithoutWaits(stream: 0 | 1): number {
  if (!isTerminal(stream)) return stream;
  const flags = (stream === 0 ? O_RDONLY : O_WRONLY) | O_NOCTTY | O_NONBLOCK;
  try {
    return open(`/proc/self/fd/${stream}`, flags);
  } catch (error) {
    if (error instanceof Errno) return stream;
    throw error;
  }
}

/** How long a job in the background has for what a signal does to its container, before it waits for the terminal again. */
const GRACE_MS = 200;

/** The caller's terminal while another one is shown on it: raw, and given back at the end. */
export class CallersTerminal {
  readonly #master: number;
  readonly #terminal = findTerminal();
  #settings: Termios | undefined;
  #isInBackground = false;
  #graceEnd = 0;

  constructor(master: number) {
    this.#master = master;
    setNonBlocking(master);
  }

  /** Whether what is typed there is for somebody else at the moment. */
  get isInBackground(): boolean {
    return this.#isInBackground;
  }

  /** Takes the terminal, unless this process is in its background. */
  take(): void {
    fitWindow(this.#master);
    const terminal = this.#terminal;
    if (terminal === undefined) return;
    this.#isInBackground = !isInForeground(terminal);
    if (!this.#isInBackground) unless([EIO, ENOTTY], () => this.#makeRaw(terminal));
  }

  /** The keys that make signals go on doing so where what is typed is not the container's input. */
  #makeRaw(terminal: number): void {
    this.#settings ??= getTermios(terminal);
    if (this.#settings)
      setTermios(terminal, (isTerminal(0) ? rawTermios : rawOutput)(this.#settings));
  }

  resize(): void {
    fitWindow(this.#master);
  }

  /** The container has just been told something that may end it. */
  grantGrace(): void {
    this.#graceEnd = Date.now() + GRACE_MS;
  }

  /** How long this process may go on in the background, in milliseconds; undefined in the foreground. */
  get grace(): number | undefined {
    return this.#isInBackground ? Math.max(0, this.#graceEnd - Date.now()) : undefined;
  }

  /**
   * Stops in the background until a shell lets this process go on, which SIGCONT tells: `take` is to follow then. Where no
   * shell could do that, it goes on without the terminal.
   */
  awaitForeground(): void {
    stopInBackground();
    this.#isInBackground = false;
  }

  /** A terminal that has hung up has nothing to restore. */
  giveBack(): void {
    const [terminal, settings] = [this.#terminal, this.#settings];
    if (terminal !== undefined && settings)
      unless([EIO, ENOTTY], () => setTermios(terminal, settings));
  }
}
