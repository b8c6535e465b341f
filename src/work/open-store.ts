/** Opening the store a command works on: what is waited for or found is told on stderr, and it is closed when the command ends. */
import type { Open } from "../store/open.ts";
import type { Opened, Store } from "../store/store.ts";
import type { Context, OpenOptions } from "./context.ts";

type Openers = Pick<Context, "openStore" | "openSqliteStore" | "openForRehearsal">;

/** The openers of a command's context. What opens a store is loaded with the first call. */
export function createOpeners(context: Omit<Context, keyof Openers>): Openers {
  const { globals, io, onExit } = context;
  const openStore = async (options?: OpenOptions) => {
    const { openStore: open } = await import("../store/open.ts");
    return openWith(open, context, options);
  };
  return {
    openStore,
    async openSqliteStore(options) {
      const { openSqliteStore: open } = await import("../store/open.ts");
      return openWith(open, context, options);
    },
    async openForRehearsal() {
      const { openScratchStore, storeExists } = await import("../store/open.ts");
      if (storeExists(globals.db)) return openStore();
      const store = await openScratchStore(io.clock);
      onExit(() => store.close());
      return store;
    },
  };
}

async function openWith<Kind extends Store>(
  open: Open<Kind>,
  { io, terminal, globals, onExit }: Omit<Context, keyof Openers>,
  { mustExist = false, tell = (text) => terminal.warn(text), onRecovered }: OpenOptions = {},
): Promise<Opened<Kind>> {
  if (mustExist) {
    const { requireJobFile } = await import("../store/open.ts");
    requireJobFile(globals.db);
  }
  const store = await open(globals.db, io.clock, (waitedMs) =>
    tell(`Waiting for another process that holds ${globals.db} (${Math.round(waitedMs / 1000)} s so far).`),
  );
  onExit(() => store.close());
  if (store.recovered > 0) (onRecovered ?? tellRecovered(tell))(store.recovered);
  return store;
}

const tellRecovered = (tell: (text: string) => void) => (count: number) =>
  tell(
    `${count} messages were in flight in a process that died: they are in doubt. ` +
      "An event settles them, or you decide: ses-mail retry <topic> --state in_doubt",
  );
