/** Which store a location names, and opening it: the only file that knows every kind of store. Each is loaded when it is opened. */
import { existsSync } from "node:fs";
import { UserError } from "../errors.ts";
import type { Clock } from "../time/clock.ts";
import type { SqliteStore } from "./sqlite/store.ts";
import type { Opened, Store } from "./store.ts";

export type { SqliteStore };

/** Opens one kind of store; `onWait` hears now and then for how many ms another process was waited for. */
export type Open<Kind extends Store = Store> = (
  location: string,
  clock: Clock,
  onWait?: (waitedMs: number) => void,
) => Promise<Opened<Kind>>;

/**
 * Opens the store at `location`, the path of a job file; creates the file when there is none.
 * @throws UserError when no store can be there.
 */
export const openStore: Open = (location, clock, onWait) => openSqliteStore(location, clock, onWait);

/** The same for what only a job file can do. */
export const openSqliteStore: Open<SqliteStore> = async (location, clock, onWait) => {
  const { openStore: open } = await import("./sqlite/store.ts");
  return open(location, clock, onWait);
};

/** A store that is nowhere, gone when it is closed: for a rehearsal where there is no store yet. */
export async function openScratchStore(clock: Clock): Promise<Store> {
  const sqlite = await import("./sqlite/store.ts");
  return sqlite.openScratchStore(clock);
}

/** Whether there is a store at `location`. */
export function storeExists(location: string): boolean {
  return existsSync(location);
}

/** @throws UserError when there is no job file at `location`: commands that only look must not make one. */
export function requireJobFile(location: string): void {
  if (storeExists(location)) return;
  throw new UserError(`there is no job file ${location}`, "is --db right? import or send creates it");
}
