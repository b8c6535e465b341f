/**
 * Keeps the state of the rate in the database. It is read and written in short transactions of their own that need not be durable, so
 * that no process waits for another's commit to know the rate. What is taken and not used has to be given back.
 */
import { fillWindow, isFromLater, NEW_PACE, type Pace } from "../../deliver/pace.ts";
import { allOf, ask1, command } from "./statements.ts";
import { connected, type Job } from "./connection.ts";
import type { Link } from "./pool.ts";
import { SCHEMA_VERSION } from "./schema.ts";

/** The rate as it is kept. Only its transaction may change it, and it lasts until `decide` has returned. */
export interface KeptPace {
  pace: Pace;
  /** True: it must be written, or the next one who reads it waits again. */
  isNew: boolean;
  /** The time of the database, ms. */
  now: number;
  /** An instant of our monotonic clock that is not after `now`. */
  at: number;
  /** True: the schema is one that this program does not know. */
  isOutgrown: boolean;
}

// A process that is stopped or cut off must not keep the row from the others.
const BEGIN = `begin isolation level read committed; set local synchronous_commit = off; set local statement_timeout = 0; set local lock_timeout = 2000;
  set local idle_in_transaction_session_timeout = 2000`;
const LOCK = "select 1 from sm.pace where one = $1 for update";
// A statement of its own: one that waits for a lock may have looked at the clock before.
const READ = `select p.state, p.postmaster = pg_postmaster_start_time() as same, j.oldest_program as "oldestProgram",
    (extract(epoch from clock_timestamp()) * 1000)::numeric(20, 3)::text as now
  from sm.job j left join sm.pace p on p.one = $1`;
const WRITE = "update sm.pace set state = $1, postmaster = pg_postmaster_start_time()";
// Durable: where there is no row, nobody has ever sent anything.
const MAKE = "insert into sm.pace (state, postmaster) values ($1, pg_postmaster_start_time()) on conflict do nothing";

/** A server that says nothing for so long is gone. */
const STATEMENT_MS = 10_000;

/**
 * Reads the rate, and writes what `decide` makes of it; `pace` null: nothing. Other processes wait meanwhile. `decide` may be called
 * again: then nobody knows whether what it decided before was written.
 */
export async function withPace<T>(
  job: Job,
  decide: (kept: KeptPace) => { pace: Pace | null; result: T },
  options: { isPatient?: boolean } = {},
): Promise<T> {
  return connected(job, "read", (link) => attempt(job, link, decide), options);
}

async function attempt<T>(
  job: Job,
  link: Link,
  decide: (kept: KeptPace) => { pace: Pace | null; result: T },
): Promise<T> {
  for (;;) {
    try {
      const kept = await begin(job, link);
      if (kept !== null) {
        const { pace, result } = decide(kept);
        const written = pace === null ? [] : [ask1(job, link, WRITE, [JSON.stringify(pace)], STATEMENT_MS)];
        const jumps = job.time.jumps();
        await allOf([...written, command(link, "commit", STATEMENT_MS)]);
        if (pace !== null) seenJumps.set(job, jumps);
        return result;
      }
    } catch (error) {
      await command(link, "rollback", STATEMENT_MS).catch(() => undefined);
      throw error;
    }
    await command(link, "rollback", STATEMENT_MS);
    await ask1(job, link, MAKE, [JSON.stringify(NEW_PACE)], STATEMENT_MS);
  }
}

interface Row {
  state: string | null;
  same: boolean | null;
  oldestProgram: number;
  /** In ms with fractions, as text: a server may be set to print numbers with few digits. */
  now: string;
}

/** Locks and reads the row; null: there is none yet. */
async function begin(job: Job, link: Link): Promise<KeptPace | null> {
  const { clock, time } = job;
  const askedAt = clock.monotonic();
  const begun = command(link, BEGIN, STATEMENT_MS);
  const locked = ask1(job, link, LOCK, [true], STATEMENT_MS);
  const answer = ask1<Row>(job, link, READ, [true], STATEMENT_MS);
  await allOf([begun, locked, answer]);
  const [row] = await answer;
  if (row === undefined || row.state === null) return null;
  const now = time.observe(askedAt, clock.monotonic(), Number(row.now));
  const isOutgrown = row.oldestProgram > SCHEMA_VERSION;
  const isSame = row.same === true && !hasJumped(job);
  return { ...fresh(JSON.parse(row.state) as Pace, isSame, now), now, at: atOrBefore(job, now), isOutgrown };
}

/** The jumps of the database's clock after which the window was filled, by job. */
const seenJumps = new WeakMap<Job, number>();

/** True when the clock was set since the window was filled: what left just before seems to have left long ago. */
function hasJumped(job: Job): boolean {
  return job.time.jumps() !== (seenJumps.get(job) ?? 0);
}

/** A server that was restarted may have forgotten the last writes, so what left just before is not known. */
function fresh(kept: Pace, isSame: boolean, now: number): { pace: Pace; isNew: boolean } {
  const isLater = isFromLater(kept, now);
  return isSame || isLater ? { pace: kept, isNew: isLater } : { pace: fillWindow(kept, now), isNew: true };
}

function atOrBefore({ time }: Job, now: number): number {
  return now - time.at(0) - time.errorMs();
}
