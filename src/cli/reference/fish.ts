/** Completion for fish (complete(1)). */
import {
  commandScopes,
  type DescribedOption,
  type Scope,
  scopes,
  signalNames,
  spellings,
} from "./words.ts";

export const fishCompletion = (): string => `\
# Completion of tsrun for fish, made from the definitions of its commands.

# The options that the next word belongs to.
set -g __tsrun_valued ${scopes.flatMap(valued).map(quoted).join(" ")}

${FUNCTIONS}
complete -c tsrun -f
${scopes.flatMap(rules).join("\n")}
`;

const quoted = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`;

const valued = ({ name, options }: Scope): string[] =>
  options
    .filter(({ value }) => value !== undefined)
    .flatMap((option) => spellings(option).map((spelling) => `${name} ${spelling}`));

const rule = (place: string, ...words: readonly string[]): string =>
  ["complete -c tsrun -n", quoted(`__tsrun_at ${place}`), ...words].join(" ");

function rules({ name, options, arguments: operands, passesOn }: Scope): string[] {
  // After the first argument they would be another program's.
  const place = passesOn ? `${name} 0` : name;
  return [
    ...options.map((option) => rule(place, ...optionWords(option))),
    ...operands.flatMap((kind, at) => argumentRules(`${name} ${at}`, kind)),
  ];
}

function argumentRules(place: string, kind: string): string[] {
  if (kind === "command")
    return commandScopes.map(({ name, summary }) => rule(place, "-a", name, "-d", quoted(summary)));
  const offers = offersOf(kind);
  return offers === undefined ? [] : [rule(place, "-a", quoted(offers))];
}

function optionWords(option: DescribedOption): string[] {
  const { short, long, description } = option;
  const names = [...(short ? ["-s", short.slice(1)] : []), "-l", long.slice(2)];
  return [...names, ...valueWords(option), "-d", quoted(description)];
}

/** -x: it has a value, and that is no file. */
function valueWords({ value, choices }: DescribedOption): string[] {
  if (value === undefined) return [];
  if (value === "path") return ["-r", "-F"];
  const offers = choices?.join(" ") ?? offersOf(value);
  return offers === undefined ? ["-x"] : ["-x", "-a", quoted(offers)];
}

function offersOf(kind: string): string | undefined {
  if (kind === "directory") return "(__fish_complete_directories)";
  if (kind === "container-id") return "(__tsrun_containers)";
  return kind === "signal" ? signalNames.join(" ") : undefined;
}

const FUNCTIONS = `\
# What stands before the cursor's word: the command, how many arguments it has, and the words before it.
function __tsrun_read
    set -g __tsrun_scope tsrun
    set -g __tsrun_arguments 0
    set -g __tsrun_call
    set -l is_value no
    for word in (commandline -opc)
        test $__tsrun_scope = tsrun; and set -l is_global yes; or set -l is_global no
        if test $is_value = yes
            set is_value no
        else if string match -q -- '-*' $word
            contains -- "$__tsrun_scope $word" $__tsrun_valued; and set is_value yes
        else if set -q __tsrun_call[1]
            if test $__tsrun_scope = tsrun
                set __tsrun_scope $word
                continue
            end
            set __tsrun_arguments (math $__tsrun_arguments + 1)
        end
        test $is_global = yes; and set -a __tsrun_call $word
    end
end

# Whether the cursor's word belongs to a command, as the argument after so many others: COMMAND [COUNT]
function __tsrun_at --argument-names scope count
    __tsrun_read
    test $scope = $__tsrun_scope; or return
    test -z "$count"; or test $count = $__tsrun_arguments
end

# With the global options of this line. Without an answer there is nothing to offer.
function __tsrun_containers
    __tsrun_read
    set -l call (string replace -r '^~(?=/|$)' $HOME -- $__tsrun_call)
    $call list --quiet 2>/dev/null </dev/null
end
`;
