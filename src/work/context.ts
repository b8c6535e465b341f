/** What the work of every command is given. */
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
  /** Of this program, as `--version` prints it. */
  version: string;
  /** Opens the job file; closed by `main` when the command ends, however it ends. */
  openStore(options?: OpenOptions): Promise<Store>;
  /** Calls `close` when the command ends, in reverse order. */
  onExit(close: () => void | Promise<void>): void;
}
