/** The tsrun binary: where it is, and what it says when it is called. */
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MFD_CLOEXEC, SEEK_SET } from "#abi";
import { parseJson } from "../../spec/json.ts";
import { doing, Failure, type FailureData } from "../failure.ts";
import { errnoText } from "../linux/errno.ts";
import { close, lseek, memfd, readBytes, writeAll } from "../linux/fs.ts";
import { printable } from "../linux/text.ts";
import { onAbort } from "./abort.ts";
import { BinaryError, inProcess, toRuntimeError } from "./errors.ts";

/** A descriptor of this process, or what spawn takes in its place. */
export type ChildDescriptor = number | "ignore" | "inherit";

export interface Call {
  /** The command and its words. */
  words: readonly string[];
  /** The descriptors of the binary from 0 on; those that are not given lead nowhere. */
  descriptors?: readonly ChildDescriptor[];
  signal?: AbortSignal | undefined;
}

/** A call of the binary that is under way. */
export interface Running {
  readonly child: ChildProcess;
  /** The exit status when it has ended, whatever it is. Rejects if the binary itself has failed. */
  readonly ended: Promise<number>;
}

/** How a program is found in PATH, if it is nowhere else. */
const NAME = "tsrun";

/** Beside the folder of the library, in the package as in the build. */
const PACKAGED = fileURLToPath(new URL("../tsrun", import.meta.url));

const findBinary = (given: string | undefined): string =>
  given ?? (process.env["TSRUN"] || (existsSync(PACKAGED) ? PACKAGED : NAME));

/** What a service manager has told this process alone: a container must not answer for it (sd_notify(3), sd_listen_fds(3)). */
const OWN_VARIABLES = ["NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];

function ownEnvironment(): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  for (const name of OWN_VARIABLES) delete environment[name];
  return environment;
}

export class Binary {
  readonly path: string;
  readonly #globals: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  readonly #warn: (message: string) => void;

  constructor(
    path: string | undefined,
    globals: readonly string[],
    environment: Readonly<Record<string, string | undefined>> | undefined,
    warn: (message: string) => void,
  ) {
    this.path = findBinary(path);
    this.#globals = globals;
    this.#environment = environment ?? ownEnvironment();
    this.#warn = warn;
  }

  /** Runs a command to its end, and returns what it has written. Rejects with a RuntimeError if it has failed. */
  async output(words: readonly string[], options: OutputOptions = {}): Promise<string> {
    options.signal?.throwIfAborted();
    // Files in memory, not pipes: nobody has to drain them, and a daemon that a hook leaves behind holds nothing up.
    return withFile("stdout", (output) =>
      withFile("stderr", async (errors) => {
        const { ended } = this.run({
          words,
          descriptors: [options.input ?? "ignore", output, errors, ...(options.more ?? [])],
          signal: options.signal,
        });
        const status = await ended;
        if (status !== 0) throw this.#silent(words, `status ${status}`, contents(errors));
        return contents(output);
      }),
    );
  }

  /** Starts a command. */
  run({ words, descriptors = [], signal }: Call): Running {
    signal?.throwIfAborted();
    const log = newFile("log");
    const child = this.#spawn(words, descriptors, log);
    const takeBack = onAbort(signal, () => child.kill("SIGKILL"));
    const ended = exitOf(child)
      .catch((cause) => {
        throw this.#unusable(cause);
      })
      .then(({ status, killed }) => {
        signal?.throwIfAborted();
        const error = this.#read(log);
        if (error && status !== 0) throw error;
        if (status === null) throw this.#silent(words, `signal ${killed}`);
        return status;
      })
      .finally(() => {
        takeBack();
        close(log);
      });
    // Whoever does not wait for it does not care.
    ended.catch(() => {});
    return { child, ended };
  }

  #spawn(words: readonly string[], descriptors: readonly ChildDescriptor[], log: number) {
    const stdio: StdioOptions = [0, 1, 2].map((fd) => descriptors[fd] ?? "ignore");
    stdio.push(...descriptors.slice(3), log);
    const place = `/proc/self/fd/${stdio.length - 1}`;
    const line = ["--log", place, "--log-format", "json", ...this.#globals, ...words];
    try {
      return spawn(this.path, line, { stdio, env: this.#environment });
    } catch (cause) {
      close(log);
      throw this.#unusable(cause as Error);
    }
  }

  /** Passes warnings on, and returns the error that the log tells of. */
  #read(log: number): Error | undefined {
    let error: Error | undefined;
    for (const line of contents(log).split("\n").filter(Boolean)) {
      const entry = (this.parse(line, "the log") ?? {}) as Partial<LogEntry>;
      if (entry.level === "warning") this.#warn(entry.msg ?? "");
      else if (entry.error) error = toRuntimeError(Failure.from(entry.error), entry.msg);
    }
    return error;
  }

  /** What the binary has written as JSON. Throws a BinaryError for what is none: another program's words. */
  parse(text: string, what: string): unknown {
    try {
      return parseJson(text);
    } catch (cause) {
      throw new BinaryError(new Failure(`reading ${what} of ${this.path}`, { cause }));
    }
  }

  #unusable(cause: Error): BinaryError {
    const { code, errno } = cause as NodeJS.ErrnoException;
    const why = errno === undefined ? cause.message : errnoText(-errno);
    return new BinaryError(
      new Failure(`running ${this.path}: ${why}`, {
        ...(errno === undefined ? {} : { errno: -errno }),
        ...(code === "ENOENT" || code === "EACCES"
          ? { hint: "name the tsrun binary with the option `binary` or in $TSRUN" }
          : {}),
      }),
    );
  }

  #silent([command]: readonly string[], ending: string, said = ""): BinaryError {
    const why = said.trim() === "" ? "" : `, saying: ${said.trim()}`;
    return new BinaryError(new Failure(`${this.path} ${command} has ended with ${ending}${why}`));
  }
}

export interface OutputOptions {
  /** Standard input. */
  input?: number | undefined;
  /** Descriptors from 3 on. */
  more?: readonly number[];
  signal?: AbortSignal | undefined;
}

interface LogEntry {
  level: string;
  msg: string;
  error?: FailureData;
}

const exitOf = (child: ChildProcess) =>
  new Promise<{ status: number | null; killed: string | null }>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status, killed) => resolve({ status, killed }));
  });

/** A file in memory. Throws a RuntimeError. */
const newFile = (name: string): number =>
  inProcess(() =>
    doing(`making a file for the ${name} of tsrun`, undefined, () =>
      memfd(`tsrun-${name}`, MFD_CLOEXEC),
    ),
  );

async function withFile<T>(name: string, use: (file: number) => Promise<T>): Promise<T> {
  const file = newFile(name);
  try {
    return await use(file);
  } finally {
    close(file);
  }
}

function contents(file: number): string {
  lseek(file, 0, SEEK_SET);
  return printable(readBytes(file));
}

/** Calls `use` with a file that holds this text, to be read from its beginning. */
export const withText = <T>(text: string, use: (fd: number) => Promise<T>): Promise<T> =>
  withFile("stdin", (file) => {
    writeAll(file, text);
    lseek(file, 0, SEEK_SET);
    return use(file);
  });
