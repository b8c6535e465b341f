/** Writes that a message is proven sent. No other file does. */
import type { State } from "../../message.ts";
import { isHandedOver } from "../rules/handed.ts";
import { type Unproven, type Proof, prove } from "../rules/prove.ts";
import type { Connection } from "./connection.ts";
import type { Counters } from "./state-counters.ts";

/** A message that may be proven sent. */
export interface Provable extends Unproven {
  id: number;
  topicId: number;
}

/** What an event or a visit noted about a message in flight. */
interface Noted extends Unproven {
  topicId: number;
  sesMessageId: string | null;
  mailedAt: number | null;
}

/** Applies proofs. To be used inside a transaction; `now` is ms since the epoch. */
export interface Prover {
  /** True: the proof made the message `sent`, and its topic counts it so. */
  prove(message: Provable, by: Proof, now: number): boolean;
  /**
   * To be called when the call of a message in `sending` has ended. True: an event or a visit that was noted proves that the
   * message was sent. It is `sent` now, and its topic counts it so.
   */
  proveNoted(id: number, now: number): boolean;
}

/** Makes a prover that counts in `counters`. */
export function createProver(db: Connection, counters: Counters): Prover {
  const write = db.prepare<[State, number, number, string | null, number, State]>(
    `update message set state = ?, claimed_by = null, attempts = ?, error = null, sent_at = ?,
       ses_message_id = ifnull(?, ses_message_id)
     where id = ? and state = ?`,
  );
  const settled = db.prepare<[number]>("delete from handed where message_id = ?");
  // A visit makes the row with an empty SES message id.
  const noted = db.prepare<[number], Noted>(
    `select m.topic_id as topicId, m.state, m.attempts, m.claimed_by as claimedBy, nullif(f.ses_message_id, '') as sesMessageId, f.mailed_at as mailedAt
     from feedback f join message m on m.id = f.message_id where f.message_id = ?`,
  );

  const proveOne = (message: Provable, by: Proof, now: number): boolean => {
    const { id, topicId, state: from } = message;
    const move = prove(message, by, now);
    if (move === null) return false;
    const { to, attempts, sentAt, sesMessageId } = move;
    if (write.run(to, attempts, sentAt, sesMessageId, id, from).changes === 0) return false;
    if (isHandedOver(message)) settled.run(id);
    counters.move(topicId, from, to);
    counters.sentAt(topicId, sentAt);
    return true;
  };

  return {
    prove: proveOne,
    proveNoted(id, now) {
      const found = noted.get(id);
      if (!found) return false;
      const { sesMessageId, mailedAt, ...held } = found;
      return proveOne({ id, ...held }, { kind: "answer", sesMessageId, mailedAt }, now);
    },
  };
}
