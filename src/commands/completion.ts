/**
 * Scripts that complete the command line in bash, zsh and fish, made from the program's own commands and options, so
 * that they cannot fall behind. All three walk the words typed so far down the tree of commands, stepping over the
 * values of options, and then offer what may stand at the place they arrive at.
 */
import type { Argument, Command, Option } from "commander";
import { UserError } from "../errors.ts";

/** The script for `shell` (bash, zsh or fish). Throws UserError for another shell. */
export function completionScript(shell: string, program: Command): string {
  const places = placesOf(program, []);
  if (shell === "bash") return bash(program.name(), places);
  if (shell === "zsh") return zsh(program.name(), places);
  if (shell === "fish") return fish(program.name(), places);
  throw new UserError(`completion expects bash, zsh or fish, got ${JSON.stringify(shell)}`, "name one of these shells");
}

// What there is to complete ------------------------------------------------------------------------------------------

/** What a value is taken from: files, folders, these words, or nobody knows. */
type Value = "file" | "folder" | "any" | string[];

interface Flag {
  /** `--db`, and `-d` when there is a short form. */
  names: string[];
  description: string;
  /** Null for a switch. */
  value: Value | null;
}

/** A command, seen from where its words begin. */
interface Place {
  /** The words that lead here: `ses-mail suppress add`. */
  path: string;
  commands: { names: string[]; description: string }[];
  /** Its own and those of the commands above it. */
  flags: Flag[];
  arguments: Value[];
  /** The last argument may be repeated. */
  variadic: boolean;
}

function placesOf(command: Command, above: Command[]): Place[] {
  const way = [...above, command];
  const help = command.createHelp();
  const subcommands = help.visibleCommands(command);
  const options = way.toReversed().flatMap((one) => help.visibleOptions(one));
  const place: Place = {
    path: way.map((one) => one.name()).join(" "),
    commands: subcommands.map((one) => ({ names: [one.name(), ...one.aliases()], description: summary(one) })),
    flags: withoutRepeats(options.map(flagOf)),
    arguments: command.registeredArguments.map(argumentValue),
    variadic: command.registeredArguments.at(-1)?.variadic ?? false,
  };
  return [place, ...subcommands.flatMap((one) => placesOf(one, way))];
}

function summary(command: Command): string {
  return command.summary() || command.description();
}

function flagOf(option: Option): Flag {
  const names = [option.long, option.short].filter((name) => name !== undefined && name !== null);
  const takesValue = option.required || option.optional;
  const placeholder = /[<[](.*)[\]>]/.exec(option.flags)?.[1] ?? "";
  const value = option.argChoices?.map(String) ?? valueNamed(placeholder);
  return { names, description: option.description, value: takesValue ? value : null };
}

/** A subcommand's own `--help` hides its parent's. */
function withoutRepeats(flags: Flag[]): Flag[] {
  const seen = new Set<string | undefined>();
  return flags.filter(({ names: [name] }) => !seen.has(name) && seen.add(name));
}

function argumentValue(argument: Argument): Value {
  return argument.argChoices?.map(String) ?? valueNamed(argument.name());
}

function valueNamed(placeholder: string): Value {
  if (/\b(?:dir|directory|folder)\b/.test(placeholder)) return "folder";
  return /\b(?:files?|path|csv|html|recipients)\b/.test(placeholder) ? "file" : "any";
}

// The tree as the branches of a shell's `case` -----------------------------------------------------------------------

interface Branch {
  patterns: string[];
  value: Value;
}

/** Words after which the walk is one command further down: `ses-mail suppress rm` → `ses-mail suppress remove`. */
function steps(places: Place[]): { patterns: string[]; path: string }[] {
  return places.flatMap(({ path, commands }) =>
    commands.map(({ names }) => ({ patterns: names.map((name) => `${path} ${name}`), path: `${path} ${names[0]}` })),
  );
}

function flagValues(places: Place[]): Branch[] {
  return places.flatMap(({ path, flags }) =>
    flags.flatMap(({ names, value }) =>
      value === null ? [] : [{ patterns: names.map((name) => `${path} ${name}`), value }],
    ),
  );
}

/** What may stand as the n-th word (from 0) that is no option: a command, or an argument. */
function wordValues(places: Place[]): Branch[] {
  return places.flatMap((place) => {
    const { path } = place;
    if (place.commands.length > 0) return [{ patterns: [`${path} 0`], value: commandNames(place) }];
    return place.arguments.map((value, index) => ({ patterns: [`${path} ${index}`], value }));
  });
}

/** The repeated last argument: any further word, its number behind the path. */
function repeatedValues(places: Place[]): { path: string; value: Value }[] {
  return places.flatMap(({ path, variadic, arguments: values }) => {
    const value = values.at(-1);
    return variadic && value !== undefined ? [{ path, value }] : [];
  });
}

function commandNames({ commands }: Place): string[] {
  return commands.flatMap(({ names }) => names);
}

function flagNames({ flags }: Place): string[] {
  return flags.flatMap(({ names }) => names);
}

/** As one word for bash, zsh and, apart from the backslash, fish. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function any(patterns: string[]): string {
  return patterns.map(quote).join(" | ");
}

function functionName(program: string): string {
  return `_${program.replace(/\W/g, "_")}`;
}

// bash and zsh -------------------------------------------------------------------------------------------------------

/**
 * The walk, which bash and zsh spell alike but for `first`, the loop's beginning and end. It leaves `place` (the
 * command), `number` (of words there that are no options), `value` (the option whose value comes next) and `rest` (after `--`).
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
        ${any(withValue)}) value="$place $word" ;;
${steps(places)
  .map(({ patterns, path }) => `        ${any(patterns)}) place=${quote(path)} number=0 ;;\n`)
  .join("")}        *' --') rest=1 ;;
        *' -'?*) ;;
        *) number=$((number + 1)) ;;
      esac
    fi
  done
`;
}

/** One \`case\` over what may stand here; \`offer\` is the shell's way to offer it. */
function branches(places: Place[], offer: (value: Value) => string): string {
  const branch = ({ patterns, value }: Branch): string =>
    value === "any" ? "" : `      ${any(patterns)}) ${offer(value)} ;;\n`;
  const repeated = repeatedValues(places).map(({ path, value }) =>
    value === "any" ? "" : `      ${quote(`${path} `)}*) ${offer(value)} ;;\n`,
  );
  return `  if [[ -n $value ]]; then
    case $value in
${flagValues(places).map(branch).join("")}    esac
  elif [[ -z $rest && $current == -?* ]]; then
    case $place in
${places.map((place) => `      ${quote(place.path)}) ${offer(flagNames(place))} ;;\n`).join("")}    esac
  else
    case "$place $number" in
${wordValues(places).map(branch).join("")}${repeated.join("")}    esac
  fi
`;
}

function bash(program: string, places: Place[]): string {
  const name = functionName(program);
  const offer = (value: Value): string => {
    if (value === "file") return `${name}_paths default -f`;
    if (value === "folder") return `${name}_paths dirnames -d`;
    return `${name}_words ${value === "any" ? "" : quote(value.join(" "))}`;
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

function zsh(program: string, places: Place[]): string {
  const name = functionName(program);
  const offer = (value: Value): string => {
    if (value === "file") return "_files";
    if (value === "folder") return "_files -/";
    return `compadd -- ${value === "any" ? "" : value.map(quote).join(" ")}`;
  };
  return `#compdef ${program}
# zsh completion for ${program}. Load it with: source <(${program} completion zsh)

${name}() {
  emulate -L zsh
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

// fish ---------------------------------------------------------------------------------------------------------------

function fish(program: string, places: Place[]): string {
  const name = `_${functionName(program)}_place`;
  const withValue = flagValues(places).flatMap(({ patterns }) => patterns);
  const walked = steps(places).map(
    ({ patterns, path }) =>
      `            case ${patterns.map(fishQuote).join(" ")}\n                set place ${fishQuote(path)}\n`,
  );
  const rules = places.flatMap((place) => fishRules(program, name, place));
  return `# fish completion for ${program}. Load it with: ${program} completion fish | source

function ${name}
    set -l place ${fishQuote(places[0]?.path ?? "")}
    set -l value ''
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        if test -n "$value"
            set value ''
            continue
        end
        switch "$place $word"
            case ${withValue.map(fishQuote).join(" ")}
                set value 1
${walked.join("")}        end
    end
    echo $place
end

complete -c ${program} -f
${rules.join("\n")}
`;
}

function fishRules(program: string, placeFunction: string, place: Place): string[] {
  const here = `complete -c ${program} -n ${fishQuote(`test (${placeFunction}) = ${fishQuote(place.path)}`)}`;
  const commands = place.commands.flatMap(({ names, description }) =>
    names.map((name) => `${here} -a ${fishQuote(name)} -d ${fishQuote(description)}`),
  );
  const flags = place.flags.map(
    ({ names, description, value }) =>
      `${here} ${names.map(fishFlag).join(" ")}${value === null ? "" : ` ${fishValue(value)}`} -d ${fishQuote(description)}`,
  );
  const values = place.commands.length > 0 ? [] : place.arguments.filter((value) => value !== "any");
  return [...commands, ...flags, ...values.map((value) => `${here} ${fishArgument(value)}`)];
}

function fishFlag(name: string): string {
  return name.startsWith("--") ? `-l ${fishQuote(name.slice(2))}` : `-s ${fishQuote(name.slice(1))}`;
}

function fishValue(value: Value): string {
  if (value === "any") return "-x";
  return `-r ${fishArgument(value)}`;
}

function fishArgument(value: Value): string {
  if (value === "file") return "-F";
  if (value === "folder") return `-a '(__fish_complete_directories (commandline -ct))'`;
  return value === "any" ? "" : `-a ${fishQuote(value.join(" "))}`;
}

function fishQuote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
