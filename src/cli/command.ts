/** What every command is: its words on the command line and in the help, and the call of the runtime that it makes. */
import type { State } from "@opencontainers-types";
import type { Context, CreateOptions, RunOptions } from "../runtime/context.ts";
import type { GlobalFlags } from "./globals.ts";

/** The part of the runtime that commands call; tests record the calls instead. */
export interface Runtime {
  create: (context: Context, options: CreateOptions) => void;
  /** Returns the exit status of the container's process. */
  run: (context: Context, options: RunOptions) => number;
  start: (context: Context, id: string) => void;
  state: (context: Context, id: string) => State;
  kill: (context: Context, id: string, signal: number, options: { all: boolean }) => void;
  remove: (context: Context, id: string, options: { force: boolean }) => void;
}

export interface Output {
  /** To standard output. */
  write: (text: string) => void;
  /** To standard error. */
  writeError: (text: string) => void;
}

/** What a command works with. */
export interface Environment {
  runtime: Runtime;
  context: Context;
  output: Output;
}

/** Descriptions by flags in commander's notation: `-b, --bundle <path>`. */
export type OptionTable = Readonly<Record<string, string>>;

export interface Command<Flags = object> {
  /** One line, for the list of commands. */
  summary: string;
  /** `<needed>` and `[optional]`. */
  arguments: readonly string[];
  options: OptionTable;
  /** Paragraphs for the command's own help. */
  details: string;
  /** Returns the exit status. `flags` are the options given, in camel case (`--no-pivot` is `pivot: false`). */
  execute(environment: Environment, args: readonly string[], flags: Flags): number;
}

/** What a command line asks for. */
export interface Call {
  command: Command;
  args: readonly string[];
  flags: object;
}

/** A command line in its two parts: whoever reads the second may need the log that the first one names. */
export interface CommandLine {
  globals: GlobalFlags;
  /** Undefined when help or the version was asked for, which has been written. Throws a Failure for a wrong line. */
  call: () => Call | undefined;
}

export type LineReader = (argv: readonly string[], output: Output) => CommandLine;

/** What several commands say of their argument. */
export const EXISTING_CONTAINER =
  '"<container-id>" is your name for the instance of the container.';
