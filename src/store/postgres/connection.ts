/** Asks the database, and has the one way to write to it: `transaction`. */
import process from "node:process";
import type { Writable } from "node:stream";
import pLimit from "p-limit";
import { InterruptedError } from "../../errors.ts";
import { type Clock, systemClock } from "../../time/clock.ts";
import type { Now } from "../rules/due.ts";
import { whyClosed } from "../moved.ts";
import type { Waiting } from "../store.ts";
import { createHandle, type Handle, type NumberRow } from "./handle.ts";
import { lockKey } from "./locks.ts";
import { placeOf, readMarks } from "./marks.ts";
import { createPool, type Link, type Pool } from "./pool.ts";
import type { Address } from "./address.ts";
import { qualified } from "./names.ts";
import type { StoreTime } from "./time.ts";
import { codeOf, isAway, isCrowded, isPassing } from "./trouble.ts";

/** An open database, as the parts of the store get it. */
export interface Job {
  /** How the database is displayed; it holds nothing secret. */
  name: string;
  schema: string;
  address: Address;
  /** Where to LISTEN. It is another address than that of the database when that one is a pooler's. */
  listenAddress: Address;
  pool: Pool;
  clock: Clock;
  time: StoreTime;
  handle: Handle;
  /** Who hears of waits, and the signals that end them. */
  waiting: Waiting;
  /** Lets one write of this handle through at a time, in the order in which they came. */
  inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

/** What runs inside a write transaction. It holds the writer lock: no other process writes meanwhile. */
export interface Tx {
  /** The time of this transaction, by the database's clock. */
  now: Now;
  /** The id of our row in table `handle`. */
  me: number;
  /**
   * Runs a statement, in which `sm.` stands for our schema, and returns its rows. Several may be called without waiting: they
   * run in order, and share a round trip. Each promise must be awaited.
   */
  query<Row>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** The same for a statement without rows. Returns how many rows it changed. */
  run(sql: string, values?: readonly unknown[]): Promise<number>;
  /** Notes that this transaction hands out messages to be sent. */
  handOut(count: number): void;
  /**
   * Lets the commit share a round trip with statements that were just begun, the last ones of the transaction. What `work` returns
   * must not depend on their answers. The transaction fails when one of them does.
   */
  closeWith(statements: Promise<unknown>): void;
}

/** How a transaction waits, and what it may do. */
export interface TransactionOptions<T> {
  /** The longest wait for other processes and for the server (ms); not set: no limit for others, `AWAY_MS` for the server. */
  patienceMs?: number;
  /** True: only the second signal ends the wait. It is for answers of SES, which nobody can ask for again. */
  isPatient?: boolean;
  /**
   * Gets the result of a transaction that was thought to have failed, when a later one finds that it was committed. It is called
   * before the work of that later one.
   */
  onLate?: (result: T) => void;
  /**
   * True: it works on what our handle holds, and is refused with TakenForDead when others took the handle for dead. Its first
   * statements may share a round trip with the lock, so `tx.now` may be the time before a wait for others.
   */
  isHolder?: boolean;
  /** How long a statement may take (ms); 0: no limit. Default `STATEMENT_MS`. */
  statementMs?: number;
  /** Settings of the server for this transaction, as statements. */
  settings?: string;
  /**
   * True: it may be written although the job goes on elsewhere, or is a copy that cannot be used yet. It is for answers of SES, and
   * for the copy itself.
   */
  evenWhenMoved?: boolean;
  /**
   * The names of topics whose lists this transaction must not meet half-way. A list takes its topic `exclusive`, and whoever else adds
   * recipients takes it `shared`; both before the writer lock, so that nobody waits for a list with the writer lock in hand.
   */
  topics?: { names: readonly string[]; mode: "shared" | "exclusive" };
  /**
   * Runs in the transaction before the writer lock is taken, so that others can write meanwhile. It sees what is committed, and must
   * not rely on that staying so.
   */
  before?: (tx: Pick<Tx, "query" | "run">) => Promise<void>;
}

/** How long we try to reach a server before we say that it is away. The caller may try again. */
const AWAY_MS = 5_000;
/** A server that says nothing for so long is gone, and so is its connection. */
const STATEMENT_MS = 10_000;
/** How long one attempt waits for the writer lock. Between attempts signals are heard. */
const LOCK_MS = 2_000;
/** How long one attempt waits for a list to be in its topic. Between attempts other writes of this handle go on. */
const LIST_MS = 100;
/** How long a transaction waits for the writer lock that would have to repeat long work if it gave up. */
const LAST_LOCK_MS = 30_000;
/** The server frees the writer lock of a process that was stopped in mid-transaction after so long. */
const IDLE_MS = 5_000;
const ROLLBACK_MS = 2_000;
/** How long a COMMIT may take whose statements have no limit. After that we find out on another connection what became of it. */
const COMMIT_MS = 60_000;
const LOCK_NOTICE_MS = 5_000;
/** After the first signal a patient wait lasts this long at most. */
const LAST_PATIENCE_MS = 10_000;

/** Waits for nothing and tells nobody. */
export const NO_WAITING: Waiting = {
  onWait: () => undefined,
  signal: new AbortController().signal,
  hardSignal: new AbortController().signal,
};

/** Settings of an opened store. */
export interface JobSettings {
  address: Address;
  /** Default: `address`. */
  listenAddress?: Address;
  schema: string;
  connections: number;
  clock: Clock;
  time: StoreTime;
  /** The time in ms that is written beside a number; null: the database's own. */
  fixedNow: () => number | null;
  waiting: Waiting;
}

/** Makes the connections and the handle of a store. Nothing is asked of the server yet. */
export function createJob(settings: JobSettings): Job {
  const { address, listenAddress = address, schema, connections, clock, time, fixedNow, waiting } = settings;
  return {
    name: address.displayed,
    schema,
    address,
    listenAddress,
    pool: createPool(address, connections, clock),
    clock,
    time,
    handle: createHandle(address.displayed, fixedNow),
    waiting,
    inTurn: pLimit(1),
  };
}

/**
 * Runs one question and returns its rows. `sm.` stands for our schema. It takes no lock. While the server cannot be reached it
 * tries again for a few seconds.
 */
export async function read<Row>(
  job: Job,
  sql: string,
  values: readonly unknown[] = [],
  { statementMs = 0 }: { statementMs?: number } = {},
): Promise<Row[]> {
  return connected(job, "read", (link) => {
    const ask = () => ask1<Row>(job, link, sql, values, statementMs);
    return link.limitsStatements ? unlimited(link, "begin read only", ask) : ask();
  });
}

/** Runs `work` in one read-only transaction, whose questions are all answered as of one instant. */
export async function snapshot<T>(job: Job, work: (ask: Tx["query"]) => Promise<T>): Promise<T> {
  return connected(job, "read", async (link) => {
    const begin = "begin isolation level repeatable read read only";
    const failures = createFailures();
    try {
      return await unlimited(link, begin, () =>
        work((sql, values = []) => failures.note(ask1(job, link, sql, values, 0))),
      );
    } catch (error) {
      throw failures.causeOf(error);
    }
  });
}

/** What failed in a transaction. After one statement has failed, those that were sent together with it fail, too, and do not say why. */
function createFailures() {
  let first: { error: unknown } | null = null;
  return {
    forget: () => void (first = null),
    /** Passes a statement on, and remembers its error when it is the first. */
    async note<R>(asked: Promise<R>): Promise<R> {
      try {
        return await asked;
      } catch (error) {
        first ??= { error };
        throw error;
      }
    },
    /** The error that an error comes from. */
    causeOf: (error: unknown): unknown => (codeOf(error) === "25P02" && first !== null ? first.error : error),
  };
}

/** How long a process that was stopped while it reads may keep the server from clearing up (ms). */
const READER_IDLE_MS = 60_000;
const READING = `set local statement_timeout = 0; set local jit = off;
  set local idle_in_transaction_session_timeout = ${READER_IDLE_MS}`;

async function unlimited<T>({ client }: Link, begin: string, work: () => Promise<T>): Promise<T> {
  const begun = client.query(`${begin}; ${READING}`);
  try {
    const [result] = await Promise.all([work(), begun]);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

/**
 * Runs `work` on a connection, and again on another one when the first is gone. `work` must be safe to repeat, and must leave no
 * transaction open.
 */
export async function connected<T>(
  job: Job,
  purpose: "read" | "write",
  work: (link: Link) => Promise<T>,
  options: Pick<TransactionOptions<T>, "isPatient"> = {},
): Promise<T> {
  const attempt = async () => {
    const link = await job.pool.take(purpose);
    let isBroken = false;
    try {
      return await work(link);
    } catch (error) {
      isBroken = isAway(error);
      throw error;
    } finally {
      job.pool.give(link, isBroken);
    }
  };
  return patiently(job, attempt, options);
}

/**
 * Makes `attempt` again for some seconds when its connection was gone or could not be made, and as long as others are in its way.
 * @throws InterruptedError when a signal ended the wait, and the last error of `attempt`.
 */
export async function patiently<T>(
  job: Pick<Job, "waiting">,
  attempt: () => Promise<T>,
  options: Pick<TransactionOptions<T>, "isPatient"> = {},
): Promise<T> {
  const wait = createWait(job, options);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isAway(error) && !isCrowded(error) && !isPassing(error)) throw error;
      await wait(error);
    }
  }
}

/** Runs one statement on a connection, and returns its rows. `statementMs`: how long to wait for the answer (ms); 0: no limit. */
export async function ask1<Row>(
  job: Job,
  { client, isPooled }: Link,
  sql: string,
  values: readonly unknown[],
  statementMs: number,
): Promise<Row[]> {
  const { text, name } = qualified(sql, job.schema);
  gather(client);
  const { rows } = await client.query({
    text,
    values: [...values],
    // A pooler gives the next statement to another session, which does not know the name.
    ...(!isPooled && values.length > 0 && { name }),
    ...(statementMs > 0 && { query_timeout: statementMs }),
  });
  return rows as Row[];
}

async function run1(
  job: Job,
  { client }: Link,
  sql: string,
  values: readonly unknown[],
  statementMs: number,
): Promise<number> {
  const { text } = qualified(sql, job.schema);
  const config = { text, values: [...values], ...(statementMs > 0 && { query_timeout: statementMs }) };
  gather(client);
  return (await client.query(config)).rowCount ?? 0;
}

/**
 * Runs `work` in one durable transaction that holds the writer lock, and returns what it returns. `work` may be run again when the
 * server took a transaction back, so it must begin anew each time. When the answer to COMMIT is lost, we find out whether it
 * happened.
 * @throws InterruptedError when a signal ended a wait; StoppedError when the database lost commits or the job goes on elsewhere; the error of the server when
 * it stays away or others hold the lock for longer than the patience; and what `work` throws. Except when the server stays away,
 * nothing is written then.
 */
export async function transaction<T>(
  job: Job,
  work: (tx: Tx) => Promise<T>,
  options: TransactionOptions<T> = {},
): Promise<T> {
  let wait = null as Wait | null;
  const attempt = createAttempt(job, work, options);
  for (;;) {
    const held = await job.inTurn(() => {
      wait ??= createWait(job, options);
      return repeated(attempt, wait);
    });
    if (!(held instanceof ListUnderWay)) return held.result;
    // A list may take a minute. What this handle sends meanwhile must not wait for it.
    await wait?.(held);
  }
}

async function repeated<T>(attempt: () => Promise<T>, wait: Wait): Promise<{ result: T } | ListUnderWay> {
  for (;;) {
    try {
      return { result: await attempt() };
    } catch (error) {
      if (error instanceof ListUnderWay) return error;
      if (!isAway(error) && !isCrowded(error) && !isPassing(error)) throw error;
      await wait(error);
    }
  }
}

/** A list goes into a topic of this transaction now, so nothing else may be added to it. */
class ListUnderWay extends Error {
  readonly code = "55P03";

  constructor() {
    super("a list goes into this topic now");
  }
}

/** Told when a transaction of this handle turns out to have been committed after all. */
const late = new WeakMap<Handle, () => void>();

function createAttempt<T>(job: Job, work: (tx: Tx) => Promise<T>, options: TransactionOptions<T>): () => Promise<T> {
  const { handle, pool } = job;
  const { onLate, statementMs = STATEMENT_MS, evenWhenMoved = false } = options;
  /** The result of our own attempt whose COMMIT was not answered. */
  let unsure: { result: T } | null = null;
  const failures = createFailures();
  let isCommitting = false;

  const resolve = (row: NumberRow | undefined): { result: T } | null => {
    const outcome = handle.begun(row);
    const [mine, earlier] = [unsure, late.get(handle)];
    unsure = null;
    late.delete(handle);
    if (outcome !== "committed") return null;
    if (mine !== null) return mine;
    earlier?.();
    return null;
  };

  /**
   * What `before` does takes long, and would meet its own rows if they were committed already. And who waits for a list lets other
   * writes of this handle through, which must not take the answer for theirs. So both find out first.
   */
  const settled = async (link: Link): Promise<{ result: T } | null> => {
    const { row } = await begin(job, link, { statementMs });
    const done = resolve(row);
    await command(link, "rollback", statementMs);
    return done;
  };

  const run = async (link: Link): Promise<T> => {
    if ((options.before ?? options.topics) !== undefined && handle.isUnsure()) {
      const done = await settled(link);
      if (done !== null) return done.result;
    }
    const me = options.isHolder === true ? handle.settledId() : null;
    const begun = begin(job, link, { ...options, statementMs });
    const early = me === null ? null : start(link, me, job.time.now());
    try {
      const { now, row } = await begun;
      const done = resolve(row);
      if (done !== null) {
        await link.client.query("rollback");
        return done.result;
      }
      if (row === undefined) throw new RowMissing();
      if (row.is_closed && !evenWhenMoved) throw await closedError(job, link);
      if (options.isHolder === true && row.lost_at !== null) throw new TakenForDead();
      return await end(link, await (early ?? start(link, row.id, now)));
    } catch (error) {
      // What it goes on to ask must not meet a connection without a transaction, where each statement would be one of its own.
      await early?.catch(() => undefined);
      throw error;
    }
  };

  const start = async (link: Link, me: number, now: Now): Promise<Started<T>> => {
    const started = { handedOut: 0, closing: [] as Promise<unknown>[] };
    const result = await work({
      now,
      me,
      query: (sql, values = []) => failures.note(ask1(job, link, sql, values, statementMs)),
      run: (sql, values = []) => failures.note(run1(job, link, sql, values, statementMs)),
      handOut: (count) => void (started.handedOut += count),
      closeWith(statements) {
        // The commit waits for them. Until then nobody does.
        statements.catch(() => undefined);
        started.closing.push(statements);
      },
    });
    return { ...started, result };
  };

  const end = async (link: Link, { result, handedOut, closing }: Started<T>): Promise<T> => {
    handle.committing(handedOut);
    isCommitting = true;
    unsure = { result };
    if (onLate !== undefined) late.set(handle, () => onLate(result));
    // The server answers COMMIT with ROLLBACK when a statement failed, and the error of that one is the first of these.
    await allOf([...closing, command(link, "commit", statementMs === 0 ? COMMIT_MS : statementMs)]);
    handle.committed();
    unsure = null;
    late.delete(handle);
    return result;
  };

  return async () => {
    const link = await pool.take("write");
    isCommitting = false;
    failures.forget();
    let isBroken = true;
    try {
      const result = await run(link);
      isBroken = false;
      return result;
    } catch (thrown) {
      const error = failures.causeOf(thrown);
      isBroken = isAway(error) || !(await rolledBack(link));
      // A COMMIT that the server refused did not happen. One that it did not answer may have.
      if (isCommitting && !isAway(error)) {
        handle.rolledBack();
        unsure = null;
        late.delete(handle);
      }
      throw error;
    } finally {
      pool.give(link, isBroken);
    }
  };
}

/** What the work of a transaction came to, before its commit. */
interface Started<T> {
  result: T;
  handedOut: number;
  /** Statements that were begun and not awaited. */
  closing: Promise<unknown>[];
}

/** Others took this handle for dead, so what it held is in doubt, and nobody would ever recover what it claims. */
export class TakenForDead extends Error {}

async function closedError(job: Job, link: Link): Promise<unknown> {
  const marks = await readMarks(async (sql) => ask1(job, link, sql, [], STATEMENT_MS));
  return whyClosed(placeOf(job), marks) ?? new RowMissing();
}

/** Nobody knew whether the first write of a handle was committed. It was not, so it is made again from the start. */
class RowMissing extends Error {
  readonly code = "40001";
}

async function rolledBack(link: Link): Promise<boolean> {
  try {
    await command(link, "rollback", ROLLBACK_MS);
    return true;
  } catch {
    return false;
  }
}

/** Runs statements without values, which may be several in one text. Waits up to `statementMs` (ms) for the answer; 0: no limit. */
export async function command({ client }: Link, text: string, statementMs: number): Promise<void> {
  gather(client);
  await client.query({ text, ...(statementMs > 0 && { query_timeout: statementMs }) });
}

/** Lets statements that are begun at the same time leave in one packet: to write costs more than to make them. */
function gather(client: Link["client"]): void {
  const { stream } = client.connection as unknown as { stream: Writable };
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/** Takes the writer lock, raises our number, and reads the clock. Without `before` that is one round trip. */
async function begin(
  job: Job,
  link: Link,
  { topics, before, statementMs = 0, settings }: TransactionOptions<never>,
): Promise<{ now: Now; row: NumberRow | undefined }> {
  const { time, clock, handle, schema } = job;
  const ask = <Row>(sql: string, values: readonly unknown[]) => ask1<Row>(job, link, sql, values, statementMs);
  const opened: Promise<unknown>[] = [
    command(link, settings === undefined ? BEGIN : `${BEGIN}; ${settings}`, statementMs),
    ...topicLocks(topics, schema, ask),
  ];
  if (before !== undefined) {
    await allOf(opened.splice(0));
    await before({
      query: (text, given = []) => ask1(job, link, text, given, statementMs),
      run: (text, given = []) => run1(job, link, text, given, statementMs),
    });
    opened.push(command(link, `set local lock_timeout = ${LAST_LOCK_MS}`, statementMs));
  }
  const { sql, values } = handle.next();
  // The answer to the lock says nothing about when the next statement began: the server has it already, and we may hear late.
  const askedAt = clock.monotonic();
  const locked = ask(LOCK, [lockKey(schema, "writer")]);
  const numbered = ask<NumberRow>(sql, values);
  await allOf([...opened, locked, numbered]);
  const [row] = await numbered;
  if (row !== undefined) time.observe(askedAt, clock.monotonic(), Number(row.now));
  return { now: time.now(), row };
}

// Each statement must see what others committed before it got the lock, also where the server's default is a stricter isolation.
// Compiling a statement takes half a second, and a guess about a table that nobody has looked at yet is enough for the server to do so.
const BEGIN = `begin isolation level read committed; set local statement_timeout = 0; set local lock_timeout = ${LOCK_MS};
  set local idle_in_transaction_session_timeout = ${IDLE_MS}; set local jit = off`;
// If a power cut or a failover could undo a commit, somebody would get a second copy.
const LOCK = `select pg_advisory_xact_lock($1::bigint), case when current_setting('synchronous_commit') in ('off', 'local')
  then set_config('synchronous_commit', 'on', true) end`;

/** Sorted, so that two transactions never wait for each other. */
function topicLocks(
  topics: TransactionOptions<never>["topics"],
  schema: string,
  ask: (sql: string, values: readonly unknown[]) => Promise<unknown>,
): Promise<unknown>[] {
  if (topics === undefined) return [];
  const keys = [...new Set(topics.names.map((name) => lockKey(schema, `topic ${name}`)))].sort();
  const isShared = topics.mode === "shared";
  const lock = (key: string) =>
    ask(`select pg_advisory_xact_lock${isShared ? "_shared" : ""}($1::bigint)`, [key]).catch((error: unknown) => {
      throw codeOf(error) === "55P03" ? new ListUnderWay() : error;
    });
  const patience = (ms: number) => ask(`set local lock_timeout = ${ms}`, []);
  return isShared ? [patience(LIST_MS), ...keys.map(lock), patience(LOCK_MS)] : keys.map(lock);
}

/** Waits for all, then throws the error of the first that failed: those after it only say that the transaction is over. */
export async function allOf(asked: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(asked)) if (result.status === "rejected") throw result.reason;
}

type Wait = (error: unknown) => Promise<void>;

/**
 * Makes a function to be called each time the lock was held by others or the server could not be reached. It resolves when it is
 * time to try again. A signal that came meanwhile always wins.
 */
function createWait(
  { waiting }: Pick<Job, "waiting">,
  { patienceMs, isPatient = false }: Pick<TransactionOptions<unknown>, "patienceMs" | "isPatient">,
): Wait {
  const { onWait, signal, hardSignal } = waiting;
  const started = performance.now();
  const stop = isPatient ? hardSignal : signal;
  let noticeAt = LOCK_NOTICE_MS;
  let signalledAt: number | null = null;
  let pauseMs = 50;
  return async (error) => {
    const waited = performance.now() - started;
    if (signal.aborted) signalledAt ??= waited;
    if (stop.aborted || (signalledAt !== null && waited - signalledAt > LAST_PATIENCE_MS)) throw new InterruptedError();
    if (waited >= (patienceMs ?? (isPassing(error) ? Number.POSITIVE_INFINITY : AWAY_MS))) throw error;
    if (waited > noticeAt && codeOf(error) === "55P03") {
      onWait(waited);
      noticeAt *= 2;
    }
    // Not the clock of the job: tests stop that one, and the server has its own.
    await systemClock.sleep(isPassing(error) ? 10 + Math.random() * 40 : pauseMs * (0.5 + Math.random()), stop);
    pauseMs = Math.min(pauseMs * 2, 1_000);
    if (stop.aborted) throw new InterruptedError();
  };
}
