/** Settles messages that were handed over to a broker: by results, or by doubt when none came. */
import type { State } from "../../message.ts";
import type { HandedOutcome, HandedResult } from "../rows.ts";
import { decideResult, NO_RESULT, type Reported, type ResultMove } from "../rules/handed.ts";
import type { Handed } from "../store.ts";
import { numbers } from "./arrays.ts";
import type { Job } from "./connection.ts";
import { catchUp, type Returned } from "./content-part.ts";
import { questions } from "./questions.ts";
import { createCounters } from "./state-counters.ts";
import { type Stepped, writeSteps } from "./steps.ts";
import { storable } from "./storable.ts";
import { transaction, type Tx } from "./transaction.ts";

/** How many messages one transaction puts in doubt. */
const PART = 1_000;

/** A message, and what results have made of it in this transaction. */
type Row = Reported & Returned & { error: string | null; sentAt: number | null; was: State };

const FIND = `select m.id, m.topic_id as "topicId", m.content_id as "contentId", t.content_id as "ownContentId", m.state, m.state as was, m.attempts, m.claimed_by as "claimedBy",
    m.ses_message_id as "sesMessageId", m.error, m.sent_at as "sentAt", h.at as "handedAt"
  from unnest($1::bigint[]) w (id)
  cross join lateral (select * from sm.message where id = w.id limit 1) m
  join sm.topic t on t.id = m.topic_id
  left join lateral (select at from sm.handed where message_id = w.id limit 1) h on true`;

const WRITE = `update sm.message m set state = a.becomes, claimed_by = null, ses_message_id = a.ses, error = a.error, sent_at = a.sent_at
  from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) a (id, was, becomes, ses, error, sent_at)
  where m.id = a.id and m.state = a.was`;

const OLD = `select message_id as id from sm.handed where at < $1::bigint order by at limit ${PART}`;

/** Makes the part of the store that settles what was handed over. */
export function createHanded(job: Job): Handed {
  const ask = questions(job);
  return {
    async settleHanded(results) {
      return results.length === 0 ? [] : transaction(job, (tx) => settleAll(tx, results));
    },
    async doubtHanded(ms) {
      const before = Math.floor(job.time.now().wall - ms);
      let sum = 0;
      // Mostly none is so old, and then a durable commit is not worth it.
      while ((await ask<{ id: number }>(OLD, [before])).length > 0)
        sum += await transaction(job, (tx) => doubtPart(tx, before));
      return sum;
    },
    async countHanded() {
      const [row] = await ask<{ count: number }>("select count(*)::int8 as count from sm.handed", []);
      return row?.count ?? 0;
    },
  };
}

/** Decides about one result after the other in memory, and writes what they come to. */
async function settleAll(tx: Tx, results: readonly HandedResult[]): Promise<HandedOutcome[]> {
  const rows = await read(tx, results.map(({ messageId }) => messageId).filter(Number.isSafeInteger));
  const changed = new Set<Row>();
  const steps: Stepped[] = [];
  const outcomes = results.map((result): HandedOutcome => {
    const row = rows.get(result.messageId);
    if (row === undefined) return "unknown";
    const stored = { ...result, sesMessageId: clean(result.sesMessageId), error: clean(result.error) };
    const decided = decideResult(row, stored, tx.now.wall);
    if (decided === "named") row.sesMessageId = stored.sesMessageId;
    else if (typeof decided === "string") return decided;
    else apply(row, decided);
    changed.add(row);
    steps.push({ id: row.id, step: { type: "result", detail: result.state } });
    return "applied";
  });
  await Promise.all([write(tx, [...changed]), writeSteps(tx, steps)]);
  return outcomes;
}

const clean = (text: string | null): string | null => text && storable(text);

async function doubtPart(tx: Tx, before: number): Promise<number> {
  const old = await tx.query<{ id: number }>(OLD, [before]);
  const rows = [
    ...(
      await read(
        tx,
        old.map(({ id }) => id),
      )
    ).values(),
  ];
  for (const row of rows) apply(row, { from: row.state, to: "in_doubt", error: NO_RESULT });
  await write(tx, rows);
  return rows.length;
}

async function read(tx: Tx, ids: readonly number[]): Promise<Map<number, Row>> {
  const found = await tx.query<Row>(FIND, [numbers([...new Set(ids)])]);
  return new Map(found.map((row) => [row.id, row]));
}

function apply(row: Row, move: ResultMove): void {
  const isSent = move.to === "sent";
  const sesMessageId = isSent ? (move.sesMessageId ?? row.sesMessageId) : row.sesMessageId;
  const error = isSent ? null : move.error;
  Object.assign(row, { state: move.to, claimedBy: null, handedAt: null, sesMessageId, error });
  row.sentAt = isSent ? Math.round(move.sentAt) : null;
}

/** Writes the rows as they are now, and counts where they came from. */
async function write(tx: Tx, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  const counters = createCounters();
  for (const { topicId, was, state, sentAt } of rows) {
    counters.move(topicId, was, state);
    if (sentAt !== null && was !== "sent") counters.sentAt(topicId, sentAt);
  }
  const ids = rows.map(({ id }) => id);
  await Promise.all([
    tx.run(WRITE, [
      ids,
      rows.map(({ was }) => was),
      rows.map(({ state }) => state),
      rows.map(({ sesMessageId }) => sesMessageId),
      rows.map(({ error }) => error),
      rows.map(({ sentAt }) => sentAt),
    ]),
    tx.run("delete from sm.handed where message_id = any ($1::bigint[])", [ids]),
  ]);
  await catchUp(tx, counters, rows);
  await counters.write(tx);
}
