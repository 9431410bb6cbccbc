/** The error that people read, and its form on the wire between the processes of one command. */
import { EMFILE, ENOSYS } from "#abi";
import { Errno, errnoName, isErrno } from "./linux/errno.ts";
import { inEveryChild } from "./linux/process.ts";

/** What a program, which cannot read the message, tells failures apart by. */
export type FailureKind =
  /** There is no container with the id. */
  | "no-container"
  /** There is one already. */
  | "container-exists"
  /** It does not do what it would have to be doing, such as running. */
  | "container-status"
  /** config.json cannot be read, or is not as it has to be. */
  | "config";

/** Where a document departs from its schema (spec/checks.ts). */
export interface Fault {
  pointer: string;
  expected: string;
  found: unknown;
}

export interface FailureDetails {
  /** Why: another Failure, an Errno, or any other error. */
  cause?: unknown;
  /** Where in config.json, as a JSON pointer (RFC 6901). */
  pointer?: string | undefined;
  /** What to do about it, where that is known. */
  hint?: string | undefined;
  kind?: FailureKind | undefined;
  /** What the kernel said (errno(3)), where no cause says it. */
  errno?: number | undefined;
  /** What is wrong with a document, where no cause says it. */
  faults?: readonly Fault[] | undefined;
}

/** A JSON pointer (RFC 6901), such as `/linux/resources/memory/limit`, made of the names that lead there. */
export const pointerTo = (...names: (string | number)[]): string =>
  names.map((name) => `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

/** No Failure takes more as JSON, where a character has at most six bytes. */
export const FAILURE_BYTES = 8192;

/** A Failure as plain data: between processes, and in the log for programs. */
export interface FailureData {
  /** All but the pointer and the hint. */
  message: string;
  pointer?: string;
  hint?: string;
  kind?: FailureKind;
  errno?: number;
  /** The errno's name, which other languages have under other numbers. */
  code?: string;
  /** Every departure of a document from its schema. */
  faults?: readonly Fault[];
}

/**
 * What tsrun was doing and with which value; what the kernel said; where in config.json that came from; what to do.
 * `message` is all of it as one line.
 */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly doing: string;
  readonly pointer: string | undefined;
  readonly hint: string | undefined;
  readonly kind: FailureKind | undefined;
  /** What the kernel said: the innermost cause's. */
  readonly errno: number | undefined;
  /** Every departure of a document from its schema: the innermost cause's. */
  readonly faults: readonly Fault[];

  constructor(doing: string, { cause, pointer, hint, kind, errno, faults }: FailureDetails = {}) {
    const inner = cause instanceof Failure ? cause : undefined;
    const reason = inner ? inner.doing : cause === undefined ? undefined : describe(cause);
    const text = reason === undefined ? doing : `${doing}: ${reason}`;
    // The inner one is the more exact.
    const where = inner?.pointer ?? pointer;
    const remedy = hint ?? inner?.hint ?? usualHint(cause);
    super(
      oneLine(text + (where ? ` (config.json ${where})` : "") + (remedy ? `; ${remedy}` : "")),
      {
        cause,
      },
    );
    this.doing = text;
    this.pointer = where;
    this.hint = remedy;
    this.kind = inner?.kind ?? kind;
    this.errno = errnoOf(cause) ?? errno;
    this.faults = faultsOf(cause) ?? faults ?? [];
  }

  /** The errno's name, such as `ENOENT`. */
  get code(): string | undefined {
    return this.errno === undefined ? undefined : errnoName(this.errno);
  }

  /** For another process, cut to fit into FAILURE_BYTES as JSON; `Failure.from` reads it back. */
  toData(): FailureData {
    return {
      message: cut(this.doing, 1000),
      ...(this.pointer === undefined ? {} : { pointer: cut(this.pointer, 150) }),
      ...(this.hint === undefined ? {} : { hint: cut(this.hint, 150) }),
      ...(this.kind === undefined ? {} : { kind: this.kind }),
      ...(this.errno === undefined ? {} : { errno: this.errno, code: this.code as string }),
    };
  }

  static from({ message, ...details }: FailureData): Failure {
    return new Failure(message, details);
  }

  /** Any error as a Failure. */
  static of(error: unknown): Failure {
    return error instanceof Failure
      ? error
      : new Failure(describe(error), { hint: usualHint(error), errno: errnoOf(error) });
  }
}

let observer: ((step: string) => void) | undefined;

/**
 * Has `tell` called with each step of this process that `doing` runs, before it is run. Its children, where files and
 * paths may be others', tell nothing.
 */
export function observeSteps(tell: (step: string) => void): void {
  observer = tell;
  inEveryChild(() => {
    observer = undefined;
  });
}

/** Runs a step of set-up; an error of it becomes a Failure that says what was being done. */
export function doing<T>(what: string, pointer: string | undefined, step: () => T): T {
  observer?.(what);
  try {
    return step();
  } catch (error) {
    throw new Failure(what, { cause: error, pointer });
  }
}

const errnoOf = (error: unknown): number | undefined =>
  error instanceof Errno || error instanceof Failure ? error.errno : undefined;

/** Those of a Failure or of a FaultyDocumentError, which not every command has to load. */
const faultsOf = (error: unknown): readonly Fault[] | undefined =>
  (error as { faults?: readonly Fault[] } | undefined)?.faults;

const describe = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** What to do about errors that have one usual cause. */
function usualHint(cause: unknown): string | undefined {
  if (isErrno(cause, ENOSYS)) return "tsrun needs Linux 5.14 or later";
  if (isErrno(cause, EMFILE)) return "raise the limit of open files: see `ulimit -n`";
  return undefined;
}

/** Keeps the beginning and the end: the one says what was being done, the other what the kernel said. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const half = Math.floor(length / 2);
  return `${text.slice(0, half)}…${text.slice(1 - half)}`.toWellFormed();
}

/** A value from a configuration must not break the line, speak to the terminal that shows it, or have no form in UTF-8. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f\s]+/g;

const oneLine = (text: string): string =>
  text.replace(CONTROL_CHARACTERS, " ").trim().toWellFormed();
