/** The database as a store, put together from its parts. */
import { InterruptedError, UserError } from "../../errors.ts";
import { type Clock, systemClock } from "../../time/clock.ts";
import { atTheEdge } from "../edge.ts";
import { createLateParts } from "../late-part.ts";
import { checkSchemaName } from "../server-settings.ts";
import { checkOpened } from "../moved.ts";
import type { Opened, OpenOptions, Store } from "../store.ts";
import { type Environment, parseAddress } from "./address.ts";
import { briefly } from "./answers.ts";
import { createClaims } from "./claims.ts";
import { createJob, type Job } from "./connection.ts";
import { NO_WAITING } from "./waits.ts";
import { createEventSink } from "./events.ts";
import { createLists } from "./lists.ts";
import { createMailReader } from "./mails.ts";
import { hasJob, migrate, type Where } from "./migrate.ts";
import { DEFAULT_SCHEMA, placeOf, readMarks } from "./marks.ts";
import { qualified } from "./names.ts";
import { createPing } from "./ping.ts";
import { end } from "./pool.ts";
import { createReader } from "./read.ts";
import { createSuppressions } from "./suppressions.ts";
import { createClockTime, createDatabaseTime } from "./time.ts";
import { createTopicActions } from "./topics.ts";
import { createWorkers } from "./workers.ts";
import { explain, isAway, isCrowded } from "./trouble.ts";

/** How a database is opened, beside what every store is told. */
export interface PostgresOptions {
  /** The schema that holds the job; default `ses_mail`. */
  schema?: string | undefined;
  /** How many connections to have at most, 2 or more; default 4. */
  connections?: number | undefined;
  /** The address to LISTEN at, when the other one is a pooler's. */
  listen?: string | undefined;
  /** The variables that libpq reads: PGPASSWORD, PGSSLMODE, …. */
  env?: Environment | undefined;
  /** How long (ms) to try to reach the server before that is an error; default 10,000. */
  openPatienceMs?: number | undefined;
  /** `clock`: the store's time is that of the clock it is given, for tests that move time. Default: the database's. */
  time?: "database" | "clock" | undefined;
}

const DEFAULT_CONNECTIONS = 4;
const OPEN_PATIENCE_MS = 10_000;
/** When people are told for the first time that the server cannot be reached. */
const NOTICE_MS = 2_000;

/**
 * Opens the job in a database, or creates it, and puts in doubt what dead processes left in flight.
 * @throws UserError when the address or the settings are wrong, or the database cannot hold a job; StoppedError when it cannot be
 * reached; InterruptedError when a signal ended a wait.
 */
export async function openStore(
  address: string,
  clock: Clock,
  options: OpenOptions & PostgresOptions = {},
): Promise<Opened> {
  const job = jobOf(address, clock, options);
  try {
    const { jobId, marks } = await first(job, options, async (where) => ({
      jobId: await migrate(where),
      marks: await readMarks(async (sql) => briefly(where.client, qualified(sql, job.schema).text)),
    }));
    const elsewhere = checkOpened(placeOf(job), marks, options.toRead === true);
    const { store, recover } = createStore(job, jobId);
    const recovered = elsewhere === null ? await recover() : 0;
    // Who only asks does not wait for it.
    if (elsewhere === null && options.toRead !== true) await store.finishOthersWork(job.waiting.signal);
    return { ...atTheEdge(store, (error) => explain(error, job.name)), recovered, elsewhere };
  } catch (error) {
    await job.pool.close();
    throw explain(error, job.name, "open");
  }
}

/**
 * True when the database has a job. Makes nothing.
 * @throws as `openStore`.
 */
export async function storeExists(address: string, options: OpenOptions & PostgresOptions = {}): Promise<boolean> {
  const job = jobOf(address, systemClock, options);
  try {
    return await first(job, options, (where) => hasJob(where));
  } catch (error) {
    throw explain(error, job.name, "open");
  } finally {
    await job.pool.close();
  }
}

/** The job in a database, without a connection yet. @throws UserError when the address or the settings are wrong. */
export function jobOf(text: string, clock: Clock, options: OpenOptions & PostgresOptions): Job {
  const { schema, connections, listen, env, time = "database", onWait, signal, hardSignal } = options;
  const isClock = time === "clock";
  return createJob({
    address: parseAddress(text, env),
    listenAddress: parseAddress(listen ?? text, env),
    schema: checkSchemaName(schema ?? DEFAULT_SCHEMA),
    connections: Math.max(2, connections ?? DEFAULT_CONNECTIONS),
    clock,
    time: isClock ? createClockTime(clock) : createDatabaseTime(clock),
    fixedNow: () => (isClock ? clock.now() : null),
    waiting: {
      onWait: onWait ?? NO_WAITING.onWait,
      signal: signal ?? NO_WAITING.signal,
      hardSignal: hardSignal ?? NO_WAITING.hardSignal,
    },
  });
}

/**
 * Connects for the first time, and asks for the database's time. A server that starts just now is waited for.
 * @throws InterruptedError when a signal came before `work` was done. What it had begun is left to the server then.
 */
export async function first<T>(
  job: Job,
  { openPatienceMs = OPEN_PATIENCE_MS }: PostgresOptions,
  work: (where: Where) => Promise<T>,
): Promise<T> {
  const { onWait, signal } = job.waiting;
  const started = performance.now();
  let noticeAt = NOTICE_MS;
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 2_000)) {
    try {
      const connecting = job.pool.extra();
      try {
        return await unlessStopped(signal, async () => {
          const client = await connecting;
          await learnTime(job, client);
          return work({ client, schema: job.schema, name: job.name });
        });
      } finally {
        connecting.then(end, () => undefined);
      }
    } catch (error) {
      const waitedMs = performance.now() - started;
      const isTypo = error instanceof UserError;
      if (isTypo || !(isAway(error) || isCrowded(error)) || waitedMs > openPatienceMs) throw error;
      if (waitedMs > noticeAt) {
        onWait(waitedMs, inWords(error, job.name));
        noticeAt *= 2;
      }
      await systemClock.sleep(pauseMs * (0.5 + Math.random()), signal);
      if (signal.aborted) throw new InterruptedError();
    }
  }
}

/** A server may leave us without any answer, at any of our questions; a signal ends that wait at once. */
async function unlessStopped<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => reject(new InterruptedError());
    signal.addEventListener("abort", stop, { signal: over.signal });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work(), stopped]);
  } finally {
    over.abort();
  }
}

function inWords(error: unknown, name: string): string {
  const explained = explain(error, name);
  return explained instanceof Error ? explained.message : String(explained);
}

/** The first answer of a new connection is slow, so the best of a few is taken. */
async function learnTime({ time, clock }: Job, client: Where["client"]): Promise<void> {
  for (let asked = 0; asked < 3; asked++) {
    const before = clock.monotonic();
    const [clockOfServer] = await briefly<{ now: string }>(
      client,
      "select (extract(epoch from clock_timestamp()) * 1000)::numeric(20, 3)::text as now",
    );
    time.observe(before, clock.monotonic(), Number(clockOfServer?.now ?? 0));
  }
}

function createStore(
  job: Job,
  jobId: string,
): { store: Store & { leave(): Promise<void> }; recover: () => Promise<number> } {
  const { recoverAtOpen: recover, ...source } = createClaims(job);
  const lists = createLists(job);
  const store = {
    jobId,
    ...source,
    ...lists,
    stage: async () => atTheEdge(await lists.stage(), (error) => explain(error, job.name)),
    ...createTopicActions(job),
    ...createEventSink(job, jobId),
    ...createSuppressions(job, jobId),
    ...createReader(job),
    ...createMailReader(job),
    ...createWorkers(job),
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
      histories: async () => (await import("./histories.ts")).createHistories(job),
      handed: async () => (await import("./handed.ts")).createHanded(job),
      keys: async () => (await import("./keys.ts")).createKeys(job),
      templates: async () => (await import("./templates.ts")).createTemplates(job),
      deadLetters: async () => (await import("./dead-letters.ts")).createDeadLetters(job),
      reports: async () => (await import("./reports.ts")).createReports(job),
    }),
    ...createPing(job),
    async close() {
      await source.leave();
      await job.pool.close();
    },
  };
  return { store, recover };
}
