/** The one way to write to the database: `transaction`. */
import { whyClosed } from "../moved.ts";
import type { Now } from "../rules/due.ts";
import type { Job } from "./connection.ts";
import type { Handle, NumberRow } from "./handle.ts";
import { lockKey } from "./locks.ts";
import { placeOf, readMarks } from "./marks.ts";
import type { Link } from "./pool.ts";
import { allOf, ask1, command, createFailures, run1 } from "./statements.ts";
import { codeOf, isAway } from "./trouble.ts";
import { createWait, isWorthWaiting, type Patience, type Wait } from "./waits.ts";

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
export interface TransactionOptions<T> extends Patience {
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
  /** How long a statement may take (ms); 0: as long as the server works on it. Default `STATEMENT_MS`. */
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

/**
 * Runs `work` in one durable transaction that holds the writer lock, and returns what it returns. `work` may be run again when the
 * server took a transaction back, so it must begin anew each time. When the answer to COMMIT is lost, we find out whether it happened.
 * @throws InterruptedError when a signal ended a wait; StoppedError when the database lost commits or the job goes on elsewhere; the
 * error of the server when it stays away or others hold the lock for longer than the patience; and what `work` throws. Except when the
 * server stays away, nothing is written then.
 */
export async function transaction<T>(
  job: Job,
  work: (tx: Tx) => Promise<T>,
  options: TransactionOptions<T> = {},
): Promise<T> {
  let wait = null as Wait | null;
  const write = new Write(job, work, options);
  for (;;) {
    const held = await job.inTurn(() => {
      wait ??= createWait(job, options);
      return repeated(() => write.attempt(), wait);
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
      if (!isWorthWaiting(error)) throw error;
      await wait(error);
    }
  }
}

/** A list goes into a topic of this transaction now, so nothing else may be added to it. */
export class ListUnderWay extends Error {
  readonly code = "55P03";

  constructor() {
    super("a list goes into this topic now");
  }
}

/** Told when a transaction of this handle turns out to have been committed after all. */
const late = new WeakMap<Handle, () => void>();

/** One transaction, which may be attempted several times. */
class Write<T> {
  readonly #job: Job;
  readonly #work: (tx: Tx) => Promise<T>;
  readonly #options: TransactionOptions<T>;
  readonly #statementMs: number;
  readonly #failures = createFailures();
  /** The result of our own attempt whose COMMIT was not answered. */
  #unsure: { result: T } | null = null;
  #isCommitting = false;

  constructor(job: Job, work: (tx: Tx) => Promise<T>, options: TransactionOptions<T>) {
    this.#job = job;
    this.#work = work;
    this.#options = options;
    this.#statementMs = options.statementMs ?? STATEMENT_MS;
  }

  /** Resolves to what the work returned, of this attempt or of one before that turned out to be committed. */
  attempt(): Promise<T> {
    // What may take minutes tells people itself how far it is.
    return this.#statementMs === 0 ? this.#attempt() : this.#job.silence.during(() => this.#attempt(), "nothing");
  }

  async #attempt(): Promise<T> {
    const { handle, pool } = this.#job;
    const link = await pool.take("write");
    this.#isCommitting = false;
    this.#failures.forget();
    let isBroken = true;
    try {
      const result = await this.#run(link);
      isBroken = false;
      return result;
    } catch (thrown) {
      const error = this.#failures.causeOf(thrown);
      isBroken = isAway(error) || !(await rolledBack(link));
      // A COMMIT that the server refused did not happen. One that it did not answer may have.
      if (this.#isCommitting && !isAway(error)) {
        handle.rolledBack();
        this.#forget();
      }
      throw error;
    } finally {
      pool.give(link, isBroken);
    }
  }

  async #run(link: Link): Promise<T> {
    const { handle, time } = this.#job;
    const { before, topics, isHolder = false } = this.#options;
    if ((before ?? topics) !== undefined && handle.isUnsure()) {
      const done = await this.#findOut(link);
      if (done !== null) return done.result;
    }
    const me = isHolder ? handle.settledId() : null;
    const begun = begin(this.#job, link, { ...this.#options, statementMs: this.#statementMs });
    const early = me === null ? null : this.#start(link, me, time.now());
    // It may fail while nobody looks at it: the lock comes first.
    early?.catch(() => undefined);
    try {
      const { now, row } = await begun;
      const done = this.#resolve(row);
      if (done !== null) {
        await command(link, "rollback", ROLLBACK_MS);
        return done.result;
      }
      const id = await this.#admitted(link, row);
      return await this.#end(link, await (early ?? this.#start(link, id, now)));
    } catch (error) {
      // What it goes on to ask must not meet a connection without a transaction, where each statement would be one of its own.
      await early?.catch(() => undefined);
      throw error;
    }
  }

  /**
   * What `before` does takes long, and would meet its own rows if they were committed already. And who waits for a list lets other
   * writes of this handle through, which must not take the answer for theirs. So both find out first.
   */
  async #findOut(link: Link): Promise<{ result: T } | null> {
    const { row } = await begin(this.#job, link, { statementMs: this.#statementMs });
    const done = this.#resolve(row);
    await command(link, "rollback", this.#statementMs);
    return done;
  }

  /** The result of our own attempt before, when that one turns out to be committed. */
  #resolve(row: NumberRow | undefined): { result: T } | null {
    const { handle } = this.#job;
    const outcome = handle.begun(row);
    const [mine, earlier] = [this.#unsure, late.get(handle)];
    this.#forget();
    if (outcome !== "committed") return null;
    if (mine === null) earlier?.();
    return mine;
  }

  /** The id of our row. Throws when the work must not be done. */
  async #admitted(link: Link, row: NumberRow | undefined): Promise<number> {
    const { evenWhenMoved = false, isHolder = false } = this.#options;
    if (row === undefined) throw new RowMissing();
    if (row.is_closed && !evenWhenMoved) throw await closedError(this.#job, link);
    if (isHolder && row.lost_at !== null) throw new TakenForDead();
    return row.id;
  }

  async #start(link: Link, me: number, now: Now): Promise<Started<T>> {
    const [job, failures, statementMs] = [this.#job, this.#failures, this.#statementMs];
    const started = { handedOut: 0, closing: [] as Promise<unknown>[] };
    const result = await this.#work({
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
  }

  async #end(link: Link, { result, handedOut, closing }: Started<T>): Promise<T> {
    const { handle } = this.#job;
    const { onLate } = this.#options;
    handle.committing(handedOut);
    this.#isCommitting = true;
    this.#unsure = { result };
    if (onLate !== undefined) late.set(handle, () => onLate(result));
    // The server answers COMMIT with ROLLBACK when a statement failed, and the error of that one is the first of these.
    await allOf([...closing, command(link, "commit", this.#statementMs === 0 ? COMMIT_MS : this.#statementMs)]);
    handle.committed();
    this.#forget();
    return result;
  }

  #forget(): void {
    this.#unsure = null;
    late.delete(this.#job.handle);
  }
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
