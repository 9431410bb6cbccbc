/** Completion for bash (bash(1), "Programmable Completion"). It needs nothing of the package bash-completion. */
import { commandScopes, type Scope, scopes, signalNames, spellings } from "./words.ts";

export function bashCompletion(): string {
  return `\
# Completion of tsrun for bash, made from the definitions of its commands.

declare -gA _tsrun_options=(
${rows((scope) => scope.options.flatMap(spellings).join(" "))}
)
declare -gA _tsrun_arguments=(
${rows((scope) => [...scope.arguments, ...(scope.passesOn ? ["..."] : [])].join(" "))}
)
# What the value of an option is.
declare -gA _tsrun_values=(
${scopes.flatMap(valueRows).join("\n")}
)
_tsrun_commands='${commandScopes.map(({ name }) => name).join(" ")}'
_tsrun_signals='${signalNames.join(" ")}'

${FUNCTION}`;
}

const rows = (value: (scope: Scope) => string): string =>
  scopes.map((scope) => `  [${scope.name}]='${value(scope)}'`).join("\n");

const valueRows = ({ name, options }: Scope): string[] =>
  options.flatMap((option) =>
    option.value === undefined
      ? []
      : spellings(option).map((spelling) => `  ['${name} ${spelling}']='${option.value}'`),
  );

const FUNCTION = String.raw`_tsrun() {
  COMPREPLY=()
  # Not COMP_WORDS, which are split at = and : as well.
  local -a words arguments called
  read -ra words <<< "${"$"}{COMP_LINE:0:COMP_POINT}"
  [[ ${"$"}{COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=('')
  local scope=tsrun operands=0 at last=${"$"}((${"$"}{#words[@]} - 1))
  for ((at = 1; at < last; at++)); do
    case ${"$"}{words[at]} in
      -*=*) ;;
      -*) [[ -n ${"$"}{_tsrun_values["$scope ${"$"}{words[at]}"]-} ]] && ((++at)) ;;
      *)
        if [[ $scope == tsrun ]]; then
          scope=${"$"}{words[at]}
          called=("${"$"}{words[@]:0:at}")
        else
          ((++operands))
        fi
        ;;
    esac
  done
  read -ra arguments <<< "${"$"}{_tsrun_arguments[$scope]-}"

  local current=${"$"}{words[last]} prefix='' kind
  if ((operands > 0)) && [[ " ${"$"}{arguments[*]} " == *' ... '* ]]; then
    return # They are another program's words.
  elif ((at > last)); then
    kind=${"$"}{_tsrun_values["$scope ${"$"}{words[last - 1]}"]}
  elif [[ $current == --*=* ]]; then
    kind=${"$"}{_tsrun_values["$scope ${"$"}{current%%=*}"]-}
    [[ $COMP_WORDBREAKS == *=* ]] || prefix=${"$"}{current%%=*}=
    current=${"$"}{current#*=}
  elif [[ $current == -* ]]; then
    kind=option
  else
    kind=${"$"}{arguments[operands]-}
  fi

  local choices
  case $kind in
    path | directory)
      compopt -o filenames
      local action=-f
      [[ $kind == directory ]] && action=-d
      mapfile -t COMPREPLY < <(compgen -P "$prefix" "$action" -- "$current")
      return
      ;;
    option) choices=${"$"}{_tsrun_options[$scope]-} ;;
    command) choices=$_tsrun_commands ;;
    signal) choices=$_tsrun_signals ;;
    container-id)
      # With the global options of this line. Without an answer there is nothing to offer.
      choices=$("${"$"}{called[@]/#\~/$HOME}" list --quiet 2> /dev/null < /dev/null)
      ;;
    *'|'*) choices=${"$"}{kind//|/ } ;;
    *) return ;;
  esac
  mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$choices" -- "$current")
}
complete -F _tsrun tsrun
`;
