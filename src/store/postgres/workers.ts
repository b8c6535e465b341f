/** Who works on the database, and at which rate. */
import { NEW_PACE, type Pace } from "../../deliver/pace.ts";
import { rateInForce } from "../../deliver/turn.ts";
import type { WorkerRow } from "../rows.ts";
import type { Workers } from "../store.ts";
import { type Job, read } from "./connection.ts";
import { fatesOf } from "./processes.ts";

interface Row extends Omit<WorkerRow, "isMe"> {
  perSecond: number | null;
}

// The count goes by message_claimed, which has what is in flight and nothing else.
const LIVE = `select h.id, 'sender' as kind, h.host, h.pid, h.lease_until - $2::bigint as "leaseMs", h.turns, h.per_second as "perSecond",
    (select count(*) from sm.message m where m.claimed_by = h.id)::int8 as sending
  from sm.handle h where h.lease_until is not null and h.lost_at is null and h.id <> all ($1::bigint[]) order by h.id`;
const STATE = "select state from sm.pace where one = $1";

/** Makes the questions about the processes on a database. */
export function createWorkers(job: Job): Workers {
  const ask = <R>(sql: string, values?: readonly unknown[]) => read<R>(job, sql, values);
  return {
    async workers() {
      const now = job.time.now();
      const { dead } = await fatesOf(ask, job.handle.id(), now);
      const [rows, [kept]] = await Promise.all([
        ask<Row>(LIVE, [dead, Math.round(now.steady)]),
        ask<{ state: string }>(STATE, [true]),
      ]);
      const perSecond = askedLast(rows);
      const pace = kept === undefined ? NEW_PACE : (JSON.parse(kept.state) as Pace);
      const limit = perSecond === null ? null : rateInForce(pace, perSecond, job.time.at(job.clock.monotonic()));
      const workers = rows.map(({ perSecond: _, ...row }) => ({ ...row, isMe: row.id === job.handle.id() }));
      return { workers, rate: { perSecond, limit } };
    },
  };
}

/** The rate of the process that renewed its lease last; null: there is none. */
function askedLast(rows: readonly Row[]): number | null {
  const asking = rows.filter((row) => row.perSecond !== null);
  const latest = asking.reduce<Row | null>((a, b) => (a !== null && a.leaseMs > b.leaseMs ? a : b), null);
  return latest?.perSecond ?? null;
}
