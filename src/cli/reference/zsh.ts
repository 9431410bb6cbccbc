/** Completion for zsh (zshcompsys(1), "_arguments"). */
import {
  type CommandScope,
  commandScopes,
  type DescribedOption,
  program,
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
${commandScopes.map(commandCase).join("\n")}
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

const commandCase = (scope: CommandScope): string => `\
    ${scope.name})
      _arguments -S -s \\
${indented(8, [...scope.options.map(optionSpec), ...argumentSpecs(scope)])}
      ;;`;

/** `-b+`: the value may follow in the same word; `--bundle=`: after an equals sign. */
function optionSpec(option: DescribedOption): string {
  const { short, long, value, choices } = option;
  const names = spellings(option);
  const shown = value === undefined ? names : [...(short ? [`${short}+`] : []), `${long}=`];
  const text = `[${plain(option.description)}]${value === undefined ? "" : valueSpec(value, choices)}`;
  if (shown.length === 1) return quoted(`${shown[0]}${text}`);
  return `${quoted(`(${names.join(" ")})`)}{${shown.join(",")}}${quoted(text)}`;
}

/** What it is called, and what it is completed by. */
const valueSpec = (kind: string, choices?: readonly string[]): string =>
  choices ? `:value:(${choices.join(" ")})` : `:${plain(kind)}:${actionOf(kind)}`;

function actionOf(kind: string): string {
  if (kind === "path") return "_files";
  if (kind === "directory") return "_files -/";
  if (kind === "command") return "_tsrun_commands";
  if (kind === "container-id") return "_tsrun_containers";
  return kind === "signal" ? `(${signalNames.join(" ")})` : " ";
}

/** (-): after it nothing is an option. */
const argumentSpecs = ({ arguments: operands, passesOn }: CommandScope): string[] => [
  ...operands.map((kind, at) => quoted(`${passesOn ? "(-)" : ""}${at + 1}${valueSpec(kind)}`)),
  ...(passesOn ? [quoted("*:: : ")] : []),
];

const described = commandScopes.map(({ name, summary }) => quoted(`${name}:${plain(summary)}`));

const FUNCTIONS = `\
_tsrun_commands() {
  local -a commands=(
${described.map((each) => `    ${each}`).join("\n")}
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
