/** What every command is: its words on the command line and in the help, and the call of the runtime that it makes. */
import type { Features } from "@opencontainers-types";
import type { CheckpointOptions } from "../runtime/checkpoint.ts";
import type { Context, CreateOptions, RunOptions } from "../runtime/context.ts";
import type { ContainerEvent, EventsOptions } from "../runtime/events.ts";
import type { ExecOptions } from "../runtime/exec.ts";
import type { Schemata } from "../runtime/intelRdt.ts";
import type { RestoreOptions } from "../runtime/restore.ts";
import type { ContainerState } from "../runtime/state.ts";
import type { GlobalFlags } from "./globals.ts";

/** The part of the runtime that commands call; tests record the calls instead. */
export interface Runtime {
  create: (context: Context, options: CreateOptions) => void;
  /** Returns the exit status of the container's process. */
  run: (context: Context, options: RunOptions) => number;
  /** Returns the exit status of the process. */
  exec: (context: Context, id: string, options: ExecOptions) => number;
  start: (context: Context, id: string) => void;
  state: (context: Context, id: string) => ContainerState;
  list: (context: Context) => ContainerState[];
  kill: (context: Context, id: string, signal: number, options: { all: boolean }) => void;
  remove: (context: Context, id: string, options: { force: boolean }) => void;
  pause: (context: Context, id: string) => void;
  resume: (context: Context, id: string) => void;
  /** `document` is JSON in the form of linux.resources. */
  update: (context: Context, id: string, document: string) => void;
  updateIntelRdt: (context: Context, id: string, schemata: Schemata) => void;
  events: (
    context: Context,
    id: string,
    options: EventsOptions,
    tell: (event: ContainerEvent) => void,
  ) => void;
  processes: (context: Context, id: string) => number[];
  processTable: (context: Context, id: string, options: readonly string[]) => Uint8Array[];
  features: () => Features;
  checkpoint: (context: Context, id: string, options: CheckpointOptions) => void;
  /** Returns the exit status of the container's process. */
  restore: (context: Context, options: RestoreOptions) => number;
}

export interface Output {
  /** To standard output. */
  write: (text: string | Uint8Array) => void;
  /** To standard error. */
  writeError: (text: string) => void;
}

/** What a command works with. */
export interface Environment {
  runtime: Runtime;
  context: Context;
  output: Output;
}

/**
 * Descriptions by flags in commander's notation: `-b, --bundle <directory>`, `--format <table|json>` (see option.ts). With
 * `...` at the end an option may be given several times, and its values are a list. One without a description is accepted
 * for those who still write it, and told to nobody.
 */
export type OptionTable = Readonly<Record<string, string>>;

export interface Command<Flags = object> {
  /** One line, for the list of commands. */
  summary: string;
  /**
   * `<needed>` and `[optional]`; `[another's...]`, as the last one, are the words of another program: after the first
   * argument nothing is an option of this one. A `container-id` is one that exists, a `new-container-id` one that does not.
   */
  arguments: readonly string[];
  options: OptionTable;
  /** Paragraphs for the command's own help. */
  details: string;
  /** What the exit status is, where it is not 0 for success and 1 for an error. */
  exitStatus?: string;
  /** The exit status for an error, where it is not 1. */
  failureStatus?: number;
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

/** Whether a command ends with the words of another program. */
export const passesWordsOn = (command: Command): boolean =>
  command.arguments.at(-1)?.endsWith("...]") ?? false;
