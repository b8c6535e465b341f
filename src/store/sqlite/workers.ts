/** Who works on the job file, and at which rate. */
import { rateInForce } from "../../deliver/turn.ts";
import type { WorkerRow } from "../rows.ts";
import type { Workers } from "../store.ts";
import type { Job } from "./connection.ts";
import { createPaceRow } from "./pace-row.ts";
import type { LiveProcess, Processes } from "./processes.ts";

/** Makes the questions about the processes on a job file. */
export function createWorkers({ db, clock }: Job, processes: Pick<Processes, "live">): Workers {
  const pace = createPaceRow(db);
  const sending = db
    .prepare<[number], number>("select count(*) from message where claimed_by = ? and state = 'sending'")
    .pluck();
  return {
    async workers() {
      const live = processes.live();
      const perSecond = askedLast(live);
      const limit = perSecond === null ? null : rateInForce(pace.read(), perSecond, clock.monotonic());
      const workers = live.map(({ id, kind, host, pid, leaseMs, turns, isMe }): WorkerRow => ({
        id,
        kind,
        host,
        pid,
        leaseMs,
        sending: sending.get(id) ?? 0,
        turns,
        isMe,
      }));
      return { workers, rate: { perSecond, limit } };
    },
  };
}

/** The rate of the process that renewed its lease last; null: there is none. */
function askedLast(live: readonly LiveProcess[]): number | null {
  const asking = live.filter((row) => row.per_second !== null);
  const latest = asking.reduce<LiveProcess | null>((a, b) => (a !== null && a.leaseMs > b.leaseMs ? a : b), null);
  return latest?.per_second ?? null;
}
