/** What the work of every command is given. */
import type { Io } from "../io.ts";
import type { SqliteStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** The options every command has, as given on the command line. */
export interface Globals {
  /** Absolute path of the job file. */
  db: string;
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  color: boolean;
}

/** How the job file is opened, and who hears what. */
export interface OpenOptions {
  /**
   * What to do where there is no job file: `create` it (the default), `refuse` with `UserError`, or work on a `scratch` store that is
   * never written to disk.
   */
  ifMissing?: "create" | "refuse" | "scratch";
  /** Hears that another process is waited for; default: a line on stderr. */
  tell?: (text: string) => void;
  /** Hears how many messages a process that died left in doubt; default: a line on stderr. */
  onRecovered?: (count: number) => void;
}

/** What a command works with: streams, terminal, options, and the way to the job file. */
export interface Context {
  io: Io;
  terminal: Terminal;
  globals: Globals;
  /** Of this program, as `--version` prints it. */
  version: string;
  /** Opens the store of `--db`; it is closed when the command ends, however it ends. Throws `UserError` when it cannot be opened. */
  openStore(options?: OpenOptions): Promise<Store>;
  /** The same, for what only a job file can do. */
  openSqliteStore(options?: OpenOptions): Promise<SqliteStore>;
  /** Calls `close` when the command ends, in reverse order. */
  onExit(close: Close): void;
}

/** Ends something that was opened. */
export type Close = () => void | Promise<void>;
