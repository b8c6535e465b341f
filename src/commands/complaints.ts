/** What is said of a wrong command line. It may name any command, so all must be declared. */
import type { Command } from "commander";
import { MOST_SAID } from "../errors.ts";
import { type Io, stamp } from "../io.ts";
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
  return EXPLAINED.has(code) ? `${message.replace(/\.$/, "")}; see ${nameOf(command)} --help` : message;
}
