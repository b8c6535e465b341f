/** Copies a job file while others work on it. */
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { InterruptedError, UserError } from "../../errors.ts";
import { temporaryPath } from "../../temporary.ts";
import type { Job } from "./connection.ts";
import { Database } from "./driver.ts";
import { createLastIdReader } from "./numbering.ts";
import { explain } from "./trouble.ts";

/** What a backup reports: the size of the copy, and how many messages it has. */
export interface BackupAnswer {
  bytes: number;
  messages: number;
}

/**
 * How many ids a copy leaves out, so that it never gives the id of a mail that was sent after the backup was made. It is more
 * than anybody sends until then; 48 bits still hold 280,000 backups of backups.
 */
const IDS_LEFT_OUT = 1_000_000_000;
/** Pages copied before other work may go on: 4 MiB. */
const STEP_PAGES = 1_024;

/** Makes the part of the store that copies its job file. */
export function createBackup({ db }: Pick<Job, "db">) {
  return {
    async backup(path: string, signal?: AbortSignal): Promise<BackupAnswer> {
      checkTarget(path);
      const temporary = temporaryPath(dirname(path));
      try {
        // Created here and not by SQLite, so that others cannot read it even for a moment.
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
    // An open read transaction makes the copy of this instant. Without it SQLite would start again after each write of another
    // process, and would never finish beside a campaign at full rate.
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

/** Makes the copy ready for use, and returns how many messages it has. Throws when it is damaged. */
function prepare(temporary: string, path: string): number {
  const db = new Database(temporary, { fileMustExist: true });
  try {
    // So that the copy is one file, without the two that SQLite keeps beside a job file.
    db.pragma("journal_mode = delete");
    const found = db.pragma("integrity_check(1)", { simple: true });
    if (found !== "ok") {
      throw new UserError(
        `the job file, or its copy ${path}, is damaged: ${String(found)}`,
        "restore an older backup, or try another disk; nothing was kept",
      );
    }
    db.prepare("update job set ids_after = ?").run(createLastIdReader(db)() + IDS_LEFT_OUT);
    // Of a list that is on its way, and is not in yet, nothing comes in the copy.
    const count = db.prepare<[], number>(
      `select (select count(*) from message) - (select count(*) from arriving cross join message on id between first_id and last_id
         where message.topic_id = arriving.topic_id and arriving.joins is null)`,
    );
    return count.pluck().get() ?? 0;
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

/** Gives the copy its name. Throws when a file of this name was made meanwhile. */
function publish(temporary: string, path: string): void {
  try {
    linkSync(temporary, path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "EEXIST") throw exists(path);
    // The file system may have no hard links.
    if (existsSync(path)) throw exists(path);
    renameSync(temporary, path);
  }
}
