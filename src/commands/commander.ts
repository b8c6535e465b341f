/**
 * Commander, required rather than imported: of a CommonJS library that it imports, Node looks for exports in the text first, and loads
 * WebAssembly for that. It is 2 to 3 ms of every start.
 */
import { createRequire } from "node:module";
import type * as Commander from "commander";

/** Its classes. */
export const { Argument, Command, CommanderError, Help, Option } = createRequire(import.meta.url)(
  "commander",
) as typeof Commander;
/** A command, which may be the program. */
export type Command = Commander.Command;
/** What commander throws where it would end the process. */
export type CommanderError = Commander.CommanderError;
/** How a help is laid out. */
export type Help = Commander.Help;
/** An option of a command. */
export type Option = Commander.Option;
