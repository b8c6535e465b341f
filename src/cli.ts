/** The program: the list of its commands, and the one place that turns an error into a message and an exit code. */
import { readFileSync } from "node:fs";
import { type Command, CommanderError } from "commander";
import { addAdopt } from "./commands/adopt.ts";
import { addBackup } from "./commands/backup.ts";
import { addCancel } from "./commands/cancel.ts";
import { addCheck } from "./commands/check.ts";
import type { Act, AddCommand, Work } from "./commands/command.ts";
import { noteEnvironment, settleSwitches } from "./commands/options.ts";
import { refuseBrokerless } from "./commands/broker-options.ts";
import { takeOldNames } from "./commands/old-names.ts";
import { createProgram, MOST_SAID, oneLine } from "./commands/global-options.ts";
import { addCompletion } from "./commands/completion.ts";
import { addCopy } from "./commands/copy.ts";
import { addDead } from "./commands/dead.ts";
import { addExport } from "./commands/export.ts";
import { addForget } from "./commands/forget.ts";
import { addImport } from "./commands/import.ts";
import { addIngestEvents } from "./commands/ingest-events.ts";
import { addKey } from "./commands/key.ts";
import { addPause } from "./commands/pause.ts";
import { addPreview } from "./commands/preview.ts";
import { addPrune } from "./commands/prune.ts";
import { addReport } from "./commands/report.ts";
import { addRetry } from "./commands/retry.ts";
import { addSandbox } from "./commands/sandbox.ts";
import { addSchedule } from "./commands/schedule.ts";
import { addSend } from "./commands/send.ts";
import { addServe } from "./commands/serve.ts";
import { addStats } from "./commands/stats.ts";
import { addSuppress } from "./commands/suppress.ts";
import { addTemplate } from "./commands/template.ts";
import { addTopics } from "./commands/topics.ts";
import { addTrace } from "./commands/trace.ts";
import { addWork } from "./commands/work.ts";
import { addWorkers } from "./commands/workers.ts";
import { dropEmptySettings, loadDotenv } from "./dotenv.ts";
import { EXIT, exitCodeOf, InterruptedError, StoppedError, UserError } from "./errors.ts";
import { type Io, stamp } from "./io.ts";
import { resultWritten, surviveClosedPipes, wordsWritten } from "./terminal/pipes.ts";
import { printable, shortened } from "./printable.ts";
import type { Globals } from "./work/context.ts";
import { createContext, type OwnedContext } from "./work/create-context.ts";
import { locate } from "./work/location.ts";

/** The commands under the headings of `ses-mail --help`. */
const COMMANDS: readonly [heading: string, commands: readonly AddCommand[]][] = [
  ["Send:", [addSend, addImport, addSchedule, addCancel, addPause, addRetry]],
  ["Before you send:", [addPreview, addCheck, addSandbox]],
  ["See what became of it:", [addTopics, addStats, addExport, addReport, addTrace]],
  ["Bounces, complaints, unsubscriptions:", [addIngestEvents, addSuppress]],
  ["For programs:", [addServe, addWork, addWorkers, addDead, addTemplate, addKey]],
  ["Other:", [addForget, addPrune, addBackup, addCopy, addAdopt, addCompletion]],
];

/**
 * Runs one command line (`argv` without `node` and the script). Resolves to the exit code (`EXIT`) when everything it
 * opened is closed. Never rejects. May be called again in the same process.
 */
export async function main(argv: string[], io: Io): Promise<number> {
  // Commander writes help before a command creates its terminal.
  surviveClosedPipes(io);
  const json = argv.includes("--json");
  const run: Run = { exitCode: EXIT.done, context: null };
  try {
    loadDotenv(io.cwd, io.env);
    dropEmptySettings(io.env);
    await createCommands(io, run).parseAsync(argv, { from: "user" });
  } catch (error) {
    run.exitCode = report(error, io, json);
  }
  try {
    await run.context?.close();
  } catch (error) {
    // The command has already written its JSON document, and there must be only one.
    run.exitCode = report(error, io, false);
  }
  try {
    await resultWritten(io);
  } catch (error) {
    // A command that failed has said why already.
    if (run.exitCode === EXIT.done || run.exitCode === EXIT.partial) run.exitCode = report(error, io, false);
  }
  await wordsWritten(io);
  return run.exitCode;
}

/** The command line as it is declared, with every command and option. It is there to be read: to parse with it does nothing. */
export function describeCommands(io: Io): Command {
  return createCommands(io, { exitCode: EXIT.done, context: null });
}

/** The result of the command: its exit code, and the context, which `main` closes. */
interface Run {
  exitCode: number;
  context: OwnedContext | null;
}

function createCommands(io: Io, run: Run): Command {
  const version = readVersion();
  const program = createProgram(io, version);
  const act: Act =
    <Options>(work: Work<Options>) =>
    async (...args: unknown[]) => {
      const command = args.at(-1) as Command;
      settleSwitches(command, io.env);
      noteEnvironment(command);
      takeOldNames(command, io.env);
      refuseBrokerless(command);
      const options = args.at(-2) as Options;
      run.context = await createContext(io, globalsOf(program, io, command), version);
      run.exitCode = await work(run.context, options, command.args);
    };
  for (const [heading, commands] of COMMANDS) {
    program.commandsGroup(heading);
    for (const add of commands) add(program, act);
  }
  program.helpCommand("help [command]", "show the help of a command");
  return program;
}

/** Commands that run as a service, and find their database as services do. */
const SERVICES = new Set(["serve", "work"]);

function globalsOf(program: Command, io: Io, command: Command): Globals {
  const flags = program.opts<Partial<Globals> & { db: string; color: boolean }>();
  return {
    db: locate(io, { db: flags.db, source: sourceOf(program), readsDatabaseUrl: SERVICES.has(command.name()) }),
    json: flags.json ?? false,
    quiet: flags.quiet ?? false,
    verbose: flags.verbose ?? false,
    color: flags.color,
  };
}

function sourceOf(program: Command): "cli" | "env" | "default" {
  const source = program.getOptionValueSource("db");
  if (source === "cli") return "cli";
  return source === "env" ? "env" : "default";
}

/** Writes one line for an error the user can mend, and a stack trace for a bug. Returns the exit code. */
function report(error: unknown, io: Io, json: boolean): number {
  if (error instanceof CommanderError) return reportUsage(error, io, json);
  if (error instanceof InterruptedError || isAbort(error, io)) {
    io.stderr.write("ses-mail: interrupted\n");
    return exitCodeOf(io.signal);
  }
  const known = error instanceof UserError || error instanceof StoppedError;
  const text = known ? (error.hint ? `${error.message}; ${error.hint}` : error.message) : "a bug in ses-mail";
  const code = error instanceof UserError ? EXIT.usage : error instanceof StoppedError ? EXIT.stopped : EXIT.bug;
  io.stderr.write(`${stamp(io, io.stderr)}ses-mail: ${shortened(printable(text), MOST_SAID)}\n`);
  if (!known) {
    io.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    io.stderr.write("Please report it with the text above: https://github.com/ses-mail/ses-mail/issues\n");
  }
  if (json) io.stdout.write(`${JSON.stringify({ error: text, exit_code: code })}\n`);
  return code;
}

/** An error of commander, which has already written it to stderr. */
function reportUsage({ exitCode, code, message }: CommanderError, io: Io, json: boolean): number {
  if (exitCode === 0) return EXIT.done;
  const text = code === "commander.help" ? "expected a command, got none" : oneLine(message.replace(/^error: /, ""));
  if (json) io.stdout.write(`${JSON.stringify({ error: text, exit_code: EXIT.usage })}\n`);
  return EXIT.usage;
}

/** The first signal closes the input, and its reader then throws an AbortError. */
function isAbort(error: unknown, { signal }: Io): boolean {
  return signal.aborted && error instanceof Error && error.name === "AbortError";
}

function readVersion(): string {
  const file = new URL("../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
