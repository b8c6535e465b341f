/** Puts lists of recipients into the job file. */
import { expiresAtSql } from "../common-sql.ts";
import { type Content, type Kind, kindOf } from "../../message.ts";
import type { Clock } from "../../time/clock.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createCounters } from "./state-counters.ts";
import { createListTopics, type ListTopic } from "./list-topics.ts";
import { createLastIdReader } from "./numbering.ts";
import { createEndpoints } from "./endpoints.ts";
import { createStagedRows } from "./staged-rows.ts";
import { suppressedSql } from "./suppressed.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import { priorityOf } from "../rules/priority.ts";
import type { Endpoint, ForecastMail, ListCounts, ListForecast, ListTarget } from "../rows.ts";
import type { Lists, Staging } from "../store.ts";

/** A list of more rows leaves a write-ahead log that is worth truncating. */
const MANY = 10_000;

/** Makes the part of the store that takes lists in. */
export function createLists(job: Job): Lists {
  const { db, clock } = job;
  const topics = createListTopics(db, clock);
  const merge = createMerge(db, clock, topics.open);

  return {
    async stage(): Promise<Staging> {
      const rows = createStagedRows(db);
      return {
        add: async (staged) => rows.add(staged),
        forecast: async (topic, mail = {}) => forecast(db, topic, mail),
        async commit(target) {
          const counts = await transaction(job, () => merge(target, rows.count));
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

/** Where staged rows go: into a topic, with message ids from `base + 1` on. */
interface Destination {
  topicId: number;
  contentId: number;
  base: number;
  staged: number;
}

/** Makes a function that puts the staged rows into their topic: recipients, messages, counters. To be called in a transaction. */
function createMerge(
  db: Connection,
  clock: Clock,
  open: (target: ListTarget) => { topicId: number; contentId: number },
): (target: ListTarget, staged: number) => ListCounts {
  const readLastId = createLastIdReader(db);
  return (target, staged) => {
    const destination = { ...open(target), base: readLastId(), staged };
    const added = addRecipients(db, destination);
    // A topic that was there for the real thing becomes a rehearsal with the first mail that leaves, not by being looked at.
    if (added === 0) return { added, duplicates: staged, suppressed: 0 };
    if (target.endpoint === "sandbox") enterRehearsal(db, destination.topicId);
    const ingestId = addIngest(db, clock, target, destination);
    const suppressed = addMessages(db, {
      ...destination,
      ingestId,
      areAllNew: added === staged,
      priority: priorityOf(target.priority, kindOf(target.content)),
      ...stoppable(target.content, target.endpoint),
      expiresIn: target.expiresInMs ?? null,
      now: clock.now(),
    });
    // Duplicates at the end of the list have no messages. The next list gets their ids, and ranges must not overlap.
    if (added < staged)
      db.prepare("update ingest set last_id = (select max(id) from message) where id = ?").run(ingestId);
    const counts = { added: added - suppressed, duplicates: staged - added, suppressed };
    count(db, destination.topicId, counts);
    return counts;
  };
}

/** From now on the topic is rehearsed. What rehearsals suppressed is kept back from the first message on. */
function enterRehearsal(db: Connection, topicId: number): void {
  const counters = createCounters(db);
  createEndpoints(db, counters).turn(topicId, "sandbox");
  counters.write();
}

/** Adds recipients. Returns how many the topic did not have yet. */
function addRecipients(db: Connection, { topicId, base }: Destination): number {
  // Sorted rows fill the tree from left to right, which is much faster than at random.
  return db
    .prepare(
      `insert into recipient (address, topic_id, variant, message_id)
       select address, ?, ${OWN_VARIANT}, ? + id from staged.row where true order by address, id on conflict do nothing`,
    )
    .run(topicId, base).changes;
}

function addIngest(db: Connection, clock: Clock, target: ListTarget, { topicId, base, staged }: Destination): number {
  const insert = db.prepare(
    "insert into ingest (topic_id, file, columns, first_id, last_id, created_at) values (?, ?, ?, ?, ?, ?)",
  );
  const columns = JSON.stringify(target.columns);
  return Number(insert.run(topicId, target.file, columns, base + 1, base + staged, clock.now()).lastInsertRowid);
}

/** What decides whom suppressions keep from getting a list, as parameters. */
interface Stoppable {
  endpoint: Endpoint | null;
  list: string | null;
  kind: Kind;
}

function stoppable(content: Pick<Content, "list" | "kind">, endpoint: Endpoint | null = null): Stoppable {
  return { endpoint, list: content.list ?? null, kind: kindOf(content) };
}

const IS_SUPPRESSED = suppressedSql("s.address", "@endpoint", { list: "@list", kind: "@kind" });

/** Adds a message for each recipient that is new. Returns how many of them are suppressed. */
function addMessages(
  db: Connection,
  {
    areAllNew,
    staged,
    ...list
  }: Destination & {
    ingestId: number;
    priority: number;
    areAllNew: boolean;
    expiresIn: number | null;
    now: number;
  } & Stoppable,
): number {
  const isNew = areAllNew
    ? ""
    : `and (select message_id from recipient
            where address = s.address and topic_id = @topicId and variant = ${OWN_VARIANT}) = @base + s.id`;
  const anySuppressed = db.prepare("select 1 from suppression limit 1").get() !== undefined;
  const state = anySuppressed ? `case when ${IS_SUPPRESSED} then 'suppressed' else 'pending' end` : "'pending'";
  const insert = db.prepare(
    `insert into message (id, topic_id, content_id, ingest_id, email, fields, priority, not_before, expires_in, expires_at, state)
     select @base + s.id, @topicId, @contentId, @ingestId, ifnull(s.email, s.address), s.fields, @priority, s.not_before, @expiresIn, ${expiresAtSql("s.not_before", "@expiresIn", "@now")}, ${state}
     from staged.row s where true ${isNew} order by s.id`,
  );
  withoutChecks(db, () => insert.run(list));
  if (!anySuppressed) return 0;
  const suppressed = db
    .prepare<[number, number], number>("select count(*) from message where id between ? and ? and state = 'suppressed'")
    .pluck();
  return suppressed.get(list.base + 1, list.base + staged) ?? 0;
}

/**
 * Runs work whose rows cannot break a CHECK, because what is checked are constants in its SQL and a priority from the rules. That
 * takes a quarter of the time of a long list. Types are checked all the same.
 */
function withoutChecks(db: Connection, work: () => void): void {
  db.pragma("ignore_check_constraints = on");
  try {
    work();
  } finally {
    db.pragma("ignore_check_constraints = off");
  }
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
