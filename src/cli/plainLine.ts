/**
 * Plain command lines, which engines write: every option spelled in full as the command declares it, its value the next
 * word or after `=`. They are read without commander, which takes 6 % of a whole `run` to load. It declares and reads all
 * the others, knows the help, and has the last word on what is wrong.
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
    if (!word.startsWith("-")) {
      if (hasRest) return { ...read, operands: words.slice(at) };
      read.operands.push(word);
      continue;
    }
    const [spelled, given] = split(word);
    const declared = declaration(options, spelled);
    if (declared === undefined) return undefined;
    const isValued = declared.includes("<");
    const value = isValued ? (given ?? words[++at]) : undefined;
    if (isValued ? !isPlain(declared, value) : given !== undefined) return undefined;
    setFlag(read.flags, declared, value);
  }
  return read;
}

function isPlain(declared: string, value: string | undefined): boolean {
  if (value === undefined || value.startsWith("-")) return false;
  return choicesOf(declared)?.includes(value) ?? true;
}

/** `--name=value` in two; a short option takes its value as a word of its own. */
function split(word: string): [name: string, value: string | undefined] {
  const equals = word.startsWith("--") ? word.indexOf("=") : -1;
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** The key of the table that declares an option: `-b, --bundle <path>`. */
function declaration(options: OptionTable, spelled: string): string | undefined {
  for (const flags in options) if (isSpelling(flags.split(/,? /), spelled)) return flags;
  return undefined;
}

/** Named as commander names it: `--pid-file` is `pidFile`, `--no-pivot` makes `pivot` false. */
function setFlag(flags: Words["flags"], declared: string, value: string | undefined): void {
  const long = declared.slice(declared.indexOf("--") + 2).split(" ", 1)[0] as string;
  const isNegated = long.startsWith("no-");
  const name = (isNegated ? long.slice(3) : long).replace(/-(.)/g, (_, letter) =>
    letter.toUpperCase(),
  );
  flags[name] =
    value !== undefined && declared.endsWith("...")
      ? [...((flags[name] as string[] | undefined) ?? []), value]
      : (value ?? !isNegated);
}
