/** Puts lists of recipients into the job file. */
import type { Clock } from "../../time/clock.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { finishJoining, isJoined } from "./joining.ts";
import { createCounters } from "./state-counters.ts";
import { createListTopics, type ListTopic, type ListTopics } from "./list-topics.ts";
import { addIngest, addMessages, IS_SUPPRESSED, listRowsOf, type Stoppable, stoppable } from "./list-rows.ts";
import { addLongList } from "./long-lists.ts";
import { finishContent } from "./moving.ts";
import { createLastIdReader } from "./numbering.ts";
import { enterRehearsal } from "./endpoints.ts";
import { createStagedRows, type StagedRows } from "./staged-rows.ts";
import { allOf, fewUnknown, type Source } from "./unknown-rows.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import type { ForecastMail, ListCounts, ListForecast, ListTarget } from "../rows.ts";
import type { Lists, Staging } from "../store.ts";

/** A list of more rows takes longer than others should wait, and leaves a write-ahead log that is worth truncating. */
const MANY = 10_000;

/** Makes the part of the store that takes lists in. */
export function createLists(job: Job): Lists {
  const { db, clock } = job;
  const topics = createListTopics(db, clock);
  const add = createAdd(job, topics);

  return {
    async stage(): Promise<Staging> {
      const rows = createStagedRows(db);
      return {
        add: async (staged) => rows.add(staged),
        forecast: async (topic, mail = {}) => forecast(db, topic, mail),
        async commit(target) {
          const counts = await add(target, rows);
          // The list is in. Of a long topic the messages that were there before get its content now.
          await finishContentOf(job, target);
          rows.discard();
          // SQLite skips it silently while others read.
          if (rows.count > MANY) db.pragma("wal_checkpoint(truncate)");
          return counts;
        },
        discard: async () => rows.discard(),
      };
    },
    checkList: async (target: ListTopic): Promise<void> => topics.check(target),
  };
}

/** Makes a function that puts the staged rows into their topic: those that it does not have, few with one transaction, many in parts. */
function createAdd(job: Job, topics: ListTopics): (target: ListTarget, rows: StagedRows) => Promise<ListCounts> {
  const { db, clock } = job;
  const merge = createMerge(db, clock, topics);
  return async (target, rows) => {
    for (;;) {
      // A short list for the content that the topic has asks for it in its transaction only.
      const into = rows.count > MANY || target.replaceContent ? topics.find(target) : null;
      // What joins the topic gets the new content, too.
      if (target.replaceContent && into !== null) await finishJoining(job, into);
      const source = await sourceOf(db, rows, into);
      const counts =
        source === null
          ? await addLongList(job, topics, target, { rows, into })
          : await transaction(job, () => merge(target, rows, source));
      if (counts !== null) return counts;
      // The topic is another one by now, or others put something into it.
    }
  };
}

async function finishContentOf(job: Job, { topic }: ListTarget): Promise<void> {
  const topicId = job.db
    .prepare<[string], number>("select id from topic where name = ? and moving_at is not null")
    .pluck()
    .get(topic);
  if (topicId !== undefined) await finishContent(job, topicId);
}

/** The rows that go in with one transaction; null: they are too many. */
async function sourceOf(db: Connection, rows: StagedRows, topicId: number | null): Promise<Source | null> {
  if (rows.count <= MANY) return allOf(rows);
  return topicId === null ? null : fewUnknown(db, rows, topicId);
}

/**
 * Makes a function that puts the staged rows into their topic: recipients, messages, counters. To be called in a transaction. Null, and
 * nothing is done: the topic is not the one that the rows were compared with, or what joins it has to be moved first.
 */
function createMerge(
  db: Connection,
  clock: Clock,
  topics: Pick<ListTopics, "find" | "open" | "retime">,
): (target: ListTarget, rows: StagedRows, source: Source) => ListCounts | null {
  const readLastId = createLastIdReader(db);
  return (target, rows, source) => {
    const known = topics.find(target);
    if (source.topicId !== null && source.topicId !== known) return null;
    if (target.replaceContent && known !== null && isJoined(db, known)) return null;
    const place = topics.open(target);
    const { topicId } = place;
    const base = readLastId();
    const { count: staged } = rows;
    const added = addRecipients(db, { topicId, base }, source);
    // A topic that was there for the real thing becomes a rehearsal with the first mail that leaves, not by being looked at.
    if (added === 0) return { added, duplicates: staged, suppressed: 0 };
    if (target.endpoint === "sandbox") enterRehearsal(db, topicId);
    const now = clock.now();
    const ingestId = addIngest(db, target, { topicId, first: base + 1, last: base + staged }, now);
    const list = listRowsOf(target, { ...place, ingestId, base }, now);
    const range = { table: source.table, from: 1, to: staged };
    const { suppressed } = addMessages(db, list, { ...range, areAllNew: added === source.count });
    // Duplicates at the end of the list have no messages. The next list gets their ids, and ranges must not overlap.
    if (added < staged)
      db.prepare("update ingest set last_id = (select max(id) from message) where id = ?").run(ingestId);
    const counts = { added: added - suppressed, duplicates: staged - added, suppressed };
    if (counts.added > 0) topics.retime(target, topicId);
    count(db, topicId, counts);
    return counts;
  };
}

/** Adds recipients. Returns how many the topic did not have yet. */
function addRecipients(
  db: Connection,
  { topicId, base }: { topicId: number; base: number },
  { table }: Source,
): number {
  // Sorted rows fill the tree from left to right, which is much faster than at random.
  return db
    .prepare(
      `insert into recipient (address, topic_id, variant, message_id)
       select address, ?, ${OWN_VARIANT}, ? + id from ${table} where true order by address, id on conflict do nothing`,
    )
    .run(topicId, base).changes;
}

function count(db: Connection, topicId: number, { added, suppressed }: ListCounts): void {
  const counters = createCounters(db);
  counters.add(topicId, "pending", added);
  counters.add(topicId, "suppressed", suppressed);
  counters.write();
}

/** Counts by reading alone. The staged addresses are sorted once, and looked up in that order. */
function forecast(db: Connection, topic: string, { endpoint, ...mail }: ForecastMail): ListForecast {
  const topicId = db.prepare<[string], number>("select id from topic where name = ?").pluck().get(topic) ?? 0;
  const counts = db
    .prepare<[{ topicId: number } & Stoppable], Omit<ListForecast, "first"> & { firstId: number | null }>(
      `select ifnull(sum(not is_known and not is_suppressed), 0) as added,
         ifnull(sum(iif(is_known, times, 0)), 0) as known,
         ifnull(sum(iif(is_known, 0, times - 1)), 0) as repeated,
         ifnull(sum(not is_known and is_suppressed), 0) as suppressed,
         min(iif(is_known or is_suppressed, null, id)) as firstId
       from (
         select min(id) as id, count(*) as times,
           exists (select 1 from recipient r
             where r.address = s.address and r.topic_id = @topicId and r.variant = ${OWN_VARIANT}) as is_known,
           ${IS_SUPPRESSED} as is_suppressed
         from staged.row s group by s.address
       )`,
    )
    .get({ topicId, ...stoppable(mail, endpoint) });
  if (!counts) throw new Error("no counts");
  const { firstId, ...rest } = counts;
  const row = db.prepare<[number | null], { email: string; fields: string }>(
    "select ifnull(email, address) as email, fields from staged.row where id = ?",
  );
  return { ...rest, first: row.get(firstId) ?? null };
}
