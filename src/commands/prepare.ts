/** From a command line that was understood to what the work of a command is given. */
import type { Command } from "commander";
import type { Io } from "../io.ts";
import type { Globals } from "../work/context.ts";
import { createContext, type OwnedContext } from "../work/create-context.ts";
import { locate } from "../work/location.ts";
import { noteEnvironment, settleSwitches } from "./environment.ts";

/**
 * Settles what the environment says of the options of `command`, and creates its context, which is to be closed.
 * @throws UserError for a value that cannot be used.
 */
export async function prepare(program: Command, command: Command, io: Io, version: string): Promise<OwnedContext> {
  settleSwitches(command, io.env);
  noteEnvironment(command);
  if (command.options.some(({ long }) => long === "--nats")) await settleBrokers(command, io);
  return createContext(io, globalsOf(program, io, command), version);
}

/** Most commands know no broker, and do without what reads the settings of older programs. */
async function settleBrokers(command: Command, io: Io): Promise<void> {
  const { takeOldNames } = await import("./old-names.ts");
  const { refuseBrokerless } = await import("./broker-options.ts");
  takeOldNames(command, io.env);
  refuseBrokerless(command);
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
