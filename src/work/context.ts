/** What the work of every command is given: streams, terminal, global options, and the way to the store. */
import type { Io } from "../io.ts";
import type { SqliteStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** The options every command has, as given on the command line. */
export interface Globals {
  /** Absolute path of the job file, or the address of a server. Never to be shown as it is: it may hold a password. */
  db: string;
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  color: boolean;
}

/** How the store is opened, and who hears of waits and recovered messages. */
export interface OpenOptions {
  /**
   * What to do when there is no store: `create` it (the default), `refuse` with `UserError`, or work on a `scratch`
   * store that is never written to disk.
   */
  ifMissing?: "create" | "refuse" | "scratch";
  /** True: the command only asks questions, so a file must also open where nothing can be written, as on a full disk. */
  toRead?: boolean;
  /** True: the command goes through messages in their order, and needs no large cache of a job file. */
  readsInOrder?: boolean;
  /** Gets a line when another process holds the store and we wait; default: a warning on stderr. */
  tell?: (text: string) => void;
  /** Gets the number of messages that a dead process left in doubt; default: a warning on stderr. */
  onRecovered?: (count: number) => void;
}

/** What a command works with: streams, terminal, options, and the way to the store. */
export interface Context {
  io: Io;
  terminal: Terminal;
  globals: Globals;
  /** The version of this program, as `--version` prints it. */
  version: string;
  /**
   * Opens the store of `--db`. It is closed when the command ends, also after an error. Throws `UserError` when it cannot
   * be opened.
   */
  openStore(options?: OpenOptions): Promise<Store>;
  /** The same, for what only a job file can do, such as a backup. Not to be called for a server. */
  openSqliteStore(options?: OpenOptions): Promise<SqliteStore>;
  /** Has `close` called when the command ends. What was registered last is closed first. */
  onExit(close: Close): void;
}

/** Closes something that was opened. */
export type Close = () => void | Promise<void>;
