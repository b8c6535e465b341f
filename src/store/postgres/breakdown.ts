/**
 * Breaks a topic down by time, domain, reason and link. The questions read the messages themselves, which takes a few seconds for a
 * million. They run in one transaction that only reads, so that all answers are of one instant. Nobody waits for it, but while it is
 * open the server keeps what others replace.
 */
import type { Content } from "../../message.ts";
import type {
  BounceReason,
  Breakdown,
  FailedRecipient,
  FailureReason,
  LinkCounts,
  OpenCounts,
  Outcomes,
  Sample,
  TimeCounts,
} from "../breakdown.ts";
import { mailOf } from "../fields.ts";
import { createLinkTally } from "../link-tally.ts";
import type { TopicRow } from "../rows.ts";
import { MARK_OF, OUTCOMES } from "../rules/event-counters.ts";
import { patternOf } from "../rules/pattern.ts";
import { createTally, type Ranked } from "../rules/ranking.ts";
import { createSpans } from "../spans.ts";
import type { Reader } from "../store.ts";
import { type Job, snapshot } from "./connection.ts";
import type { Tx } from "./transaction.ts";
import { readDeliveryTimes } from "./delivery-times.ts";
import { byList } from "./by-list.ts";
import { byDomain } from "./domains.ts";
import type { Part } from "./ranges.ts";
import { topicIdOf } from "./topic-ids.ts";
import { topicRow } from "./topic-rows.ts";
import { createWalk, type Walk } from "./walk.ts";

/** Makes the part of the store that breaks a topic down. */
export function createBreakdown(job: Job): Pick<Reader, "breakdown"> {
  return {
    breakdown: (topic, signal, ask) =>
      snapshot(job, async (query) => ask(await createLines(job, query, { topic, signal }))),
  };
}

async function createLines(
  { name: database, time }: Job,
  query: Tx["query"],
  { topic: name, signal }: { topic: string; signal: AbortSignal },
): Promise<Breakdown> {
  const topicId = await topicIdOf(query, name, database);
  const row = await topicRow(query, name, time.now().wall);
  if (row === null) throw new Error("a topic without a row");
  const walk = await createWalk(query, topicId, signal);
  return {
    topic: row,
    ...(await headOf(query, topicId)),
    sample: () => readSample(query, row, walk),
    byTime: (spanMs) => byTime(walk, spanMs),
    byDomain: (limit) => byDomain(walk, limit),
    byList: (limit) => byList(walk, limit),
    bounceReasons: (limit) => bounceReasons(walk, limit),
    failures: (limit) => failures(walk, limit),
    links: (limit) => clickedLinks(walk, limit),
    opens: () => opens(walk),
    deliveryTimes: (slowest) => readDeliveryTimes(query, walk, slowest),
    failedRecipients: (limit) => failedRecipients(walk, limit),
  };
}

async function headOf(query: Tx["query"], topicId: number): Promise<Pick<Breakdown, "subject" | "from">> {
  const [row] = await query<{ body: string }>(
    "select c.body from sm.topic t join sm.content c on c.id = t.content_id where t.id = $1",
    [topicId],
  );
  const { subject = "", from = "" } = JSON.parse(row?.body ?? "{}") as Partial<Content>;
  return { subject, from };
}

async function readSample(query: Tx["query"], { sent }: TopicRow, walk: Walk): Promise<Sample | null> {
  const id = await firstOf(walk, sent > 0 ? "m.state = 'sent'" : "true");
  const [found] = await query<{ body: string; email: string; fields: string; columns: string }>(
    `select c.body, m.email, m.fields, i.columns
     from sm.message m join sm.content c on c.id = m.content_id join sm.ingest i on i.id = m.ingest_id where m.id = $1`,
    [id],
  );
  return found === undefined ? null : mailOf(found);
}

async function firstOf(walk: Walk, which: string): Promise<number | null> {
  for await (const [step] of walk<{ id: number | null }>(
    ({ has }) => `select min(m.id) as id from sm.message m where ${has("m.id")} and ${which}`,
  ))
    if (step != null && step.id !== null) return step.id;
  return null;
}

// Over time ----------------------------------------------------------------------------------------------------------

interface SpanCount {
  name: keyof Outcomes;
  span: number;
  count: number;
}

const sentByTime = ({ has }: Part): string => `select 'sent' as name, m.sent_at / $3 as span, count(*)::int8 as count
  from sm.message m where ${has("m.id")} and m.sent_at is not null group by 2`;

// 0 stands for a time that could not be read.
const marksByTime = ({ has }: Part): string => `select mark.name, mark.at / $3 as span, count(*)::int8 as count
  from sm.feedback f cross join lateral (values ${OUTCOMES.map((name) => `('${name}', f.${MARK_OF[name]})`).join(", ")}) mark (name, at)
  where ${has("f.message_id")} and mark.at > 0 group by 1, 2`;

async function byTime(walk: Walk, spanMs: number): Promise<TimeCounts[]> {
  const spans = createSpans(spanMs);
  for (const sql of [sentByTime, marksByTime])
    for await (const rows of walk<SpanCount>(sql, spanMs))
      for (const { span, name, count } of rows) spans.add(span, name, count);
  return spans.all();
}

// By reason and link -------------------------------------------------------------------------------------------------

// A message may have several bounces. The diagnostic of the last one is shown.
const bounces = ({ has }: Part): string => `select f.bounce_type, f.bounce_subtype,
    (select e.detail from sm.event e where e.message_id = f.message_id and e.type = 'bounce'
     order by e.at desc nulls last, e.key limit 1) as diagnostic
  from sm.feedback f where ${has("f.message_id")} and (f.bounced_at is not null or f.soft_bounced_at is not null) order by f.message_id`;

async function bounceReasons(walk: Walk, limit: number): Promise<Ranked<BounceReason>> {
  const tally = createTally<Omit<BounceReason, "messages">>();
  for await (const rows of walk<Omit<BounceReason, "messages">>(bounces))
    for (const row of rows)
      tally.add({ ...row, diagnostic: row.diagnostic === null ? null : patternOf(row.diagnostic) }, 1);
  return tally.ranked(limit, { bounce_type: null, bounce_subtype: null, diagnostic: null });
}

async function failures(walk: Walk, limit: number): Promise<Ranked<FailureReason>> {
  const tally = createTally<Omit<FailureReason, "messages">>();
  for await (const rows of walk<FailureReason>(
    ({ has }) =>
      `select m.state, m.error, count(*)::int8 as messages from sm.message m where ${has("m.id")} and m.state in ('failed', 'in_doubt') group by 1, 2 order by 1, 2`,
  ))
    for (const { messages, ...row } of rows)
      tally.add({ ...row, error: row.error === null ? null : patternOf(row.error) }, messages);
  return tally.ranked(limit, { state: "failed", error: null });
}

async function failedRecipients(walk: Walk, limit: number): Promise<FailedRecipient[]> {
  const found: FailedRecipient[] = [];
  for await (const rows of walk<FailedRecipient>(
    ({ has }) =>
      `select m.email, m.state, m.error from sm.message m where ${has("m.id")} and m.state in ('failed', 'in_doubt') order by m.id limit $3`,
    limit,
  )) {
    found.push(...rows.slice(0, limit - found.length));
    if (found.length >= limit) break;
  }
  return found;
}

async function opens(walk: Walk): Promise<OpenCounts> {
  const sum = { opened: 0, opened_by_reader: 0 };
  for await (const [step] of walk<OpenCounts>(
    ({ has }) =>
      `select count(f.opened_at)::int8 as opened, count(f.reader_opened_at)::int8 as opened_by_reader from sm.feedback f where ${has("f.message_id")}`,
  )) {
    sum.opened += step?.opened ?? 0;
    sum.opened_by_reader += step?.opened_by_reader ?? 0;
  }
  return sum;
}

// Messages with a click are few, so their events are looked for, and not all events are looked through.
const clicks = ({
  has,
}: Part): string => `select coalesce(e.detail, '') as link, count(distinct e.message_id)::int8 as messages, sum(e.times)::int8 as clicks,
    coalesce(sum(e.times) filter (where e.machine), 0)::int8 as machine_clicks
  from sm.feedback f join sm.event e on e.message_id = f.message_id
  where ${has("f.message_id")} and f.clicked_at is not null and e.type = 'click' group by 1`;

async function clickedLinks(walk: Walk, limit: number): Promise<Ranked<LinkCounts>> {
  const tally = createLinkTally();
  for await (const rows of walk<LinkCounts>(clicks)) for (const row of rows) tally.add(row);
  return tally.ranked(limit);
}
