/** Where the standard streams of a process lead. */
import { setMaxListeners } from "node:events";
import { Socket } from "node:net";
import { finished, PassThrough, pipeline, type Readable, type Writable } from "node:stream";
import { doing } from "../failure.ts";
import { close, pipe } from "../linux/fs.ts";
import type { ChildDescriptor } from "./binary.ts";

/**
 * Where standard input comes from: nowhere (`"ignore"`), this process's own (`"inherit"`), a descriptor of this process, a
 * stream that is piped into it, or a pipe whose other end becomes the `stdin` of the process's handle (`"pipe"`).
 */
export type Input = "ignore" | "inherit" | "pipe" | number | Readable;

/**
 * Where standard output or error go: nowhere, to this process's own, to a descriptor of this process, into a stream, or
 * into a pipe whose other end becomes `stdout` or `stderr` of the process's handle. Who asks for that has to read it, to its
 * end: a program that fills a pipe waits, and so does `closed`.
 */
export type Output = "ignore" | "inherit" | "pipe" | number | Writable;

/** The standard streams of a process; those that are not given lead nowhere. */
export interface Stdio {
  stdin?: Input;
  stdout?: Output;
  stderr?: Output;
}

/** The ends of a process's standard streams. */
export class Streams {
  /** What the process gets. */
  readonly descriptors: ChildDescriptor[] = [];
  stdin: Writable | undefined;
  stdout: Readable | undefined;
  stderr: Readable | undefined;
  /** What the process writes, on its way to whoever reads it. */
  readonly outputs: Readable[] = [];
  #input: Socket | undefined;
  readonly #given: number[] = [];

  /** `terminal`: the process's end of one, which takes the place of all three. */
  constructor(
    { stdin = "ignore", stdout = "ignore", stderr = "ignore" }: Stdio,
    terminal?: number,
  ) {
    if (terminal !== undefined) {
      this.#given.push(terminal);
      this.descriptors.push(terminal, terminal, terminal);
      return;
    }
    try {
      this.descriptors.push(this.#feed(stdin), this.#drain(stdout, "stdout"));
      this.descriptors.push(this.#drain(stderr, "stderr"));
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /** Closes the process's ends in this process: the process has its own by now. */
  give(): void {
    this.#given.splice(0).forEach(close);
  }

  /** The process has ended: nobody will read its input. */
  endInput(): void {
    this.#input?.destroy();
  }

  /** Closes everything: there is no process. */
  destroy(): void {
    this.give();
    this.endInput();
    for (const end of this.outputs) end.destroy();
  }

  #feed(input: Input): ChildDescriptor {
    if (!isStream(input)) return input;
    const [from, to] = newPipe();
    this.#given.push(from);
    const end = new Socket({ fd: to, readable: false, writable: true });
    this.#input = end;
    // A process need not read all of its input.
    end.on("error", () => {});
    if (input === "pipe") this.stdin = end;
    else pipeInto(end, input);
    return from;
  }

  #drain(output: Output, name: "stdout" | "stderr"): ChildDescriptor {
    if (!isStream(output)) return output;
    const [from, to] = newPipe();
    this.#given.push(to);
    const end = new Socket({ fd: from, readable: true, writable: false });
    if (output === "pipe") {
      const shown = held(end);
      this[name] = shown;
      this.outputs.push(shown);
    } else {
      this.outputs.push(end);
      pipeOut(end, output);
    }
    return to;
  }
}

const newPipe = () => doing("making a pipe for a process", undefined, pipe);

/** When a stream has been read to its end, or destroyed. */
export const untilClosed = (stream: Readable): Promise<void> =>
  new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once("close", resolve);
  });

/** A pipe for somebody who may come later: a socket that nobody reads is over as soon as the program is that writes nothing. */
function held(end: Socket): Readable {
  const shown = new PassThrough();
  pipeline(end, shown, () => {});
  return shown;
}

/** The stream is its owner's: when the process has gone, it is only paused. One that fails ends the input, too. */
function pipeInto(end: Socket, input: Readable): void {
  const forget = finished(input, { writable: false }, (error) => error && end.destroy());
  end.once("close", forget);
  // One stream may be for any number of processes, of which each takes its listeners back.
  setMaxListeners(0, input);
  input.pipe(end);
}

/**
 * Several processes may write into one stream, and it may be this process's own: their end is not its end. When it does
 * not take any more, writing fails in the process, too (SIGPIPE).
 */
function pipeOut(end: Socket, output: Writable): void {
  const lost = (source: Readable): void => {
    if (source === end) end.destroy();
  };
  output.on("unpipe", lost);
  end.once("close", () => output.off("unpipe", lost));
  setMaxListeners(0, output);
  end.pipe(output, { end: false });
  if (output.destroyed) end.destroy();
}

const isStream = <Stream>(place: Stream | ChildDescriptor | "pipe"): place is Stream | "pipe" =>
  place === "pipe" || typeof place === "object";
