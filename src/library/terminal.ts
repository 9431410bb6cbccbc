/** Terminals: the end that a terminal emulator holds. */
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { ReadStream } from "node:tty";
import { O_CLOEXEC, O_NOCTTY, O_RDWR, SOCK_STREAM } from "#abi";
import { close, using } from "../linux/fs.ts";
import { accept, listenAt, receive } from "../linux/socket.ts";
import { openPeer, setWindowSize, type WindowSize } from "../linux/tty.ts";

/** The size of a terminal, in characters. */
export interface TerminalSize {
  rows: number;
  columns: number;
}

const NEWLINE = 0x0a;

/**
 * The master of a process's terminal: what is written to it is typed, what is read from it is shown. It ends when no
 * process has the terminal open any more. Ending it types control-D, the end of input for programs that read lines.
 */
export class Terminal extends Duplex {
  readonly #master: ReadStream;
  readonly #descriptor: number;
  readonly #resized: () => void;
  #last = NEWLINE;

  /** @internal */
  constructor(master: number, resized: () => void = () => {}) {
    super({ allowHalfOpen: true });
    this.#descriptor = master;
    this.#resized = resized;
    this.#master = new ReadStream(master);
    this.#master.on("data", (data) => {
      if (!this.push(data)) this.#master.pause();
    });
    this.#master.on("end", () => this.#finish());
    // What the master of a terminal says that nobody holds any more (pty(7)).
    this.#master.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "EIO" ? this.#finish() : this.destroy(error),
    );
    this.#master.pause();
  }

  /** Changes the size, of which the processes in the foreground hear by SIGWINCH. */
  resize({ rows, columns }: TerminalSize): void {
    if (this.destroyed || this.#master.destroyed) return;
    setWindowSize(this.#descriptor, { rows, columns });
    this.#resized();
  }

  /** @internal */
  override _read(): void {
    this.#master.resume();
  }

  /** @internal */
  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#last = chunk.at(-1) ?? this.#last;
    if (this.#master.destroyed) done();
    else this.#master.write(chunk, done);
  }

  /** @internal After an unfinished line the first control-D only sends that line on (termios(3), VEOF). */
  override _final(done: (error?: Error | null) => void): void {
    if (this.#master.destroyed) done();
    else this.#master.write(this.#last === NEWLINE ? "\x04" : "\x04\x04", () => done());
  }

  /** @internal */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#master.destroy();
    done(error);
  }

  #finish(): void {
    this.push(null);
    this.#master.destroy();
  }
}

/** A new terminal: its master, and the descriptor for the process, which the caller closes. */
export function openTerminal(size: WindowSize | undefined): { master: number; slave: number } {
  const master = openSync("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  try {
    if (size) setWindowSize(master, size);
    return { master, slave: openPeer(master) };
  } catch (error) {
    close(master);
    throw error;
  }
}

/** A folder for what this process and the binary leave for each other: files, and a socket that gets a terminal. */
export class Handover {
  readonly #folder = mkdtempSync(join(tmpdir(), "tsrun-"));
  readonly pidFile: string = join(this.#folder, "pid");
  readonly consoleSocket: string = join(this.#folder, "console");
  readonly processFile: string = join(this.#folder, "process.json");
  #listener: number | undefined;

  /** Before the binary is called. */
  listen(): void {
    this.#listener = listenAt(this.consoleSocket, SOCK_STREAM);
  }

  /**
   * The master that the binary has sent. It has done so before it ended, and nobody has to wait: a connection and its
   * message stay in the socket until they are taken (unix(7)).
   */
  takeTerminal(): number {
    const message = using(accept(this.#listener as number), (socket) => receive(socket, 4096));
    const [master, ...more] = message?.descriptors ?? [];
    more.forEach(close);
    return master as number;
  }

  remove(): void {
    if (this.#listener !== undefined) close(this.#listener);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
