/** Opens a job file, and has the one way to write to it: `transaction`. */
import { closeSync, existsSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../../time/clock.ts";
import { StoppedError, UserError } from "../../errors.ts";
import { type Connection, Database } from "./driver.ts";
import { APPLICATION_ID, MIGRATIONS } from "./schema.ts";
import type { Store } from "../store.ts";

export type { Connection };

/** An open job file, as the parts of the store get it. */
export interface Job {
  db: Connection;
  clock: Clock;
  /** Called now and then with the ms that we have waited for another process that holds the file. */
  onWait: (waitedMs: number) => void;
}

/** Errors of a file or folder that cannot be written to. All that begin with SQLITE_READONLY belong to them. */
const NOT_WRITABLE: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS", "SQLITE_CANTOPEN"]);
/** Errors of a full disk, or of a user whose quota is used up. */
const FULL: ReadonlySet<string> = new Set([
  "SQLITE_FULL",
  "SQLITE_IOERR_WRITE",
  "SQLITE_IOERR_FSYNC",
  "SQLITE_IOERR_SHMSIZE",
  "ENOSPC",
  "EDQUOT",
]);

/** How long one attempt to lock the file may block the event loop. Between attempts other work goes on. */
const LOCK_ATTEMPT_MS = 50;
/**
 * How long a ping fails after a write found the disk full. Then it succeeds again, so that a load balancer sends us requests and
 * their writes show whether there is room.
 */
const FULL_MS = 10_000;
/** A ping writes at most once in this time, because anybody may ping and each write waits for the disk. */
const PING_MS = 1_000;
/** After this long we say that we wait. */
const LOCK_NOTICE_MS = 5_000;
/** SQLite's page cache. It holds the hot part of the indexes and suits a machine with little memory. */
const CACHE_KIB = 8_192;

/**
 * Opens the job file, creates it (mode 0600) when there is none, and brings its schema up to date.
 * @throws UserError when the path cannot be a job file: its folder is missing, or it is not SQLite, another program's, or newer
 * than this program; StoppedError when the disk is full or the file stays locked.
 */
export function openConnection(path: string): Connection {
  checkPath(path);
  const isNew = !existsSync(path) || statSync(path).size === 0;
  try {
    // Created here and not by SQLite, so that others cannot read it even for a moment.
    if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
    const db = new Database(path, { timeout: 10_000 });
    try {
      identify(db, path, isNew);
      configure(db);
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

function configure(db: Connection): void {
  db.pragma("journal_mode = wal");
  // If a power cut could undo a commit, somebody would get a second copy.
  db.pragma("synchronous = full");
  // Rows that are referred to are never deleted, so checks would only cost time: a sixth of an import.
  db.pragma("foreign_keys = off");
  db.pragma(`cache_size = -${CACHE_KIB}`);
  db.pragma("journal_size_limit = 67108864");
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

/** Brings the schema up to date in one transaction. */
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
 * Runs `work` in one immediate transaction and returns what it returns. While another process holds the file, it waits without
 * blocking the event loop, and calls `onWait` now and then with the ms waited so far.
 * @throws StoppedError when the disk is full, or another process still holds the file after `patienceMs`; UserError when the file
 * cannot be written or is damaged; and what `work` throws. Nothing is written then.
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
  for (let busy = begin(db); busy !== null; busy = begin(db)) {
    const waited = clock.monotonic() - started;
    if (waited >= patienceMs) throw explain(busy, db.name);
    if (waited > noticeAt) {
      onWait(waited);
      noticeAt *= 2;
    }
    await clock.sleep(5 + Math.random() * 20);
  }
  // In the same step as `begin`, because nothing else may use this connection in between.
  return commit(db, clock, work);
}

/** Returns null when the transaction is open, and SQLite's error when another process holds the file. */
function begin(db: Connection): unknown {
  try {
    db.exec("begin immediate");
    return null;
  } catch (error) {
    if (isBusy(error)) return error;
    throw explain(error, db.name);
  }
}

function commit<T>(db: Connection, clock: Clock, work: () => T): T {
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

/** When a write last found the disk full (monotonic ms). */
const fullAt = new WeakMap<Connection, number>();

/** Makes the part of the store that says whether the job file can be used. */
export function createPing({ db, clock }: Job): Pick<Store, "ping"> {
  const read = db.prepare("select id from job");
  // It changes nothing but is written like any change. A lock would prove less: SQLite also grants it on a read-only file.
  const write = db.prepare("update job set id = id");
  let wroteAt = Number.NEGATIVE_INFINITY;
  const age = (at: number) => clock.monotonic() - at;
  return {
    /** Another process that is writing to the file is no failure. */
    async ping() {
      // We could still write to a deleted file until we end.
      if (db.name !== "" && !existsSync(db.name)) throw new UserError(`the job file ${db.name} is gone`);
      // On a full disk the small write below may find room that mail does not.
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

/** Makes a UserError or StoppedError of an error about the file, the disk or permissions. Returns any other error as it is. */
export function explain(error: unknown, path: string): unknown {
  const code = codeOf(error);
  if (code === "SQLITE_NOTADB")
    return new UserError(`--db expects a job file, ${path} is something else`, "choose another file with --db");
  if (code === "SQLITE_CORRUPT")
    return new UserError(`the job file ${path} is damaged: ${messageOf(error)}`, "restore it from a backup");
  if (code.startsWith("SQLITE_READONLY") || NOT_WRITABLE.has(code)) {
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
  return isDiskFull(error) ? diskFull(path) : error;
}

function diskFull(path: string): StoppedError {
  return new StoppedError(
    `no space left on the disk of ${path}`,
    "free some space and run the same command again: nothing is lost",
  );
}

/** True when a write failed because the disk is full or the user's quota is used up. */
function isDiskFull(error: unknown): boolean {
  return FULL.has(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
