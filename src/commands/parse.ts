/** Reads a command line and does what it asks for. Of the commands only those are loaded that it may mean. */
import type { Command } from "commander";
import { CommanderError, Help } from "commander";
import { EXIT } from "../errors.ts";
import type { Io } from "../io.ts";
import type { OwnedContext } from "../work/create-context.ts";
import { COMMANDS, type Listed, nameOf } from "./all.ts";
import type { Act, Work } from "./command.ts";
import { createProgram, NeedsAllCommands } from "./global-options.ts";

/** What became of a command. */
export interface Run {
  /** One of `EXIT`. */
  exitCode: number;
  /** What the command opened; to be closed, also after an error. Null: it was not begun. */
  context: OwnedContext | null;
}

/**
 * Runs the command line `argv` (without `node` and the script) and keeps in `run` what becomes of it. A command line that is wrong
 * is told on the streams of `io` and gives an exit code. Rejects with what the command rejects with, and with `UserError` for an
 * option whose value is wrong.
 */
export async function runCommandLine(argv: readonly string[], io: Io, version: string, run: Run): Promise<void> {
  try {
    await parse(argv, io, version, run);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    run.exitCode = await usageExit(error, io, argv.includes("--json"));
  }
}

async function parse(argv: readonly string[], io: Io, version: string, run: Run): Promise<void> {
  try {
    const program = await createCommands(io, version, run, mentionedIn(argv));
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof NeedsAllCommands)) throw error;
    await (await createCommands(io, version, run, null)).parseAsync(argv, { from: "user" });
  }
}

/** The command line as it is declared, with every command and option. It is there to be read: to parse with it does nothing. */
export function describeCommands(io: Io): Promise<Command> {
  return createCommands(io, "", { exitCode: EXIT.done, context: null }, null);
}

/** A command is run, or its help asked for, only by its whole name. A word that means something else does no harm. */
function mentionedIn(argv: readonly string[]): ReadonlySet<Listed> | null {
  const words = new Set(argv);
  const mentioned = COMMANDS.flatMap(([, commands]) => commands).filter((listed) => words.has(nameOf(listed)));
  return mentioned.some(({ readsOthers }) => readsOthers) ? null : new Set(mentioned);
}

/** `loaded`: the commands that are declared whole; null: all. Of the others there is what the help of the program shows. */
async function createCommands(io: Io, version: string, run: Run, loaded: ReadonlySet<Listed> | null): Promise<Command> {
  const complaints = loaded === null ? (await import("./complaints.ts")).createComplaints(io) : null;
  const program = createProgram(io, version, complaints);
  const terms = new Map<Command, string>();
  const usual = new Help();
  program.configureHelp({
    ...program.configureHelp(),
    subcommandTerm: (command) => terms.get(command) ?? usual.subcommandTerm(command),
  });
  const act = actionsOf(program, io, version, run);
  const loading: Promise<void>[] = [];
  for (const [heading, commands] of COMMANDS) {
    program.commandsGroup(heading);
    for (const listed of commands) {
      const command = program.command(nameOf(listed)).description(listed.description);
      terms.set(command, listed.term);
      if (loaded === null || loaded.has(listed)) loading.push(listed.load().then((add) => add(command, act)));
    }
  }
  program.helpCommand("help [command]", "show the help of a command");
  await Promise.all(loading);
  return program;
}

/** What only a command needs that runs is loaded when it does: a help starts faster without it. */
function actionsOf(program: Command, io: Io, version: string, run: Run): Act {
  return <Options>(work: Work<Options>) =>
    async (...args: unknown[]) => {
      const command = args.at(-1) as Command;
      const options = args.at(-2) as Options;
      const { prepare } = await import("./prepare.ts");
      run.context = await prepare(program, command, io, version);
      run.exitCode = await work(run.context, options, command.args);
    };
}

/** An error of commander, which has already written it to stderr. */
async function usageExit({ exitCode, code, message }: CommanderError, io: Io, json: boolean): Promise<number> {
  if (exitCode === 0) return EXIT.done;
  if (!json) return EXIT.usage;
  const { oneLine } = await import("./complaints.ts");
  const text = code === "commander.help" ? "expected a command, got none" : oneLine(message.replace(/^error: /, ""));
  io.stdout.write(`${JSON.stringify({ error: text, exit_code: EXIT.usage })}\n`);
  return EXIT.usage;
}
