/** The program without its commands: its own options, its help, and where its settings come from. */
import type { EventEmitter } from "node:events";
import type { ErrorOptions } from "commander";
import { Command, Option } from "commander";
import type { Io } from "../io.ts";
import type { Complaints } from "./complaints.ts";
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
 * commander would end the process. Without `complaints` it throws `NeedsAllCommands` when the command line is wrong.
 */
export function createProgram(io: Io, version: string, complaints: Complaints | null): Command {
  return new Program("ses-mail", { env: io.env, complaints })
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
      outputError: (text) => complaints?.write(text),
    })
    .addHelpText("after", wrappedText(START))
    .addHelpText("afterAll", wrappedText(EXIT_CODES))
    .showSuggestionAfterError()
    .exitOverride();
}

/** The command line is wrong, and what is to be said of it may name any command: read it again when all are declared. */
export class NeedsAllCommands extends Error {}

interface Given {
  env: Io["env"];
  complaints: Complaints | null;
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

  override error(message: string, options?: ErrorOptions): never {
    const { complaints } = this.#given;
    if (complaints === null) throw new NeedsAllCommands();
    return super.error(complaints.better(this, message, options?.code ?? ""), options);
  }

  /** Replaces commander's own method, which knows no subcommands, and shows the help of the program for a command that there is not. */
  _dispatchHelpCommand(): never {
    // oxlint-disable-next-line typescript/no-this-alias, unicorn/no-this-assignment -- the walk begins here
    let command: Command = this;
    for (const name of this.args.slice(1).filter((word) => !word.startsWith("-"))) {
      const next = command.commands.find((each) => each.name() === name);
      if (next === undefined) command.error(`error: unknown command '${name}'`, { code: "commander.unknownCommand" });
      else command = next;
    }
    return command.help();
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
