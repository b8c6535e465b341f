/** What is said of a wrong command line. It may name any command, so all must be declared. */
import type { Command } from "commander";
import { MOST_SAID } from "../errors.ts";
import { type Io, stamp } from "../io.ts";
import { nearest } from "../nearest.ts";
import { printable, shortened } from "../printable.ts";

/** Improves what commander says of a wrong command line, and writes it. */
export interface Complaints {
  /** What to say in place of `message`; `code` is commander's. */
  better(command: Command, message: string, code: string): string;
  /** Writes an error as commander words it, in one line. */
  write(text: string): void;
}

/** Complaints go to stderr. */
export function createComplaints(io: Pick<Io, "stderr" | "clock">): Complaints {
  return {
    better: betterMessage,
    write(text) {
      const line = oneLine(text.replace(/^error: /, "ses-mail: "));
      io.stderr.write(`${stamp(io, io.stderr)}${shortened(printable(line), MOST_SAID)}\n`);
    },
  };
}

/** Returns the text on one line: each line break, with the white space around it, becomes one space. */
export function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}

const EXPLAINED: ReadonlySet<string> = new Set([
  "commander.missingArgument",
  "commander.optionMissingArgument",
  "commander.missingMandatoryOptionValue",
  "commander.invalidArgument",
  "commander.excessArguments",
  "commander.unknownCommand",
  "commander.unknownOption",
]);
/** So many commands are named that have an option. */
const MOST_NAMED = 3;

/** What to say of an option that only other commands have; null: none has it. Commander would suggest another option of this command. */
function elsewhereOf(command: Command, message: string): string | null {
  const flag = /unknown option '(--[^'=]+)/.exec(message)?.[1];
  const having = commandsOf(rootOf(command)).filter(({ options }) => options.some(({ long }) => long === flag));
  if (flag === undefined || having.length === 0) return null;
  const names = having.slice(0, MOST_NAMED).map(nameOf).join(", ");
  return `error: unknown option '${flag}' of ${nameOf(command)}; it is one of ${names}`;
}

const rootOf = (command: Command): Command => (command.parent === null ? command : rootOf(command.parent));
const commandsOf = (command: Command): Command[] => command.commands.flatMap((each) => [each, ...commandsOf(each)]);

/** As it is typed: `ses-mail dead list`. */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

/** Commander says what is missing or wrong, and not where it is explained. */
function betterMessage(command: Command, message: string, code: string): string {
  const elsewhere = code === "commander.unknownOption" ? elsewhereOf(command, message) : null;
  if (elsewhere !== null) return elsewhere;
  if (!EXPLAINED.has(code)) return message;
  const said = chosen(command, message) ?? suggesting(command, message, code).replace(/\.$/, "");
  return `${said}; see ${nameOf(command)} --help`;
}

const WRONG_CHOICE =
  /^error: (?:option '(?:-\w, )?(--[^ ']+)[^']*' (?:argument|value)|command-argument value) '([^]*?)'(?: from env '(\w+)')? is invalid.*?\. Allowed choices are (.*)\.$/;

/** What is expected and what came, where only some words may be given; null: it is about something else. */
function chosen(command: Command, message: string): string | null {
  const [, option, got, variable, choices] = WRONG_CHOICE.exec(message) ?? [];
  if (choices === undefined) return null;
  const expected = choices.includes(", ") ? `one of ${choices}` : choices;
  return `error: ${variable ?? option ?? command.name()} expects ${expected}, got ${JSON.stringify(got)}`;
}

/** With what may have been meant, in the place of what commander suggests: it knows no beginnings of words and no capitals. */
function suggesting(command: Command, message: string, code: string): string {
  const [said = "", typed] = /^error: unknown (?:command|option) '([^]*?)'(?=\n\(Did you mean|$)/.exec(message) ?? [];
  if (typed === undefined) return message;
  const meant = meantBy(typed, code === "commander.unknownCommand" ? commandNames(command) : optionNames(command));
  if (meant.length === 0) return said;
  return `${said} (Did you mean ${meant.length === 1 ? "" : "one of "}${meant.join(", ")}?)`;
}

/** So many words are named that begin as what was typed. One letter is too little to guess from. */
const [MOST_MEANT, LEAST_TYPED] = [3, 2];

/** The words that begin with what was typed, or else the one that is most like it. */
function meantBy(typed: string, words: readonly string[]): string[] {
  const [dashes = "", start = ""] = /^(-*)([^=]*)/.exec(typed.toLowerCase())?.slice(1) ?? [];
  const longer = words.filter((word) => word.startsWith(dashes + start));
  if (start.length >= LEAST_TYPED && longer.length > 0 && longer.length <= MOST_MEANT) return longer;
  const like = nearest(dashes + start, words);
  return like === null ? [] : [like];
}

const commandNames = (command: Command): string[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((each) => each.name());

/** Those of the program, too. */
const optionNames = (command: Command): string[] => [
  ...command.options.flatMap(({ long, hidden }) => (long && !hidden ? [long] : [])),
  ...(command.parent === null ? ["--help"] : optionNames(command.parent)),
];
