/** Completion for bash (3.2 and later) and zsh. Their scripts differ in little more than how they give an answer. */
import {
  type Branch,
  type Described,
  describedCommands,
  describedFlags,
  flagValues,
  LIST_ENDINGS,
  NAMES,
  type Place,
  repeatedValues,
  steps,
  type Value,
  wordValues,
} from "./places.ts";

/**
 * The walk over the words before the one to complete. Bash and zsh differ only in the head of the loop. It sets `place`
 * (the command), `number` (how many of the command's words so far are not options), `value` (the option whose value
 * comes next), `rest` (after `--`) and `db` (the job file that was named, whose topics and templates are offered).
 */
function walk(places: Place[], loop: { start: string; word: string }): string {
  const withValue = flagValues(places).flatMap(({ patterns }) => patterns);
  return `  local place=${quote(places[0]?.path ?? "")} number=0 value='' rest='' db='' word i
  for (( ${loop.start}; i++ )); do
    word=${loop.word}
    if [[ -n $value ]]; then
      [[ $value == *' --db' && $word != '=' ]] && db=$word
      [[ $word == '=' ]] || value=''
    elif [[ -n $rest ]]; then
      number=$((number + 1))
    else
      case "$place $word" in
${withValue.length === 0 ? "" : `        ${any(withValue)}) value="$place $word" ;;\n`}${steps(places)
    .map(({ patterns, path }) => `        ${any(patterns)}) place=${quote(path)} number=0 ;;\n`)
    .join("")}        *' --') rest=1 ;;
        *' --db='*) db=\${word#*=} ;;
        *' -'?*) ;;
        *) number=$((number + 1)) ;;
      esac
    fi
  done
`;
}

/** How a shell offers things: each makes a line of the script. */
interface Offers {
  value(value: Value): string;
  flags(place: Place): string;
  commands(place: Place): string;
}

/** The choice of what may stand here. */
function branches(places: Place[], offers: Offers): string {
  const offer = offers.value;
  const branch = ({ patterns, value }: Branch): string => `      ${any(patterns)}) ${offer(value)} ;;\n`;
  const repeated = repeatedValues(places).map(({ path, value }) => `      ${quote(`${path} `)}*) ${offer(value)} ;;\n`);
  return `  if [[ -n $value ]]; then
    case $value in
${flagValues(places).map(branch).join("")}    esac
  elif [[ -z $rest && $current == -* ]]; then
    case $place in
${places.map((place) => `      ${quote(place.path)}) ${offers.flags(place)} ;;\n`).join("")}    esac
  else
    case "$place $number" in
${places
  .filter(({ commands }) => commands.length > 0)
  .map((place) => `      ${quote(`${place.path} 0`)}) ${offers.commands(place)} ;;\n`)
  .join("")}${wordValues(places).map(branch).join("")}${repeated.join("")}    esac
  fi
`;
}

/** A completion script for bash. `program` is what the user types. */
export function bash(program: string, places: Place[]): string {
  const name = functionName(program);
  const value = (what: Value): string => {
    if (what === "file") return `${name}_paths default -f`;
    if (what === "recipients") return `${name}_recipients`;
    if (what === "folder") return `${name}_paths dirnames -d`;
    if (what === "topic" || what === "template") return `${name}_names ${NAMES[what]}`;
    if (what === "any") return ":";
    return Array.isArray(what)
      ? `${name}_words ${quote(what.join(" "))}`
      : `${name}_list ${quote(what.list.join(" "))}`;
  };
  const words = (all: Described[]) => value(all.map((one) => one.name));
  const offers: Offers = {
    value,
    flags: (place) => words(describedFlags(place)),
    commands: (place) => words(describedCommands(place)),
  };
  return `# bash completion for ${program}. Load it with: source <(${program} completion bash)

# Readline completes paths best (quotes, ~). Without compopt (bash 3) compgen does.
${name}_paths() {
  compopt -o "$1" 2>/dev/null || ${name}_add < <(compgen "$2" -- "$current")
}

# Lists first: a job file beside them is none. Other names are offered when there is no such file.
${name}_recipients() {
  compopt -o filenames 2>/dev/null
  ${name}_add < <(${LIST_ENDINGS.map((ending) => `compgen -f -X '!*.${ending}' -- "$current"`).join("; ")}; compgen -d -- "$current")
  [[ \${#COMPREPLY[@]} -gt 0 ]] || ${name}_paths default -f
}

# The names that a command prints. Readline quotes one with spaces when it takes it for that of a file.
${name}_names() {
  local each typed=\${current#[\\'\\"]}
  typed=\${typed//\\\\/}
  while IFS= read -r each; do
    [[ $each == "$typed"* ]] || continue
    compopt -o filenames 2>/dev/null || each=$(printf %q "$each")
    COMPREPLY+=("$each")
  done < <(${program} "$@" \${db:+--db "$db"} 2>/dev/null)
}

# Several words with commas between: the last one is completed.
${name}_list() {
  local before=''
  [[ $current == *,* ]] && before=\${current%,*},
  ${name}_add < <(compgen -P "$before" -W "$1" -- "\${current##*,}")
}

${name}_words() {
  ${name}_add < <(compgen -W "$1" -- "$current")
}

${name}_add() {
  local line
  while IFS= read -r line; do COMPREPLY+=("$line"); done
}

# Readline cuts addresses (postgres://user@host/db) at ":" and "@". Puts the words before the current one together again.
${name}_typed() {
  local line=$COMP_LINE before word i last=''
  typed=()
  for (( i = 0; i <= COMP_CWORD; i++ )); do
    word=\${COMP_WORDS[i]}
    before=\${line%%"$word"*}
    line=\${line#*"$word"}
    glued=''
    [[ $i -gt 0 && -n $word && -z $before && ( $word == [:@]* || $last == *[:@] ) ]] && glued=1
    last=$word
    [[ $i -lt COMP_CWORD ]] || break
    if [[ -n $glued ]]; then
      typed[\${#typed[@]}-1]+=$word
    else
      typed+=("$word")
    fi
  done
}

${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} glued
  local -a typed
  COMPREPLY=()
  ${name}_typed
  # The rest of an address.
  [[ -z $glued ]] || return 0
${walk(places, { start: `i = 1; i < \${#typed[@]}`, word: `\${typed[i]}` })}
  # Readline cuts --option=value into three words.
  [[ $current == '=' ]] && current=''
${branches(places, offers)}}

complete -F ${name} ${program}
`;
}

/** A completion script for zsh. `program` is what the user types. */
export function zsh(program: string, places: Place[]): string {
  const name = functionName(program);
  const value = (what: Value): string => {
    if (what === "file") return "_files";
    if (what === "recipients") return `${name}_recipients`;
    if (what === "folder") return "_files -/";
    if (what === "topic" || what === "template") return `${name}_names ${NAMES[what]}`;
    if (what === "any") return ":";
    if (!Array.isArray(what)) return `compset -P '*,'; compadd -- ${what.list.map(quote).join(" ")}`;
    return `compadd -- ${what.map(quote).join(" ")}`;
  };
  const described = (tag: string, all: Described[]) =>
    `offer=(${all.map((one) => quote(`${one.name}:${one.description}`)).join(" ")}); _describe${tag} offer`;
  const offers: Offers = {
    value,
    flags: (place) => described(" -o option", describedFlags(place)),
    commands: (place) => described(" command", describedCommands(place)),
  };
  return `#compdef ${program}
# zsh completion for ${program}. Load it with: source <(${program} completion zsh)

# Lists first: a job file beside them is none. Other names are offered when there is no such file.
${name}_recipients() {
  _files -g '*.(${LIST_ENDINGS.join("|")})'
}

# The names that a command prints.
${name}_names() {
  local -a names
  names=(\${(f)"$(${program} "$@" \${db:+--db} \${db:+"$db"} 2>/dev/null)"})
  compadd -- $names
}

${name}() {
  local current=\${words[CURRENT]}
  local -a offer
${walk(places, { start: "i = 2; i < CURRENT", word: `\${words[i]}` })}
  if [[ -z $value && -z $rest && $current == --*=* ]]; then
    value="$place \${current%%=*}"
    compset -P '*='
  fi
${branches(places, offers)}}

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
