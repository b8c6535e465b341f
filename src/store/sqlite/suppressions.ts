/** Keeps suppressed addresses, and applies them to the messages that wait. */
import type { Clock } from "../../time/clock.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { outweighs, type SuppressionCause, withoutControls } from "../rules/suppress.ts";
import type { NewSuppression, Suppression } from "../rows.ts";

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
  const replace = db.prepare<[string, string | null, string]>(
    "update suppression set reason = ?, detail = ? where address = ?",
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
    else replace.run(reason, detail, key);
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
  const page = db.prepare<[string], SuppressionRow>(
    `select ${columns} from suppression where address > ? order by address limit 1000`,
  );
  // `like` would not do, because % and _ are ordinary characters of an address.
  const search = db.prepare<[string, number], SuppressionRow>(
    `select ${columns} from suppression
     where instr(address, ?) > 0 order by address limit ?`,
  );
  const count = db.prepare<[], number>("select count(*) from suppression where rehearsal = 0").pluck();

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
    searchSuppressions: async (text: string, limit: number) => search.all(text.toLowerCase(), limit).map(suppressionOf),
    countSuppressions: async () => count.get() ?? 0,
  };
}
