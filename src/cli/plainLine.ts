/**
 * Plain command lines, which engines write: every option a word that the command declares, its value the next word or
 * after `=`, as programs in Go have it (`-b=bundle`, `--detach=false`). They are read without commander, which takes 6 % of
 * a whole `run` to load. It declares all options, reads the other lines (`-it`), knows the help, and has the last word on
 * what is wrong.
 */
import { type Command, type CommandLine, type OptionTable, passesWordsOn } from "./command.ts";
import { type GlobalFlags, globalOptions } from "./globals.ts";
import { choicesOf, isSpelling } from "./option.ts";

interface Words {
  flags: Record<string, string | boolean | string[]>;
  operands: string[];
}

/** Undefined for a line that is not plain, right or wrong. `commandOf`: the command that has a name. */
export function readPlainLine(
  argv: readonly string[],
  commandOf: (name: string) => Command | undefined,
): CommandLine | undefined {
  const at = commandIndex(argv);
  const command = commandOf(argv[at] ?? "");
  const globals = command && readWords(globalOptions, argv.slice(0, at));
  const hasRest = command !== undefined && passesWordsOn(command);
  const own = globals && readWords(command.options, argv.slice(at + 1), hasRest);
  if (!own || globals.operands.length > 0) return undefined;
  const needed = command.arguments.filter((argument) => argument.startsWith("<")).length;
  const { operands: args, flags } = own;
  if (args.length < needed || (args.length > command.arguments.length && !hasRest))
    return undefined;
  return { globals: globals.flags as GlobalFlags, call: () => ({ command, args, flags }) };
}

/** Where the command stands: the first word that is neither a global option nor its value. */
function commandIndex(argv: readonly string[]): number {
  let at = 0;
  while (argv[at]?.startsWith("-")) at += argv[at]?.includes("=") || !takesValue(argv[at]) ? 1 : 2;
  return at;
}

const takesValue = (word = ""): boolean => declaration(globalOptions, word)?.includes("<") ?? false;

/** `hasRest`: all from the first operand on are operands. */
function readWords(
  options: OptionTable,
  words: readonly string[],
  hasRest = false,
): Words | undefined {
  const read: Words = { flags: {}, operands: [] };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (word === "--" || (hasRest && !word.startsWith("-"))) {
      read.operands.push(...words.slice(word === "--" ? at + 1 : at));
      break;
    }
    if (!word.startsWith("-")) {
      read.operands.push(word);
      continue;
    }
    const [spelled, given] = split(word);
    const declared = declaration(options, spelled);
    if (declared === undefined) return undefined;
    const value = declared.includes("<") ? (given ?? words[++at]) : toBoolean(given);
    if (value === undefined || !isChoice(declared, value)) return undefined;
    setFlag(read.flags, declared, value);
  }
  return read;
}

const isChoice = (declared: string, value: string | boolean): boolean =>
  choicesOf(declared)?.includes(String(value)) ?? true;

/** `--name=value` in two. */
function split(word: string): [name: string, value: string | undefined] {
  const equals = word.indexOf("=");
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** What a flag may be set to, as programs in Go write it (strconv.ParseBool). */
const TRUE = ["true", "True", "TRUE", "t", "T", "1"];
const FALSE = ["false", "False", "FALSE", "f", "F", "0"];

function toBoolean(text = "true"): boolean | undefined {
  if (TRUE.includes(text)) return true;
  return FALSE.includes(text) ? false : undefined;
}

/** The key of the table that declares an option: `-b, --bundle <path>`. */
function declaration(options: OptionTable, spelled: string): string | undefined {
  for (const flags in options) if (isSpelling(flags.split(/,? /), spelled)) return flags;
  return undefined;
}

const longName = (declared: string): string =>
  declared.slice(declared.indexOf("--") + 2).split(" ", 1)[0] as string;

/** Named as commander names it: `--pid-file` is `pidFile`, `--no-pivot` makes `pivot` false. */
function setFlag(flags: Words["flags"], declared: string, value: string | boolean): void {
  const long = longName(declared);
  const isNegated = long.startsWith("no-");
  const name = (isNegated ? long.slice(3) : long).replace(/-(.)/g, (_, letter) =>
    letter.toUpperCase(),
  );
  if (value === false && !isNegated) delete flags[name];
  else if (typeof value === "boolean") flags[name] = value !== isNegated;
  else if (!declared.endsWith("...")) flags[name] = value;
  else flags[name] = [...((flags[name] as string[] | undefined) ?? []), value];
}
