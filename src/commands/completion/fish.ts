/** Completion for fish (3.0 and later): one rule for each command, option and argument, with the place it applies to. */
import { flagValues, LIST_ENDINGS, NAMES, type Place, steps, type Value } from "./places.ts";

/** A completion script for fish. `program` is what the user types. */
export function fish(program: string, places: Place[]): string {
  const at = `__${program.replace(/\W/g, "_")}_at`;
  return `# fish completion for ${program}. Load it with: ${program} completion fish | source

# The names that a command prints of the job file that the words so far name.
function ${namesFunction(program)}
    set -l db
    set -l words (commandline -opc)
    for i in (seq (count $words))
        switch $words[$i]
            case --db
                test $i -lt (count $words); and set db --db $words[(math $i + 1)]
            case '--db=*'
                set db $words[$i]
        end
    end
    ${program} $argv $db 2>/dev/null
end

# Whether the words so far lead to the command $argv[1], with $argv[2] to $argv[3] words there that are no options.
function ${at}
${walk(places)}
    test "$place" = "$argv[1]" -a $number -ge $argv[2] -a $number -le $argv[3]
end

complete -c ${program} -f
${places.flatMap((place) => rulesAt({ complete: `complete -c ${program}`, at, names: namesFunction(program) }, place)).join("\n")}
`;
}

function walk(places: Place[]): string {
  const values = flagValues(places).flatMap(({ patterns }) => patterns);
  const branch = (patterns: string[], command: string): string =>
    patterns.length === 0 ? "" : `            case ${patterns.map(quote).join(" ")}\n                ${command}\n`;
  return `    set -l place ${quote(places[0]?.path ?? "")}
    set -l number 0
    set -l skip ''
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        if test -n "$skip"
            set skip ''
            continue
        end
        switch "$place $word"
${branch(values, "set skip 1")}${steps(places)
    .map(({ patterns, path }) => branch(patterns, `set place ${quote(path)}; set number 0`))
    .join("")}            case '* -'
                set number (math $number + 1)
            case '* -*'
            case '*'
                set number (math $number + 1)
        end
    end`;
}

const NO_END = 999_999;

function namesFunction(program: string): string {
  return `__${program.replace(/\W/g, "_")}_names`;
}

/** What each rule is made with: how it begins, and the names of the functions it calls. */
interface Maker {
  complete: string;
  at: string;
  names: string;
}

function rulesAt({ complete, at, names: namesOf }: Maker, place: Place): string[] {
  const rule = (from: number, to: number, what: string): string =>
    `${complete} -n ${quote(`${at} ${quote(place.path)} ${from} ${to}`)} ${what}`;
  const commands = place.commands.flatMap(({ names, description }) =>
    names.map((name) => rule(0, 0, `-a ${quote(name)} -d ${quote(description)}`)),
  );
  const flags = place.flags.map(({ names, description, value }) =>
    rule(0, NO_END, `${[...names.map(flag), flagValue(value, namesOf)].join(" ")} -d ${quote(description)}`),
  );
  const last = place.arguments.length - 1;
  const words = place.arguments.map((value, index) =>
    value === "any" ? [] : [rule(index, place.variadic && index === last ? NO_END : index, source(value, namesOf))],
  );
  return [...commands, ...flags, ...words.flat()];
}

function flag(name: string): string {
  return name.startsWith("--") ? `-l ${quote(name.slice(2))}` : `-s ${quote(name.slice(1))}`;
}

function flagValue(value: Value | null, names: string): string {
  if (value === null) return "";
  if (value === "any") return "-x";
  return `${value === "file" ? "-r" : "-x"} ${source(value, names)}`;
}

function source(value: Exclude<Value, "any">, names: string): string {
  if (value === "file") return "-F";
  if (value === "recipients") {
    const endings = `(?:/|\\.(?:${LIST_ENDINGS.join("|")}))(?:\\t.*)?$`;
    return `-a ${quote(`(__fish_complete_path (commandline -ct) | string match -re ${quote(endings)})`)}`;
  }
  if (value === "folder") return "-a '(__fish_complete_directories (commandline -ct))'";
  if (value === "topic" || value === "template") return `-a '(${names} ${NAMES[value]})'`;
  if (Array.isArray(value)) return `-a ${quote(value.join(" "))}`;
  return `-a ${quote(`(__fish_complete_list , ${quote(`printf '%s\\n' ${value.list.join(" ")}`)})`)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
