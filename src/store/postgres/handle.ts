/** Numbers the writes of one handle, so that it can be told later which of them happened. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { pid } from "node:process";
import { LostError } from "../../errors.ts";
import { thisMachine } from "../../machine.ts";

/**
 * The row of one handle in table `handle`. Each write transaction raises its number. The number in the database tells:
 *
 * - whether a COMMIT happened whose answer was lost: its number is there, or the one before it;
 * - whether the database has lost commits, because it was restored or failed over to a standby that lagged: the number is lower than
 *   any that it can have.
 */
export interface Handle {
  /** The id of the row; null: nothing was written yet. */
  id(): number | null;
  /** The id when the row is there for certain and no outcome is open; else null. */
  settledId(): number | null;
  /** The SQL and values of the statement that writes the next number. To be run right after the writer lock was taken. */
  next(): { sql: string; values: unknown[] };
  /**
   * Takes the answer of that statement. Returns what became of the write before whose outcome was not known.
   * @throws LostError when the database lost commits; also each time after that.
   */
  begun(row: NumberRow | undefined): "known" | "committed" | "not committed";
  /** To be called right before COMMIT is sent. */
  committing(handedOut: number): void;
  /** COMMIT was answered, or the write before is known now to have happened. */
  committed(): void;
  /** The transaction was rolled back for certain. */
  rolledBack(): void;
  /** True when a COMMIT was sent and its outcome is not known. */
  isUnsure(): boolean;
  /** Forgets the row, because others took this handle for dead. The next write makes a new one. */
  startAnew(): void;
  token(): string;
}

/** The answer of the statement. */
export interface NumberRow {
  id: number;
  /** The number before; 0: the row is new. */
  was: number;
  /** When others took this handle for dead; null: they did not. */
  lost_at: number | null;
  /** The time of the database, ms with fractions, as text: a server may be set to print numbers with few digits. */
  now: string;
  /** True: nothing may be written, because the job goes on elsewhere or is a copy that cannot be used yet (./marks.ts). */
  is_closed: boolean;
}

/** How many messages a write handed out to be sent. */
interface Given {
  number: number;
  count: number;
}

/** So many writes are remembered, to say what a database that went back may not know. */
const REMEMBERED = 10_000;
const NOW = "extract(epoch from clock_timestamp()) * 1000";
const CLOSED = "exists (select 1 from sm.job where moved_to is not null or copy_of is not null)";

/** Makes the numbers of a handle. `now` gives the time in ms that is written to the row; null: the database's. `name` is for messages. */
export function createHandle(name: string, now: () => number | null): Handle {
  const machine = thisMachine();
  const given: Given[] = [];
  let token = newToken();
  let row: number | null = null;
  let certain = 0;
  /** The number of the write under way. */
  let current = 0;
  let unsure: number | null = null;
  let handing = 0;
  let gone: LostError | null = null;

  const confirm = (number: number): void => {
    certain = number;
    unsure = null;
    if (handing > 0) given.push({ number, count: handing });
    if (given.length > REMEMBERED) given.shift();
  };
  const lose = (there: number): LostError => {
    const count = given.reduce((sum, each) => sum + (each.number > there ? each.count : 0), 0);
    return new LostError(
      `the database ${name} lost writes that it had confirmed to this process (confirmed: write ${certain}, there: write ${there}): it was restored, or failed over to a standby that lagged. Up to ${count} messages that are pending there were handed to SES. Nothing is sent now`,
      'read docs/postgres.md, "After a failover": cancel, ingest-events, retry --state cancelled',
    );
  };

  return {
    id: () => row,
    settledId: () => (certain > 0 && unsure === null && gone === null ? row : null),
    token: () => token,
    isUnsure: () => unsure !== null,
    next() {
      current = (unsure ?? certain) + 1;
      if (certain === 0 && unsure === null) {
        const { boot, processTable } = machine;
        return {
          sql: `insert into sm.handle (token, number, host, pid, boot, process_table, origin, seen_at)
            values ($1, $2, $3, $4, $5, $6, $7, coalesce($8::bigint, (${NOW})::bigint))
            returning id, 0::bigint as was, null::bigint as lost_at, (${NOW})::numeric(20, 3)::text as now, ${CLOSED} as is_closed`,
          values: [token, current, hostname(), pid, boot, processTable, performance.timeOrigin, now()],
        };
      }
      return {
        sql: `with old as (select id, number, lost_at from sm.handle where token = $1),
            new as (update sm.handle h set number = $2, seen_at = coalesce($3::bigint, (${NOW})::bigint)
              from old where h.id = old.id)
          select id, number as was, lost_at, (${NOW})::numeric(20, 3)::text as now, ${CLOSED} as is_closed from old`,
        values: [token, current, now()],
      };
    },
    begun(found) {
      if (gone !== null) throw gone;
      const was = found?.was ?? 0;
      if (found !== undefined) row = found.id;
      const before = unsure;
      if (before !== null && was === before) {
        confirm(before);
        return "committed";
      }
      if (was !== certain) throw (gone = lose(was));
      // The first write of all did not happen, so there is no row to raise the number of.
      if (found === undefined) {
        unsure = null;
        row = null;
        return "not committed";
      }
      if (before === null) return "known";
      unsure = null;
      return "not committed";
    },
    committing(handedOut) {
      unsure = current;
      handing = handedOut;
    },
    committed: () => {
      confirm(current);
    },
    rolledBack() {
      unsure = null;
      if (certain === 0) row = null;
    },
    startAnew() {
      token = newToken();
      [row, certain, current, unsure] = [null, 0, 0, null];
      given.length = 0;
    },
  };
}

const newToken = (): string => randomBytes(16).toString("hex");
