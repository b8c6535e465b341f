/**
 * The program's commands and options as a completion script needs them: places in the tree of commands, and what may be
 * typed at each. The script follows the words typed so far from place to place and skips the values of options.
 */
import type { Argument, Command, Option } from "commander";
import { ListOption } from "../options.ts";

/**
 * What completes a value: a file, a list of recipients, a folder, a topic or a template of the job file, one of these words, several of
 * them with commas between, or `any`: we know nothing to offer.
 */
export type Value =
  | "file"
  | "recipients"
  | "folder"
  | "topic"
  | "template"
  | "any"
  | string[]
  | { list: readonly string[] };

/** How the names of recipients files usually end. Completion offers them first. */
export const LIST_ENDINGS = ["csv", "tsv", "txt"] as const;

/** An option that may be typed at a place. */
interface Flag {
  /** `--db`, and `-d` when there is a short form. */
  names: string[];
  description: string;
  /** Null for a switch. */
  value: Value | null;
}

/** A command, and what may be typed after its name. */
export interface Place {
  /** The words that lead here: `ses-mail suppress add`. */
  path: string;
  commands: { names: string[]; description: string }[];
  /** Its own options and those of the commands above it. */
  flags: Flag[];
  arguments: Value[];
  /** The last argument may be repeated. */
  variadic: boolean;
}

/** The command and everything below it, without hidden commands and options. */
export function placesOf(command: Command, above: Command[] = []): Place[] {
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
  const list = option instanceof ListOption ? { list: option.words } : undefined;
  if (option.long === "--topic") return { names, description: option.description, value: "topic" };
  const value = list ?? option.argChoices?.map(String) ?? valueNamed(placeholder);
  return { names, description: option.description, value: takesValue ? value : null };
}

/** An option of a subcommand, such as `--help`, hides its parent's. */
function withoutRepeats(flags: Flag[]): Flag[] {
  const seen = new Set<string | undefined>();
  return flags.filter(({ names: [name] }) => !seen.has(name) && seen.add(name));
}

function argumentValue(argument: Argument): Value {
  return argument.argChoices?.map(String) ?? valueNamed(argument.name());
}

function valueNamed(placeholder: string): Value {
  if (/^topics?$/.test(placeholder)) return "topic";
  if (placeholder === "template") return "template";
  if (placeholder === "recipients.csv") return "recipients";
  if (/\b(?:dir|directory|folder)\b/.test(placeholder)) return "folder";
  return /\b(?:files?|path|csv|html|recipients|database)\b/.test(placeholder) ? "file" : "any";
}

/** What to offer when the words so far match one of the patterns. */
export interface Branch {
  patterns: string[];
  value: Value;
}

/** Words that lead one command further down, aliases included: `ses-mail suppress rm` → `ses-mail suppress remove`. */
export function steps(places: Place[]): { patterns: string[]; path: string }[] {
  return places.flatMap(({ path, commands }) =>
    commands.map(({ names }) => ({ patterns: names.map((name) => `${path} ${name}`), path: `${path} ${names[0]}` })),
  );
}

/** What may follow an option: `ses-mail stats --format` → table, json, csv. */
export function flagValues(places: Place[]): Branch[] {
  return places.flatMap(({ path, flags }) =>
    flags.flatMap(({ names, value }) =>
      value === null ? [] : [{ patterns: names.map((name) => `${path} ${name}`), value }],
    ),
  );
}

/** What may be the n-th word (from 0) of a place without commands that is not an option: an argument. */
export function wordValues(places: Place[]): Branch[] {
  return places.flatMap(({ path, commands, arguments: values }) =>
    commands.length > 0 ? [] : values.map((value, index) => ({ patterns: [`${path} ${index}`], value })),
  );
}

/** The places whose last argument may be repeated, and what completes it. */
export function repeatedValues(places: Place[]): { path: string; value: Value }[] {
  return places.flatMap(({ path, variadic, arguments: values }) => {
    const value = values.at(-1);
    return variadic && value !== undefined ? [{ path, value }] : [];
  });
}

/** A command or an option, and what it stands for. */
export interface Described {
  name: string;
  description: string;
}

/** Each command that may be typed at the place, under each of its names. */
export function describedCommands({ commands }: Place): Described[] {
  return commands.flatMap(({ names, description }) => names.map((name) => ({ name, description })));
}

/** Each option that may be typed at the place, under each of its names. */
export function describedFlags({ flags }: Place): Described[] {
  return flags.flatMap(({ names, description }) => names.map((name) => ({ name, description })));
}

/** The command that prints the names of what there is, one a line, to be offered for such a value. */
export const NAMES = { topic: "topics --names", template: "template list --names" } as const;
