/** Cancels what has expired, a part at a time. */
import { EXPIRE_PART, type ExpiredPart, NONE_EXPIRED } from "../rules/expiry.ts";
import { EXPIRED } from "../rules/settle.ts";
import type { Connection } from "./connection.ts";
import type { Counters } from "./state-counters.ts";

/** Finds and cancels expired messages of any topic. `now` is in ms since the epoch. */
export interface Expiry {
  /** True when a message has expired. One seek in an index that holds only what may expire. */
  isDue(now: number): boolean;
  /** True when more have expired than one part holds, so that a look should not pass over all of them. */
  isMany(now: number): boolean;
  /** Cancels those that expired first, up to a bounded number. To be called inside a transaction that writes `counters`. */
  sweep(now: number): ExpiredPart;
}

/** Makes what cancels expired messages, and counts that in `counters`. */
export function createExpiry(db: Connection, counters: Counters): Expiry {
  const where = `from message indexed by message_expiry
    where state = 'pending' and expires_at is not null and expires_at <= ? order by expires_at limit`;
  const first = db.prepare<[number]>(`select 1 ${where} 1`);
  const part = db.prepare<[number], { id: number; topicId: number }>(
    `select id, topic_id as topicId ${where} ${EXPIRE_PART}`,
  );
  const many = db.prepare<[number], number>(`select count(*) from (select 1 ${where} ${EXPIRE_PART})`).pluck();
  const cancel = db.prepare<[number]>(
    `update message set state = 'cancelled', error = '${EXPIRED}' where id = ? and state = 'pending'`,
  );
  return {
    isDue: (now) => first.get(now) !== undefined,
    isMany: (now) => many.get(now) === EXPIRE_PART,
    sweep(now) {
      const rows = part.all(now);
      if (rows.length === 0) return NONE_EXPIRED;
      const byTopic = new Map<number, number>();
      for (const { id, topicId } of rows) {
        cancel.run(id);
        byTopic.set(topicId, (byTopic.get(topicId) ?? 0) + 1);
      }
      for (const [topicId, count] of byTopic) counters.move(topicId, "pending", "cancelled", count);
      return { byTopic, more: rows.length === EXPIRE_PART };
    },
  };
}
