/** What the work of every command is given. */
import type { Io } from "../io.ts";
import type { SqliteStore } from "../store/open.ts";
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
  /** UserError when there is no store; default: one is made. */
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
  /** Of this program, as `--version` prints it. */
  version: string;
  /** Opens the store of `--db`; closed by `main` when the command ends, however it ends. */
  openStore(options?: OpenOptions): Promise<Store>;
  /** The same, for what only a job file can do. */
  openSqliteStore(options?: OpenOptions): Promise<SqliteStore>;
  /** The store of `--db` when there is one; else one in its place that is gone when the command ends: none is made. */
  openForRehearsal(): Promise<Store>;
  /** Awaits `close` when the command ends, in reverse order. */
  onExit(close: () => void | Promise<void>): void;
}
