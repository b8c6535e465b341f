/** The connections of a store, and the ways to ask the database. */
import pLimit from "p-limit";
import type { Clock } from "../../time/clock.ts";
import type { Waiting } from "../store.ts";
import type { Address } from "./address.ts";
import { ANSWER_MS } from "./answers.ts";
import { createHandle, type Handle } from "./handle.ts";
import { createPool, type Link, type Pool } from "./pool.ts";
import { createSilence, type Silence } from "./silence.ts";
import { ask1, command, createFailures, type Query } from "./statements.ts";
import type { StoreTime } from "./time.ts";
import { isAway } from "./trouble.ts";
import { type Patience, patiently } from "./waits.ts";

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
  silence: Silence;
  /** Lets one write of this handle through at a time, in the order in which they came. */
  inTurn: <T>(work: () => Promise<T>) => Promise<T>;
}

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
    silence: createSilence(address.displayed, waiting),
    inTurn: pLimit(1),
  };
}

/**
 * Runs one question and returns its rows. `sm.` stands for our schema. It takes no lock. While the server cannot be reached it
 * tries again for a few seconds. `statementMs`: how long to wait for the answer (ms); 0: as
 * long as the server works on it.
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
export async function snapshot<T>(job: Job, work: (ask: Query) => Promise<T>): Promise<T> {
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

/** How long a process that was stopped while it reads may keep the server from clearing up (ms). */
const READER_IDLE_MS = 60_000;
const READING = `set local statement_timeout = 0; set local jit = off;
  set local idle_in_transaction_session_timeout = ${READER_IDLE_MS}`;

async function unlimited<T>(link: Link, begin: string, work: () => Promise<T>): Promise<T> {
  const begun = command(link, `${begin}; ${READING}`, ANSWER_MS);
  try {
    const [result] = await Promise.all([work(), begun]);
    await command(link, "commit", ANSWER_MS);
    return result;
  } catch (error) {
    // Fails when the connection is gone, which is then what there is to say.
    await command(link, "rollback", ANSWER_MS);
    throw error;
  }
}

/**
 * Runs `work` on a connection, and again on another one when the first is gone. `work` must be safe to repeat, and must leave no
 * transaction open. What only reads is given up after a signal.
 */
export async function connected<T>(
  job: Job,
  purpose: "read" | "write",
  work: (link: Link) => Promise<T>,
  options: Patience = {},
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
  const reader = options.isPatient === true ? "the second signal" : "any signal";
  return job.silence.during(() => patiently(job, attempt, options), purpose === "read" ? reader : "nothing");
}
