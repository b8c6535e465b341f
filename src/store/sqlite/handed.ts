/** Settles messages that were handed over to a broker: by results, or by doubt when none came. */
import { decideResult, NO_RESULT, type Reported, type ResultMove } from "../rules/handed.ts";
import type { HandedOutcome, HandedResult } from "../rows.ts";
import type { Handed } from "../store.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createCatchUp, type Returned } from "./content-part.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { createStepWriter } from "./steps.ts";

/** How many messages one transaction puts in doubt. It takes some 10 ms. */
const PART = 1_000;

type Row = Reported & Returned;

/** Makes the part of the store that settles what was handed over. */
export function createHanded(job: Job): Handed {
  const { db, clock } = job;
  const counters = createCounters(db);
  const find = db.prepare<[number], Row>(
    `select m.id, m.topic_id as topicId, m.content_id as contentId, t.content_id as ownContentId, m.state, m.attempts,
       m.claimed_by as claimedBy, m.ses_message_id as sesMessageId, h.at as handedAt
     from message m join topic t on t.id = m.topic_id left join handed h on h.message_id = m.id where m.id = ?`,
  );
  const old = db
    .prepare<[number], number>(`select message_id from handed where at < ? order by at limit ${PART}`)
    .pluck();
  const count = db.prepare<[], number>("select count(*) from handed").pluck();
  const name = db.prepare<[string, number]>("update message set ses_message_id = ? where id = ?");
  const move = createMover(db, counters);
  const keep = createStepWriter(db);

  const settleOne = (result: HandedResult): HandedOutcome => {
    const { messageId: id } = result;
    const row = find.get(id);
    if (row === undefined) return "unknown";
    const now = clock.now();
    const decided = decideResult(row, result, now);
    if (typeof decided === "string" && decided !== "named") return decided;
    keep(id, { type: "result", detail: result.state }, now);
    if (decided === "named") name.run(result.sesMessageId ?? "", id);
    else move(row, decided);
    return "applied";
  };

  const doubtPart = (before: number): number => {
    const ids = old.all(before);
    for (const id of ids) {
      const row = find.get(id);
      if (row !== undefined) move(row, { from: row.state, to: "in_doubt", error: NO_RESULT });
    }
    return ids.length;
  };

  const write = <T>(work: () => T): Promise<T> =>
    transaction(job, () => {
      counters.begin();
      const result = work();
      counters.write();
      return result;
    });

  return {
    settleHanded: (results) => write(() => results.map(settleOne)),
    async doubtHanded(ms) {
      const before = Math.floor(clock.now() - ms);
      let sum = 0;
      // Mostly none is so old, and then a durable commit is not worth it.
      while (old.all(before).length > 0) sum += await write(() => doubtPart(before));
      return sum;
    },
    countHanded: async () => count.get() ?? 0,
  };
}

/** Makes a function that writes what becomes of a message, inside a transaction. */
function createMover(db: Connection, counters: Counters): (message: Returned, move: ResultMove) => void {
  const sent = db.prepare<[number, string | null, number]>(
    `update message set state = 'sent', claimed_by = null, sent_at = ?, ses_message_id = ifnull(?, ses_message_id), error = null
     where id = ?`,
  );
  const ended = db.prepare<[string, string | null, number]>(
    "update message set state = ?, claimed_by = null, error = ? where id = ?",
  );
  const settled = db.prepare<[number]>("delete from handed where message_id = ?");
  const catchUp = createCatchUp(db, counters);
  return (message, move) => {
    const { id, topicId } = message;
    if (move.to === "sent") sent.run(move.sentAt, move.sesMessageId, id);
    else ended.run(move.to, move.error, id);
    settled.run(id);
    counters.move(topicId, move.from, move.to);
    catchUp(message, move.to);
    if (move.to === "sent") counters.sentAt(topicId, move.sentAt);
  };
}
