/**
 * The SQLite driver for this version of Node. better-sqlite3 13 needs Node-API 10, which Node 20 does not have. better-sqlite3 12
 * uses V8 directly, and on Node 24.19 and later it aborts the process when a statement is garbage-collected
 * (WiseLibs/better-sqlite3#1515). Both have the same interface.
 */
import { versions } from "node:process";
import type BetterSqlite3 from "better-sqlite3";
import { UserError } from "../../errors.ts";

/** An open SQLite file. */
export type Connection = BetterSqlite3.Database;

const NODE_API_10 = Number(versions["napi"] ?? 0) >= 10;

const Driver = (NODE_API_10 ? newest() : require("better-sqlite3")) as typeof BetterSqlite3;

/**
 * The class of better-sqlite3 that opens SQLite files, in the version that runs here.
 * @throws UserError when it was built for another version of Node, or not at all.
 */
export class Database extends Driver {
  constructor(path: string | Buffer, options?: BetterSqlite3.Options) {
    try {
      super(path, options);
    } catch (error) {
      if (isNotBuilt(error)) throw notBuilt();
      throw error;
    }
  }
}

/** People change the version of Node, and copy folders from one machine to another. The file is compiled for one of them. */
function isNotBuilt(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isForeign = "code" in error && error.code === "ERR_DLOPEN_FAILED";
  return isForeign || error.message.startsWith("Could not locate the bindings file");
}

function notBuilt(): UserError {
  return new UserError(
    `the driver of SQLite was not built for this machine and Node ${versions.node}`,
    "in the folder where ses-mail is installed, run: npm rebuild better-sqlite3 (or install ses-mail again)",
  );
}

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
