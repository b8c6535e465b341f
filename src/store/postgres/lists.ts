/**
 * Puts lists of recipients into the database.
 *
 * A million rows must not hold up those who send, so all that takes long is done without the writer lock, in a transaction that
 * nobody sees into. This is its order, and why it is safe:
 *
 * 1. The rows are staged (./staged-rows.ts), outside of any transaction.
 * 2. The topic is asked, and a short write transaction keeps the content and reserves a block of message ids. An id is needed before
 *    its row is written, and an uncommitted row of `content` or `job` would make every other writer wait. When the list comes to
 *    nothing after that, a content that nobody uses and a gap in the ids are left.
 * 3. The topic is locked by its name, `exclusive`. Who adds recipients by a request takes the same lock `shared`, before the writer
 *    lock. So nobody else adds to this topic, sets it aside under another name, or meets our uncommitted rows in a unique index while
 *    he holds the writer lock.
 * 4. The topic is asked again, and recipients and messages are written. A topic that does not exist yet gets an id only: its row
 *    would be uncommitted for long, and a request that gives a rehearsal this very name would wait for it with the writer lock in
 *    hand. The same goes for the row of `ingest`.
 * 5. With the writer lock, everything that others may have changed is asked once more. The topic may be cancelled or have another
 *    content by now: then it refuses the list, and all of it is rolled back. It may exist by now, because a rehearsal was given its
 *    name: then we begin again. Addresses suppressed meanwhile are found from the side of the suppressions, the newest first and not
 *    more than some thousands; whom that misses, the claim finds. Then the rows of the topic, of `ingest` and the counters are
 *    written, which takes some milliseconds.
 *
 * Nothing of it is seen before the commit, so a list is in the database as a whole or not at all.
 */
import { StoppedError } from "../../errors.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import type { Endpoint, ListCounts, ListForecast, ListTarget } from "../rows.ts";
import type { Lists, Staging } from "../store.ts";
import { type Job, read, snapshot, transaction, type Tx } from "./connection.ts";
import { findContent, keepContent, written } from "./contents.ts";
import { turnTo } from "./endpoints.ts";
import { admittedTopic, createTopic, type TopicRecord, updateTopic } from "./list-topics.ts";
import { notify } from "./notify.ts";
import { nextIdSql, reserveMessageIds } from "./numbering.ts";
import { createStagedRows, type StagedRows } from "./staged-rows.ts";
import { createCounters } from "./state-counters.ts";
import { suppressedSql } from "./suppressed.ts";

/** So many suppressions at most are looked at again … */
const MANY = 20_000;
/** … and so many with the writer lock. */
const FEW = 2_000;
/** A suppression is looked at when it was made less than this before the list began to go in: its transaction may have ended later. */
const EARLIER_MS = 60_000;

/** Sorting in memory is faster than in files of the server. */
const MORE_MEMORY = "set local work_mem = '64MB'";

/** Makes the part of the store that takes lists in. */
export function createLists(job: Job): Lists {
  return {
    async stage(): Promise<Staging> {
      const rows = createStagedRows(job);
      return {
        add: (staged) => rows.add(staged),
        async forecast(topic, endpoint = null) {
          await rows.flush();
          return forecast(job, rows, topic, endpoint);
        },
        async commit(target) {
          await rows.flush();
          const counts = await merge(job, target, rows);
          if (counts.added > 0 && target.notBefore === null) notify(job);
          await rows.discard();
          return counts;
        },
        discard: () => rows.discard(),
      };
    },
    checkList: (target) => check(job, target),
  };
}

async function check(job: Job, target: Parameters<Lists["checkList"]>[0]): Promise<void> {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  await admittedTopic(ask, target, await findContent(ask, written(target.content)));
}

/** What is reserved for a list. Message ids are from `first` on, in the order of the rows. */
interface Reserved {
  contentId: number;
  first: number;
  last: number;
}

/** What was written without the writer lock. */
interface Filled {
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

async function merge(job: Job, target: ListTarget, rows: StagedRows): Promise<ListCounts> {
  await check(job, target);
  const reserved = await transaction(job, (tx) => reserve(tx, target, rows.count));
  let filled: Filled | null = null;
  return transaction(
    job,
    (tx) => {
      if (filled === null) throw new Error("nothing was written before the lock");
      return finish(tx, target, reserved, filled, rows.count);
    },
    {
      topics: { names: [target.topic], mode: "exclusive" },
      statementMs: 0,
      before: async (tx) => void (filled = await fill(job, tx, target, { ...reserved, rows })),
    },
  );
}

async function reserve(tx: Tx, { content }: ListTarget, count: number): Promise<Reserved> {
  const [contentId, first] = await Promise.all([keepContent(tx, written(content)), reserveMessageIds(tx, count)]);
  return { contentId, first, last: first + count - 1 };
}

type Early = Pick<Tx, "query" | "run">;

/** Writes recipients and messages, while others write, too. */
async function fill(
  job: Job,
  { query, run }: Early,
  target: ListTarget,
  { contentId, first, last, rows }: Reserved & { rows: StagedRows },
): Promise<Filled> {
  const since = job.time.now().wall - EARLIER_MS;
  const topic = await admittedTopic(query, target, contentId);
  const [ids] = await query<{ topicId: number | null; ingestId: number }>(
    `select ${topic === null ? nextIdSql("topic") : "null::bigint"} as "topicId", ${nextIdSql("ingest")} as "ingestId"`,
  );
  const topicId = topic?.id ?? ids?.topicId;
  if (ids === undefined || topicId === null || topicId === undefined) throw new Error("no id for the topic");
  const place: Place = { ...ids, topicId, contentId, first, last, table: rows.table };
  await run(MORE_MEMORY);
  await checkRows(job, query, rows);
  const added = await addRecipients(run, place, topic === null);
  const filled = { topic, topicId, ingestId: ids.ingestId, first, last, added, suppressed: 0, since };
  if (added === 0) return filled;
  filled.suppressed = await addMessages({ query, run }, place, target, added === rows.count);
  filled.suppressed += await suppressLate({ query, run }, place, target, since, MANY);
  // The new rows of a list that grows are at its end. A range without those before them is walked faster.
  if (added < rows.count) Object.assign(filled, await idsOf(query, place));
  return filled;
}

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

/** A crash of the server empties the table of staged rows, as does a failover to a standby. */
function lostRows({ name }: Job): StoppedError {
  return new StoppedError(
    `the database ${name} lost rows of the list while they came in: was it restarted?`,
    "run the same command again",
  );
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
  { priority, endpoint }: ListTarget,
  areAllNew: boolean,
): Promise<number> {
  const [any] = await query("select 1 from sm.suppression limit 1");
  const isNew = areAllNew
    ? ""
    : `join sm.recipient r on r.address = s.address and r.topic_id = $1 and r.variant = ${OWN_VARIANT}
         and r.message_id = $2::bigint + s.id`;
  const values: unknown[] = [topicId, first - 1, contentId, ingestId, priority];
  let state = "'pending'";
  if (any !== undefined) {
    values.push(endpoint ?? null);
    state = `case when ${suppressedSql("s.address", "$6::text")} then 'suppressed' else 'pending' end`;
  }
  // In order of the ids, because a scan of the table may begin in its middle.
  await run(
    `insert into sm.message (id, topic_id, content_id, ingest_id, email, fields, priority, not_before, state)
     select $2::bigint + s.id, $1::int, $3::bigint, $4::bigint, coalesce(s.email, s.address), s.fields, $5::smallint,
       s.not_before, ${state} from ${table} s ${isNew} order by s.id`,
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
async function suppressLate(
  { query, run }: Early,
  { topicId, first, last }: Pick<Place, "topicId" | "first" | "last">,
  { endpoint }: ListTarget,
  since: number,
  most: number,
): Promise<number> {
  // Each look-up has a limit, so that no planner reads a whole table for it.
  const found = await query<{ id: number }>(
    `select m.id from (
       select address from sm.suppression
       where created_at >= $4 and (not rehearsal or $5::text = 'sandbox') order by created_at desc limit $6) s
     cross join lateral (select message_id from sm.recipient
       where address = s.address and topic_id = $1 and variant = ${OWN_VARIANT} limit 1) r
     cross join lateral (select id from sm.message
       where id = r.message_id and id between $2 and $3 and state = 'pending' limit 1) m`,
    [topicId, first, last, since, endpoint ?? null, most],
  );
  if (found.length === 0) return 0;
  const ids = found.map(({ id }) => id);
  return run("update sm.message set state = 'suppressed' where id = any($1::bigint[]) and state = 'pending'", [ids]);
}

/** Writes the rest, with the writer lock: whatever others look at. */
async function finish(
  tx: Tx,
  target: ListTarget,
  { contentId }: Reserved,
  filled: Filled,
  count: number,
): Promise<ListCounts> {
  const { topicId, added } = filled;
  const topic = await admittedTopic(tx.query, target, contentId);
  if ((topic?.id ?? null) !== (filled.topic?.id ?? null)) throw new TopicChanged();
  if (topic === null) await createTopic(tx, target, { id: topicId, contentId });
  else await updateTopic(tx, topic, target, contentId);
  // A topic that was there for the real thing becomes a rehearsal with the first mail that leaves, not by being looked at.
  if (added === 0) return { added: 0, duplicates: count, suppressed: 0 };
  const late = await suppressLate(tx, filled, target, filled.since, FEW);
  const suppressed = filled.suppressed + late;
  const counters = createCounters();
  if (target.endpoint === "sandbox") await turnTo(tx, counters, [topicId], "sandbox");
  counters.add(topicId, "pending", added - suppressed);
  counters.add(topicId, "suppressed", suppressed);
  await Promise.all([insertIngest(tx, target, filled), counters.write(tx)]);
  return { added: added - suppressed, duplicates: count - added, suppressed };
}

/** Another topic has the name than when its recipients were written, so all of it is done again. */
class TopicChanged extends Error {
  // As the server says of transactions that have to be repeated.
  readonly code = "40001";

  constructor() {
    super("another topic has this name now");
  }
}

function insertIngest(
  tx: Tx,
  { file, columns }: ListTarget,
  { topicId, ingestId, first, last }: Filled,
): Promise<number> {
  return tx.run(
    `insert into sm.ingest (id, topic_id, file, columns, first_id, last_id, created_at) overriding system value
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [ingestId, topicId, file, JSON.stringify(columns), first, last, tx.now.wall],
  );
}

/** Counts by reading alone, as of one instant. */
function forecast(job: Job, rows: StagedRows, topic: string, endpoint: Endpoint | null): Promise<ListForecast> {
  const { table } = rows;
  return snapshot(job, async (ask) => {
    await ask(MORE_MEMORY);
    const [found] = await ask<{ id: number }>("select id from sm.topic where name = $1", [topic]);
    const [counts] = await ask<Omit<ListForecast, "first"> & { firstId: number | null }>(foretelling(table), [
      found?.id ?? 0,
      endpoint,
    ]);
    if (counts === undefined) throw new Error("no counts");
    const { firstId, ...rest } = counts;
    if (rest.added + rest.known + rest.repeated + rest.suppressed !== rows.count) throw lostRows(job);
    const [first] = await ask<{ email: string; fields: string }>(
      `select coalesce(email, address) as email, fields from ${table} where id = $1`,
      [firstId],
    );
    return { ...rest, first: first ?? null };
  });
}

/** The joins come before the grouping: nobody has told the planner how many addresses there are, and it would guess two hundred. */
const foretelling = (table: string): string => `
  select count(*) filter (where not is_known and not is_suppressed)::int8 as added,
    coalesce(sum(times) filter (where is_known), 0)::int8 as known,
    coalesce(sum(times - 1) filter (where not is_known), 0)::int8 as repeated,
    count(*) filter (where not is_known and is_suppressed)::int8 as suppressed,
    min(id) filter (where not is_known and not is_suppressed) as "firstId"
  from (
    select min(s.id) as id, count(*) as times, bool_or(r.address is not null) as is_known,
      bool_or(x.address is not null) as is_suppressed
    from ${table} s
    left join sm.recipient r on r.address = s.address and r.topic_id = $1 and r.variant = ${OWN_VARIANT}
    left join sm.suppression x on x.address = s.address and (not x.rehearsal or $2::text = 'sandbox')
    group by s.address
  ) s`;
