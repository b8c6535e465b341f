/** Keeps suppressed addresses, and applies them to the messages that wait. */
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../time/clock.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { outweighs, type SuppressionCause, withoutControls } from "../rules/suppress.ts";
import type { NewSuppression, Suppression } from "../rows.ts";
import type { Suppressions } from "../store.ts";
import { readCursor } from "./cursor.ts";

/**
 * Makes a function that suppresses one address, and the pending messages to it, inside a transaction. It returns true when the
 * address is new. `counters` are those of the transaction.
 */
export function createSuppressor(db: Connection, counters: Counters, clock: Clock): (entry: NewSuppression) => boolean {
  const insert = db.prepare(
    "insert into suppression (address, reason, source, detail, created_at) values (?, ?, ?, ?, ?) on conflict do nothing",
  );
  const read = db.prepare<[string], SuppressionCause>(
    "select source, reason, detail from suppression where address = ?",
  );
  const replace = db.prepare<[string, string | null, string]>(
    "update suppression set reason = ?, detail = ? where address = ?",
  );
  const waiting = db.prepare<[string], { id: number; topic_id: number }>(
    "select m.id, m.topic_id from recipient r join message m on m.id = r.message_id where r.address = ? and m.state = 'pending'",
  );
  const take = db.prepare("update message set state = 'suppressed' where id = ? and state = 'pending'");
  const give = (key: string, cause: SuppressionCause, createdAt: number): boolean => {
    const { reason, source, detail } = cause;
    if (insert.run(key, reason, source, detail, createdAt).changes > 0) return true;
    const kept = read.get(key);
    if (kept && outweighs(cause, kept)) replace.run(reason, detail, key);
    return false;
  };

  return ({ address, reason, source, detail = null, createdAt = clock.now() }) => {
    const key = address.toLowerCase();
    const cause = { source, reason: withoutControls(reason), detail: detail && withoutControls(detail) };
    const isNew = give(key, cause, createdAt);
    for (const message of waiting.all(key)) {
      take.run(message.id);
      counters.move(message.topic_id, "pending", "suppressed");
    }
    return isNew;
  };
}

/** Makes the part of the store that keeps suppressed addresses. */
export function createSuppressions(job: Job) {
  const { db, clock } = job;
  const counters = createCounters(db);
  const suppress = createSuppressor(db, counters, clock);
  const remove = db.prepare<[string]>("delete from suppression where address = ?");
  const page = db.prepare<[string], Suppression>(
    `select address, reason, source, detail, created_at as createdAt from suppression where address > ? order by address limit 1000`,
  );
  const count = db.prepare<[], number>("select suppressions from tally").pluck();

  async function* list(): AsyncGenerator<Suppression> {
    for (let after = ""; ;) {
      const found = page.all(after);
      yield* found;
      const last = found.at(-1);
      if (!last) return;
      after = last.address;
    }
  }

  return {
    suppress: (entries: readonly NewSuppression[]): Promise<number> =>
      transaction(
        db,
        clock,
        () => {
          counters.begin();
          const count = entries.filter((entry) => suppress(entry)).length;
          counters.write();
          return count;
        },
        job.onWait,
      ),
    unsuppress: (addresses: readonly string[]): Promise<number> =>
      transaction(
        db,
        clock,
        () => addresses.reduce((sum, address) => sum + remove.run(address.toLowerCase()).changes, 0),
        job.onWait,
      ),
    suppressions: list,
    searchSuppressions: createSuppressionSearch(db),
    countSuppressions: async () => count.get() ?? 0,
  };
}

/** How many entries one step of a search covers, which takes some milliseconds. Nothing else runs meanwhile. */
const STEP = 20_000;

/** Walks from the newest entry to older ones, in steps. */
function createSuppressionSearch(db: Connection): Suppressions["searchSuppressions"] {
  type Place = [createdAt: number, address: string];
  const before = "from suppression where (created_at, address) < (?, ?) order by created_at desc, address desc";
  const stepEnd = db.prepare<[...Place, number], { createdAt: number; address: string }>(
    `select created_at as createdAt, address ${before} limit 1 offset ?`,
  );
  // `like` would not do, because % and _ are ordinary characters of an address.
  // The index alone tells which entries match; only those are read.
  const found = db.prepare<[...Place, ...Place, string, number], Suppression>(
    `select s.address, reason, source, detail, s.created_at as createdAt
     from (select address, created_at from suppression indexed by suppression_newest
       where (created_at, address) < (?, ?) and (created_at, address) >= (?, ?) and instr(address, ?) > 0
       order by created_at desc, address desc limit ?) found
     cross join suppression s on s.address = found.address
     order by found.created_at desc, found.address desc`,
  );
  return async ({ text, after, limit }) => {
    const wanted = text.toLowerCase();
    const rows: Suppression[] = [];
    for (let from: Place = after === null ? [Number.MAX_SAFE_INTEGER, ""] : placeOf(after); ;) {
      const end = stepEnd.get(...from, STEP - 1);
      const to: Place = end ? [end.createdAt, end.address] : [Number.MIN_SAFE_INTEGER, ""];
      for (const row of found.all(...from, ...to, wanted, limit + 1 - rows.length)) rows.push(row);
      if (rows.length > limit) return { rows: rows.slice(0, limit), next: cursorOf(rows[limit - 1]) };
      if (!end) return { rows, next: null };
      from = to;
      await setImmediate();
    }
  };

  function placeOf(cursor: string): Place {
    const [createdAt, address = ""] = readCursor(cursor, /^(-?\d{1,16}) (.+)$/s);
    return [Number(createdAt), address];
  }

  function cursorOf(row: Suppression | undefined): string {
    return row === undefined ? "" : `${row.createdAt} ${row.address}`;
  }
}
