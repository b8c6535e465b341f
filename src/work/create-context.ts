/** Creates the context of a command, and closes what was opened with it. */
import type { Io } from "../io.ts";
import type { Store } from "../store/store.ts";
import type { Close, Context, Globals } from "./context.ts";

/** A context with the means to close what was opened through it. */
export interface OwnedContext extends Context {
  /** Calls everything that `onExit` was given, the last one first. Calls all of them; rejects with the first error. */
  close(): Promise<void>;
}

/** Creates the context of one command. No store is opened before the command asks for it. */
export async function createContext(io: Io, globals: Globals, version: string): Promise<OwnedContext> {
  const { createTerminal } = await import("../terminal/terminal.ts");
  const terminal = await createTerminal(io, globals);
  const closers: Close[] = [];
  const onExit = (close: Close): void => void closers.push(close);
  const owned = <Kind extends Store>(store: Kind): Kind => {
    onExit(() => store.close());
    return store;
  };
  return {
    io,
    terminal,
    globals,
    version,
    onExit,
    openStore: async (options = {}) => {
      const { openStoreOf } = await import("./open-store.ts");
      return owned(await openStoreOf({ io, terminal, globals }, options));
    },
    openSqliteStore: async (options = {}) => {
      const { openSqliteStoreOf } = await import("./open-store.ts");
      return owned(await openSqliteStoreOf({ io, terminal, globals }, options));
    },
    close: () => closeAll(closers),
  };
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
