/** The terminal of whoever calls tsrun, on which a container's or an executed process's is shown. */
import {
  EACCES,
  EIO,
  ENOENT,
  ENOTTY,
  ENXIO,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  S_IFIFO,
  S_IFMT,
} from "#abi";
import { Errno, unless } from "../linux/errno.ts";
import { open, setNonBlocking, stat, using } from "../linux/fs.ts";
import {
  copyWindowSize,
  getTermios,
  isInForeground,
  isMaster,
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
export function fitWindow(master: number, terminal = findTerminal()): void {
  if (terminal !== undefined) {
    copyWindowSize(terminal, master);
    return;
  }
  const controlling = unless([EACCES, ENOENT, ENXIO], () => open("/dev/tty", O_RDONLY | O_NOCTTY));
  if (controlling !== undefined) using(controlling, (fd) => copyWindowSize(fd, master));
}

/**
 * A standard stream of this process for reads or writes that do not wait: a terminal that nobody reads takes less than
 * poll(2) seems to promise, and what another process reads first is gone. Terminals and pipes are opened anew, since
 * O_NONBLOCK is for all who have the same open file. One that may not be opened (a user's, after su(1)), or that no path
 * leads to again, is taken as it is.
 */
export function streamWithoutWaits(stream: 0 | 1): number {
  const flags = (stream === 0 ? O_RDONLY : O_WRONLY) | O_NOCTTY | O_NONBLOCK;
  try {
    const isReopened = isTerminal(stream) ? !isMaster(stream) : isPipe(stream);
    return isReopened ? open(`/proc/self/fd/${stream}`, flags) : stream;
  } catch (error) {
    if (error instanceof Errno) return stream;
    throw error;
  }
}

const isPipe = (fd: number): boolean => (stat(fd).mode & S_IFMT) === S_IFIFO;

/**
 * In the background, where no shell stops this process: how often it looks whether it has come to the front. A shell does
 * not tell a job that it has not stopped.
 */
const LOOK_MS = 500;

/** The caller's terminal while another one is shown on it: raw, and given back at the end. */
export class CallersTerminal {
  readonly #master: number;
  readonly #terminal = findTerminal();
  #settings: Termios | undefined;
  #isInBackground = false;
  /** Whether this process stops in the background, until a shell lets it go on with SIGCONT. */
  #mayStop = true;

  constructor(master: number) {
    this.#master = master;
    setNonBlocking(master);
  }

  /** Whether what is typed there is for somebody else. */
  get isInBackground(): boolean {
    return this.#isInBackground;
  }

  /** Takes the terminal, unless this process is in its background. */
  take(): void {
    const terminal = this.#terminal;
    this.resize();
    if (terminal === undefined) return;
    this.#isInBackground = !isInForeground(terminal);
    if (this.#isInBackground) return;
    this.#mayStop = true;
    unless([EIO, ENOTTY], () => this.#makeRaw(terminal));
  }

  /** The keys that make signals go on doing so where what is typed is not the container's input. */
  #makeRaw(terminal: number): void {
    this.#settings ??= getTermios(terminal);
    if (this.#settings)
      setTermios(terminal, (isTerminal(0) ? rawTermios : rawOutput)(this.#settings));
  }

  resize(): void {
    fitWindow(this.#master, this.#terminal);
  }

  /** The same after a stop: a shell may have used the terminal since, and stops this process again where it has it still. */
  resume(): void {
    this.#mayStop = true;
    this.take();
  }

  /** In the background a job that wants the terminal stops. Returns whether it has, if there is a shell that could stop it. */
  stop(): boolean {
    if (!this.#isInBackground || !this.#mayStop) return false;
    stopInBackground();
    // Where no shell was, nobody lets it go on either.
    this.#mayStop = false;
    return true;
  }

  /** The container has been told something that may end it: this process is to see its end, in the background as well. */
  goOn(): void {
    this.#mayStop = false;
  }

  /** How long to wait before `take` is tried again, in milliseconds; undefined in the foreground. */
  get pause(): number | undefined {
    return this.#isInBackground ? LOOK_MS : undefined;
  }

  /** A terminal that has hung up has nothing to restore, and in the background it is not this process's to restore. */
  giveBack(): void {
    const [terminal, settings] = [this.#terminal, this.#settings];
    if (terminal !== undefined && settings && isInForeground(terminal))
      unless([EIO, ENOTTY], () => setTermios(terminal, settings));
  }
}
