/** A copy of a job file that others are working on. */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { InterruptedError, UserError } from "../../errors.ts";
import { type Connection, explain } from "./connection.ts";
import { Database } from "./driver.ts";
import { lastId } from "./numbering.ts";

/** What is in the copy. */
export interface BackupAnswer {
  bytes: number;
  messages: number;
}

/** More mail than anybody sends between two backups, and few enough that ids stay small: 48 bits hold 280,000 backups of backups. */
const IDS_LEFT_OUT = 1_000_000_000;
/** Pages copied between two looks at the event loop: 4 MiB. */
const STEP_PAGES = 1_024;

export function createBackup(db: Connection) {
  return {
    /**
     * Throws UserError when `path` exists or its folder does not, InterruptedError when `signal` aborts; nothing is left
     * behind then.
     */
    async backup(path: string, signal?: AbortSignal): Promise<BackupAnswer> {
      checkTarget(path);
      const temporary = join(dirname(path), `.ses-mail-${randomBytes(6).toString("hex")}.tmp`);
      try {
        // Created by us, so that it is never readable by others, not even for a moment.
        closeSync(openSync(temporary, "wx", 0o600));
        await copy(db.name, temporary, signal);
        const messages = prepare(temporary, path);
        syncToDisk(temporary);
        publish(temporary, path);
        return { bytes: statSync(path).size, messages };
      } catch (error) {
        throw explain(error, path);
      } finally {
        for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(temporary + end, { force: true });
      }
    },
  };
}

function checkTarget(path: string): void {
  if (existsSync(path)) throw exists(path);
  if (!existsSync(dirname(path))) {
    throw new UserError(
      `cannot write ${path}: there is no folder ${dirname(path)}`,
      "create it first, or name another",
    );
  }
}

const exists = (path: string) =>
  new UserError(`expected a file that does not exist yet, ${path} does`, "name another: a backup overwrites nothing");

async function copy(from: string, to: string, signal?: AbortSignal): Promise<void> {
  const reader = new Database(from, { readonly: true, fileMustExist: true });
  try {
    // Held open: the copy is of this instant. Without it SQLite begins again with each write of another process, and
    // beside a campaign at full rate it would never end.
    reader.exec("begin");
    reader.prepare("select id from job").get();
    const progress = () => {
      if (signal?.aborted === true) throw new InterruptedError();
      return STEP_PAGES;
    };
    await reader.backup(to, { progress });
  } finally {
    reader.close();
  }
}

/** Makes it fit to go on from, and returns how many messages are in it. Throws when it is not whole. */
function prepare(temporary: string, path: string): number {
  const db = new Database(temporary, { fileMustExist: true });
  try {
    // One file, without the two that SQLite keeps beside it.
    db.pragma("journal_mode = delete");
    const found = db.pragma("integrity_check(1)", { simple: true });
    if (found !== "ok") {
      throw new UserError(`the backup ${path} is damaged: ${String(found)}`, "is the disk in order? nothing was kept");
    }
    db.prepare("update job set ids_after = ?").run(lastId(db)() + IDS_LEFT_OUT);
    return db.prepare<[], number>("select count(*) from message").pluck().get() ?? 0;
  } finally {
    db.close();
  }
}

function syncToDisk(path: string): void {
  const file = openSync(path, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Gives it its name, unless somebody else took that meanwhile. */
function publish(temporary: string, path: string): void {
  try {
    linkSync(temporary, path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "EEXIST") throw exists(path);
    // A file system without hard links.
    if (existsSync(path)) throw exists(path);
    renameSync(temporary, path);
  }
}
