/** The command line as commander reads it, which declares all of it: for help, for mistakes, and for every spelling. */
import { CommanderError, Option, Command as Parser } from "commander";
import { Failure } from "../failure.ts";
import {
  type Call,
  type CommandLine,
  type OptionTable,
  type Output,
  passesWordsOn,
} from "./command.ts";
import { commands } from "./commands.ts";
import { type GlobalFlags, globalOptions } from "./globals.ts";
import { choicesOf, isSpelling, optionForm } from "./option.ts";
import { PURPOSE } from "./purpose.ts";
import { versionText } from "./version.ts";

/** Reads any line. The global options are read by themselves first, so that the log hears of what is wrong with it. */
export function readLine(argv: readonly string[], output: Output): CommandLine {
  const { globals, isAll } = readGlobals(argv);
  return { globals, call: () => readCall(isAll ? ["--help"] : argv, output) };
}

/** None, if they cannot be read: the whole program will say why. `isAll`: nothing follows them. */
function readGlobals(argv: readonly string[]): { globals: GlobalFlags; isAll: boolean } {
  const parser = new QuietParser().passThroughOptions();
  declare(parser, globalOptions, false);
  try {
    const { operands, unknown } = parser.parseOptions([...argv]);
    return { globals: parser.opts(), isAll: operands.length + unknown.length === 0 };
  } catch (error) {
    if (error instanceof CommanderError) return { globals: {}, isAll: false };
    throw error;
  }
}

/** What it refuses is read again, so it says nothing. */
class QuietParser extends Parser {
  override error(message: string): never {
    throw new CommanderError(1, "", message);
  }
}

function declare(parser: Parser, options: OptionTable, check = true): void {
  for (const flags in options) {
    const option = new OptionOfOneDash(flags, options[flags]);
    if (options[flags] === "") option.hideHelp();
    if (flags.endsWith("...")) option.argParser(collect);
    else if (check && choicesOf(flags)) option.argParser((value) => chosen(flags, value));
    parser.addOption(option);
    // For commander an option that takes something away is set to true where it is not given.
    if (option.negate) parser.setOptionValue(option.attributeName(), undefined);
  }
}

/** What a word is held against, for commander itself: its types do not tell. */
class OptionOfOneDash extends Option {
  is(word: string): boolean {
    return isSpelling(
      [this.short, this.long].filter((name) => name !== undefined),
      word,
    );
  }
}

/** An empty value means that the option was not given, as with runc. */
function chosen(flags: string, value: string): string {
  const { long, choices = [] } = optionForm(flags);
  if (value === "" || choices.includes(value)) return value;
  const expected = `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  throw new Failure(`${long} is ${JSON.stringify(value)}: expected ${expected}`);
}

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

function readCall(argv: readonly string[], output: Output): Call | undefined {
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
    throw new Failure(wordsOf(error), { hint: "see tsrun --help" });
  }
  return call;
}

/** Where a value is missing, runc's words: by them Podman finds out which options there are. */
const wordsOf = ({ message }: CommanderError): string =>
  message
    .replace(/^error: |\.$/g, "")
    .replace(/^option '(.*)' argument missing$/, "flag needs an argument: $1");

function wholeProgram(output: Output, choose: (call: Call) => void): Parser {
  const program = new Parser("tsrun")
    .description(PURPOSE)
    .usage("[global options] command [command options] [arguments...]")
    .option("-v, --version", "print the version")
    .on("option:version", () => {
      output.write(`${versionText()}\n`);
      throw new CommanderError(0, "commander.version", "");
    })
    .helpOption("-h, --help", "show help")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: output.write,
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  declare(program, globalOptions);
  for (const [name, command] of commands) {
    const parser = program.command(name).summary(command.summary);
    parser.description(
      [command.summary, command.details, command.exitStatus].filter(Boolean).join("\n\n"),
    );
    declare(parser, command.options);
    parser.passThroughOptions(passesWordsOn(command));
    for (const argument of command.arguments) parser.argument(argument);
    parser.action(() => choose({ command, args: parser.args, flags: parser.opts() }));
  }
  return program;
}

const HELP_WIDTH = 100;
