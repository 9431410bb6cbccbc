/** The words of the command line as the man pages and the shells' completion tell them. */
import { SIGNALS } from "#abi";
import { type Command, type OptionTable, passesWordsOn } from "../command.ts";
import { commands } from "../commands.ts";
import { globalOptions } from "../globals.ts";
import { type OptionForm, optionForm } from "../option.ts";

export interface DescribedOption extends OptionForm {
  description: string;
}

/** Something that has options: a command, or the program before its command. */
export interface Scope {
  name: string;
  options: readonly DescribedOption[];
  /** The names of the arguments, without brackets. Of words for another program nothing is known. */
  arguments: readonly string[];
  /** Whether nothing is an option of this one after the first argument. */
  passesOn: boolean;
}

const described = (options: OptionTable): DescribedOption[] =>
  Object.entries(options)
    .filter(([, description]) => description !== "")
    .map(([declared, description]) => ({ ...optionForm(declared), description }));

const HELP = described({ "-h, --help": "show help" });
const VERSION = described({ "-v, --version": "print the version" });

export const program: Scope = {
  name: "tsrun",
  options: [...described(globalOptions), ...VERSION, ...HELP],
  arguments: ["command"],
  passesOn: false,
};

export const scopeOf = (name: string, command: Command): Scope => ({
  name,
  options: [...described(command.options), ...HELP],
  arguments: command.arguments
    .filter((argument) => !argument.includes("..."))
    .map((argument) => argument.slice(1, -1)),
  passesOn: passesWordsOn(command),
});

export interface CommandScope extends Scope {
  summary: string;
}

/** Each command, and the one that the program has beside them. */
export const commandScopes: readonly CommandScope[] = [
  ...[...commands].map(([name, command]) => ({
    ...scopeOf(name, command),
    summary: command.summary,
  })),
  {
    name: "help",
    summary: "show the help of a command",
    options: [],
    arguments: ["command"],
    passesOn: false,
  },
];

export const scopes: readonly Scope[] = [program, ...commandScopes];

/** An option's spellings: `-b` and `--bundle`. */
export const spellings = ({ short, long }: OptionForm): string[] =>
  short === undefined ? [long] : [short, long];

/** Without SIG, as people write them. */
export const signalNames: readonly string[] = SIGNALS.match(/[A-Z]\w*/g)?.map((name) =>
  name.replace(/^SIG/, ""),
) as string[];
