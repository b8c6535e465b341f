/** The program: which commands there are, and the one switch from error to message and exit code. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { addBackup } from "./commands/backup.ts";
import { addCancel } from "./commands/cancel.ts";
import { addCheck } from "./commands/check.ts";
import type { Act, AddCommand, Work } from "./commands/command.ts";
import type { Context, Globals } from "./work/context.ts";
import { settleSwitches } from "./commands/options.ts";
import { addCompletion } from "./commands/completion.ts";
import { addExport } from "./commands/export.ts";
import { addImport } from "./commands/import.ts";
import { addIngestEvents } from "./commands/ingest-events.ts";
import { addKey } from "./commands/key.ts";
import { addPreview } from "./commands/preview.ts";
import { addReport } from "./commands/report.ts";
import { addRetry } from "./commands/retry.ts";
import { addSandbox } from "./commands/sandbox.ts";
import { addSchedule } from "./commands/schedule.ts";
import { addSend } from "./commands/send.ts";
import { addServe } from "./commands/serve.ts";
import { addStats } from "./commands/stats.ts";
import { addSuppress } from "./commands/suppress.ts";
import { addTopics } from "./commands/topics.ts";
import { dropEmptySettings, loadDotenv } from "./dotenv.ts";
import { EXIT, exitCodeOf, InterruptedError, StoppedError, UserError } from "./errors.ts";
import type { Io } from "./io.ts";
import { surviveClosedPipes } from "./terminal/pipes.ts";
import { printable } from "./printable.ts";

const COMMANDS: AddCommand[] = [
  addSend,
  addImport,
  addSchedule,
  addCancel,
  addRetry,
  addTopics,
  addStats,
  addExport,
  addReport,
  addIngestEvents,
  addSuppress,
  addCheck,
  addPreview,
  addServe,
  addSandbox,
  addKey,
  addBackup,
  addCompletion,
];

const EXIT_CODES = `
Exit codes:
  0    everything asked for is done
  1    done, but some messages failed or are in doubt, or some input records were refused
  2    usage, configuration or input error; nothing was sent and nothing was changed
  3    stopped early and resumable: daily quota, account, credentials, breaker
  70   a bug
  130  interrupted (143: terminated); resumable`;

/** Runs one command line. Resolves to the exit code; never rejects. */
export async function main(argv: string[], io: Io): Promise<number> {
  // Help is written before a command has a terminal.
  surviveClosedPipes(io);
  let exitCode: number = EXIT.done;
  const closers: (() => void | Promise<void>)[] = [];
  const program = createProgram(io);
  const act: Act =
    <Options>(work: Work<Options>) =>
    async (...args: unknown[]) => {
      const command = args.at(-1) as Command;
      settleSwitches(command, io.env);
      const options = args.at(-2) as Options;
      const context = await createContext(program, io, closers);
      exitCode = await work(context, options, command.args);
    };
  for (const add of COMMANDS) add(program, act);
  try {
    loadDotenv(io.cwd, io.env);
    dropEmptySettings(io.env);
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    exitCode = report(error, io, argv.includes("--json"));
  }
  for (const close of closers.reverse()) await close();
  return exitCode;
}

function createProgram(io: Io): Command {
  return new Command("ses-mail")
    .description("Bulk mail through Amazon SES: everybody on the list once, never over the rate, whatever crashes.")
    .version(version(), "-V, --version")
    .addOption(new Option("--db <file>", "job file").env("SES_MAIL_DB").default("ses-mail.db"))
    .option("--json", "one JSON document on stdout, nothing else there")
    .option("-q, --quiet", "less on stderr")
    .option("-v, --verbose", "more on stderr")
    .option("--no-color", "no colour (also NO_COLOR)")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(`${oneLine(text.replace(/^error: /, "ses-mail: "))}\n`),
    })
    .addHelpText("afterAll", EXIT_CODES)
    .showSuggestionAfterError()
    .exitOverride();
}

async function createContext(program: Command, io: Io, closers: (() => void | Promise<void>)[]): Promise<Context> {
  const flags = program.opts<Partial<Globals> & { db: string; color: boolean }>();
  const globals: Globals = {
    db: resolve(io.cwd, flags.db),
    json: flags.json ?? false,
    quiet: flags.quiet ?? false,
    verbose: flags.verbose ?? false,
    color: flags.color,
  };
  const { createTerminal } = await import("./terminal/terminal.ts");
  const { createOpeners } = await import("./work/open-store.ts");
  const terminal = await createTerminal(io, globals);
  const onExit = (close: () => void | Promise<void>) => void closers.push(close);
  const context = { io, terminal, globals, version: version(), onExit };
  return { ...context, ...createOpeners(context) };
}

/** What went wrong, for its reader: one line for the user, a stack trace for us. */
function report(error: unknown, io: Io, json: boolean): number {
  if (error instanceof CommanderError) return reportUsage(error, io, json);
  if (error instanceof InterruptedError || isAbort(error, io)) return exitCodeOf(io.signal);
  const known = error instanceof UserError || error instanceof StoppedError;
  const text = known ? (error.hint ? `${error.message}; ${error.hint}` : error.message) : "a bug in ses-mail";
  const code = error instanceof UserError ? EXIT.usage : error instanceof StoppedError ? EXIT.stopped : EXIT.bug;
  io.stderr.write(`ses-mail: ${printable(text)}\n`);
  if (!known) {
    io.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    io.stderr.write("Please report it with the text above: https://github.com/ses-mail/ses-mail/issues\n");
  }
  if (json) io.stdout.write(`${JSON.stringify({ error: text, exit_code: code })}\n`);
  return code;
}

/** What commander refused; it has told the user already. */
function reportUsage({ exitCode, code, message }: CommanderError, io: Io, json: boolean): number {
  if (exitCode === 0) return EXIT.done;
  const text = code === "commander.help" ? "expected a command, got none" : oneLine(message.replace(/^error: /, ""));
  if (json) io.stdout.write(`${JSON.stringify({ error: text, exit_code: EXIT.usage })}\n`);
  return EXIT.usage;
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}

/** An input that the signal closed under its reader. */
function isAbort(error: unknown, { signal }: Io): boolean {
  return signal.aborted && error instanceof Error && error.name === "AbortError";
}

function version(): string {
  const file = new URL("../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
