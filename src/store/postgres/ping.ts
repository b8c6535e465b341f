/** Says whether the database can be used. */
import { StoppedError } from "../../errors.ts";
import { type Marks, whyClosed } from "../moved.ts";
import type { Store } from "../store.ts";
import { type Job, read } from "./connection.ts";
import { MARKS, placeOf } from "./marks.ts";

/** A ping asks the server at most once in this time, because anybody may ping. */
const PING_MS = 1_000;
/** Without an answer for so long the database counts as away. */
const ANSWER_MS = 3_000;

/** Makes the part of the store that says whether the database can be used. */
export function createPing(job: Job): Pick<Store, "ping"> {
  let askedAt = Number.NEGATIVE_INFINITY;
  return {
    async ping() {
      if (performance.now() - askedAt < PING_MS && !job.pool.isClosed()) return;
      const [row] = await read<{ writable: boolean } & Marks>(
        job,
        `select not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off' as writable, ${MARKS} from sm.job`,
        [],
        { statementMs: ANSWER_MS },
      );
      if (row?.writable !== true) throw new StoppedError(`the database ${job.name} is read-only`, "is it a standby?");
      const closed = whyClosed(placeOf(job), row);
      if (closed !== null) throw closed;
      askedAt = performance.now();
    },
  };
}
