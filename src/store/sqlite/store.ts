/** The job file as a store, put together from its parts. */
import type { Clock } from "../../time/clock.ts";
import type { Opened, OpenOptions, Store } from "../store.ts";
import type { BackupAnswer } from "./backup.ts";
import {
  createPing,
  createSchema,
  type Job,
  keepLess,
  NO_WAITING,
  openPlace,
  outgrown,
  prepareImage,
} from "./connection.ts";
import { type Connection, Database } from "./driver.ts";
import { atTheEdge } from "../edge.ts";
import { fileOf, openImage } from "./image.ts";
import { createLatePart, createLateParts, type LateParts } from "../late-part.ts";
import { checkOpened } from "../moved.ts";
import { createLateWorkingParts } from "./late-working.ts";
import type { LateReader } from "./read.ts";
import { createTopicReader } from "./topic-rows.ts";
import { placeOf, readMarks } from "./marks.ts";
import { NOWHERE } from "./place.ts";
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
  { toRead = false, readsInOrder = false, ...waiting }: OpenOptions = {},
): Promise<Opened<SqliteStore>> {
  const patience = { ...NO_WAITING, ...waiting };
  try {
    try {
      const opened = await openPlace(path, clock, patience);
      if (readsInOrder) keepLess(opened.db);
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
    const { store, recover } = await createStore(job, toRead);
    const recovered = elsewhere === null ? await recover() : 0;
    // Who only asks does not wait for it.
    if (elsewhere === null && !toRead) await store.finishOthersWork(job.waiting.signal);
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

/** `toRead`: the parts that work are loaded only when they are asked for, so that commands which only read start fast. */
async function createStore(job: Job, toRead: boolean): Promise<{ store: SqliteStore; recover: () => Promise<number> }> {
  const { db } = job;
  const jobId = db.prepare<[], string>("select id from job").pluck().get() ?? "";
  const load = async () => (await import("./working-parts.ts")).createWorkingParts(job, jobId);
  const working = toRead ? createLateWorkingParts(job, load) : await load();
  const { recoverAtOpen: recover, leave, ...parts } = working;
  const late = latePartsOf(job, jobId, () => parts.recover());
  const store: SqliteStore = {
    jobId,
    ...parts,
    stage: async () => atTheEdge(await parts.stage(), (error) => explained(error, db)),
    ...createTopicReader(job),
    ...createLatePart<LateReader>(
      ["sentWithin", "countSentWithin", "failedMessages", "content", "listColumns"],
      async () => (await import("./read.ts")).createReader(job),
    ),
    async *messages(...of) {
      yield* (await import("./export.ts")).createExport(db).messages(...of);
    },
    async *messagesUnlike(...of) {
      yield* (await import("./export.ts")).createExport(db).messagesUnlike(...of);
    },
    ...createLateParts(toRead ? registeredFirst(late, db, jobId) : late),
    ...createLatePart<Pick<SqliteStore, "backup">>(["backup"], async () =>
      (await import("./backup.ts")).createBackup(job),
    ),
    ...createPing(job),
    async close() {
      leave();
      db.close();
    },
  };
  return { store, recover };
}

/** The parts that no command needs to start. `recover` is that of the source. */
function latePartsOf(job: Job, jobId: string, recover: () => Promise<number>): LateParts {
  return {
    inbox: async () => (await import("./accept.ts")).createInbox(job),
    visits: async () => (await import("./visits.ts")).createVisitSink(job),
    unsubscriptions: async () => (await import("./unsubscriptions.ts")).createUnsubscriptions(job),
    afresh: async () => (await import("./afresh.ts")).createAfresh(job, recover),
    breakdown: async () => (await import("./breakdown.ts")).createBreakdown(job),
    removal: async () => {
      const [{ createForget }, { createPrune }] = await Promise.all([import("./forget.ts"), import("./prune.ts")]);
      return { ...createForget(job, jobId), ...createPrune(job) };
    },
    histories: async () => (await import("./histories.ts")).createHistories(job.db),
    handed: async () => (await import("./handed.ts")).createHanded(job),
    keys: async () => (await import("./keys.ts")).createKeys(job),
    templates: async () => (await import("./templates.ts")).createTemplates(job),
    deadLetters: async () => (await import("./dead-letters.ts")).createDeadLetters(job),
    reports: async () => (await import("./reports.ts")).createReports(job),
  };
}

/** The same, for a store whose working parts may not be loaded: their loading registers what statements of others need as well. */
function registeredFirst(late: LateParts, db: Connection, jobId: string): LateParts {
  const loads = Object.entries(late).map(([name, load]) => [
    name,
    async () => {
      (await import("./suppressed.ts")).registerForgotten(db, jobId);
      return (load as () => Promise<unknown>)();
    },
  ]);
  return Object.fromEntries(loads) as LateParts;
}
