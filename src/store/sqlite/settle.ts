/**
 * Writes answers, and puts in doubt what dead processes left. Each write names the state that it leaves, so an answer that comes too
 * late changes nothing.
 */
import type { Settlement } from "../../deliver/source.ts";
import type { State } from "../../message.ts";
import type { Now } from "../rules/due.ts";
import type { ByTopic } from "../rules/expiry.ts";
import { subjectKey } from "../hash.ts";
import { NOBODY } from "../rules/handed.ts";
import { decide, type Move, PROCESS_DIED } from "../rules/settle.ts";
import type { Connection } from "./connection.ts";
import { createCatchUp } from "./content-part.ts";
import type { Counters } from "./state-counters.ts";
import { createProver } from "./prove.ts";
import { createSentWriter, portionsOf } from "./sent-answers.ts";
import { createStepWriter } from "./steps.ts";
import { mailWith, suppressedSql } from "./suppressed.ts";
import { waitUntilSql } from "./waiting.ts";

/** Writes what became of claims. To be used inside a transaction, between `begin` and `write` of its counters. */
export interface Settler {
  /** Writes the answers that process `me` brings at the instant `now`. Returns how many messages had expired, by topic. */
  settle(settlements: readonly Settlement[], me: number, now: Now): ByTopic;
  /**
   * Puts in doubt what a process left in flight and forgets the process. A message that an event or a visit proves sent becomes
   * `sent`. Returns how many are in doubt.
   */
  loseAll(processId: number, now: number): number;
}

interface HeldRow {
  topic_id: number;
  state: State;
  claimed_by: number | null;
  suppressed: 0 | 1;
  cancelled: 0 | 1;
  expires_at: number | null;
  /** The contents of the message and of its topic. */
  content_id: number;
  own_content_id: number;
}

/** Makes a settler that counts in `counters`. */
export function createSettler(db: Connection, counters: Counters): Settler {
  const held = db.prepare<[number], HeldRow>(
    `select m.topic_id, m.content_id, t.content_id as own_content_id, m.state, m.claimed_by, m.expires_at, t.cancelled_at is not null as cancelled,
       ${suppressedSql("lower(m.email)", "t.endpoint", mailWith("m.content_id"))} as suppressed
     from message m join topic t on t.id = m.topic_id where m.id = ?`,
  );
  const write = createMoveWriter(db);
  const writeSent = createSentWriter(db);
  const catchUp = createCatchUp(db, counters);
  const { proveNoted } = createProver(db, counters);

  /** Returns the topic of the message when it had expired. */
  const settleOne = (settlement: Settlement, me: number, at: Now): number | undefined => {
    const { id } = settlement;
    const now = at.wall;
    const row = held.get(id);
    if (!row) return undefined;
    const isMine = row.state === "sending" && row.claimed_by === me;
    if (isMine && proveNoted(id, now)) return undefined;
    const isExpired = row.expires_at !== null && row.expires_at <= now;
    const isSuppressed = row.suppressed === 1;
    const move = decide(
      { state: row.state, isMine, isSuppressed, isCancelled: row.cancelled === 1, isExpired },
      settlement,
    );
    if (move === null) return undefined;
    // Whatever was not put back untried may have been a call.
    if (settlement.kind !== "put_back" || settlement.attempted) counters.calledAt(row.topic_id, now);
    write.move(id, move, at);
    counters.move(row.topic_id, move.from, move.to);
    // The topic may have got another content during the call.
    catchUp({ id, topicId: row.topic_id, contentId: row.content_id, ownContentId: row.own_content_id }, move.to);
    if (move.to === "sent") counters.sentAt(row.topic_id, now);
    return move.to === "cancelled" && isExpired ? row.topic_id : undefined;
  };

  /** For nearly all answers this is enough, and it does what `decide` would say. Returns the others. */
  const settleUsual = (portion: readonly Settlement[], me: number, now: number): Settlement[] => {
    const written = writeSent(portion, me, now);
    return portion.filter((settlement) => {
      if (settlement.kind !== "sent" || !written.has(settlement.id)) return true;
      counters.move(settlement.topicId, "sending", "sent");
      counters.sentAt(settlement.topicId, now);
      return false;
    });
  };

  return {
    settle(settlements, me, now) {
      const expired = new Map<number, number>();
      for (const portion of portionsOf(settlements)) {
        for (const settlement of settleUsual(portion, me, now.wall)) {
          const topicId = settleOne(settlement, me, now);
          if (topicId !== undefined) expired.set(topicId, (expired.get(topicId) ?? 0) + 1);
        }
      }
      return expired;
    },
    loseAll: createLoser(db, counters, proveNoted),
  };
}

function createLoser(
  db: Connection,
  counters: Counters,
  prove: (id: number, now: number) => boolean,
): (processId: number, now: number) => number {
  const lose = db.prepare<[string, number]>(
    "update message set state = 'in_doubt', claimed_by = null, attempts = attempts + 1, error = ? where id = ? and state = 'sending'",
  );
  const left = db.prepare<[number], { id: number; topic_id: number }>(
    "select id, topic_id from message where claimed_by = ? and state = 'sending'",
  );
  const forget = db.prepare<[number]>("delete from process where id = ?");
  return (processId, now) => {
    let lost = 0;
    for (const row of left.all(processId)) {
      if (prove(row.id, now)) continue;
      lose.run(PROCESS_DIED, row.id);
      counters.move(row.topic_id, "sending", "in_doubt");
      counters.calledAt(row.topic_id, now);
      lost++;
    }
    forget.run(processId);
    return lost;
  };
}

/** The statements that write a move. They leave the counters to the caller. */
function createMoveWriter(db: Connection) {
  const sent = db.prepare<[{ id: number; from: State; attempts: number; sesMessageId: string; now: number }]>(
    `update message set state = 'sent', claimed_by = null, attempts = attempts + @attempts, ses_message_id = @sesMessageId,
       sent_at = @now, error = null
     where id = @id and state = @from`,
  );
  const ended = db.prepare<[{ id: number; from: State; to: State; attempts: number; error: string }]>(
    `update message set state = @to, claimed_by = null, attempts = attempts + @attempts, error = @error
     where id = @id and state = @from`,
  );
  const putBack = db.prepare<
    [{ id: number; from: State; to: State; attempts: number; error: string | null; notBefore: number | null }]
  >(
    `update message set state = @to, claimed_by = null, attempts = attempts + @attempts, error = @error,
       not_before = ifnull(${waitUntilSql("@notBefore")}, not_before)
     where id = @id and state = @from`,
  );
  const handOver = db.prepare<[{ id: number; attempts: number }]>(
    `update message set claimed_by = ${NOBODY}, attempts = attempts + @attempts, error = null
     where id = @id and state = 'sending'`,
  );
  const note = db.prepare<[{ id: number; now: number; key: number }]>(
    `insert into handed (message_id, at, subject) values (@id, @now, @key)
     on conflict do update set at = excluded.at, subject = excluded.subject`,
  );
  const keep = createStepWriter(db);
  return {
    /** Writes any move. */
    move(id: number, move: Move, { wall, steady }: Now): void {
      const { from, attempts, step } = move;
      if (step !== undefined) keep(id, step, wall);
      switch (move.to) {
        case "sent":
          sent.run({ id, from, attempts, sesMessageId: move.sesMessageId, now: wall });
          return;
        case "failed":
        case "in_doubt":
          ended.run({ id, from, to: move.to, attempts, error: move.error });
          return;
        case "sending":
          handOver.run({ id, attempts });
          note.run({ id, now: wall, key: subjectKey(move.subject) });
          return;
        default: {
          const { to, error, delayMs } = move;
          const notBefore = delayMs === null ? null : Math.round(steady + delayMs);
          putBack.run({ id, from, to, attempts, error, notBefore });
        }
      }
    },
  };
}
