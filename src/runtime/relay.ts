/** Moves the bytes of a terminal that is shown on another one, or on whatever the caller's standard streams are. */
import { EAGAIN, EIO, POLLIN, POLLOUT, SYS_read, SYS_write } from "#abi";
import { syscall } from "#host";
import { openChanges, takeChange } from "../linux/epoll.ts";
import type { Watched } from "../linux/signals.ts";
import { endOfInput } from "../linux/tty.ts";

/** What a pipe takes without blocking once poll(2) calls it writable (PIPE_BUF, pipe(7)). */
const CHUNK = 4096;

/** A terminal holds at most 64 KiB that nobody has read. */
const LEFTOVER_CHUNKS = 16;

const NOTHING = new Uint8Array(0);

/**
 * How long to wait, in milliseconds, before a write that has not been possible though poll(2) says so is tried again. That
 * is so for a terminal that nobody holds: it is hung up, and may be full all the same, and nothing tells of its next holder.
 */
const STUCK_MS = 50;

/** Bytes from one descriptor to another: reads only when what was read before has been written. */
abstract class Relay {
  protected readonly from: number;
  readonly #to: number;
  #pending: Uint8Array = NOTHING;
  #isStuck = false;

  constructor(from: number, to: number) {
    this.from = from;
    this.#to = to;
  }

  /** What to wait for. */
  watched(): Watched[] {
    if (this.#isStuck) return [];
    if (!this.isEmpty) return [{ fd: this.#to, events: POLLOUT }];
    const source = this.source();
    return source === undefined ? [] : [{ fd: source, events: POLLIN }];
  }

  /** How long to wait for that, in milliseconds, if not for ever. */
  get pause(): number | undefined {
    return this.#isStuck ? STUCK_MS : undefined;
  }

  /** `ready` are the descriptors on which something has happened. */
  move(ready: ReadonlySet<number>): void {
    const source = this.source();
    if (!this.isEmpty) {
      if (this.#isStuck || ready.has(this.#to)) this.#write();
    } else if (source !== undefined && ready.has(source)) this.readNext();
  }

  /** Whether nothing waits to be written. */
  get isEmpty(): boolean {
    return this.#pending.length === 0;
  }

  protected readNext(): void {
    this.#pending = this.read();
  }

  /** What tells that there is something to read; undefined when nobody waits for that any more. */
  protected abstract source(): number | undefined;

  /** What is there to be moved now. */
  protected abstract read(): Uint8Array;

  /** A reader that has gone is no reason to stop the container: what it would have read is dropped. */
  #write(): void {
    const length = syscall(SYS_write, this.#to, this.#pending, this.#pending.length);
    this.#isStuck = length === -EAGAIN;
    if (!this.#isStuck) this.#pending = length < 0 ? NOTHING : this.#pending.subarray(length);
  }
}

function readChunk(fd: number): { bytes: Uint8Array; error: number } {
  const buffer = new Uint8Array(CHUNK);
  const length = syscall(SYS_read, fd, buffer, CHUNK);
  return length < 0
    ? { bytes: NOTHING, error: -length }
    : { bytes: buffer.subarray(0, length), error: 0 };
}

/** What is typed, on its way to the container's terminal. */
export class Typed extends Relay {
  #last: number | undefined;
  #hasEnded = false;

  protected override source(): number | undefined {
    return this.#hasEnded ? undefined : this.from;
  }

  /** Whatever the error is (of a directory, of a terminal that has hung up), there is no more input. */
  protected override read(): Uint8Array {
    const { bytes, error } = readChunk(this.from);
    if (error === EAGAIN) return NOTHING;
    this.#hasEnded = bytes.length === 0;
    if (this.#hasEnded) return endOfInput(this.#last);
    this.#last = bytes.at(-1);
    return bytes;
  }
}

/** What the container's terminal shows, on its way to the caller; `from` is the terminal's master. */
export class Shown extends Relay {
  /** Tells when somebody in the container takes its terminal, where nobody holds that. */
  #changes: number | undefined;
  #isHeld = true;
  /** How much is still read, in chunks, when nobody is waited for any more. */
  #rest: number | undefined;

  protected override source(): number | undefined {
    if (this.#rest !== undefined) return undefined;
    return this.#isHeld ? this.from : this.#changes;
  }

  /** A terminal that nobody holds reads as EIO (pty(7)). */
  protected override read(): Uint8Array {
    let { bytes, error } = readChunk(this.from);
    if (error === EIO) {
      this.#changes ??= openChanges(this.from);
      // Somebody may open it and write between the read and this: what is said from now on is a change.
      takeChange(this.#changes);
      ({ bytes, error } = readChunk(this.from));
    }
    this.#isHeld = error !== EIO;
    return bytes;
  }

  /** From now on only what is in the terminal is moved: somebody may go on writing at the other end. */
  finish(): void {
    this.#rest = LEFTOVER_CHUNKS;
    this.#readRest();
  }

  override move(ready: ReadonlySet<number>): void {
    super.move(ready);
    this.#readRest();
  }

  #readRest(): void {
    if (!this.#rest || !this.isEmpty) return;
    this.#rest--;
    this.readNext();
    if (this.isEmpty) this.#rest = 0;
  }
}
