/**
 * Writes answers, and puts in doubt what dead processes left. Each write names the state that it leaves, so an answer that comes too
 * late changes nothing. All answers of a turn are written together, with a few statements.
 */
import type { Settlement } from "../../deliver/source.ts";
import type { State } from "../../message.ts";
import type { ByTopic } from "../rules/expiry.ts";
import { decide, type Move, PROCESS_DIED } from "../rules/settle.ts";
import type { Tx } from "./transaction.ts";
import { catchUp, type Returned } from "./content-part.ts";
import { writeMoves } from "./moves.ts";
import { createProver, type Provable } from "./prove.ts";
import type { Counters } from "./state-counters.ts";
import { storable } from "./storable.ts";
import { lowerSql, mailWith, suppressedSql } from "./suppressed.ts";

type Sent = Extract<Settlement, { kind: "sent" }>;

/** The answers about one message, in the order in which they came. */
interface Answers {
  id: number;
  settlements: Settlement[];
}

/** A message, as answers find it. */
interface HeldRow extends Provable, Returned {
  cancelled: boolean;
  suppressed: boolean;
  expired: boolean;
  /** True: an event or a visit was noted while it was in flight. */
  noted: boolean;
}

/**
 * Writes the answers that our process brings. To be used inside a transaction whose counters are written later. When all of them say
 * "sent", nothing becomes pending by it. Returns how many messages were not put back because they had expired, by topic.
 */
export async function settle(tx: Tx, counters: Counters, settlements: readonly Settlement[]): Promise<ByTopic> {
  const all = [...byMessage(settlements.map(stored)).values()];
  // For nearly all answers one statement is enough, and it does what `decide` would say.
  const quick = all.filter(({ settlements: [first] }) => first?.kind === "sent");
  const rest = all.filter((answers) => !quick.includes(answers));
  const [sent, held] = await Promise.all([writeSent(tx, counters, quick), readHeld(tx, rest)]);
  const missed = quick.filter(({ id }) => !sent.has(id));
  const late = await readHeld(tx, missed);
  return settleHeld(tx, counters, [...rest, ...missed], [...held, ...late]);
}

/** A text of SES may be one that no column takes. */
function stored(settlement: Settlement): Settlement {
  if (settlement.kind === "sent") return { ...settlement, sesMessageId: storable(settlement.sesMessageId) };
  if (settlement.kind === "handed_over" || settlement.error === null) return settlement;
  return { ...settlement, error: storable(settlement.error) };
}

function byMessage(settlements: readonly Settlement[]): Map<number, Answers> {
  const answers = new Map<number, Answers>();
  for (const settlement of settlements) {
    const { id } = settlement;
    const known = answers.get(id);
    if (known === undefined) answers.set(id, { id, settlements: [settlement] });
    else known.settlements.push(settlement);
  }
  return answers;
}

// A condition that implies the one of index message_claimed would let the planner read all that we ever claimed.
const SENT = `update sm.message m set state = 'sent', claimed_by = null, attempts = m.attempts + 1, ses_message_id = a.ses,
    sent_at = $4, error = null
  from unnest($1::bigint[], $2::text[]) a (id, ses)
  where m.id = a.id and m.state = 'sending' and m.claimed_by is not distinct from $3::bigint
  returning m.id, m.topic_id as "topicId"`;

/** Writes the usual move, from `sending` to `sent`, of the messages that we hold. Returns their ids. */
async function writeSent(tx: Tx, counters: Counters, answers: readonly Answers[]): Promise<Set<number>> {
  if (answers.length === 0) return new Set();
  const now = tx.now.wall;
  const first = answers.flatMap(({ settlements }) => settlements[0] as Sent);
  const rows = await tx.query<{ id: number; topicId: number }>(SENT, [
    first.map(({ id }) => id),
    first.map(({ sesMessageId }) => sesMessageId),
    tx.me,
    now,
  ]);
  for (const { topicId } of rows) {
    counters.move(topicId, "sending", "sent");
    counters.sentAt(topicId, now);
  }
  return new Set(rows.map(({ id }) => id));
}

const HELD = `select m.id, m.topic_id as "topicId", m.content_id as "contentId", t.content_id as "ownContentId", m.state, m.attempts, m.claimed_by as "claimedBy",
    t.cancelled_at is not null as cancelled, coalesce(m.expires_at <= $2::bigint, false) as expired,
    ${suppressedSql(lowerSql("m.email"), "t.endpoint", mailWith("m.content_id"))} as suppressed,
    exists (select 1 from sm.feedback f where f.message_id = m.id) as noted
  from unnest($1::bigint[]) a (id) join sm.message m on m.id = a.id join sm.topic t on t.id = m.topic_id`;

async function readHeld(tx: Tx, answers: readonly Answers[]): Promise<HeldRow[]> {
  return answers.length === 0 ? [] : tx.query<HeldRow>(HELD, [answers.map(({ id }) => id), tx.now.wall]);
}

/** Decides about each message, and writes what was decided. */
async function settleHeld(
  tx: Tx,
  counters: Counters,
  answers: readonly Answers[],
  held: readonly HeldRow[],
): Promise<ByTopic> {
  const expired = new Map<number, number>();
  if (held.length === 0) return expired;
  const rows = new Map(held.map((row) => [row.id, row]));
  const isMine = (row: HeldRow) => row.state === "sending" && row.claimedBy === tx.me;
  const noted = held.filter((row) => row.noted && isMine(row)).map(({ id }) => id);
  const proven = await createProver(counters).proveNoted(tx, noted, tx.now.wall);
  const moves: { id: number; move: Move }[] = [];
  for (const { id, settlements } of answers) {
    const row = rows.get(id);
    if (row === undefined) continue;
    const isProven = proven.has(id);
    const before = { ...row, state: isProven ? ("sent" as const) : row.state, isMine: isMine(row) && !isProven };
    const move = moveOf(before, settlements, counters, tx.now.wall);
    if (move === null) continue;
    moves.push({ id, move });
    if (move.to === "cancelled" && row.expired) expired.set(row.topicId, (expired.get(row.topicId) ?? 0) + 1);
  }
  await writeMoves(tx, moves);
  await catchUp(
    tx,
    counters,
    moves.flatMap(({ id, move }) => {
      const row = rows.get(id);
      return row === undefined ? [] : [{ ...row, state: move.to }];
    }),
  );
  return expired;
}

type Before = Pick<HeldRow, "topicId" | "cancelled" | "suppressed" | "expired"> & { state: State; isMine: boolean };

/** What all answers about a message make of it together, and counts that. Null: they change nothing. */
function moveOf(row: Before, settlements: readonly Settlement[], counters: Counters, now: number): Move | null {
  const facts = { isSuppressed: row.suppressed, isCancelled: row.cancelled, isExpired: row.expired };
  let { state, isMine } = row;
  let all: Move | null = null;
  for (const settlement of settlements) {
    const move = decide({ ...facts, state, isMine }, settlement);
    if (move === null) continue;
    // Whatever was not put back untried may have been a call.
    if (settlement.kind !== "put_back" || settlement.attempted) counters.calledAt(row.topicId, now);
    counters.move(row.topicId, move.from, move.to);
    if (move.to === "sent") counters.sentAt(row.topicId, now);
    // A doubt may be followed by the answer after all, which does not count the attempt again.
    all = all === null ? move : { ...move, from: all.from, attempts: all.attempts === 1 ? 1 : move.attempts };
    [state, isMine] = [move.to, false];
  }
  return all;
}

const LEFT = "select id from sm.message where claimed_by = any ($1::bigint[]) and state = 'sending' order by id";
const LOSE = `update sm.message m set state = 'in_doubt', claimed_by = null, attempts = m.attempts + 1, error = $2
  where m.id = any ($1::bigint[]) and m.state = 'sending' returning m.topic_id as "topicId"`;

/**
 * Puts in doubt what these handles left in flight. A message that an event or a visit proves sent becomes `sent`. Returns how many are
 * in doubt. `now` is ms since the epoch.
 */
export async function loseAll(tx: Tx, counters: Counters, handles: readonly number[], now: number): Promise<number> {
  const left = (await tx.query<{ id: number }>(LEFT, [handles])).map(({ id }) => id);
  const proven = await createProver(counters).proveNoted(tx, left, now);
  const lost = left.filter((id) => !proven.has(id));
  if (lost.length === 0) return 0;
  const rows = await tx.query<{ topicId: number }>(LOSE, [lost, PROCESS_DIED]);
  for (const { topicId } of rows) {
    counters.move(topicId, "sending", "in_doubt");
    counters.calledAt(topicId, now);
  }
  return rows.length;
}
