/** The program without its commands: its own options, its help, and where its settings come from. */
import type { EventEmitter } from "node:events";
import { Command, type ErrorOptions, Option } from "commander";
import { MOST_SAID } from "../errors.ts";
import { type Io, stamp } from "../io.ts";
import { printable, shortened } from "../printable.ts";
import { formatItem, wrappedText } from "./help-layout.ts";

const EXIT_CODES = `
Exit codes:
  0    everything asked for is done
  1    done, but some messages failed or are in doubt, or some input records were refused
  2    usage, configuration or input error; nothing was sent and nothing was changed
  3    stopped early and resumable: daily quota, account, credentials, breaker
  70   a bug
  130  interrupted (143: terminated); resumable`;

const START = `
Start here:
  ses-mail send examples/newsletter.csv --sandbox   rehearse with a list and a mail that come with ses-mail
  ses-mail send june.csv --dry-run                  check june.csv and june.html (or june.md), and show one mail
  ses-mail send june.csv                            send; run it again to resume`;

/**
 * Creates the program, without commands yet. It writes to the streams of `io`, and throws `CommanderError` where
 * commander would end the process; when the program is not whole, `NeedsAllCommands` in place of an error.
 */
export function createProgram(io: Io, { version, isWhole }: { version: string; isWhole: boolean }): Command {
  return new Program("ses-mail", { env: io.env, isWhole })
    .description("Bulk mail through Amazon SES: everybody on the list once, never over the rate, whatever crashes.")
    .version(version, "-V, --version")
    .addOption(
      new Option("--db <file>", "job file, or PostgreSQL: postgres://user@host/database")
        .env("SES_MAIL_DB")
        .default("ses-mail.db"),
    )
    .option("--json", "write one JSON document to stdout, and nothing else")
    .option("-q, --quiet", "say nothing when all is well")
    .option("-v, --verbose", "more on stderr")
    .option("--no-color", "no colour (also NO_COLOR)")
    .helpOption("-h, --help", "show this help")
    .configureHelp({ showGlobalOptions: true, formatItem })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) =>
        write(
          `${stamp(io, io.stderr)}${shortened(printable(oneLine(text.replace(/^error: /, "ses-mail: "))), MOST_SAID)}\n`,
        ),
    })
    .addHelpText("after", wrappedText(START))
    .addHelpText("afterAll", wrappedText(EXIT_CODES))
    .showSuggestionAfterError()
    .exitOverride();
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

/** The command line is wrong, and what is to be said of it may name any command: read it again when all are declared. */
export class NeedsAllCommands extends Error {}

interface Given {
  env: Io["env"];
  /** True: every command is declared with its options. */
  isWhole: boolean;
}

/** Commander reads settings from `process.env`. Ours come from `Io`, so that two runs in one process may differ. */
class Program extends Command {
  readonly #given: Given;

  constructor(name: string, given: Given) {
    super(name);
    this.#given = given;
  }

  override createCommand(name = ""): Command {
    return new Program(name, this.#given);
  }

  /** Commander says what is missing or wrong, and not where it is explained. */
  override error(message: string, options?: ErrorOptions): never {
    if (!this.#given.isWhole) throw new NeedsAllCommands();
    const code = options?.code ?? "";
    const elsewhere = code === "commander.unknownOption" ? elsewhereOf(this, message) : null;
    if (elsewhere !== null) return super.error(elsewhere, options);
    return super.error(
      EXPLAINED.has(code) ? `${message.replace(/\.$/, "")}; see ${nameOf(this)} --help` : message,
      options,
    );
  }

  /** Replaces commander's own method and keeps its order: the command line beats the environment, which beats defaults. */
  _parseOptionsEnv(): void {
    for (const option of this.options) {
      const value = option.envVar === undefined ? undefined : this.#given.env[option.envVar];
      const source = this.getOptionValueSource(option.attributeName());
      if (value === undefined || (source !== undefined && source !== "default" && source !== "env")) continue;
      const takesValue = option.required || option.optional;
      // A command is an EventEmitter, though its types do not say so.
      (this as unknown as EventEmitter).emit(`optionEnv:${option.name()}`, ...(takesValue ? [value] : []));
    }
  }
}
