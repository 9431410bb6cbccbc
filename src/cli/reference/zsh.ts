/** Completion for zsh (zshcompsys(1), "_arguments"). */
import { commands } from "../commands.ts";
import {
  type DescribedOption,
  program,
  type Scope,
  scopes,
  signalNames,
  spellings,
} from "./words.ts";

export const zshCompletion = (): string => `\
#compdef tsrun
# Completion of tsrun for zsh, made from the definitions of its commands.

_tsrun() {
  local curcontext=$curcontext state line
  local -A opt_args
  local -a call=("$words[@]")
  local position=$CURRENT

  _arguments -C -S -s \\
${indented(4, program.options.map(optionSpec))} \\
    '(-): :_tsrun_commands' \\
    '(-)*:: :->arguments' && return
  [[ $state == arguments ]] || return
  # The program and its global options.
  call=("\${(@)call[1,position - CURRENT]}")

  case $words[1] in
${scopes.flatMap(commandCase).join("\n")}
    help) _arguments '1: :_tsrun_commands' ;;
  esac
}

${FUNCTIONS}
_tsrun "$@"
`;

const indented = (width: number, specs: readonly string[]): string =>
  specs.map((spec) => " ".repeat(width) + spec).join(" \\\n");

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Text within a specification, whose own characters these are. */
const plain = (text: string): string => text.replace(/[\\[\]:]/g, "\\$&");

function commandCase(scope: Scope): string[] {
  if (scope === program) return [];
  const specs = [...scope.options.map(optionSpec), ...argumentSpecs(scope)];
  return [`    ${scope.name})`, `      _arguments -S -s \\\n${indented(8, specs)}`, "      ;;"];
}

/** `-b+`: the value may follow in the same word; `--bundle=`: after an equals sign. */
function optionSpec(option: DescribedOption): string {
  const { short, long, value } = option;
  const names = spellings(option);
  const shown = value === undefined ? names : [...(short ? [`${short}+`] : []), `${long}=`];
  const text = `[${plain(option.description)}]${value === undefined ? "" : valueSpec(value)}`;
  if (shown.length === 1) return quoted(`${shown[0]}${text}`);
  return `${quoted(`(${names.join(" ")})`)}{${shown.join(",")}}${quoted(text)}`;
}

/** What it is called, and what it is completed by. */
const valueSpec = (kind: string): string =>
  kind.includes("|")
    ? `:value:(${kind.replaceAll("|", " ")})`
    : `:${plain(kind)}:${actionOf(kind)}`;

function actionOf(kind: string): string {
  if (kind === "path") return "_files";
  if (kind === "directory") return "_files -/";
  if (kind === "container-id") return "_tsrun_containers";
  return kind === "signal" ? `(${signalNames.join(" ")})` : " ";
}

/** (-): after it nothing is an option. */
const argumentSpecs = ({ arguments: operands, passesOn }: Scope): string[] => [
  ...operands.map((kind, at) => quoted(`${passesOn ? "(-)" : ""}${at + 1}${valueSpec(kind)}`)),
  ...(passesOn ? [quoted("*:: : ")] : []),
];

const described = [...commands].map(([name, { summary }]) => quoted(`${name}:${plain(summary)}`));

const FUNCTIONS = `\
_tsrun_commands() {
  local -a commands=(
${[...described, quoted("help:show the help of a command")].map((each) => `    ${each}`).join("\n")}
  )
  _describe -t commands command commands
}

# With the global options of this line. Without an answer there is nothing to offer.
_tsrun_containers() {
  local -a words=("\${(@Q)call}") containers
  words=("\${(@)words/#\\~(#e)/$HOME}")
  words=("\${(@)words/#\\~\\//$HOME/}")
  containers=(\${(f)"$("$words[@]" list --quiet 2> /dev/null < /dev/null)"})
  _wanted containers expl container compadd -a containers
}
`;
