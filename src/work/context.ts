/** What the work of every command is given, and the one way it opens the job file. */
import { existsSync } from "node:fs";
import type { Io } from "../io.ts";
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
  /** Opens the job file; it is closed when the command ends, however it ends. Throws `UserError` when it cannot be opened. */
  openStore(options?: OpenOptions): Promise<Store>;
  /** Calls `close` when the command ends, in reverse order. */
  onExit(close: Close): void;
}

type Close = () => void | Promise<void>;

/** A context, and what ends everything that was opened with it. */
export interface OwnedContext extends Context {
  /** Calls what `onExit` was given, the last one first. All of them are called; rejects with the first error of theirs. */
  close(): Promise<void>;
}

/** Makes the context of one command. Nothing is opened before the command asks for it. */
export async function createContext(io: Io, globals: Globals, version: string): Promise<OwnedContext> {
  const { createTerminal } = await import("../terminal/terminal.ts");
  const terminal = await createTerminal(io, globals);
  const closers: Close[] = [];
  const onExit = (close: Close): void => void closers.push(close);
  return {
    io,
    terminal,
    globals,
    version,
    onExit,
    openStore: async (options = {}) => {
      const store = await openJobFile({ io, terminal, globals }, options);
      onExit(() => store.close());
      return store;
    },
    close: () => closeAll(closers),
  };
}

type Opener = Pick<Context, "io" | "terminal" | "globals">;

async function openJobFile({ io, terminal, globals: { db } }: Opener, options: OpenOptions): Promise<Store> {
  const { openScratchStore, openStore, requireJobFile } = await import("../store/sqlite/store.ts");
  const { ifMissing = "create", tell = (text: string) => terminal.warn(text) } = options;
  if (ifMissing === "scratch" && !existsSync(db)) return openScratchStore(io.clock);
  if (ifMissing === "refuse") requireJobFile(db);
  const store = await openStore(db, io.clock, (waitedMs) =>
    tell(`Waiting for another process that holds ${db} (${Math.round(waitedMs / 1000)} s so far).`),
  );
  const { onRecovered = (count: number) => tell(recoveredText(count)) } = options;
  if (store.recovered > 0) onRecovered(store.recovered);
  return store;
}

function recoveredText(count: number): string {
  return (
    `${count} messages were in flight in a process that died: they are in doubt. ` +
    "An event settles them, or you decide: ses-mail retry <topic> --state in_doubt"
  );
}

async function closeAll(closers: Close[]): Promise<void> {
  const errors: unknown[] = [];
  for (const close of closers.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
