/** The program: it runs one command line, and is the one place that turns an error into a message and an exit code. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Run } from "./commands/parse.ts";
import { EXIT, exitCodeOf, InterruptedError, MOST_SAID, StoppedError, UserError } from "./errors.ts";
import type { Io } from "./io.ts";
import { resultWritten, surviveClosedPipes, wordsWritten } from "./terminal/pipes.ts";

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
    await begin(argv, io, run);
  } catch (error) {
    run.exitCode = await report(error, io, json);
  }
  try {
    await run.context?.close();
  } catch (error) {
    // The command has already written its JSON document, and there must be only one.
    run.exitCode = await report(error, io, false);
  }
  try {
    await resultWritten(io);
  } catch (error) {
    // A command that failed has said why already.
    if (run.exitCode === EXIT.done || run.exitCode === EXIT.partial) run.exitCode = await report(error, io, false);
  }
  await wordsWritten(io);
  return run.exitCode;
}

/** What is asked most often by scripts is answered before anything else is loaded or read. */
async function begin(argv: readonly string[], io: Io, run: Run): Promise<void> {
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
    io.stdout.write(`${readVersion()}\n`);
    return;
  }
  const { dropEmptySettings, loadDotenv } = await import("./dotenv.ts");
  loadDotenv(io.cwd, io.env);
  dropEmptySettings(io.env);
  const { runCommandLine } = await import("./commands/parse.ts");
  await runCommandLine(argv, io, readVersion(), run);
}

/** Writes one line for an error the user can mend, and a stack trace for a bug. Resolves to the exit code. */
async function report(error: unknown, io: Io, json: boolean): Promise<number> {
  if (error instanceof InterruptedError || isAbort(error, io)) {
    io.stderr.write("ses-mail: interrupted\n");
    return exitCodeOf(io.signal);
  }
  const known = error instanceof UserError || error instanceof StoppedError;
  const text = known ? (error.hint ? `${error.message}; ${error.hint}` : error.message) : "a bug in ses-mail";
  const code = error instanceof UserError ? EXIT.usage : error instanceof StoppedError ? EXIT.stopped : EXIT.bug;
  const { stamp } = await import("./io.ts");
  const { printable, shortened } = await import("./printable.ts");
  io.stderr.write(`${stamp(io, io.stderr)}ses-mail: ${shortened(printable(text), MOST_SAID)}\n`);
  if (!known) {
    io.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    io.stderr.write("Please report it with the text above: https://github.com/ses-mail/ses-mail/issues\n");
  }
  if (json) io.stdout.write(`${JSON.stringify({ error: text, exit_code: code })}\n`);
  return code;
}

/** The first signal closes the input, and its reader then throws an AbortError. */
function isAbort(error: unknown, { signal }: Io): boolean {
  return signal.aborted && error instanceof Error && error.name === "AbortError";
}

function readVersion(): string {
  const file = join(__dirname, "../package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
