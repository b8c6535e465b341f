/** Opens the store that a location names. Only this file knows every kind of store; it loads a kind when one is opened. */
import { existsSync, type Stats, statSync } from "node:fs";
import { UserError } from "../errors.ts";
import type { Clock } from "../time/clock.ts";
import { displayed, isServer } from "./address.ts";
import type { Archive } from "./archive.ts";
import type { Foreign } from "./foreign.ts";
import type { ServerSettings } from "./server-settings.ts";
import type { SqliteStore } from "./sqlite/store.ts";
import type { Opened, OpenOptions, Store, Waiting } from "./store.ts";

export type { SqliteStore };

/** How a store is opened, and the environment with the settings of a server. Not set: a server has its defaults. */
interface OpenAnywhereOptions extends OpenOptions {
  env?: Record<string, string | undefined>;
}

/** Opens one kind of store. */
export type Open<Kind extends Store = Store> = (
  location: string,
  clock: Clock,
  options?: OpenAnywhereOptions,
) => Promise<Opened<Kind>>;

/**
 * Opens the store at `location`, which is the path of a job file or the address of a server, and creates it when there is none.
 * @throws UserError when no store can be there; StoppedError when the disk is full or fails, or the server cannot be reached;
 * InterruptedError when a signal ended a wait.
 */
export const openStore: Open = async (location, clock, { env = {}, ...options } = {}) => {
  if (!isServer(location)) return openSqliteStore(location, clock, options);
  const { openStore: open } = await import("./postgres/store.ts");
  return open(location, clock, { ...options, ...(await settingsOf(env)) });
};

/** The same for a job file only, for callers that need what no other store can do. */
export const openSqliteStore: Open<SqliteStore> = async (location, clock, options) => {
  const { openStore: open } = await import("./sqlite/store.ts");
  return open(location, clock, options);
};

/** Opens a store without a location, which is gone when it is closed. It is for a dry run where there is no store yet. */
export async function openScratchStore(clock: Clock): Promise<Store> {
  const sqlite = await import("./sqlite/store.ts");
  return sqlite.openScratchStore(clock);
}

/**
 * True when there is a store at `location`. `env` has the settings of a server.
 * @throws UserError when a server refuses us, StoppedError when it cannot be reached, InterruptedError when a signal ended a wait.
 */
export async function storeExists(
  location: string,
  env: Record<string, string | undefined> = {},
  waiting: Partial<Waiting> = {},
): Promise<boolean> {
  // An empty file may be anybody's. A job is made in it, but not by a command that only looks.
  if (!isServer(location)) return existsSync(location) && !isEmpty(statSync(location));
  const { storeExists: exists } = await import("./postgres/store.ts");
  return exists(location, { ...waiting, ...(await settingsOf(env)) });
}

const isEmpty = (file: Stats): boolean => file.isFile() && file.size === 0;

/**
 * For commands that only read and must not create a store.
 * @throws UserError when there is none at `location`, and whatever `storeExists` throws.
 */
export async function requireStore(
  location: string,
  env: Record<string, string | undefined> = {},
  waiting: Partial<Waiting> = {},
): Promise<void> {
  if (await storeExists(location, env, waiting)) return;
  if (!isServer(location)) {
    throw new UserError(
      `there is no job file ${location}`,
      `is --db right? import or send creates it${otherPlace(env)}`,
    );
  }
  const { schema } = await settingsOf(env);
  throw new UserError(
    `there is no job at ${displayed(location)}`,
    `it has no schema ${schema}; is --db right? import or send creates it`,
  );
}

/** What the environment says of a server. A job file does without. */
async function settingsOf(env: Record<string, string | undefined>): Promise<ServerSettings> {
  const { readServerSettings } = await import("./server-settings.ts");
  return readServerSettings(env);
}

/** Only `serve` and `work` read `DATABASE_URL`: in a shell or a `.env` it may be that of another program. */
function otherPlace({ DATABASE_URL: address = "" }: Record<string, string | undefined>): string {
  if (!isServer(address)) return "";
  return "; DATABASE_URL counts for serve and work only, others need it in SES_MAIL_DB";
}

/**
 * Opens what is at `location` as one side of a copy. Nothing need be there, and nothing is made.
 * @throws UserError when an address cannot be understood.
 */
export async function openArchive(
  location: string,
  clock: Clock,
  { env = {}, ...waiting }: Waiting & Pick<OpenAnywhereOptions, "env">,
): Promise<Archive> {
  if (isServer(location)) {
    const { openArchive: open } = await import("./postgres/archive.ts");
    return open(location, clock, { ...waiting, ...(await settingsOf(env)) });
  }
  const { openArchive: open } = await import("./sqlite/archive.ts");
  return open(location, clock, waiting);
}

/**
 * Opens the database of another mail program, to read it. `location` is the path of a file or the address of a server.
 * @throws UserError when it is none that we know, StoppedError when it cannot be read now.
 */
export async function openForeign(location: string, env: Record<string, string | undefined> = {}): Promise<Foreign> {
  if (isServer(location)) {
    const { openForeign: open } = await import("./postgres/foreign.ts");
    return open(location, env);
  }
  const { openForeign: open } = await import("./sqlite/foreign.ts");
  return open(location);
}
