/**
 * The SQLite driver for this version of Node. better-sqlite3 13 needs Node-API 10, which Node 20 does not have. better-sqlite3 12
 * uses V8 directly, and on Node 24.19 and later it aborts the process when a statement is garbage-collected
 * (WiseLibs/better-sqlite3#1515). Both have the same interface.
 */
import { versions } from "node:process";
import type BetterSqlite3 from "better-sqlite3";

/** An open SQLite file. */
export type Connection = BetterSqlite3.Database;

const NODE_API_10 = Number(versions["napi"] ?? 0) >= 10;

/** The class of better-sqlite3 that opens SQLite files, in the version that runs here. */
export const Database = (NODE_API_10 ? newest() : require("better-sqlite3")) as typeof BetterSqlite3;

/** Version 13 is an optional dependency. npm leaves it out where it does not run, and people may leave it out. */
function newest(): unknown {
  try {
    return require("better-sqlite3-13");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND")
      return require("better-sqlite3");
    throw error;
  }
}
