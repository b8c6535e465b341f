/** Keeps suppressed addresses, and applies them to the messages that wait. */
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../time/clock.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { EVERYTHING_LIST, outweighs, type SuppressionCause, withoutControls } from "../rules/suppress.ts";
import { concernsSql, createForgottenCheck, mailWith } from "./suppressed.ts";
import type { NewSuppression, Suppression } from "../rows.ts";
import type { Suppressions } from "../store.ts";
import { readSuppressionCursor, suppressionCursor } from "../cursor.ts";

/**
 * Makes a function that suppresses one address, and the pending messages that this stops, inside a transaction. It returns true when
 * the address is new for the list. A forgotten person gets no mail anyway, and the address must not be kept again. `counters` are those
 * of the transaction.
 */
export function createSuppressor(db: Connection, counters: Counters, clock: Clock): (entry: NewSuppression) => boolean {
  const give = createGiver(db);
  const isForgotten = createForgottenCheck(db);
  const waiting = db.prepare<
    [{ address: string; list: string; reason: string; rehearsal: 0 | 1 }],
    { id: number; topic_id: number }
  >(
    `select m.id, m.topic_id from recipient r join message m on m.id = r.message_id
     where r.address = @address and m.state = 'pending' and (@rehearsal = 0
       or exists (select 1 from topic where id = m.topic_id and endpoint = 'sandbox')
       or exists (select 1 from arriving where topic_id = m.topic_id and endpoint = 'sandbox'))
       and ${concernsSql({ list: "@list", reason: "@reason" }, mailWith("m.content_id"))}`,
  );
  const take = db.prepare("update message set state = 'suppressed' where id = ? and state = 'pending'");

  return ({ address, list = EVERYTHING_LIST, reason, source, detail = null, createdAt, rehearsal = false }) => {
    const place = { address: address.toLowerCase(), list };
    if (isForgotten([place.address])) return false;
    const cause = { source, reason: withoutControls(reason), detail: detail && withoutControls(detail), rehearsal };
    const { isNew, kept } = give(place, cause, createdAt ?? clock.now());
    const { rehearsal: isRehearsal } = kept;
    for (const message of waiting.all({ ...place, reason: kept.reason, rehearsal: isRehearsal ? 1 : 0 })) {
      take.run(message.id);
      counters.move(message.topic_id, "pending", "suppressed");
    }
    return isNew;
  };
}

/** What identifies a suppression. */
interface Place {
  /** Lower-cased. */
  address: string;
  list: string;
}

/** Makes a function that writes a cause unless another one is to be kept. It returns the one that is kept now, and whether it is new. */
function createGiver(
  db: Connection,
): (place: Place, cause: SuppressionCause, createdAt: number) => { isNew: boolean; kept: SuppressionCause } {
  const insert = db.prepare(
    `insert into suppression (address, list, reason, source, detail, created_at, rehearsal) values (?, ?, ?, ?, ?, ?, ?)
     on conflict do nothing`,
  );
  const read = db.prepare<[string, string], Omit<SuppressionCause, "rehearsal"> & { rehearsal: 0 | 1 }>(
    "select source, reason, detail, rehearsal from suppression where address = ? and list = ?",
  );
  const replace = db.prepare<[string, string, string | null, string, string]>(
    "update suppression set source = ?, reason = ?, detail = ? where address = ? and list = ?",
  );
  const makeReal = db.prepare<[string, string, string | null, number, string, string]>(
    `update suppression set reason = ?, source = ?, detail = ?, created_at = ?, rehearsal = 0
     where address = ? and list = ?`,
  );
  return ({ address, list }, cause, createdAt) => {
    const { reason, source, detail, rehearsal } = cause;
    if (insert.run(address, list, reason, source, detail, createdAt, rehearsal ? 1 : 0).changes > 0)
      return { isNew: true, kept: cause };
    const row = read.get(address, list);
    const kept = row && { ...row, rehearsal: row.rehearsal === 1 };
    if (kept && !outweighs(cause, kept)) return { isNew: false, kept };
    const becomesReal = kept?.rehearsal === true && !rehearsal;
    if (becomesReal) makeReal.run(reason, source, detail, createdAt, address, list);
    else replace.run(source, reason, detail, address, list);
    return { isNew: becomesReal, kept: cause };
  };
}

type SuppressionRow = Omit<Suppression, "rehearsal"> & { rehearsal: 0 | 1 };

const suppressionOf = (row: SuppressionRow): Suppression => ({ ...row, rehearsal: row.rehearsal === 1 });

const COLUMNS = "address, list, reason, source, detail, created_at as createdAt, rehearsal";

/** Makes what reads all suppressions of one address, also that of somebody who was forgotten. It is given in lower case. */
export function createSuppressionReader(db: Connection): (address: string) => Suppression[] {
  const find = db.prepare<[{ address: string }], SuppressionRow>(
    `select ${COLUMNS} from suppression where address in (@address, forgotten_address(@address)) order by list, address`,
  );
  return (address) => find.all({ address }).map(suppressionOf);
}

/** Makes the part of the store that keeps suppressed addresses. */
export function createSuppressions(job: Job) {
  const { db, clock } = job;
  const counters = createCounters(db);
  const suppress = createSuppressor(db, counters, clock);
  const read = createSuppressionReader(db);
  const removeAll = db.prepare<[{ address: string }]>(
    "delete from suppression where address in (@address, forgotten_address(@address))",
  );
  const removeOne = db.prepare<[string, string]>("delete from suppression where address = ? and list = ?");
  const remove = (address: string, list?: string): boolean =>
    (list === undefined ? removeAll.run({ address }) : removeOne.run(address, list)).changes > 0;
  const page = db.prepare<[string, string], SuppressionRow>(
    `select ${COLUMNS} from suppression where (address, list) > (?, ?) order by address, list limit 1000`,
  );
  const count = db.prepare<[], number>("select suppressions from tally").pluck();

  async function* list(): AsyncGenerator<Suppression> {
    for (let after: Place = { address: "", list: "" }; ;) {
      const found = page.all(after.address, after.list);
      yield* found.map(suppressionOf);
      const last = found.at(-1);
      if (!last) return;
      after = last;
    }
  }

  return {
    suppressionsOf: async (address: string) => read(address.toLowerCase()),
    suppress: (entries: readonly NewSuppression[]): Promise<number> =>
      transaction(job, () => {
        counters.begin();
        const count = entries.filter((entry) => suppress(entry)).length;
        counters.write();
        return count;
      }),
    unsuppress: (addresses: readonly string[], list?: string): Promise<number> =>
      transaction(job, () => addresses.filter((address) => remove(address.toLowerCase(), list)).length),
    suppressions: list,
    searchSuppressions: createSuppressionSearch(db),
    countSuppressions: async () => count.get() ?? 0,
  };
}

/** How many entries one step of a search covers, which takes some milliseconds. Nothing else runs meanwhile. */
const STEP = 20_000;

/** Walks from the newest entry to older ones, in steps. */
function createSuppressionSearch(db: Connection): Suppressions["searchSuppressions"] {
  type Place = [createdAt: number, address: string, list: string];
  const before =
    "from suppression where (created_at, address, list) < (?, ?, ?) order by created_at desc, address desc, list desc";
  const stepEnd = db.prepare<[...Place, number], { createdAt: number; address: string; list: string }>(
    `select created_at as createdAt, address, list ${before} limit 1 offset ?`,
  );
  // `like` would not do, because % and _ are ordinary characters of an address.
  // The index alone tells which entries match; only those are read.
  const found = db.prepare<[...Place, ...Place, string, string | null, number], SuppressionRow>(
    `select s.address, s.list, reason, source, detail, s.created_at as createdAt, rehearsal
     from (select address, list, created_at from suppression indexed by suppression_newest
       where (created_at, address, list) < (?, ?, ?) and (created_at, address, list) >= (?, ?, ?) and instr(address, ?) > 0
         and list = ifnull(?, list)
       order by created_at desc, address desc, list desc limit ?) found
     cross join suppression s on s.address = found.address and s.list = found.list
     order by found.created_at desc, found.address desc, found.list desc`,
  );
  return async ({ text, list = null, after, limit }) => {
    const wanted = text.toLowerCase();
    const rows: Suppression[] = [];
    const newest: Place = [Number.MAX_SAFE_INTEGER, "", ""];
    for (let from = after === null ? newest : readSuppressionCursor(after); ;) {
      const end = stepEnd.get(...from, STEP - 1);
      const to: Place = end ? [end.createdAt, end.address, end.list] : [Number.MIN_SAFE_INTEGER, "", ""];
      for (const row of found.all(...from, ...to, wanted, list, limit + 1 - rows.length)) rows.push(suppressionOf(row));
      const last = rows[limit - 1];
      if (rows.length > limit && last) return { rows: rows.slice(0, limit), next: suppressionCursor(last) };
      if (!end) return { rows, next: null };
      from = to;
      await setImmediate();
    }
  };
}
