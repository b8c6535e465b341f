/**
 * Breaks a topic down by time, domain, reason and link. The questions read the messages themselves, which takes a few seconds for a
 * million. Each walks the topic in steps, and signals are heard between steps. They use a connection of their own, so that all
 * answers are of one instant and nobody waits for them.
 */
import type { Connection, Job } from "./connection.ts";
import { readDeliveryTimes } from "./delivery-times.ts";
import { Database } from "./driver.ts";
import type {
  TimeCounts,
  DomainCounts,
  BounceReason,
  FailureReason,
  FailedRecipient,
  OpenCounts,
  Breakdown,
  Sample,
} from "../breakdown.ts";
import { byList } from "./by-list.ts";
import { clickedLinks } from "./links.ts";
import { rankedOf, type Sum } from "../rules/ranked.ts";
import { createTopicReader } from "./topic-rows.ts";
import type { TopicRow } from "../rows.ts";
import { type EventCounter, type EventOutcome, MARK_OF, OUTCOMES } from "../rules/event-counters.ts";
import { createSpans } from "../spans.ts";
import { patternOf } from "../rules/pattern.ts";
import { createTally, type Ranked } from "../rules/ranking.ts";
import type { Reader } from "../store.ts";
import type { State } from "../../message.ts";
import { type KeptMail, mailOf } from "../fields.ts";
import { topicIdOf } from "./topic-ids.ts";
import { type Walk, createWalk } from "./walk.ts";

/** SQLite's page cache of that connection. It holds one step. */
const CACHE_KIB = 16_384;

/** Of a topic of which no more were sent each message is read to learn when. What all topics sent between its first and last may be far more. */
const FEW = 100_000;

/** Makes the part of the store that breaks a topic down. It needs a job file with a name. `few`: as `FEW`. */
export function createBreakdown(
  { db, clock, isImage }: Pick<Job, "db" | "clock" | "isImage">,
  few = FEW,
): Pick<Reader, "breakdown"> {
  return {
    async breakdown(topic, signal, ask) {
      // Nobody else writes to an image.
      if (isImage) return ask(await createLines({ db, clock, few }, topic, signal));
      const reader = new Database(db.name, { readonly: true, fileMustExist: true });
      try {
        reader.pragma(`cache_size = -${CACHE_KIB}`);
        reader.exec("begin");
        return await ask(await createLines({ db: reader, clock, few }, topic, signal));
      } finally {
        reader.close();
      }
    },
  };
}

async function createLines(
  { db, clock, few }: Pick<Job, "db" | "clock"> & { few: number },
  name: string,
  signal: AbortSignal,
): Promise<Breakdown> {
  const topicId = topicIdOf(db, name);
  const row = await createTopicReader({ db, clock }).topic(name);
  if (row === null) throw new Error("a topic without a row");
  const walk = createWalk(db, topicId, signal);
  // The topic's counters are of the same instant as the messages. Where they say that nothing is to be found, nobody looks.
  const walkTo = (...counters: (State | EventCounter)[]) => (counters.some((name) => row[name] > 0) ? walk : nowhere);
  const troubled = walkTo("failed", "in_doubt");
  return {
    topic: row,
    ...headOf(db, topicId),
    sample: () => readSample(db, row, walk),
    byTime: (spanMs) => byTime(db, { topicId, row, walk, few }, spanMs),
    byDomain: (limit) => byDomain(db, { row, walk }, limit),
    byList: (limit) => byList(db, walk, limit),
    bounceReasons: (limit) => bounceReasons(db, walkTo("bounced_permanent", "bounced_transient"), limit),
    failures: (limit) => failures(db, { topicId, walk: troubled }, limit),
    links: (limit) => clickedLinks(db, walkTo("clicked"), limit),
    opens: () => opens(db, walkTo("opened")),
    deliveryTimes: (slowest) => readDeliveryTimes(db, walkTo("delivered"), slowest),
    failedRecipients: (limit) => failedRecipients(db, { topicId, walk: troubled }, limit),
  };
}

const nowhere: Walk = async () => undefined;

/** The outcomes that a message of the topic may have. */
function outcomesOf(row: TopicRow): EventOutcome[] {
  return OUTCOMES.filter((name) => row[name === "opened_by_reader" ? "opened" : name] > 0);
}

function headOf(db: Connection, topicId: number): Pick<Breakdown, "subject" | "from"> {
  const head = db
    .prepare<[number], { subject: string; from: string }>(
      `select c.body ->> 'subject' as subject, c.body ->> 'from' as "from"
       from topic t join content c on c.id = t.content_id where t.id = ?`,
    )
    .get(topicId);
  return { subject: head?.subject ?? "", from: head?.from ?? "" };
}

interface SampleRow extends KeptMail {
  email: string;
}

async function readSample(db: Connection, { sent }: TopicRow, walk: Walk): Promise<Sample | null> {
  const first = db.prepare<[number, number], SampleRow>(
    `select c.body, m.email, m.fields, i.columns
     from message m join content c on c.id = m.content_id join ingest i on i.id = m.ingest_id
     where m.id between ? and ? ${sent > 0 ? "and m.state = 'sent'" : ""} order by m.id limit 1`,
  );
  let found: SampleRow | undefined;
  await walk((from, to) => (found = first.get(from, to)) === undefined);
  return found === undefined ? null : mailOf(found);
}

// Over time ----------------------------------------------------------------------------------------------------------

async function byTime(
  db: Connection,
  { topicId, row, walk, few }: { topicId: number; row: TopicRow; walk: Walk; few: number },
  spanMs: number,
): Promise<TimeCounts[]> {
  const spans = createSpans(spanMs);
  const readsEach = row.sent <= few;
  if (!readsEach)
    for (const { span, count } of sentBySpan(db, topicId, row, spanMs)) if (count > 0) spans.add(span, "sent", count);
  const sent = countSentBySpan(db);
  const marks = outcomesOf(row).map((name) => ({ name, counted: countBySpan(db, name) }));
  await walk((first, last) => {
    if (readsEach) for (const { span, count } of sent.all(spanMs, first, last)) spans.add(span, "sent", count);
    for (const { name, counted } of marks)
      for (const { span, count } of counted.all(spanMs, first, last)) spans.add(span, name, count);
  });
  return spans.all();
}

function countBySpan(db: Connection, name: keyof typeof MARK_OF) {
  return db.prepare<[spanMs: number, first: number, last: number], { span: number; count: number }>(
    // 0 stands for a time that could not be read.
    `select cast(${MARK_OF[name]} / ? as integer) as span, count(*) as count from feedback
     where message_id between ? and ? and ${MARK_OF[name]} > 0 group by 1`,
  );
}

function countSentBySpan(db: Connection) {
  return db.prepare<[spanMs: number, first: number, last: number], { span: number; count: number }>(
    `select cast(sent_at / ? as integer) as span, count(*) as count from message
     where id between ? and ? and sent_at is not null group by 1`,
  );
}

/** Counts what was sent by span. It jumps from one span with messages to the next along an index, and reads no message. */
function* sentBySpan(db: Connection, topicId: number, { firstSentAt, lastSentAt }: TopicRow, spanMs: number) {
  const next = db
    .prepare<[number, number, number], number | null>(
      "select min(sent_at) from message indexed by message_sent where sent_at between ? and ? and topic_id = ?",
    )
    .pluck();
  const count = db
    .prepare<[number, number, number], number>(
      "select count(*) from message indexed by message_sent where sent_at between ? and ? and topic_id = ?",
    )
    .pluck();
  const end = lastSentAt ?? -1;
  for (let at = firstSentAt; at !== null;) {
    const span = Math.floor(at / spanMs);
    const after = (span + 1) * spanMs;
    yield { span, count: count.get(span * spanMs, after - 1, topicId) ?? 0 };
    at = next.get(after, end, topicId) ?? null;
  }
}

// By domain ----------------------------------------------------------------------------------------------------------

const DOMAIN_COUNTS = ["total", "sent", ...OUTCOMES] as const;

/** Added up in a temporary table, which SQLite keeps on disk, because a list may have as many domains as recipients. */
async function byDomain(
  db: Connection,
  { row, walk }: { row: TopicRow; walk: Walk },
  limit: number,
): Promise<Ranked<DomainCounts>> {
  db.exec(`drop table if exists temp.domain; create temp table domain (
    domain text primary key, ${DOMAIN_COUNTS.map((name) => `${name} integer not null`).join(", ")}) strict, without rowid`);
  const happened = outcomesOf(row);
  // To look for what is told of each message takes a quarter of the time.
  const told = happened.length === 0 ? "" : "left join feedback f on f.message_id = m.id";
  const add = db.prepare(
    `insert into temp.domain
     select substr(email, instr(email, '@') + 1), count(*), sum(state = 'sent'),
       ${OUTCOMES.map((name) => (happened.includes(name) ? `count(f.${MARK_OF[name]})` : "0")).join(", ")}
     from message m ${told} where m.id between ? and ? group by 1
     on conflict (domain) do update set ${DOMAIN_COUNTS.map((name) => `${name} = ${name} + excluded.${name}`).join(", ")}`,
  );
  await walk((first, last) => void add.run(first, last));
  const rows = db
    .prepare<[number], DomainCounts>("select * from temp.domain order by total desc, domain limit ?")
    .all(limit);
  const sum = db
    .prepare<[], Sum<DomainCounts>>(
      `select '' as domain, count(*) as kinds, ${DOMAIN_COUNTS.map((name) => `ifnull(sum(${name}), 0) as ${name}`).join(", ")}
       from temp.domain`,
    )
    .get();
  db.exec("drop table temp.domain");
  return rankedOf(rows, sum, DOMAIN_COUNTS);
}

// By reason ----------------------------------------------------------------------------------------------------------

async function bounceReasons(db: Connection, walk: Walk, limit: number): Promise<Ranked<BounceReason>> {
  const found = db.prepare<[number, number], Omit<BounceReason, "messages">>(
    // A message may have several bounces. The diagnostic of the last one is shown.
    `select bounce_type, bounce_subtype,
       (select detail from event e where e.message_id = f.message_id and type = 'bounce' order by at desc, key limit 1) as diagnostic
     from feedback f where message_id between ? and ? and (bounced_at is not null or soft_bounced_at is not null)`,
  );
  const tally = createTally<Omit<BounceReason, "messages">>();
  await walk((first, last) => {
    for (const row of found.all(first, last))
      tally.add({ ...row, diagnostic: row.diagnostic === null ? null : patternOf(row.diagnostic) }, 1);
  });
  return tally.ranked(limit, { bounce_type: null, bounce_subtype: null, diagnostic: null });
}

async function failures(
  db: Connection,
  { topicId, walk }: { topicId: number; walk: Walk },
  limit: number,
): Promise<Ranked<FailureReason>> {
  const found = db.prepare<[number, number, number], FailureReason>(
    `select state, error, count(*) as messages from message indexed by message_trouble
     where topic_id = ? and id between ? and ? and state in ('failed', 'in_doubt') group by 1, 2`,
  );
  const tally = createTally<Omit<FailureReason, "messages">>();
  await walk((first, last) => {
    for (const { messages, ...row } of found.all(topicId, first, last))
      tally.add({ ...row, error: row.error === null ? null : patternOf(row.error) }, messages);
  });
  return tally.ranked(limit, { state: "failed", error: null });
}

async function failedRecipients(
  db: Connection,
  { topicId, walk }: { topicId: number; walk: Walk },
  limit: number,
): Promise<FailedRecipient[]> {
  const page = db.prepare<[number, number, number, number], FailedRecipient>(
    `select email, state, error from message indexed by message_trouble
     where topic_id = ? and id between ? and ? and state in ('failed', 'in_doubt') order by id limit ?`,
  );
  const found: FailedRecipient[] = [];
  await walk((first, last) => {
    found.push(...page.all(topicId, first, last, limit - found.length));
    return found.length < limit;
  });
  return found;
}

async function opens(db: Connection, walk: Walk): Promise<OpenCounts> {
  const count = db.prepare<[number, number], OpenCounts>(
    `select count(opened_at) as opened, count(reader_opened_at) as opened_by_reader
     from feedback where message_id between ? and ?`,
  );
  const sum = { opened: 0, opened_by_reader: 0 };
  await walk((first, last) => {
    const step = count.get(first, last);
    sum.opened += step?.opened ?? 0;
    sum.opened_by_reader += step?.opened_by_reader ?? 0;
  });
  return sum;
}
