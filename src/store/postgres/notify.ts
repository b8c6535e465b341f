/**
 * Tells other processes that something may be due, and hears them tell it. It is only a hint: it may be lost, so everybody also looks
 * now and then.
 */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { ANSWER_MS, briefly } from "./answers.ts";
import { ask1 } from "./statements.ts";
import { connected, type Job } from "./connection.ts";
import { end } from "./pool.ts";

/** A notification makes all commits of the database wait for one lock, so a process tells at most this often. */
const TELL_MS = 1_000;
/** A pooler swallows notifications without an error: what we told ourselves and did not hear by then is lost. */
const TEST_MS = 2_000;
/** A connection that nobody uses may be gone without our noticing. */
const ALIVE_MS = 30_000;
/** So often we look whether the server has room for connections that only listen. */
const ROOM_MS = 2_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;

/** Begins what processes tell themselves to find out whether they hear. */
const TEST = "test ";

const toldAt = new WeakMap<Job, number>();

/**
 * Tells all processes that something is due now. To be called after the commit. It neither waits nor throws, and tells at most once a
 * second.
 */
export function notify(job: Job): void {
  const now = performance.now();
  if (now - (toldAt.get(job) ?? Number.NEGATIVE_INFINITY) < TELL_MS) return;
  toldAt.set(job, now);
  const tell = "select pg_notify($1, '')";
  connected(job, "read", (link) => ask1(job, link, tell, [channelOf(job)], ANSWER_MS)).catch(() => undefined);
}

/** The channel of a job. Those of other databases of the server are others. */
function channelOf({ schema }: Pick<Job, "schema">): string {
  return `ses_mail_${createHash("sha256").update(schema).digest("hex").slice(0, 16)}`;
}

/** Hears what other processes tell. */
export interface Listener {
  /** Calls `hear` when something may be due, and after each time in which nothing could be heard. Returns what ends it. */
  onChange(hear: () => void): () => void;
  /** Ends all of it. */
  close(): void;
}

/** Makes a listener. It has no connection until somebody wants to hear, and never keeps the process alive. */
export function createListener(job: Job): Listener {
  const hearers = new Set<() => void>();
  let over: AbortController | null = null;
  const close = (): void => {
    over?.abort();
    over = null;
  };
  return {
    onChange(hear) {
      const mine = (): void => hear();
      hearers.add(mine);
      if (over === null) {
        over = new AbortController();
        void listen(job, () => hearers.forEach((each) => each()), over.signal);
      }
      return () => {
        hearers.delete(mine);
        if (hearers.size === 0) close();
      };
    },
    close,
  };
}

/** Listens until the signal comes, or until it turns out that nothing can be heard here. */
async function listen(job: Job, hear: () => void, signal: AbortSignal): Promise<void> {
  let isTested = false;
  let isFirst = true;
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const session = job.pool.isScarce() ? null : await open(job, hear, signal);
    if (session !== null) {
      isTested ||= await session.test();
      if (!isTested && session.isAlive()) return session.close();
      if (isTested) pauseMs = FIRST_PAUSE_MS;
      // What was told meanwhile was not heard.
      if (!isFirst && isTested && !signal.aborted) hear();
      await session.lost();
    }
    isFirst = false;
    await pause(pauseMs * (0.5 + Math.random()), signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}

/** A connection that listens. */
interface Session {
  /** True when it hears what it tells itself. */
  test(): Promise<boolean>;
  isAlive(): boolean;
  /** Resolves when it is gone or was closed. */
  lost(): Promise<void>;
  close(): void;
}

/** Null: it could not be made. */
async function open(job: Job, hear: () => void, signal: AbortSignal): Promise<Session | null> {
  const channel = channelOf(job);
  const gone = new AbortController();
  let client: pg.Client | null = null;
  const test = `${TEST}${randomBytes(8).toString("hex")}`;
  const heard = new AbortController();
  try {
    client = await job.pool.extra(job.listenAddress);
    // The types do not know of it.
    (client as pg.Client & { unref(): void }).unref();
    for (const event of ["end", "error"] as const) client.on(event, () => gone.abort());
    signal.addEventListener("abort", () => gone.abort(), { once: true });
    if (signal.aborted) gone.abort();
    client.on("notification", ({ payload = "" }) => {
      if (payload === test) heard.abort();
      else if (!payload.startsWith(TEST) && !signal.aborted) hear();
    });
    await briefly(client, `listen ${channel}`);
  } catch {
    if (client !== null) end(client);
    return null;
  }
  return sessionOf(job, client, gone, async (asked) => {
    await briefly(asked, "select pg_notify($1, $2)", [channel, test]);
    if (!heard.signal.aborted) await Promise.race([once(heard.signal, "abort"), pause(TEST_MS, gone.signal)]);
    return heard.signal.aborted;
  });
}

function sessionOf(
  { pool }: Job,
  client: pg.Client,
  gone: AbortController,
  test: (client: pg.Client) => Promise<boolean>,
): Session {
  return {
    test: () => test(client).catch(() => (gone.abort(), false)),
    isAlive: () => !gone.signal.aborted,
    async lost() {
      let askedAt = performance.now();
      while (!gone.signal.aborted) {
        await pause(ROOM_MS, gone.signal);
        // Everybody looks now and then. Who cannot connect at all is worse off.
        if (pool.isScarce()) gone.abort();
        if (gone.signal.aborted || performance.now() - askedAt < ALIVE_MS) continue;
        askedAt = performance.now();
        await briefly(client, "select 1").catch(() => gone.abort());
      }
      end(client);
    },
    close: () => end(client),
  };
}
