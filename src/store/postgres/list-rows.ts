/** Writes the recipients and the messages of a list, before the writer lock is taken (./lists.ts says why that is safe). */
import { expiresAtSql } from "../common-sql.ts";
import { kindOf } from "../../message.ts";
import { priorityOf } from "../rules/priority.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import type { ListTarget } from "../rows.ts";
import type { Job } from "./connection.ts";
import type { Tx } from "./transaction.ts";
import { admittedTopic, type TopicRecord } from "./list-topics.ts";
import { nextIdSql } from "./numbering.ts";
import { lostRows, MORE_MEMORY, type StagedRows } from "./staged-rows.ts";
import { concernsSql, suppressedSql } from "./suppressed.ts";

/** So many suppressions at most are looked at again. */
const MANY = 20_000;
/** A suppression is looked at when it was made less than this before the list began to go in: its transaction may have ended later. */
const EARLIER_MS = 60_000;

/** What is reserved for a list. Message ids are from `first` on, in the order of the rows. */
export interface Reserved {
  contentId: number;
  first: number;
  last: number;
}

/** What was written without the writer lock. */
export interface Filled {
  /** As it was; null: there was none. */
  topic: TopicRecord | null;
  topicId: number;
  ingestId: number;
  /** The first and the last message of the list. */
  first: number;
  last: number;
  added: number;
  suppressed: number;
  /** Suppressions since then are to be looked at again. */
  since: number;
}

type Early = Pick<Tx, "query" | "run">;

/**
 * Writes recipients and messages, while others write, too. The topic must be locked.
 * @throws TopicRefusedError when the topic may not take the list; StoppedError when the server lost rows.
 */
export async function fill(
  job: Job,
  { query, run }: Early,
  target: ListTarget,
  { contentId, first, last, rows }: Reserved & { rows: StagedRows },
): Promise<Filled> {
  const now = job.time.now().wall;
  const since = now - EARLIER_MS;
  const topic = await admittedTopic(query, target, contentId);
  const [ids] = await query<{ topicId: number | null; ingestId: number }>(
    `select ${topic === null ? nextIdSql("topic") : "null::bigint"} as "topicId", ${nextIdSql("ingest")} as "ingestId"`,
  );
  const topicId = topic?.id ?? ids?.topicId;
  if (ids === undefined || topicId === null || topicId === undefined) throw new Error("no id for the topic");
  const place: Place = { ...ids, topicId, contentId, first, last, table: rows.table };
  await run(`${MORE_MEMORY}; ${IN_ORDER}`);
  const added = await addRecipients(run, place, topic === null);
  if (added !== rows.count) await checkRows(job, query, rows);
  const filled = { topic, topicId, ingestId: ids.ingestId, first, last, added, suppressed: 0, since };
  if (added === 0) return filled;
  filled.suppressed = await addMessages({ query, run }, place, target, now, added === rows.count);
  filled.suppressed += await suppressLate({ query, run }, place, target, since, MANY);
  // The new rows of a list that grows are at its end. A range without those before them is walked faster.
  if (added < rows.count) Object.assign(filled, await idsOf(query, place));
  return filled;
}

/** A scan may begin in the middle of a table otherwise, and rows whose ids are out of order take longer to be written. */
const IN_ORDER = "set local synchronize_seqscans = off";

async function idsOf(query: Tx["query"], { first, last }: Reserved): Promise<{ first: number; last: number }> {
  const [ids] = await query<{ first: number; last: number }>(
    "select min(id) as first, max(id) as last from sm.message where id between $1 and $2",
    [first, last],
  );
  return ids ?? { first, last };
}

interface Place extends Reserved {
  topicId: number;
  ingestId: number;
  table: string;
}

async function checkRows(job: Job, query: Tx["query"], { table, count }: StagedRows): Promise<void> {
  const [row] = await query<{ count: number }>(`select count(*)::int8 as count from ${table}`);
  if (row?.count !== count) throw lostRows(job);
}

/** Adds recipients. Returns how many the topic did not have yet. */
function addRecipients(run: Tx["run"], { table, topicId, first }: Place, isNew: boolean): Promise<number> {
  // Nobody else adds to the topic now, so to look first is safe, and a third faster than "on conflict". Sorted rows fill the index
  // from left to right, which is much faster than at random.
  const unknown = isNew
    ? ""
    : `where not exists (select 1 from sm.recipient r
         where r.address = s.address and r.topic_id = $1 and r.variant = ${OWN_VARIANT})`;
  return run(
    `insert into sm.recipient (address, topic_id, variant, message_id)
     select distinct on (address) address, $1::int, ${OWN_VARIANT}, $2::bigint + id from ${table} s ${unknown}
     order by address, id`,
    [topicId, first - 1],
  );
}

/** Adds a message for each recipient that is new. Returns how many of them are suppressed. */
async function addMessages(
  { query, run }: Early,
  { table, topicId, contentId, ingestId, first, last }: Place,
  { priority, endpoint, content, expiresInMs = null }: ListTarget,
  now: number,
  areAllNew: boolean,
): Promise<number> {
  const [any] = await query("select 1 from sm.suppression limit 1");
  // The table is in order of the ids already, and a join loses it.
  const isNew = areAllNew
    ? ""
    : `join sm.recipient r on r.address = s.address and r.topic_id = $1 and r.variant = ${OWN_VARIANT}
         and r.message_id = $2::bigint + s.id
       order by s.id`;
  const keptPriority = priorityOf(priority, kindOf(content));
  const values: unknown[] = [topicId, first - 1, contentId, ingestId, keptPriority, expiresInMs, now];
  let state = "'pending'";
  if (any !== undefined) {
    values.push(endpoint ?? null, content.list ?? null, kindOf(content));
    const stopped = suppressedSql("s.address", "$8::text", { list: "$9::text", kind: "$10::text" });
    state = `case when ${stopped} then 'suppressed' else 'pending' end`;
  }
  await run(
    `insert into sm.message (id, topic_id, content_id, ingest_id, email, fields, priority, not_before, expires_in, expires_at, state)
     select $2::bigint + s.id, $1::int, $3::bigint, $4::bigint, coalesce(s.email, s.address), s.fields, $5::smallint,
       s.not_before, $6::bigint, ${expiresAtSql("s.not_before", "$6::bigint", "$7::bigint")}, ${state} from ${table} s ${isNew}`,
    values,
  );
  if (any === undefined) return 0;
  const [row] = await query<{ count: number }>(
    "select count(*)::int8 as count from sm.message where id between $1 and $2 and state = 'suppressed'",
    [first, last],
  );
  return row?.count ?? 0;
}

/**
 * Suppresses those of the new messages whose addresses were suppressed since then, and returns how many. `most`: how many
 * suppressions to look at, the newest first.
 */
export async function suppressLate(
  { query, run }: Early,
  { topicId, first, last }: Pick<Place, "topicId" | "first" | "last">,
  { endpoint, content }: ListTarget,
  since: number,
  most: number,
): Promise<number> {
  // Each look-up has a limit, so that no planner reads a whole table for it.
  const found = await query<{ id: number }>(
    `select m.id from (
       select address from sm.suppression h
       where created_at >= $4 and (not rehearsal or $5::text = 'sandbox')
         and ${concernsSql("h", { list: "$7::text", kind: "$8::text" })} order by created_at desc limit $6) s
     cross join lateral (select message_id from sm.recipient
       where address = s.address and topic_id = $1 and variant = ${OWN_VARIANT} limit 1) r
     cross join lateral (select id from sm.message
       where id = r.message_id and id between $2 and $3 and state = 'pending' limit 1) m`,
    [topicId, first, last, since, endpoint ?? null, most, content.list ?? null, kindOf(content)],
  );
  if (found.length === 0) return 0;
  const ids = found.map(({ id }) => id);
  return run("update sm.message set state = 'suppressed' where id = any($1::bigint[]) and state = 'pending'", [ids]);
}
