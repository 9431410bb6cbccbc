/** Where the standard streams of a process lead. */
import { Socket } from "node:net";
import { pipeline, type Readable, type Writable } from "node:stream";
import { close, pipe } from "../linux/fs.ts";
import type { ChildDescriptor } from "./binary.ts";

/**
 * Where standard input comes from: nowhere (`"ignore"`), this process's own (`"inherit"`), a descriptor of this process, a
 * stream that is piped into it, or a pipe whose other end becomes the `stdin` of the process's handle (`"pipe"`).
 */
export type Input = "ignore" | "inherit" | "pipe" | number | Readable;

/**
 * Where standard output or error go: nowhere, to this process's own, to a descriptor of this process, into a stream, or
 * into a pipe whose other end becomes `stdout` or `stderr` of the process's handle. Who asks for that has to read it: a
 * program that fills a pipe waits.
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
  readonly #given: number[] = [];
  readonly #ends: Socket[] = [];

  constructor({ stdin = "ignore", stdout = "ignore", stderr = "ignore" }: Stdio) {
    this.descriptors.push(this.#input(stdin), this.#output(stdout, "stdout"));
    this.descriptors.push(this.#output(stderr, "stderr"));
  }

  /** Closes the process's ends in this process: the process has its own by now. */
  give(): void {
    this.#given.splice(0).forEach(close);
  }

  /** Closes everything: there is no process. */
  destroy(): void {
    this.give();
    for (const end of this.#ends) end.destroy();
  }

  #input(input: Input): ChildDescriptor {
    if (!isStream(input)) return input;
    const [from, to] = pipe();
    this.#given.push(from);
    const end = this.#own(new Socket({ fd: to, readable: false, writable: true }));
    if (input === "pipe") this.stdin = end;
    else pipeline(input, end, ignoreEnd);
    return from;
  }

  #output(output: Output, name: "stdout" | "stderr"): ChildDescriptor {
    if (!isStream(output)) return output;
    const [from, to] = pipe();
    this.#given.push(to);
    const end = this.#own(new Socket({ fd: from, readable: true, writable: false }));
    if (output === "pipe") this[name] = end;
    // Several processes may write into one stream, and it may be this process's own.
    else end.pipe(output, { end: false });
    return to;
  }

  #own(end: Socket): Socket {
    this.#ends.push(end);
    return end;
  }
}

const isStream = <Stream>(place: Stream | ChildDescriptor | "pipe"): place is Stream | "pipe" =>
  place === "pipe" || typeof place === "object";

/** A reader or writer that has gone is no error of the process; its streams tell their owners. */
const ignoreEnd = (): void => {};
