/** Completion for bash (3.2 and later) and zsh. Their scripts differ in little more than how they give an answer. */
import {
  type Branch,
  flagNames,
  flagValues,
  type Place,
  repeatedValues,
  steps,
  type Value,
  wordValues,
} from "./places.ts";

/**
 * The walk over the words before the one to complete. Bash and zsh differ only in the head of the loop. It sets `place`
 * (the command), `number` (how many of the command's words so far are not options), `value` (the option whose value
 * comes next) and `rest` (after `--`).
 */
function walk(places: Place[], loop: { start: string; word: string }): string {
  const withValue = flagValues(places).flatMap(({ patterns }) => patterns);
  return `  local place=${quote(places[0]?.path ?? "")} number=0 value='' rest='' word i
  for (( ${loop.start}; i++ )); do
    word=${loop.word}
    if [[ -n $value ]]; then
      [[ $word == '=' ]] || value=''
    elif [[ -n $rest ]]; then
      number=$((number + 1))
    else
      case "$place $word" in
${withValue.length === 0 ? "" : `        ${any(withValue)}) value="$place $word" ;;\n`}${steps(places)
    .map(({ patterns, path }) => `        ${any(patterns)}) place=${quote(path)} number=0 ;;\n`)
    .join("")}        *' --') rest=1 ;;
        *' -'?*) ;;
        *) number=$((number + 1)) ;;
      esac
    fi
  done
`;
}

/** The choice of what may stand here. `offer` makes the line of the script that offers a value. */
function branches(places: Place[], offer: (value: Value) => string): string {
  const branch = ({ patterns, value }: Branch): string => `      ${any(patterns)}) ${offer(value)} ;;\n`;
  const repeated = repeatedValues(places).map(({ path, value }) => `      ${quote(`${path} `)}*) ${offer(value)} ;;\n`);
  return `  if [[ -n $value ]]; then
    case $value in
${flagValues(places).map(branch).join("")}    esac
  elif [[ -z $rest && $current == -* ]]; then
    case $place in
${places.map((place) => `      ${quote(place.path)}) ${offer(flagNames(place))} ;;\n`).join("")}    esac
  else
    case "$place $number" in
${wordValues(places).map(branch).join("")}${repeated.join("")}    esac
  fi
`;
}

/** A completion script for bash. `program` is what the user types. */
export function bash(program: string, places: Place[]): string {
  const name = functionName(program);
  const offer = (value: Value): string => {
    if (value === "file") return `${name}_paths default -f`;
    if (value === "folder") return `${name}_paths dirnames -d`;
    return value === "any" ? ":" : `${name}_words ${quote(value.join(" "))}`;
  };
  return `# bash completion for ${program}. Load it with: source <(${program} completion bash)

# Readline completes paths best (quotes, ~). Without compopt (bash 3) compgen does.
${name}_paths() {
  compopt -o "$1" 2>/dev/null || ${name}_add < <(compgen "$2" -- "$current")
}

${name}_words() {
  ${name}_add < <(compgen -W "$1" -- "$current")
}

${name}_add() {
  local line
  while IFS= read -r line; do COMPREPLY+=("$line"); done
}

${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
${walk(places, { start: "i = 1; i < COMP_CWORD", word: `\${COMP_WORDS[i]}` })}
  # Readline cuts --option=value into three words.
  [[ $current == '=' ]] && current=''
${branches(places, offer)}}

complete -F ${name} ${program}
`;
}

/** A completion script for zsh. `program` is what the user types. */
export function zsh(program: string, places: Place[]): string {
  const name = functionName(program);
  const offer = (value: Value): string => {
    if (value === "file") return "_files";
    if (value === "folder") return "_files -/";
    return value === "any" ? ":" : `compadd -- ${value.map(quote).join(" ")}`;
  };
  return `#compdef ${program}
# zsh completion for ${program}. Load it with: source <(${program} completion zsh)

${name}() {
  local current=\${words[CURRENT]}
${walk(places, { start: "i = 2; i < CURRENT", word: `\${words[i]}` })}
  if [[ -z $value && -z $rest && $current == --*=* ]]; then
    value="$place \${current%%=*}"
    compset -P '*='
  fi
${branches(places, offer)}}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  ${name} "$@"
else
  compdef ${name} ${program}
fi
`;
}

/** Quotes the text as one word of the script. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function any(patterns: string[]): string {
  return patterns.map(quote).join(" | ");
}

function functionName(program: string): string {
  return `_${program.replace(/\W/g, "_")}`;
}
