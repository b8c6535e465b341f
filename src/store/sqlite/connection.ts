/** Opens a job file, and has the one way to write to it: `transaction`. */
import { closeSync, existsSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../time/clock.ts";
import { InterruptedError, StoppedError, UserError } from "../../errors.ts";
import { type Connection, Database } from "./driver.ts";
import { whyFileIsClosed } from "./marks.ts";
import { identityOf, type Place, watchPlace } from "./place.ts";
import { APPLICATION_ID, MIGRATIONS } from "./schema.ts";
import { isBusy, isDiskFull } from "./trouble.ts";
import type { Store, Waiting } from "../store.ts";

export type { Connection };

/** An open job file, as the parts of the store get it. */
export interface Job {
  db: Connection;
  clock: Clock;
  place: Place;
  /** True: `db` is a copy in memory, and what is written to it is gone when it is closed. */
  isImage: boolean;
  /** Who hears of waits for another process that holds the file, and the signals that end them. */
  waiting: Waiting;
}

/** How a transaction waits for the file, and what it may do while the path leads elsewhere. */
interface TransactionOptions {
  /** The longest wait for another process (ms); not set: no limit. */
  patienceMs?: number;
  /** True: only the second signal ends the wait. It is for answers of SES, which nobody can ask for again. */
  isPatient?: boolean;
  /** True: it may be written to the open file although the path does not lead to it any more, or the job goes on elsewhere. */
  evenWhenLost?: boolean;
  /** True: it may be written although the job goes on elsewhere, or is a copy that cannot be used yet. */
  evenWhenMoved?: boolean;
}

/** How long a statement may block the event loop because of another process. Between attempts other work goes on. */
const LOCK_ATTEMPT_MS = 50;
/** Nobody keeps others from opening the file, except for the moment in which a new version of this program changes its schema. */
const OPEN_PATIENCE_MS = 30_000;
/** After the first signal a patient wait lasts this long at most. */
const LAST_PATIENCE_MS = 10_000;
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

/** Waits for nothing and tells nobody. */
export const NO_WAITING: Waiting = {
  onWait: () => undefined,
  signal: new AbortController().signal,
  hardSignal: new AbortController().signal,
};

/**
 * Opens the job file, creates it (mode 0600) when there is none, and brings its schema up to date. While another process holds the
 * file it waits, without blocking the event loop.
 * @throws UserError when the path cannot be a job file: its folder is missing, or it is not SQLite, another program's, or newer
 * than this program; StoppedError when the disk is full or fails, or the file stays locked; InterruptedError when a signal
 * ended the wait.
 */
export async function openConnection(path: string, clock: Clock, waiting: Waiting = NO_WAITING): Promise<Connection> {
  return (await openPlace(path, clock, waiting)).db;
}

/** Runs in the transaction that makes the schema of a new file. */
type OnCreate = (db: Connection) => void;

/** The same, with the place of the file. Errors are as SQLite and the system gave them. */
export async function openPlace(
  path: string,
  clock: Clock,
  waiting: Waiting,
  onCreate?: OnCreate,
): Promise<Pick<Job, "db" | "place">> {
  checkPath(path);
  const wait = createWait(clock, waiting, { patienceMs: OPEN_PATIENCE_MS, isPatient: false });
  for (;;) {
    try {
      return attemptToOpen(path, onCreate);
    } catch (error) {
      if (!isBusy(error)) throw error;
      await wait(error);
    }
  }
}

function attemptToOpen(path: string, onCreate?: OnCreate): Pick<Job, "db" | "place"> {
  const isNew = !existsSync(path) || statSync(path).size === 0;
  // Created here and not by SQLite, so that others cannot read it even for a moment.
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
  const opened = identityOf(path);
  const db = new Database(path, { timeout: LOCK_ATTEMPT_MS });
  try {
    identify(db, path, isNew);
    configure(db);
    migrate(db, path, onCreate);
    return { db, place: watchPlace(db, path, opened) };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Checks that a copy in memory is a job file, and brings its schema up to date. @throws UserError when it is none. */
export function prepareImage(db: Connection, path: string): void {
  identify(db, path, false);
  migrate(db, path);
}

function configure(db: Connection): void {
  db.pragma("journal_mode = wal");
  // If a power cut could undo a commit, somebody would get a second copy.
  db.pragma("synchronous = full");
  // Rows that are referred to are never deleted, so checks would only cost time: a sixth of an import.
  db.pragma("foreign_keys = off");
  db.pragma(`cache_size = -${CACHE_KIB}`);
  // A row that grows moves within its page. Where it stood is overwritten, or nobody could be forgotten: it costs no writing.
  db.pragma("secure_delete = fast");
  db.pragma("journal_size_limit = 67108864");
}

/** For who reads in the order of the file: this half of the cache has all of its hot pages, and 4 MB of memory stay free. */
export function keepLess(db: Connection): void {
  db.pragma(`cache_size = -${CACHE_KIB / 2}`);
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

function migrate(db: Connection, path: string, onCreate?: OnCreate): void {
  const version = versionOf(db);
  if (version === MIGRATIONS.length) return;
  if (version > MIGRATIONS.length) {
    throw new UserError(
      `${path} was written by a newer ses-mail (schema ${version}, this program knows ${MIGRATIONS.length})`,
      "update ses-mail, or choose another file with --db",
    );
  }
  createSchema(db, onCreate);
}

/** Brings the schema up to date in one transaction. */
export function createSchema(db: Connection, onCreate?: OnCreate): void {
  db.transaction(() => {
    // Another process may have migrated while we waited for the lock.
    const version = versionOf(db);
    for (let next = version; next < MIGRATIONS.length; next++) {
      db.exec(MIGRATIONS[next] ?? "");
      db.pragma(`user_version = ${next + 1}`);
    }
    db.pragma(`application_id = ${APPLICATION_ID}`);
    if (version === 0) onCreate?.(db);
  }).immediate();
}

/** Asked in every transaction, so the statement is prepared once. */
const versions = new WeakMap<Connection, { get(): unknown }>();

function versionOf(db: Connection): number {
  let version = versions.get(db);
  if (version === undefined) versions.set(db, (version = db.prepare("pragma user_version").pluck()));
  return Number(version.get());
}

/**
 * Why this program may not go on with the file: a newer one has changed its schema meanwhile. Null: none has. Our statements may
 * fail from then on, or work and miss what the new schema asks of them.
 */
export function outgrown(db: Connection): StoppedError | null {
  if (!db.open || versionOf(db) <= MIGRATIONS.length) return null;
  const message = `the job file ${db.name} was brought up to date by a newer ses-mail while we worked on it`;
  return new StoppedError(message, "start again with the newer version");
}

/**
 * Runs `work` in one immediate transaction and returns what it returns. While another process holds the file, it waits without
 * blocking the event loop, and calls `onWait` now and then with the ms waited so far. Errors of SQLite are passed on as they are.
 * @throws StoppedError when the path does not lead to the open file any more; InterruptedError when a signal ended a wait; SQLite's
 * error when another process still holds the file after `patienceMs`; and what `work` throws. Nothing is written then.
 */
export async function transaction<T>(job: Job, work: () => T, options: TransactionOptions = {}): Promise<T> {
  const { db, clock, waiting } = job;
  const { patienceMs = Number.POSITIVE_INFINITY, isPatient = false } = options;
  let busy = begin(db);
  if (busy !== null) {
    const wait = createWait(clock, waiting, { patienceMs, isPatient });
    for (; busy !== null; busy = beginAtOnce(db)) await wait(busy);
    await hearSignals(db, isPatient ? waiting.hardSignal : waiting.signal);
  }
  // Without a wait in the same step as `begin`, so that transactions of one process never get in each other's way.
  return commit(job, work, options);
}

/**
 * Makes a function to be called each time the file was found busy. It resolves when it is time to try again. A signal that came
 * meanwhile always wins, also when the file is free now.
 */
function createWait(
  clock: Clock,
  { onWait, signal, hardSignal }: Waiting,
  { patienceMs, isPatient }: Required<Pick<TransactionOptions, "patienceMs" | "isPatient">>,
): (busy: unknown) => Promise<void> {
  const started = clock.monotonic();
  const end = isPatient ? hardSignal : signal;
  let noticeAt = LOCK_NOTICE_MS;
  let signalledAt: number | null = null;
  return async (busy) => {
    const waited = clock.monotonic() - started;
    if (signal.aborted) signalledAt ??= waited;
    if (end.aborted || (signalledAt !== null && waited - signalledAt > LAST_PATIENCE_MS)) throw new InterruptedError();
    if (waited >= patienceMs) throw busy;
    if (waited > noticeAt) {
      onWait(waited);
      noticeAt *= 2;
    }
    await clock.sleep(5 + Math.random() * 20, end);
    if (end.aborted) throw new InterruptedError();
  };
}

/**
 * After a wait, with the file in hand: hears a signal that came before the file was free. Node tells of signals only between two
 * steps of the event loop. Other transactions of this process find the file busy meanwhile.
 */
async function hearSignals(db: Connection, end: AbortSignal): Promise<void> {
  await setImmediate();
  await setImmediate();
  if (!end.aborted) return;
  db.exec("rollback");
  throw new InterruptedError();
}

/** Returns null when the transaction is open, and SQLite's error when another process or a wait of ours holds the file. */
function begin(db: Connection): unknown {
  if (db.inTransaction) return new Database.SqliteError("another transaction is open", "SQLITE_BUSY");
  try {
    db.exec("begin immediate");
    return null;
  } catch (error) {
    if (isBusy(error)) return error;
    throw error;
  }
}

/** The same without waiting inside SQLite, where no signal would be noticed. */
function beginAtOnce(db: Connection): unknown {
  db.pragma("busy_timeout = 0");
  try {
    return begin(db);
  } finally {
    db.pragma(`busy_timeout = ${LOCK_ATTEMPT_MS}`);
  }
}

function commit<T>({ db, clock, place }: Job, work: () => T, { evenWhenLost, evenWhenMoved }: TransactionOptions): T {
  try {
    // Answers of SES are written all the same, if they can be.
    const newer = evenWhenLost === true ? null : outgrown(db);
    if (newer !== null) throw newer;
    const closed = evenWhenLost === true || evenWhenMoved === true ? null : whyFileIsClosed(db);
    if (closed !== null) throw closed;
    const result = work();
    const lost = evenWhenLost === true ? null : place.lost();
    if (lost !== null) throw lost;
    db.exec("commit");
    return result;
  } catch (error) {
    if (db.inTransaction) db.exec("rollback");
    if (isDiskFull(error, db.name)) fullAt.set(db, clock.monotonic());
    throw error;
  }
}

/** When a write last found the disk full (monotonic ms). */
const fullAt = new WeakMap<Connection, number>();

/** Makes the part of the store that says whether the job file can be used. */
export function createPing({ db, clock, place }: Job): Pick<Store, "ping"> {
  const read = db.prepare("select id from job");
  // It changes nothing but is written like any change. A lock would prove less: SQLite also grants it on a read-only file.
  const write = db.prepare("update job set id = id");
  let wroteAt = Number.NEGATIVE_INFINITY;
  const age = (at: number) => clock.monotonic() - at;
  return {
    /** Another process that is writing to the file is no failure. */
    async ping() {
      // We could still write to a deleted file until we end.
      const lost = place.lost();
      if (lost !== null) throw lost;
      const newer = outgrown(db) ?? whyFileIsClosed(db);
      if (newer !== null) throw newer;
      // On a full disk the small write below may find room that mail does not.
      if (age(fullAt.get(db) ?? Number.NEGATIVE_INFINITY) < FULL_MS) throw new Full();
      try {
        read.get();
        if (age(wroteAt) < PING_MS) return;
        write.run();
        wroteAt = clock.monotonic();
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
    },
  };
}

/** Stands for the error of the write that found the disk full. */
class Full extends Error {
  readonly code = "SQLITE_FULL";
}
