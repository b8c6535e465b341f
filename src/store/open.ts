/** Opens the store that a location names. Only this file knows every kind of store; it loads a kind when one is opened. */
import { existsSync } from "node:fs";
import { UserError } from "../errors.ts";
import type { Clock } from "../time/clock.ts";
import type { SqliteStore } from "./sqlite/store.ts";
import type { Archive } from "./archive.ts";
import type { Opened, OpenOptions, Store, Waiting } from "./store.ts";

export type { SqliteStore };

/** Opens one kind of store. */
export type Open<Kind extends Store = Store> = (
  location: string,
  clock: Clock,
  options?: OpenOptions,
) => Promise<Opened<Kind>>;

/**
 * Opens the store at `location`, which is the path of a job file, and creates the file when there is none.
 * @throws UserError when no store can be there; StoppedError when the disk is full or fails; InterruptedError when a signal
 * ended a wait.
 */
export const openStore: Open = (location, clock, options) => openSqliteStore(location, clock, options);

/** The same, for callers that need what only a job file can do. */
export const openSqliteStore: Open<SqliteStore> = async (location, clock, options) => {
  const { openStore: open } = await import("./sqlite/store.ts");
  return open(location, clock, options);
};

/** Opens a store without a location, which is gone when it is closed. It is for a dry run where there is no store yet. */
export async function openScratchStore(clock: Clock): Promise<Store> {
  const sqlite = await import("./sqlite/store.ts");
  return sqlite.openScratchStore(clock);
}

/** True when there is a store at `location`. */
export function storeExists(location: string): boolean {
  return existsSync(location);
}

/** For commands that only read and must not create a job file. @throws UserError when there is none at `location`. */
export function requireJobFile(location: string): void {
  if (storeExists(location)) return;
  throw new UserError(`there is no job file ${location}`, "is --db right? import or send creates it");
}

/**
 * Opens what is at `location` as one side of a copy. Nothing need be there, and nothing is made.
 * @throws UserError when an address cannot be understood.
 */
export async function openArchive(
  location: string,
  clock: Clock,
  { env = {}, ...waiting }: Waiting & { env?: Readonly<Record<string, string | undefined>> },
): Promise<Archive> {
  if (isServer(location)) {
    const { openArchive: open } = await import("./postgres/archive.ts");
    return open(location, clock, { ...waiting, env, schema: env["SES_MAIL_DB_SCHEMA"] || undefined });
  }
  const { openArchive: open } = await import("./sqlite/archive.ts");
  return open(location, clock, waiting);
}

/** True for the address of a server; everything else is the path of a file. */
export function isServer(location: string): boolean {
  return /^postgres(?:ql)?:/i.test(location);
}
