/** Keeps suppressed addresses, and applies them to the messages that wait. */
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../time/clock.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { outweighs, type SuppressionCause, withoutControls } from "../rules/suppress.ts";
import type { NewSuppression, Suppression } from "../rows.ts";
import type { Suppressions } from "../store.ts";
import { readCursor } from "../cursor.ts";

/**
 * Makes a function that suppresses one address, and the pending messages to it, inside a transaction. It returns true when the
 * address is new. `counters` are those of the transaction.
 */
export function createSuppressor(db: Connection, counters: Counters, clock: Clock): (entry: NewSuppression) => boolean {
  const insert = db.prepare(
    "insert into suppression (address, reason, source, detail, created_at, rehearsal) values (?, ?, ?, ?, ?, ?) on conflict do nothing",
  );
  const read = db.prepare<[string], Omit<SuppressionCause, "rehearsal"> & { rehearsal: 0 | 1 }>(
    "select source, reason, detail, rehearsal from suppression where address = ?",
  );
  const replace = db.prepare<[string, string, string | null, string]>(
    "update suppression set source = ?, reason = ?, detail = ? where address = ?",
  );
  const makeReal = db.prepare<[string, string, string | null, number, string]>(
    "update suppression set reason = ?, source = ?, detail = ?, created_at = ?, rehearsal = 0 where address = ?",
  );
  const waiting = db.prepare<[string, 0 | 1], { id: number; topic_id: number }>(
    `select m.id, m.topic_id from recipient r join message m on m.id = r.message_id join topic t on t.id = m.topic_id
     where r.address = ? and m.state = 'pending' and (? = 0 or t.endpoint = 'sandbox')`,
  );
  const take = db.prepare("update message set state = 'suppressed' where id = ? and state = 'pending'");
  const give = (key: string, cause: SuppressionCause, createdAt: number): boolean => {
    const { reason, source, detail, rehearsal } = cause;
    if (insert.run(key, reason, source, detail, createdAt, rehearsal ? 1 : 0).changes > 0) return true;
    const kept = read.get(key);
    if (!kept || !outweighs(cause, { ...kept, rehearsal: kept.rehearsal === 1 })) return false;
    const becomesReal = kept.rehearsal === 1 && !rehearsal;
    if (becomesReal) makeReal.run(reason, source, detail, createdAt, key);
    else replace.run(source, reason, detail, key);
    return becomesReal;
  };

  return ({ address, reason, source, detail = null, createdAt = clock.now(), rehearsal = false }) => {
    const key = address.toLowerCase();
    const cause = { source, reason: withoutControls(reason), detail: detail && withoutControls(detail), rehearsal };
    const isNew = give(key, cause, createdAt);
    for (const message of waiting.all(key, rehearsal ? 1 : 0)) {
      take.run(message.id);
      counters.move(message.topic_id, "pending", "suppressed");
    }
    return isNew;
  };
}

type SuppressionRow = Omit<Suppression, "rehearsal"> & { rehearsal: 0 | 1 };

const suppressionOf = (row: SuppressionRow): Suppression => ({ ...row, rehearsal: row.rehearsal === 1 });

/** Makes the part of the store that keeps suppressed addresses. */
export function createSuppressions(job: Job) {
  const { db, clock } = job;
  const counters = createCounters(db);
  const suppress = createSuppressor(db, counters, clock);
  const remove = db.prepare<[string]>("delete from suppression where address = ?");
  const columns = "address, reason, source, detail, created_at as createdAt, rehearsal";
  const one = db.prepare<[string], SuppressionRow>(`select ${columns} from suppression where address = ?`);
  const page = db.prepare<[string], SuppressionRow>(
    `select ${columns} from suppression where address > ? order by address limit 1000`,
  );
  const count = db.prepare<[], number>("select suppressions from tally").pluck();

  async function* list(): AsyncGenerator<Suppression> {
    for (let after = ""; ;) {
      const found = page.all(after);
      yield* found.map(suppressionOf);
      const last = found.at(-1);
      if (!last) return;
      after = last.address;
    }
  }

  return {
    async suppression(address: string): Promise<Suppression | null> {
      const row = one.get(address.toLowerCase());
      return row ? suppressionOf(row) : null;
    },
    suppress: (entries: readonly NewSuppression[]): Promise<number> =>
      transaction(job, () => {
        counters.begin();
        const count = entries.filter((entry) => suppress(entry)).length;
        counters.write();
        return count;
      }),
    unsuppress: (addresses: readonly string[]): Promise<number> =>
      transaction(job, () => addresses.reduce((sum, address) => sum + remove.run(address.toLowerCase()).changes, 0)),
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
  const found = db.prepare<[...Place, ...Place, string, number], SuppressionRow>(
    `select s.address, reason, source, detail, s.created_at as createdAt, rehearsal
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
      for (const row of found.all(...from, ...to, wanted, limit + 1 - rows.length)) rows.push(suppressionOf(row));
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
