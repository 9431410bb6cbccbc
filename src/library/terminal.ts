/** Terminals: the end that a terminal emulator holds. */
import { mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { ReadStream } from "node:tty";
import { F_DUPFD_CLOEXEC, O_CLOEXEC, O_NOCTTY, O_RDWR, SOCK_NONBLOCK, SOCK_STREAM } from "#abi";
import { doing, Failure } from "../failure.ts";
import { close, fcntl, setNonBlocking, using } from "../linux/fs.ts";
import { accept, listenAt, receive } from "../linux/socket.ts";
import { endOfInput, openPeer, setWindowSize } from "../linux/tty.ts";
import { BinaryError, inProcess, runtimeErrorOf } from "./errors.ts";

/** The size of a terminal, in characters. */
export interface TerminalSize {
  rows: number;
  columns: number;
}

/** How long to wait until the terminal may take more of what is typed; each next pause is longer. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/** What a terminal has to know besides its master. */
export interface TerminalOptions {
  /** Is called after a change of its size. */
  resized?: () => void;
  /** Whether somebody may take the terminal who has let it go. */
  mayComeBack?: () => boolean;
  /** Is called when this end is closed before the other one. */
  hungUp?: () => void;
}

/**
 * The master of a process's terminal: what is written to it is typed, what is read from it is shown. It ends, both ways,
 * when no process has the terminal open any more, and that of a detached container not before its first process has ended.
 * Ending it types control-D, the end of input for programs that read lines. Destroying it hangs up: SIGHUP for the process.
 */
export class Terminal extends Duplex {
  readonly #master: number;
  readonly #resized: () => void;
  readonly #mayComeBack: () => boolean;
  readonly #hungUp: () => void;
  #reader: ReadStream | undefined;
  #isWanted = false;
  #hasEnded = false;
  #last: number | undefined;

  /** @internal */
  constructor(
    master: number,
    { resized = () => {}, mayComeBack = () => false, hungUp = () => {} }: TerminalOptions = {},
  ) {
    super({ allowHalfOpen: false });
    this.#master = master;
    this.#resized = resized;
    this.#mayComeBack = mayComeBack;
    this.#hungUp = hungUp;
    try {
      // libuv would write to it in blocking calls, and a program that does not read would stop this whole process.
      setNonBlocking(master);
      this.#listen();
    } catch (error) {
      close(master);
      throw error;
    }
  }

  /** Changes the size, of which the processes in the foreground hear by SIGWINCH. */
  resize(size: TerminalSize): void {
    const checked = checkSize(size);
    if (this.destroyed) return;
    inProcess(() => setWindowSize(this.#master, checked));
    this.#resized();
  }

  /** @internal */
  override _read(): void {
    this.#isWanted = true;
    this.#reader?.resume();
  }

  /** @internal */
  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.#last = chunk.at(-1) ?? this.#last;
    this.#type(chunk, done);
  }

  /** @internal */
  override _final(done: Done): void {
    this.#type(endOfInput(this.#last), done);
  }

  /** @internal */
  override _destroy(error: Error | null, done: Done): void {
    this.#reader?.destroy();
    close(this.#master);
    if (!this.#hasEnded) this.#hungUp();
    done(error);
  }

  /** With a descriptor of its own: a stream that has failed closes that. */
  #listen(): void {
    const reader = new ReadStream(fcntl(this.#master, F_DUPFD_CLOEXEC));
    this.#reader = reader;
    reader.on("data", (data) => {
      this.#isWanted = this.push(data);
      if (!this.#isWanted) reader.pause();
    });
    // What the master of a terminal that nobody holds at the moment says (pty(7)), EIO, libuv makes an end of at times.
    reader.on("end", () => this.#awaitHolder());
    reader.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "EIO" ? this.#awaitHolder() : this.destroy(error),
    );
    if (!this.#isWanted) reader.pause();
  }

  #awaitHolder(): void {
    if (this.#mayComeBack()) setTimeout(() => this.#listenAgain(), LONGEST_PAUSE_MS);
    else this.#finish();
  }

  #listenAgain(): void {
    if (this.destroyed) return;
    try {
      this.#listen();
    } catch (error) {
      this.destroy(runtimeErrorOf(error) as Error);
    }
  }

  #finish(): void {
    this.#hasEnded = true;
    this.push(null);
  }

  /** Writes all of it, as the terminal takes it. What nobody can read any more is dropped. */
  #type(bytes: Uint8Array, done: Done, pause = FIRST_PAUSE_MS): void {
    let written: number;
    try {
      written = this.#hasEnded || this.destroyed ? bytes.length : writtenTo(this.#master, bytes);
    } catch (error) {
      done(error as Error);
      return;
    }
    if (written === bytes.length) {
      done();
      return;
    }
    const next = written > 0 ? FIRST_PAUSE_MS : Math.min(2 * pause, LONGEST_PAUSE_MS);
    setTimeout(() => this.#type(bytes.subarray(written), done, next), next);
  }
}

type Done = (error?: Error | null) => void;

/** How many of the bytes a descriptor with O_NONBLOCK has taken: all, if nobody will read them. */
function writtenTo(descriptor: number, bytes: Uint8Array): number {
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EAGAIN") return 0;
    if (code === "EIO") return bytes.length;
    throw error;
  }
}

/** The kernel has 16 bits for each (ioctl_tty(2)). */
const LARGEST = 0xffff;

/** Of standard streams that are no terminals, Node says undefined: no size in particular, which is 0. */
function checkSize({ rows = 0, columns = 0 }: Partial<TerminalSize>): TerminalSize {
  for (const size of [rows, columns])
    if (!Number.isInteger(size) || size < 0 || size > LARGEST)
      throw new RangeError(`no terminal has ${size} rows or columns`);
  return { rows, columns };
}

/** The size that the options of a call ask for, if any. Throws a RangeError for one that no terminal has. */
export const sizeOf = (terminal: boolean | TerminalSize | undefined): TerminalSize | undefined =>
  terminal && terminal !== true ? checkSize(terminal) : undefined;

/** A new terminal, and the descriptor of it for the process, which the caller closes. Throws a Failure. */
export const openTerminal = (
  size: TerminalSize | undefined,
  options: TerminalOptions,
): { terminal: Terminal; slave: number } =>
  doing("making a terminal", undefined, () => {
    const master = openSync("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    const terminal = new Terminal(master, options);
    try {
      if (size) setWindowSize(master, size);
      return { terminal, slave: openPeer(master) };
    } catch (error) {
      terminal.destroy();
      throw error;
    }
  });

/** A folder for what this process and the binary leave for each other: files, and a socket that gets a terminal. */
export class Handover {
  readonly #folder: string;
  readonly pidFile: string;
  readonly consoleSocket: string;
  readonly processFile: string;
  #listener: number | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    this.pidFile = join(folder, "pid");
    this.consoleSocket = join(folder, "console");
    this.processFile = join(folder, "process.json");
  }

  /** Makes it for `use` alone. Rejects with a RuntimeError if it cannot be made. */
  static async within<T>(use: (handover: Handover) => Promise<T>): Promise<T> {
    const handover = new Handover(inProcess(makeFolder));
    try {
      return await use(handover);
    } finally {
      handover.#remove();
    }
  }

  /** Before the binary is called. Throws a Failure for a folder that has too long a name for a socket in it. */
  listen(): void {
    this.#listener = doing("listening for the terminal", undefined, () =>
      listenAt(this.consoleSocket, SOCK_STREAM | SOCK_NONBLOCK),
    );
  }

  /**
   * The master that the binary has sent. It has done so before it ended, and nobody has to wait: a connection and its
   * message stay in the socket until they are taken (unix(7)). Throws a Failure or a RuntimeError if it has not.
   */
  takeTerminal(): number {
    const message = doing("taking the terminal from tsrun", undefined, () =>
      using(accept(this.#listener as number), (socket) => receive(socket, 4096)),
    );
    const [master, ...more] = message?.descriptors ?? [];
    more.forEach(close);
    if (master === undefined) throw new BinaryError(new Failure("tsrun has sent no terminal"));
    return master;
  }

  #remove(): void {
    if (this.#listener !== undefined) close(this.#listener);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const makeFolder = (): string =>
  doing("making a folder for what tsrun leaves (in $TMPDIR)", undefined, () =>
    mkdtempSync(join(tmpdir(), "tsrun-")),
  );
