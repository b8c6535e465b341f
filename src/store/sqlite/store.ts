/** The job file as a store, put together from its parts. */
import type { Clock } from "../../time/clock.ts";
import type { Opened, OpenOptions, Store } from "../store.ts";
import type { BackupAnswer } from "./backup.ts";
import { finishCancels } from "./cancel.ts";
import { createClaims } from "./claims.ts";
import { createPing, createSchema, type Job, NO_WAITING, openPlace, outgrown, prepareImage } from "./connection.ts";
import { type Connection, Database } from "./driver.ts";
import { createEventSink } from "./events.ts";
import { atTheEdge } from "../edge.ts";
import { fileOf, openImage } from "./image.ts";
import { createLatePart, createLateParts } from "../late-part.ts";
import { checkOpened } from "../moved.ts";
import { createLists } from "./lists.ts";
import { createMailReader } from "./mails.ts";
import { createReader } from "./read.ts";
import { placeOf, readMarks } from "./marks.ts";
import { NOWHERE } from "./place.ts";
import { registerForgotten } from "./suppressed.ts";
import { createSuppressions } from "./suppressions.ts";
import { createTopicActions } from "./topics.ts";
import { explain, isUnwritable } from "./trouble.ts";

/** A store in a file. Besides what every store can do, it can be copied. */
export interface SqliteStore extends Store {
  /**
   * Writes a complete copy of the job file to `path`, as of one instant, while others may work on the file. Its mode is 0600.
   * Rejects with UserError when `path` exists or its folder does not, and with InterruptedError when `signal` aborts; nothing is
   * left behind then.
   */
  backup(path: string, signal?: AbortSignal): Promise<BackupAnswer>;
}

/**
 * Opens the job file at `path`, or creates it, and puts in doubt what dead processes left in flight. With `toRead`, a file beside
 * which nothing can be written is copied into memory, and only questions may be asked then.
 * @throws UserError when the path cannot be a job file, or the job goes on elsewhere and more than questions are meant; StoppedError when the disk is full or fails; InterruptedError when a signal
 * ended a wait for another process.
 */
export async function openStore(
  path: string,
  clock: Clock,
  { toRead = false, ...waiting }: OpenOptions = {},
): Promise<Opened<SqliteStore>> {
  const patience = { ...NO_WAITING, ...waiting };
  try {
    try {
      const opened = await openPlace(path, clock, patience);
      return await assemble({ ...opened, clock, isImage: false, waiting: patience }, toRead);
    } catch (error) {
      if (!toRead || !isUnwritable(error, path)) throw error;
      const db = openImage(path);
      prepareImage(db, path);
      return await assemble({ db, clock, place: NOWHERE, isImage: true, waiting: patience }, toRead);
    }
  } catch (error) {
    throw explain(error, path, "open");
  }
}

/** Opens a store without a file, which is gone when it is closed. Its `breakdown` and `backup` fail. */
export async function openScratchStore(clock: Clock): Promise<Store> {
  const db = new Database("");
  createSchema(db);
  return assemble({ db, clock, place: NOWHERE, isImage: false, waiting: NO_WAITING }, false);
}

async function assemble(job: Job, toRead: boolean): Promise<Opened<SqliteStore>> {
  const { db } = job;
  try {
    const elsewhere = checkOpened(placeOf(db), readMarks(db), toRead);
    const { store, recover } = createStore(job);
    const recovered = elsewhere === null ? await recover() : 0;
    // Who only asks does not wait for it.
    if (elsewhere === null && !toRead) await finishCancels(job);
    return { ...atTheEdge(store, (error) => explained(error, db)), recovered, elsewhere };
  } catch (error) {
    db.close();
    throw error;
  }
}

function explained(error: unknown, db: Connection): unknown {
  // SQLite's only word for a table, column or index that is gone.
  const isUnknown = error instanceof Database.SqliteError && error.code === "SQLITE_ERROR";
  return (isUnknown ? outgrown(db) : null) ?? explain(error, fileOf(db));
}

function createStore(job: Job): { store: SqliteStore; recover: () => Promise<number> } {
  const { db } = job;
  const jobId = db.prepare<[], string>("select id from job").pluck().get() ?? "";
  registerForgotten(db, jobId);
  const { recoverAtOpen: recover, ...source } = createClaims(job);
  const lists = createLists(job);
  const store: SqliteStore = {
    jobId,
    ...source,
    ...lists,
    stage: async () => atTheEdge(await lists.stage(), (error) => explained(error, db)),
    ...createTopicActions(job),
    ...createEventSink(job, jobId),
    ...createSuppressions(job),
    ...createReader(job),
    ...createMailReader(db),
    ...createLateParts({
      inbox: async () => (await import("./accept.ts")).createInbox(job),
      visits: async () => (await import("./visits.ts")).createVisitSink(job),
      unsubscriptions: async () => (await import("./unsubscriptions.ts")).createUnsubscriptions(job),
      afresh: async () => (await import("./afresh.ts")).createAfresh(job, () => source.recover()),
      breakdown: async () => (await import("./breakdown.ts")).createBreakdown(job),
      removal: async () => {
        const [{ createForget }, { createPrune }] = await Promise.all([import("./forget.ts"), import("./prune.ts")]);
        return { ...createForget(job, jobId), ...createPrune(job) };
      },
      histories: async () => (await import("./histories.ts")).createHistories(db),
      handed: async () => (await import("./handed.ts")).createHanded(job),
      keys: async () => (await import("./keys.ts")).createKeys(job),
      templates: async () => (await import("./templates.ts")).createTemplates(job),
      deadLetters: async () => (await import("./dead-letters.ts")).createDeadLetters(job),
      reports: async () => (await import("./reports.ts")).createReports(job),
    }),
    ...createLatePart<Pick<SqliteStore, "backup">>(["backup"], async () =>
      (await import("./backup.ts")).createBackup(job),
    ),
    ...createPing(job),
    async close() {
      source.leave();
      db.close();
    },
  };
  return { store, recover };
}
