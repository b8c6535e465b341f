/** Writes that messages are proven sent. No other file does. */
import type { State } from "../../message.ts";
import { isHandedOver } from "../rules/handed.ts";
import { type Proof, prove, type Proven, type Unproven } from "../rules/prove.ts";
import type { Tx } from "./transaction.ts";
import type { Counters } from "./state-counters.ts";

/** A message that may be proven sent. */
export interface Provable extends Unproven {
  id: number;
  topicId: number;
}

/** A message and what may prove that it was sent. */
interface Claimed {
  message: Provable;
  by: Proof;
}

/** Applies proofs. To be used inside a transaction; `now` is ms since the epoch. */
export interface Prover {
  /**
   * Writes what the proofs make of the messages, one after the other: of several about one message the first that moves it counts.
   * Returns the ids of those that became `sent`, and their topics count them so.
   */
  prove(tx: Tx, messages: readonly Claimed[], now: number): Promise<Set<number>>;
  /**
   * To be called when the calls of messages in `sending` have ended. Those of which an event or a visit was noted are `sent` now. Returns
   * their ids.
   */
  proveNoted(tx: Tx, ids: readonly number[], now: number): Promise<Set<number>>;
}

/** What an event or a visit noted about a message in flight. */
interface Noted extends Provable {
  sesMessageId: string | null;
  mailedAt: number | null;
}

// A visit makes the row with an empty SES message id.
const NOTED = `select m.id, m.topic_id as "topicId", m.state, m.attempts, m.claimed_by as "claimedBy", nullif(f.ses_message_id, '') as "sesMessageId",
    f.mailed_at as "mailedAt"
  from unnest($1::bigint[]) a (id) join sm.feedback f on f.message_id = a.id join sm.message m on m.id = a.id
  order by m.id`;

const WRITE = `update sm.message m set state = 'sent', claimed_by = null, attempts = a.attempts, error = null,
    sent_at = a.sent_at, ses_message_id = coalesce(a.ses_message_id, m.ses_message_id)
  from unnest($1::bigint[], $2::text[], $3::int[], $4::bigint[], $5::text[]) a (id, state, attempts, sent_at, ses_message_id)
  where m.id = a.id and m.state = a.state returning m.id`;

const SETTLED = "delete from sm.handed where message_id = any ($1::bigint[])";

/** Makes a prover that counts in `counters`. */
export function createProver(counters: Counters): Prover {
  const proveAll = async (tx: Tx, messages: readonly Claimed[], now: number): Promise<Set<number>> => {
    const moves = new Map<number, { message: Provable; move: Proven }>();
    for (const { message, by } of messages) {
      const move = moves.has(message.id) ? null : prove(message, by, now);
      if (move !== null) moves.set(message.id, { message, move });
    }
    const written = await write(tx, [...moves.values()]);
    for (const id of written) {
      const found = moves.get(id);
      if (found === undefined) continue;
      const { message, move } = found;
      counters.move(message.topicId, message.state, move.to);
      counters.sentAt(message.topicId, move.sentAt);
    }
    return written;
  };

  return {
    prove: proveAll,
    async proveNoted(tx, ids, now) {
      if (ids.length === 0) return new Set();
      const noted = await tx.query<Noted>(NOTED, [ids]);
      return proveAll(tx, noted.map(ended), now);
    },
  };
}

/** The proof that a call left which has ended, by what was noted of its message. */
function ended({ sesMessageId, mailedAt, ...message }: Noted): Claimed {
  return { message, by: { kind: "answer", sesMessageId, mailedAt } };
}

async function write(tx: Tx, moves: readonly { message: Provable; move: Proven }[]): Promise<Set<number>> {
  if (moves.length === 0) return new Set();
  const states: State[] = moves.map(({ message }) => message.state);
  const rows = await tx.query<{ id: number }>(WRITE, [
    moves.map(({ message }) => message.id),
    states,
    moves.map(({ move }) => move.attempts),
    moves.map(({ move }) => Math.round(move.sentAt)),
    moves.map(({ move }) => move.sesMessageId),
  ]);
  const handed = moves.filter(({ message }) => isHandedOver(message)).map(({ message }) => message.id);
  if (handed.length > 0) await tx.run(SETTLED, [handed]);
  return new Set(rows.map(({ id }) => id));
}
