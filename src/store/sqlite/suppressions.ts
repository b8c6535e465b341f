/** Keeps suppressed addresses, and applies them to the messages that wait. */
import type { Clock } from "../../time/clock.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { mayBeTakenBack, outweighs, type SuppressionCause, withoutControls } from "../rules/suppress.ts";
import type { NewSuppression, Suppression } from "../rows.ts";

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
  const replace = db.prepare<[string, string, string | null, string]>(
    "update suppression set source = ?, reason = ?, detail = ? where address = ?",
  );
  const waiting = db.prepare<[string], { id: number; topic_id: number }>(
    "select m.id, m.topic_id from recipient r join message m on m.id = r.message_id where r.address = ? and m.state = 'pending'",
  );
  const take = db.prepare("update message set state = 'suppressed' where id = ? and state = 'pending'");
  const give = (key: string, cause: SuppressionCause, createdAt: number): boolean => {
    const { reason, source, detail } = cause;
    if (insert.run(key, reason, source, detail, createdAt).changes > 0) return true;
    const kept = read.get(key);
    if (kept && outweighs(cause, kept)) replace.run(source, reason, detail, key);
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
  const columns = "address, reason, source, detail, created_at as createdAt";
  const one = db.prepare<[string], Suppression>(`select ${columns} from suppression where address = ?`);
  const page = db.prepare<[string], Suppression>(
    `select ${columns} from suppression where address > ? order by address limit 1000`,
  );
  // `like` would not do, because % and _ are ordinary characters of an address.
  const search = db.prepare<[string, number], Suppression>(
    `select ${columns} from suppression
     where instr(address, ?) > 0 order by address limit ?`,
  );
  const count = db.prepare<[], number>("select count(*) from suppression").pluck();

  async function* list(): AsyncGenerator<Suppression> {
    for (let after = ""; ;) {
      const found = page.all(after);
      yield* found;
      const last = found.at(-1);
      if (!last) return;
      after = last.address;
    }
  }

  const email = db.prepare<[number], string>("select lower(email) from message where id = ?").pluck();
  const takeBack = (messageId: number): boolean => {
    const address = email.get(messageId);
    if (address === undefined) return false;
    const kept = one.get(address);
    if (kept === undefined) return true;
    return mayBeTakenBack(kept) && remove.run(address).changes > 0;
  };

  return {
    suppression: async (address: string) => one.get(address.toLowerCase()) ?? null,
    resubscribe: (messageId: number): Promise<boolean> => transaction(db, clock, () => takeBack(messageId), job.onWait),
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
    searchSuppressions: async (text: string, limit: number) => search.all(text.toLowerCase(), limit),
    countSuppressions: async () => count.get() ?? 0,
  };
}
