/**
 * The command line, read by commander. Declaring all commands and options takes longer than the rest of a short
 * command, so a line is first read by parsers that know only the options it mentions. Whatever they cannot read, and
 * every wish for help, goes to the whole program, which knows everything and has the last word.
 */
import { CommanderError, Option, Command as Parser } from "commander";
import { Failure } from "../failure.ts";
import type { Command, OptionTable, Output } from "./command.ts";
import { commands } from "./commands.ts";
import { type GlobalFlags, globalOptions } from "./globals.ts";
import { versionText } from "./version.ts";

export interface Line {
  globals: GlobalFlags;
  /** The command's name and what follows it. */
  rest: readonly string[];
}

export interface Call {
  command: Command;
  args: readonly string[];
  flags: object;
}

/** Takes off the global options; if they cannot be read, none, so that `readCall` says why. */
export function readGlobals(argv: readonly string[]): Line {
  if (!argv[0]?.startsWith("-")) return { globals: {}, rest: argv };
  const read = parse(globalOptions, argv, { stopAtOperand: true });
  if (!read) return { globals: {}, rest: argv };
  return { globals: read.flags, rest: [...read.operands, ...read.unknown] };
}

/**
 * The call that a command line asks for, or undefined when it asked for help or the version, which has been written.
 * Throws a Failure for a line that is wrong.
 */
export function readCall(
  argv: readonly string[],
  { rest }: Line,
  output: Output,
): Call | undefined {
  const [name = "", ...words] = rest;
  const command = commands.get(name);
  const read = command && parse(command.options, words);
  return read && read.unknown.length === 0 && accepts(command, read.operands.length)
    ? { command, args: read.operands, flags: read.flags }
    : readAnyCall(rest.length === 0 ? ["--help"] : argv, output);
}

function accepts(command: Command, count: number): boolean {
  const needed = command.arguments.filter((argument) => argument.startsWith("<")).length;
  return count >= needed && count <= command.arguments.length;
}

interface Parsed {
  flags: object;
  operands: string[];
  /** From the first word on that should have been an option. */
  unknown: string[];
}

/** Undefined if the value of an option is missing. */
function parse(
  options: OptionTable,
  words: readonly string[],
  { stopAtOperand = false } = {},
): Parsed | undefined {
  const given = words.filter((word) => word.startsWith("-"));
  if (given.length === 0) return { flags: {}, operands: [...words], unknown: [] };
  const parser = new QuietParser().passThroughOptions(stopAtOperand);
  declare(parser, options, (flags) => given.some((word) => mayMean(word, flags)));
  try {
    return { ...parser.parseOptions([...words]), flags: parser.opts() };
  } catch (error) {
    if (error instanceof CommanderError) return undefined;
    throw error;
  }
}

/** What it refuses is read again, so it says nothing. */
class QuietParser extends Parser {
  override error(message: string): never {
    throw new CommanderError(1, "", message);
  }
}

function declare(parser: Parser, options: OptionTable, isWanted: (flags: string) => boolean): void {
  for (const flags in options)
    if (isWanted(flags)) parser.addOption(new Option(flags, options[flags]));
}

/** Whether commander may take the word for the option: `--long`, `--long=value`, `-s`, `-svalue` or `-xs`. */
function mayMean(word: string, flags: string): boolean {
  if (word[1] !== "-") return flags[1] !== "-" && word.includes(flags[1] as string);
  const [name] = word.split("=", 1) as [string];
  return flags.includes(`${name} `) || flags.endsWith(name);
}

/** Reads a line with the whole program. As `readCall`; it needs no more than the line. */
export function readAnyCall(argv: readonly string[], output: Output): Call | undefined {
  let call: Call | undefined;
  const program = wholeProgram(output, (chosen) => {
    call = chosen;
  });
  try {
    program.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    // The only help that counts as an error: `help nonsense`.
    if (error.code === "commander.help") throw new Failure(`no help for '${program.args[1]}'`);
    throw new Failure(error.message.replace(/^error: |\.$/g, ""), {
      hint: "see tsrun --help",
    });
  }
  return call;
}

function wholeProgram(output: Output, choose: (call: Call) => void): Parser {
  const program = new Parser("tsrun")
    .description(PURPOSE)
    .usage("[global options] command [command options] [arguments...]")
    .version(versionText(), "-v, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: output.write,
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
    });
  declare(program, globalOptions, () => true);
  for (const [name, command] of commands) {
    const parser = program.command(name).summary(command.summary);
    parser.description(`${command.summary}\n\n${command.details}`);
    declare(parser, command.options, () => true);
    for (const argument of command.arguments) parser.argument(argument);
    parser.action(() => choose({ command, args: parser.args, flags: parser.opts() }));
  }
  return program;
}

const HELP_WIDTH = 100;

const PURPOSE = `\
Open Container Initiative runtime

tsrun runs applications packaged according to the Open Container Initiative (OCI) format and is
used like runc. Containers are configured using bundles. A bundle is a directory that includes a
specification file named "config.json" and a root filesystem, which contains the contents of the
container.

To start a new instance of a container:

    # tsrun run [ -b bundle ] <container-id>

"<container-id>" is your name for the instance of the container that you are starting. It must be
unique on your host. The default for "bundle" is the current directory.`;
