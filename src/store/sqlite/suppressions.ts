/** Keeps suppressed addresses, and applies them to the messages that wait. */
import type { Clock } from "../../time/clock.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import type { NewSuppression, Suppression } from "../rows.ts";

/** Mail servers put control characters into diagnostics. An exported list with them would be refused on import. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f]+/g;

/**
 * Makes a function that suppresses one address, and the pending messages to it, inside a transaction. It returns true when the
 * address is new. `counters` are those of the transaction.
 */
export function createSuppressor(db: Connection, counters: Counters, clock: Clock): (entry: NewSuppression) => boolean {
  const insert = db.prepare(
    "insert into suppression (address, reason, source, detail, created_at) values (?, ?, ?, ?, ?) on conflict do nothing",
  );
  // Several events may concern one address. A complaint weighs most, and what is kept must not depend on their order.
  const outweigh = db.prepare(
    `update suppression set reason = @reason, detail = @detail where address = @address and source = 'event'
     and (${weight("@reason")}, @detail) < (${weight("reason")}, detail)`,
  );
  const waiting = db.prepare<[string], { id: number; topic_id: number }>(
    "select m.id, m.topic_id from recipient r join message m on m.id = r.message_id where r.address = ? and m.state = 'pending'",
  );
  const take = db.prepare("update message set state = 'suppressed' where id = ? and state = 'pending'");
  return ({ address, reason: word, source, detail: text, createdAt = clock.now() }) => {
    const key = address.toLowerCase();
    const reason = word.replaceAll(CONTROL, " ");
    const detail = text?.replaceAll(CONTROL, " ") ?? null;
    const isNew = insert.run(key, reason, source, detail, createdAt).changes > 0;
    if (!isNew && source === "event") outweigh.run({ address: key, reason, detail: detail ?? "" });
    for (const message of waiting.all(key)) {
      take.run(message.id);
      counters.move(message.topic_id, "pending", "suppressed");
    }
    return isNew;
  };
}

const weight = (reason: string) => `case ${reason} when 'complaint' then 0 when 'unsubscribe' then 1 else 2 end`;

/** Makes the part of the store that keeps suppressed addresses. */
export function createSuppressions(job: Job) {
  const { db, clock } = job;
  const counters = createCounters(db);
  const suppress = createSuppressor(db, counters, clock);
  const remove = db.prepare<[string]>("delete from suppression where address = ?");
  const page = db.prepare<[string], Suppression>(
    `select address, reason, source, detail, created_at as createdAt from suppression where address > ? order by address limit 1000`,
  );
  // `like` would not do, because % and _ are ordinary characters of an address.
  const search = db.prepare<[string, number], Suppression>(
    `select address, reason, source, detail, created_at as createdAt from suppression
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
    searchSuppressions: async (text: string, limit: number) => search.all(text.toLowerCase(), limit),
    countSuppressions: async () => count.get() ?? 0,
  };
}
