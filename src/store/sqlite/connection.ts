/** Opening a job file, and the one way to write to it. */
import { closeSync, existsSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../../time/clock.ts";
import { StoppedError, UserError } from "../../errors.ts";
import { type Connection, Database } from "./driver.ts";
import { APPLICATION_ID, MIGRATIONS } from "./schema.ts";

export type { Connection };

/** How long one attempt to lock the file may block the event loop; between attempts the program lives on. */
const LOCK_ATTEMPT_MS = 50;
/** How long a ping says that the disk is full after a write found it so: whoever asks then sends us something, and we see. */
const FULL_MS = 10_000;
/** Anybody may ping, and each write waits for the disk: once in this time is enough. */
const PING_MS = 1_000;
/** Say that we wait after this long. */
const LOCK_NOTICE_MS = 5_000;
/** SQLite's page cache: large enough for the hot part of the indexes, small enough for a machine with little memory. */
const CACHE_KIB = 8_192;

/**
 * Opens the job file, creating it (mode 0600) and bringing its schema up to date.
 * @throws UserError when the path cannot be a job file: folder missing, not SQLite, another program's, or newer than we are.
 */
export function openConnection(path: string): Connection {
  checkPath(path);
  const isNew = !existsSync(path) || statSync(path).size === 0;
  try {
    // Created by us rather than by SQLite, so that it is never readable by others, not even for a moment.
    if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
    const db = new Database(path, { timeout: 10_000 });
    try {
      identify(db, path, isNew);
      db.pragma("journal_mode = wal");
      // A commit that a power cut may forget is a second copy in somebody's inbox.
      db.pragma("synchronous = full");
      // Rows that are referred to are never deleted, so checking three references a message only costs: a sixth of an import.
      db.pragma("foreign_keys = off");
      db.pragma(`cache_size = -${CACHE_KIB}`);
      db.pragma("journal_size_limit = 67108864");
      migrate(db, path);
      db.pragma(`busy_timeout = ${LOCK_ATTEMPT_MS}`);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    throw explain(error, path);
  }
}

function checkPath(path: string): void {
  const folder = dirname(path);
  if (!existsSync(folder)) {
    throw new UserError(
      `--db expects a file in an existing folder, got ${path}`,
      `create the folder: mkdir -p ${folder}`,
    );
  }
  if (existsSync(path) && statSync(path).isDirectory()) {
    throw new UserError(`--db expects a job file, got the folder ${path}`, "name a file in it, such as ses-mail.db");
  }
}

function identify(db: Connection, path: string, isNew: boolean): void {
  const applicationId = db.pragma("application_id", { simple: true });
  if (isNew || applicationId === APPLICATION_ID) return;
  const tables = db.prepare("select count(*) from sqlite_schema").pluck().get();
  if (applicationId === 0 && tables === 0) return;
  throw new UserError(`${path} is a SQLite file of another program, not a job file`, "choose another file with --db");
}

function migrate(db: Connection, path: string): void {
  const version = Number(db.pragma("user_version", { simple: true }));
  if (version === MIGRATIONS.length) return;
  if (version > MIGRATIONS.length) {
    throw new UserError(
      `${path} was written by a newer ses-mail (schema ${version}, this program knows ${MIGRATIONS.length})`,
      "update ses-mail, or choose another file with --db",
    );
  }
  createSchema(db);
}

/** Brings the schema up to date, in one transaction. */
export function createSchema(db: Connection): void {
  db.transaction(() => {
    // Another process may have migrated while we waited for the lock.
    const version = Number(db.pragma("user_version", { simple: true }));
    for (let next = version; next < MIGRATIONS.length; next++) {
      db.exec(MIGRATIONS[next] ?? "");
      db.pragma(`user_version = ${next + 1}`);
    }
    db.pragma(`application_id = ${APPLICATION_ID}`);
  }).immediate();
}

/**
 * Runs `work` in one immediate transaction. When another process holds the file it waits, patiently and without blocking
 * the event loop, until it is free; `onWait` hears of it now and then.
 * @throws StoppedError when the disk is full, or another process still holds the file after `patienceMs`. Nothing is written then.
 */
export async function transaction<T>(
  db: Connection,
  clock: Clock,
  work: () => T,
  onWait: (waitedMs: number) => void = () => undefined,
  patienceMs = Number.POSITIVE_INFINITY,
): Promise<T> {
  const started = clock.monotonic();
  let noticeAt = LOCK_NOTICE_MS;
  for (;;) {
    try {
      db.exec("begin immediate");
    } catch (error) {
      if (!isBusy(error)) throw explain(error, db.name);
      const waited = clock.monotonic() - started;
      if (waited >= patienceMs) throw explain(error, db.name);
      if (waited > noticeAt) {
        onWait(waited);
        noticeAt *= 2;
      }
      await clock.sleep(5 + Math.random() * 20);
      continue;
    }
    try {
      const result = work();
      db.exec("commit");
      return result;
    } catch (error) {
      if (db.inTransaction) db.exec("rollback");
      if (isDiskFull(error)) fullAt.set(db, clock.monotonic());
      throw explain(error, db.name);
    }
  }
}

/** When the disk was full last, as a write found it. */
const fullAt = new WeakMap<Connection, number>();

export function createPing(db: Connection, clock: Clock) {
  const read = db.prepare("select id from job");
  // Changes nothing, but is written as any change is; a lock alone is also given on a file that may only be read.
  const write = db.prepare("update job set id = id");
  let wroteAt = Number.NEGATIVE_INFINITY;
  const age = (at: number) => clock.monotonic() - at;
  return {
    /** Throws when the job file cannot be read or written. That others write to it is no failure. */
    async ping(): Promise<void> {
      // A file that was deleted can be written to as before, until we end.
      if (db.name !== "" && !existsSync(db.name)) throw new UserError(`the job file ${db.name} is gone`);
      // On a full disk so small a write may find room where mail does not.
      if (age(fullAt.get(db) ?? Number.NEGATIVE_INFINITY) < FULL_MS) throw diskFull(db.name);
      try {
        read.get();
        if (age(wroteAt) < PING_MS) return;
        write.run();
        wroteAt = clock.monotonic();
      } catch (error) {
        if (!isBusy(error)) throw explain(error, db.name);
      }
    },
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY");
}

/** Turns what SQLite says about the file, the disk or the permissions into words for the user; leaves bugs as they are. */
export function explain(error: unknown, path: string): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "SQLITE_NOTADB")
    return new UserError(`--db expects a job file, ${path} is something else`, "choose another file with --db");
  if (code === "SQLITE_CORRUPT")
    return new UserError(`the job file ${path} is damaged: ${messageOf(error)}`, "restore it from a backup");
  if (
    code.startsWith("SQLITE_READONLY") ||
    code === "EACCES" ||
    code === "EPERM" ||
    code === "EROFS" ||
    code === "SQLITE_CANTOPEN"
  ) {
    return new UserError(
      `the job file ${path} cannot be written (${code})`,
      "check the permissions of the file and of its folder",
    );
  }
  if (isBusy(error)) {
    return new StoppedError(
      `the job file ${path} is locked by another process`,
      "run the same command again when it is done",
    );
  }
  if (isDiskFull(error)) {
    return diskFull(path);
  }
  return error;
}

function diskFull(path: string): StoppedError {
  return new StoppedError(
    `no space left on the disk of ${path}`,
    "free some space and run the same command again: nothing is lost",
  );
}

/** True when a write failed because the disk or the user's quota is full. */
function isDiskFull(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return [
    "SQLITE_FULL",
    "SQLITE_IOERR_WRITE",
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_SHMSIZE",
    "ENOSPC",
    "EDQUOT",
  ].includes(code);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
