/**
 * Reads the indexes of what waits (`message_at_once`, `message_timed` and `message_timed_topic` in schema.ts). Every step is a
 * seek, so its cost does not depend on how much waits for later.
 */
import type { Claim } from "../../deliver/source.ts";
import type { Span } from "../rules/due.ts";
import type { Connection } from "./connection.ts";
import type { Sendable } from "./sendable.ts";

/** A message that waits. */
export interface Waiting extends Omit<Claim, "expiresInMs"> {
  /** When it expires (ms since the epoch); null: never. */
  expiresAt: number | null;
}

/** Which pending messages of one priority to read. */
export interface Look {
  priority: number;
  /** What has expired by then (ms since the epoch) is left out; -1: nothing is. */
  alive: number;
  topics: Sendable;
  /** How many rows one statement reads. */
  pageSize: number;
}

/** What can be read of the indexes. Streams are lazy; nothing may be written while one is read. */
export interface WaitingIndex {
  /** The priorities that have pending messages, the highest first. */
  priorities(): number[];
  /** Messages that may go at once, by topic and order of arrival. */
  atOnce(look: Look): Generator<Waiting>;
  /** Messages whose `notBefore` is in the span, which must not hold 0, by that time, topic and order of arrival. */
  timed(look: Look, span: Span): Generator<Waiting>;
  /** True when `atOnce` has a message. */
  hasAtOnce(look: Look): boolean;
  /** The smallest `notBefore` in the span, which must not hold 0; null: the span is empty. */
  earliest(look: Look, span: Span): number | null;
  /**
   * How many messages that are alive at `now` (ms since the epoch) go at once, and how many have a `notBefore` in each of the spans.
   * Reads an entry for each message.
   */
  count(topics: Sendable, spans: readonly Span[], now: number): number;
  /**
   * How many messages are pending with a `notBefore` that is in none of the spans, which must not hold 0, and alive at `now`: those that
   * topics count without those in the spans. Null: more than `few` are in one of the spans, and not counted.
   */
  countBut(topics: Sendable, spans: readonly Span[], now: number, few: number): number | null;
}

/** What is read of a message, in SQL. */
export const CLAIM =
  "id, topic_id as topicId, content_id as contentId, ingest_id as ingestId, email, fields, attempts, expires_at as expiresAt, not_before as notBefore";

/** The columns of `CLAIM`. A driver that makes objects of rows takes half as long again, and 10 us to find none. */
type Row = [
  id: number,
  topicId: number,
  contentId: number,
  ingestId: number,
  email: string,
  fields: string,
  attempts: number,
  expiresAt: number | null,
  notBefore: number,
];

function waitingOf([id, topicId, contentId, ingestId, email, fields, attempts, expiresAt]: Row): Waiting {
  return { id, topicId, contentId, ingestId, email, fields, attempts, expiresAt };
}

/** Where they are in a `Row`. */
const ID = 0;
const TOPIC_ID = 1;
const NOT_BEFORE = 8;

const ALIVE = "(expires_at is null or expires_at > ?)";
/** A parameter that is all of the limit decides the plan, so SQLite would compile the statement again whenever it is bound. */
const LIMIT = "limit 0 + ?";

/** Makes a reader of the indexes of a job file. */
export function createWaitingIndex(db: Connection): WaitingIndex {
  const atOnce = createAtOnce(db);
  const timed = createTimed(db);
  const priorities = db
    .prepare<[], number>(
      `with recursive step (priority) as (
         select 10
         union all
         select priority - 1 from step where priority > 1
       )
       select priority from step where
         exists (select 1 from message indexed by message_at_once
           where state = 'pending' and not_before = 0 and priority = step.priority)
         or exists (select 1 from message indexed by message_timed
           where state = 'pending' and not_before <> 0 and priority = step.priority)
       order by priority desc`,
    )
    .pluck();
  return { priorities: () => priorities.all(), ...atOnce, ...timed, ...createCount(db) };
}

function createAtOnce(db: Connection): Pick<WaitingIndex, "atOnce" | "hasAtOnce"> {
  const where = "from message indexed by message_at_once where state = 'pending' and not_before = 0 and priority = ?";
  const nextTopic = db
    .prepare<[number, number], number | null>(`select min(topic_id) ${where} and topic_id > ?`)
    .pluck();
  const some = db.prepare<[number, number, number]>(`select 1 ${where} and topic_id = ? and ${ALIVE} limit 1`);
  const page = db
    .prepare<[priority: number, topicId: number, after: number, alive: number, limit: number], Row>(
      `select ${CLAIM} ${where} and topic_id = ? and id > ? and ${ALIVE} order by id ${LIMIT}`,
    )
    .raw();

  function* topicsOf({ priority, topics }: Look): Generator<number> {
    if (topics.only !== null) {
      if (topics.only !== undefined && topics.has(topics.only)) yield topics.only;
      return;
    }
    for (let topicId = nextTopic.get(priority, 0); typeof topicId === "number";) {
      if (topics.has(topicId)) yield topicId;
      topicId = nextTopic.get(priority, topicId);
    }
  }

  return {
    *atOnce(look) {
      for (const topicId of topicsOf(look)) {
        for (let after = 0; ;) {
          const rows = page.all(look.priority, topicId, after, look.alive, look.pageSize);
          for (const row of rows) yield waitingOf(row);
          const last = rows.at(-1);
          if (last === undefined || rows.length < look.pageSize) break;
          after = last[ID];
        }
      }
    },
    hasAtOnce(look) {
      for (const topicId of topicsOf(look)) if (some.get(look.priority, topicId, look.alive) !== undefined) return true;
      return false;
    },
  };
}

/** A message that waits, and until when. */
type Timed = [waiting: Waiting, notBefore: number];

type After = [priority: number, notBefore: number, topicId: number, id: number, to: number];

function createTimed(db: Connection): Pick<WaitingIndex, "timed" | "earliest"> {
  const onward = `select ${CLAIM} from message indexed by message_timed
     where state = 'pending' and not_before <> 0 and priority = ? and (not_before, topic_id, id) > (?, ?, ?) and not_before <= ?`;
  const ofAny = db
    .prepare<[...After, alive: number, limit: number], Row>(
      `${onward} and ${ALIVE} order by not_before, topic_id, id ${LIMIT}`,
    )
    .raw();
  // The topics that are left out are a list, so that SQLite passes over their messages faster than we could. A list takes time to make.
  const ofOthers = db
    .prepare<[...After, left: string, alive: number, limit: number], Row>(
      `${onward} and topic_id not in (select value from json_each(?)) and ${ALIVE} order by not_before, topic_id, id ${LIMIT}`,
    )
    .raw();
  const ofOne = db
    .prepare<
      [topicId: number, priority: number, from: number, id: number, to: number, alive: number, limit: number],
      Row
    >(
      `select ${CLAIM} from message indexed by message_timed_topic
     where state = 'pending' and not_before <> 0 and topic_id = ? and priority = ?
       and (not_before, id) > (?, ?) and not_before <= ? and ${ALIVE} order by not_before, id ${LIMIT}`,
    )
    .raw();

  function* one({ priority, topics, alive, pageSize }: Look, [from, to]: Span): Generator<Timed> {
    const topicId = topics.only ?? null;
    if (topicId === null || !topics.has(topicId)) return;
    for (let [notBefore, id] = [from, 0]; notBefore <= to;) {
      const rows = ofOne.all(topicId, priority, notBefore, id, to, alive, pageSize);
      for (const row of rows) yield [waitingOf(row), row[NOT_BEFORE]];
      const last = rows.at(-1);
      if (last === undefined || rows.length < pageSize) return;
      [notBefore, id] = [last[NOT_BEFORE], last[ID]];
    }
  }

  function* all({ priority, topics, alive, pageSize }: Look, [from, to]: Span): Generator<Timed> {
    const left = new Set<number>();
    for (let [notBefore, topicId, id] = [from, 0, 0]; notBefore <= to;) {
      // With each topic that is left out a page becomes longer, so that thousands of them are found with few statements.
      const most = Math.max(pageSize, left.size);
      const after: After = [priority, notBefore, topicId, id, to];
      const rows =
        left.size === 0
          ? ofAny.all(...after, alive, most)
          : ofOthers.all(...after, JSON.stringify([...left]), alive, most);
      for (const row of rows) {
        [notBefore, topicId, id] = [row[NOT_BEFORE], row[TOPIC_ID], row[ID]];
        if (topics.has(topicId)) yield [waitingOf(row), notBefore];
        else left.add(topicId);
      }
      if (rows.length < most) return;
    }
  }

  const timed = (look: Look, span: Span) => (look.topics.only === null ? all(look, span) : one(look, span));
  return {
    *timed(look, span) {
      for (const [waiting] of timed(look, span)) yield waiting;
    },
    earliest(look, span) {
      for (const [, notBefore] of timed({ ...look, pageSize: 1 }, span)) return notBefore;
      return null;
    },
  };
}

type Count = { topicId: number; count: number };

const PRIORITIES = "priority in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)";
const TIMED = `state = 'pending' and not_before <> 0 and ${PRIORITIES} and not_before between $from and $to`;
const OF_SCOPE = "($only is null or topic_id = $only)";

function createCount(db: Connection): Pick<WaitingIndex, "count" | "countBut"> {
  const atOnce = db.prepare<[{ only: number | null }], Count>(
    `select topic_id as topicId, count(*) as count from message indexed by message_at_once
     where state = 'pending' and not_before = 0 and ${PRIORITIES} and ${OF_SCOPE} group by topic_id`,
  );
  const timed = createTimedCount(db);
  const ofAll = db.prepare<[], Count>("select id as topicId, pending as count from topic where pending > 0");
  const ofOne = db.prepare<[number], Count>("select id as topicId, pending as count from topic where id = ?");
  // What has expired is counted apart: there is little of it, and a look at each message would take long.
  const expired = ({ only }: { only: number | null }, condition: string, now: number): Count[] =>
    db
      .prepare<[{ only: number | null; now: number }], Count>(
        `select topic_id as topicId, -count(*) as count from message indexed by message_expiry
         where state = 'pending' and expires_at is not null and expires_at <= $now and (${condition}) and ${OF_SCOPE} group by topic_id`,
      )
      .all({ only, now });
  const within = (spans: readonly Span[]) =>
    spans.map(([from, to]) => `not_before between ${from} and ${to}`).join(" or ");
  const filledOf = (spans: readonly Span[]) => spans.filter(([from, to]) => from <= to);
  const sumOf = (topics: Sendable, counts: readonly Count[]) =>
    counts.reduce((sum, { topicId, count }) => sum + (topics.has(topicId) ? count : 0), 0);

  return {
    count(topics, spans, now) {
      const { only } = topics;
      const filled = filledOf(spans);
      if (only === undefined || filled.length === 0) return 0;
      const waiting = filled.flatMap((span) =>
        span[0] === 0 && span[1] === 0 ? atOnce.all({ only }) : timed(only, span),
      );
      return sumOf(topics, [...waiting, ...expired({ only }, within(filled), now)]);
    },
    countBut(topics, spans, now, few) {
      const { only } = topics;
      if (only === undefined) return 0;
      const filled = filledOf(spans);
      const parts = filled.map((span) => timed(only, span, few + 1));
      if (parts.some((part) => part.reduce((sum, { count }) => sum + count, 0) > few)) return null;
      const all = only === null ? ofAll.all() : ofOne.all(only);
      const rest = expired({ only }, filled.length === 0 ? "true" : `not (${within(filled)})`, now);
      return sumOf(topics, [...all, ...rest]) - sumOf(topics, parts.flat());
    },
  };
}

/** Makes what counts the messages in a span that does not hold 0, by topic, and up to `most` of them. */
function createTimedCount(db: Connection): (only: number | null, span: Span, most?: number) => Count[] {
  // A single topic is found by a seek, however much waits in others.
  const [ofAll, ofOne] = (["message_timed", "message_timed_topic"] as const).map((index) =>
    db.prepare<[{ only: number | null; from: number; to: number; most: number }], Count>(
      `select topic_id as topicId, count(*) as count from (
         select topic_id from message indexed by ${index}
         where ${TIMED} ${index === "message_timed" ? "" : "and topic_id = $only"} limit $most
       ) group by topic_id`,
    ),
  );
  return (only, [from, to], most = -1) => (only === null ? ofAll : ofOne)?.all({ only, from, to, most }) ?? [];
}
