/** Opens the store that a command works on, and tells on stderr of waits and of messages found in doubt. */
import type { Open, SqliteStore } from "../store/open.ts";
import type { Opened, Store, Waiting } from "../store/store.ts";
import { counted } from "../counted.ts";
import { isServer, nameOf } from "../store/address.ts";
import { usualLocation } from "./location.ts";
import type { Context, OpenOptions } from "./context.ts";

type Opener = Pick<Context, "io" | "terminal" | "globals">;

/**
 * Opens the store of `--db`. Throws `UserError` when it cannot be opened, or is missing and `ifMissing` is `refuse`. The
 * code of the store is loaded with the first call.
 */
export async function openStoreOf(opener: Opener, options: OpenOptions = {}): Promise<Store> {
  const { openScratchStore, openStore, storeExists } = await import("../store/open.ts");
  const { io, globals } = opener;
  if (options.ifMissing === "scratch" && !(await storeExists(globals.db, io.env, waiting(opener, options)))) {
    return openScratchStore(io.clock);
  }
  return openWith(openStore, opener, options);
}

/** True when there is a store at `--db`. Throws as `openStoreOf` does when nobody can tell. */
export async function hasStore(opener: Opener): Promise<boolean> {
  const { storeExists } = await import("../store/open.ts");
  const { io, globals } = opener;
  return storeExists(globals.db, io.env, waiting(opener, {}));
}

/** The same, for what only a job file can do. `scratch` is not for it: it would create the file. */
export async function openSqliteStoreOf(opener: Opener, options: OpenOptions = {}): Promise<SqliteStore> {
  const { openSqliteStore } = await import("../store/open.ts");
  return openWith(openSqliteStore, opener, options);
}

async function openWith<Kind extends Store>(
  open: Open<Kind>,
  opener: Opener,
  options: OpenOptions,
): Promise<Opened<Kind>> {
  const { io, terminal, globals } = opener;
  const {
    ifMissing = "create",
    toRead = false,
    readsInOrder = false,
    tell = (text) => terminal.warn(text),
    onRecovered,
  } = options;
  if (ifMissing === "refuse") {
    const { requireStore } = await import("../store/open.ts");
    await requireStore(globals.db, io.env, waiting(opener, options));
  }
  if (ifMissing === "create") await hintAtOtherPlace(io, terminal, globals.db);
  const store = await open(globals.db, io.clock, { toRead, readsInOrder, ...waiting(opener, options), env: io.env });
  if (store.elsewhere !== null) tell(`Note: ${store.elsewhere}`);
  if (store.recovered > 0) (onRecovered ?? ((count: number) => tell(recoveredText(count))))(store.recovered);
  return store;
}

/** Tells of waits, and ends them with a signal. */
function waiting(
  { io, terminal, globals: { db } }: Opener,
  { tell = (text) => terminal.warn(text) }: OpenOptions,
): Waiting {
  const { signal, hardSignal } = io;
  return {
    signal,
    hardSignal,
    onWait(waitedMs, trouble) {
      const soFar = `${Math.round(waitedMs / 1000)} s so far`;
      if (trouble === undefined) tell(`Waiting for another process that holds ${nameOf(db)} (${soFar}).`);
      else tell(`Waiting (${soFar}): ${trouble}.`);
    },
  };
}

/** Whoever serves from `DATABASE_URL` may expect that other commands work there, too: says so before a job file is made. */
async function hintAtOtherPlace(io: Context["io"], terminal: Context["terminal"], db: string): Promise<void> {
  const { DATABASE_URL: other = "", SES_MAIL_DB: asked } = io.env;
  if (!isServer(other) || asked !== undefined || db !== usualLocation(io)) return;
  const { storeExists } = await import("../store/open.ts");
  if (await storeExists(db)) return;
  terminal.info(
    `Making a job file, ${db}: DATABASE_URL counts for serve and work only, others need it in SES_MAIL_DB.`,
  );
}

/** What people are told of `recovered` messages that a dead process left. */
export function recoveredText(recovered: number): string {
  const [are, they] = recovered === 1 ? ["is", "it"] : ["are", "them"];
  return (
    `${counted(recovered, "message was", "messages were")} in flight in a process that died, and ${are} in doubt. ` +
    `An event settles ${they}, or you decide: ses-mail retry <topic> --state in_doubt`
  );
}
