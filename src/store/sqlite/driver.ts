/**
 * The SQLite driver that runs on this Node. better-sqlite3 13 is built on Node-API 10, which Node 20 does not have; 12 is
 * built on V8's own interface and aborts the process on Node 24.19 and later when a statement is collected
 * (WiseLibs/better-sqlite3#1515). Their interfaces are the same.
 */
import { createRequire } from "node:module";
import { versions } from "node:process";
import type BetterSqlite3 from "better-sqlite3";

/** An open SQLite file. */
export type Connection = BetterSqlite3.Database;

const load = createRequire(import.meta.url);
const NODE_API_10 = Number(versions["napi"] ?? 0) >= 10;

/** Opens SQLite files: better-sqlite3 in the version that runs here. */
export const Database = (NODE_API_10 ? newest() : load("better-sqlite3")) as typeof BetterSqlite3;

/** An optional dependency: npm leaves it out where it does not run, and people leave out what is optional. */
function newest(): unknown {
  try {
    return load("better-sqlite3-13");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND") return load("better-sqlite3");
    throw error;
  }
}
