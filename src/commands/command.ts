/** How a command is declared: flags in one function, work in another. */
import type { Command } from "commander";
import type { Context } from "../work/context.ts";

/** What a command does with its options and arguments. Resolves to the exit code. */
export type Work<Options> = (context: Context, options: Options, args: string[]) => Promise<number>;

/** Turns work into a commander action that creates the context and keeps the exit code. */
export type Act = <Options>(work: Work<Options>) => (...args: unknown[]) => Promise<void>;

/** Declares the options, arguments, action and subcommands of a command, to which `all.ts` has given its name and description. */
export type AddCommand = (command: Command, act: Act) => void;
