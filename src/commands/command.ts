/** What every command is given, and how one is declared: flags in one function, work in another. */
import type { Command } from "commander";
import type { Io } from "../io.ts";
import type { Store } from "../store/store.ts";
import type { Terminal } from "../terminal/terminal.ts";

export interface Globals {
  db: string;
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  color: boolean;
}

export interface OpenOptions {
  mustExist?: boolean;
  /** Hears that another process is waited for; default: a line on stderr. */
  tell?: (text: string) => void;
  /** Hears how many messages a process that died left in doubt; default: a line on stderr. */
  onRecovered?: (count: number) => void;
}

export interface Context {
  io: Io;
  terminal: Terminal;
  globals: Globals;
  program: Command;
  /** Opens the job file; closed by `main` when the command ends, however it ends. */
  openStore(options?: OpenOptions): Promise<Store>;
  /** Calls `close` when the command ends, in reverse order. */
  onExit(close: () => void | Promise<void>): void;
}

/** A command's work: resolves to the exit code. */
export type Work<Options> = (context: Context, options: Options, args: string[]) => Promise<number>;

/** Turns work into a commander action. */
export type Act = <Options>(work: Work<Options>) => (...args: unknown[]) => Promise<void>;

export type AddCommand = (program: Command, act: Act) => void;
