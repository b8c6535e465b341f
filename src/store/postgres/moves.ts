/** Writes what answers make of their messages. It leaves the counters to the caller. */
import { subjectKey } from "../hash.ts";
import { NOBODY } from "../rules/handed.ts";
import type { Move } from "../rules/settle.ts";
import { writeSteps } from "./steps.ts";
import type { Tx } from "./transaction.ts";
import { waitUntilSql } from "./waiting.ts";

/** A message, and what becomes of it. */
interface Moved<To extends Move = Move> {
  id: number;
  move: To;
}

type Sent = Extract<Move, { to: "sent" }>;
type HandedOver = Extract<Move, { to: "sending" }>;
type Ended = Extract<Move, { to: "failed" | "in_doubt" }>;
type Back = Extract<Move, { delayMs: number | null }>;

/** Writes moves of different messages, each from the state that it names. To be used inside a transaction. */
export async function writeMoves(tx: Tx, moves: readonly Moved[]): Promise<void> {
  await Promise.all([
    writeSteps(
      tx,
      moves.flatMap(({ id, move: { step } }) => (step === undefined ? [] : [{ id, step }])),
    ),
    writeSent(
      tx,
      only(moves, (move): move is Sent => move.to === "sent"),
    ),
    writeEnded(
      tx,
      only(moves, (move): move is Ended => move.to === "failed" || move.to === "in_doubt"),
    ),
    writeHandedOver(
      tx,
      only(moves, (move): move is HandedOver => move.to === "sending"),
    ),
    writeBack(
      tx,
      only(moves, (move): move is Back => "delayMs" in move),
    ),
  ]);
}

function only<To extends Move>(moves: readonly Moved[], is: (move: Move) => move is To): Moved<To>[] {
  return moves.flatMap(({ id, move }) => (is(move) ? [{ id, move }] : []));
}

/** The columns that every move has, as values of arrays. */
function columns(moves: readonly Moved[]): [ids: number[], from: string[], attempts: number[]] {
  return [moves.map(({ id }) => id), moves.map(({ move }) => move.from), moves.map(({ move }) => move.attempts)];
}

const SENT = `update sm.message m set state = 'sent', claimed_by = null, attempts = m.attempts + a.attempts,
    ses_message_id = a.ses, sent_at = $5, error = null
  from unnest($1::bigint[], $2::text[], $3::int[], $4::text[]) a (id, was, attempts, ses)
  where m.id = a.id and m.state = a.was`;

async function writeSent(tx: Tx, moves: Moved<Sent>[]): Promise<void> {
  if (moves.length === 0) return;
  await tx.run(SENT, [...columns(moves), moves.map(({ move }) => move.sesMessageId), tx.now.wall]);
}

const ENDED = `update sm.message m set state = a.becomes, claimed_by = null, attempts = m.attempts + a.attempts, error = a.error
  from unnest($1::bigint[], $2::text[], $3::int[], $4::text[], $5::text[]) a (id, was, attempts, becomes, error)
  where m.id = a.id and m.state = a.was`;

async function writeEnded(tx: Tx, moves: Moved<Ended>[]): Promise<void> {
  if (moves.length === 0) return;
  await tx.run(ENDED, [...columns(moves), moves.map(({ move }) => move.to), moves.map(({ move }) => move.error)]);
}

const HANDED_OVER = `with moved as (
    update sm.message m set claimed_by = ${NOBODY}, attempts = m.attempts + a.attempts, error = null
    from unnest($1::bigint[], $2::text[], $3::int[], $4::bigint[]) a (id, was, attempts, subject)
    where m.id = a.id and m.state = a.was returning m.id, a.subject)
  insert into sm.handed (message_id, at, subject) select id, $5::bigint, subject from moved
  on conflict (message_id) do update set at = excluded.at, subject = excluded.subject`;

async function writeHandedOver(tx: Tx, moves: Moved<HandedOver>[]): Promise<void> {
  if (moves.length === 0) return;
  await tx.run(HANDED_OVER, [...columns(moves), moves.map(({ move }) => subjectKey(move.subject)), tx.now.wall]);
}

const BACK = `update sm.message m set state = a.becomes, claimed_by = null, attempts = m.attempts + a.attempts,
    error = a.error, not_before = coalesce(${waitUntilSql("a.until")}, m.not_before)
  from unnest($1::bigint[], $2::text[], $3::int[], $4::text[], $5::text[], $6::bigint[])
    a (id, was, attempts, becomes, error, until)
  where m.id = a.id and m.state = a.was`;

async function writeBack(tx: Tx, moves: Moved<Back>[]): Promise<void> {
  if (moves.length === 0) return;
  const { steady } = tx.now;
  await tx.run(BACK, [
    ...columns(moves),
    moves.map(({ move }) => move.to),
    moves.map(({ move }) => move.error),
    moves.map(({ move: { delayMs } }) => (delayMs === null ? null : Math.round(steady + delayMs))),
  ]);
}
