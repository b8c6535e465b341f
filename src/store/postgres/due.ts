/** Finds the messages that may be claimed now, and says when the next one may. */
import type { Claim, Outlook, Scope } from "../../deliver/source.ts";
import { dueSpans, laterSpans, lateSpans, type Now, type Span, waitMs } from "../rules/due.ts";
import type { CapTurn } from "./cap.ts";
import type { Tx } from "./transaction.ts";
import type { Place, Places } from "./follow.ts";
import { pausedTopics, scopeValues } from "./sendable.ts";
import { counting, EARLIEST, priorityBelow, streams, type Where } from "./waiting-index.ts";
import { lowerSql, mailWith, suppressedSql } from "./suppressed.ts";

/** A message that is due, as a look finds it. */
export interface Found extends Claim {
  /** True: it must not be sent to its address. */
  suppressed: boolean;
  /** Where the mail of its topic goes so far; null: nothing of it was claimed yet. */
  endpoint: string | null;
  priority: number;
  notBefore: number;
  /** The place of its span in `dueSpans`. */
  span: number;
}

/** What the source hands out of it. */
export function claimOf({ id, topicId, contentId, ingestId, email, fields, attempts }: Found): Claim {
  return { id, topicId, contentId, ingestId, email, fields, attempts };
}

/** How many messages to find, and where. */
export interface Wanted {
  limit: number;
  /** It holds messages back. They are left out; `CapTurn.write` postpones them. */
  cap?: CapTurn | null;
  /** What comes after these places is found first, as long as it is enough. */
  after?: Places | null;
}

/**
 * Up to `limit` messages that are due, by priority, and older topics first as far as that needs no look at what is not due: of what
 * waited for a time, what was due earlier goes first. Within a topic what goes at once comes first, then what waited, by time and
 * order of arrival.
 */
export async function findDue(
  query: Tx["query"],
  scope: Scope,
  now: Now,
  { limit, cap = null, after = null }: Wanted,
): Promise<Found[]> {
  const found: Found[] = [];
  // Who has to pass over many that are held back finds them by walking from the start.
  const places = cap === null ? after : null;
  for (let below = ABOVE_ALL; ;) {
    const priority = await findOfPriority(query, scope, now, { below, limit, cap, places, found });
    if (found.length >= limit || cap?.isExhausted() === true) return found;
    // What others put back may be before the places, and is more urgent than what has a lower priority.
    const isBehind = places !== null && (priority === null || priority === places.priority);
    if (isBehind) return findDue(query, scope, now, { limit });
    if (priority === null) return found;
    below = priority;
  }
}

const ABOVE_ALL = 11;

interface Search {
  /** Priorities from here up were searched. */
  below: number;
  limit: number;
  cap: CapTurn | null;
  places: Places | null;
  /** What was found; more is added. */
  found: Found[];
}

/** Searches the next lower priority that has pending messages, and returns it; null: there is none. */
async function findOfPriority(query: Tx["query"], scope: Scope, now: Now, search: Search): Promise<number | null> {
  const { below, limit, cap, places, found } = search;
  const seen = new Set<number>();
  let pageSize = limit;
  for (;;) {
    const page = await look(query, scope, now, { below, pageSize, places });
    if (page.priority === null) return null;
    await cap?.learn(page.rows);
    for (const row of merged(page.rows, pageSize)) {
      if (seen.has(row.id)) continue;
      seen.add(row.id);
      if (cap === null || cap.admits(row)) found.push(row);
      if (found.length >= limit || cap?.isExhausted() === true) return page.priority;
    }
    const isAll = page.rows.length < pageSize;
    if (cap === null || isAll || pageSize > limit) return page.priority;
    // The cap held some back. It never holds back more than this.
    pageSize = limit + cap.mostHeld;
  }
}

/** The first `pageSize` messages of each span, of the highest priority below another one that has pending messages. */
async function look(
  query: Tx["query"],
  scope: Scope,
  now: Now,
  { below, pageSize, places }: { below: number; pageSize: number; places: Places | null },
): Promise<{ priority: number | null; rows: Found[] }> {
  const { sql, values } = asked(LOOK, scope, now, [
    ...spanValues(dueSpans(scope.maxLateMs, now), places),
    below,
    pageSize,
  ]);
  const rows = await query<Found | NoRow>(sql, values);
  return { priority: rows[0]?.priority ?? null, rows: rows.filter((row) => row.id !== null) };
}

/** Nothing of the priority may be sent, or there is none. */
interface NoRow {
  priority: number | null;
  id: null;
}

const LOOK = texts((where) => {
  const priority = priorityBelow(where, "$10::int");
  return `with p as materialized (select ${priority} as priority)
    select p.priority, c.span, c.endpoint, c.id, c.topic_id as "topicId", c.content_id as "contentId",
      c.ingest_id as "ingestId", c.email, c.fields, c.attempts, c.not_before as "notBefore",
      ${suppressedSql(lowerSql("c.email"), "$2::text", mailWith("c.content_id"))} as suppressed
    from p left join lateral (${streams(where, "p.priority", "$11::int")}) c on true`;
}, 12);

/** A statement for all topics of a scope, and one for a scope that names a topic, which is the value with this number. */
function texts(make: (where: Where) => string, name: number): { all: string; one: string } {
  return { all: make("all"), one: make({ name: `$${name}` }) };
}

/** The one of two statements that a scope needs, and its values. `and`: those after the values of the scope. */
function asked(
  { all, one }: { all: string; one: string },
  scope: Scope,
  now: Now,
  and: unknown[],
): { sql: string; values: unknown[] } {
  const values = [...scopeValues(scope, now.wall), ...and];
  return scope.topic === null ? { sql: all, values } : { sql: one, values: [...values, scope.topic] };
}

/** The ends of spans, and from where to look: values 4 to 9 of `streams`. */
function spanValues(spans: readonly Span[], places: Places | null): unknown[] {
  const from = spans.map(([lo], at): Place => {
    const place = places?.spans.get(at);
    return place === undefined || place.notBefore < lo ? { notBefore: lo, topicId: 0, id: 0 } : place;
  });
  return [
    spans.map(([lo]) => lo),
    spans.map(([, hi]) => hi),
    from.map(({ notBefore }) => notBefore),
    from.map(({ topicId }) => topicId),
    from.map(({ id }) => id),
    places?.priority ?? 0,
  ];
}

/**
 * One stream of several spans. Of their next messages the one of the oldest topic comes first, or that of the first span. It ends where
 * a span that has more than was read would be next.
 */
function* merged(rows: readonly Found[], pageSize: number): Generator<Found> {
  const spans = [...new Set(rows.map(({ span }) => span))].sort((a, b) => a - b);
  const streams = spans.map((span) => rows.filter((row) => row.span === span));
  const at = streams.map(() => 0);
  for (;;) {
    let chosen: { stream: number; row: Found } | null = null;
    for (const [stream, list] of streams.entries()) {
      const row = list[at[stream] ?? 0];
      if (row === undefined && list.length >= pageSize) return;
      if (row !== undefined && (chosen === null || row.topicId < chosen.row.topicId)) chosen = { stream, row };
    }
    if (chosen === null) return;
    at[chosen.stream] = (at[chosen.stream] ?? 0) + 1;
    yield chosen.row;
  }
}

/** What one question tells, before anything is written or locked. */
export interface Glance {
  /** Milliseconds until a message may be claimed; 0: now; null: none waits. */
  nextInMs: number | null;
  /** Milliseconds until a message that is not due now may be claimed; null: there is none. */
  laterInMs: number | null;
  /** True: a timed pause seems to begin after now. */
  areAhead: boolean;
  /** The oldest version of the schema that a program must know. */
  oldestProgram: number;
}

/** Says when something of the scope may be claimed. It counts nothing. */
export async function glance(query: Tx["query"], scope: Scope, now: Now): Promise<Glance> {
  const due = dueSpans(scope.maxLateMs, now);
  const { sql, values } = asked(GLANCE, scope, now, spanValues([...due, ...laterSpans(now)], null));
  const rows = await query<GlanceRow>(sql, values);
  const [first] = rows;
  if (first === undefined) throw new Error("the job is gone");
  const isDue = rows.some(({ span }) => span !== null && span < due.length);
  const later = rows.flatMap(({ span, notBefore }) =>
    span !== null && notBefore !== null && span >= due.length ? [waitMs(notBefore, now)] : [],
  );
  const ends = await afterPauses(query, first.paused ?? [], scope.maxLateMs, now);
  const laterInMs = minimum([...later, ...ends]);
  const { areAhead, oldestProgram } = first;
  return { nextInMs: isDue ? 0 : laterInMs, laterInMs, areAhead, oldestProgram };
}

interface GlanceRow {
  oldestProgram: number;
  areAhead: boolean;
  paused: PausedTopic[] | null;
  span: number | null;
  notBefore: number | null;
}

/** A topic that only a pause keeps from being sent, which ends `until` (ms since the epoch). */
interface PausedTopic {
  id: number;
  until: number;
}

const GLANCE = texts((where) => {
  const paused = pausedTopics(where === "all" ? "true" : `t.name = ${where.name}`);
  return `select j.oldest_program as "oldestProgram",
      exists (select 1 from sm.topic where paused_at > $1::bigint and paused_until is not null) as "areAhead",
      (select json_agg(p) from (${paused}) p) as paused, c.span, c."notBefore"
    from sm.job j left join (
      select s.span, min(s.not_before) as "notBefore"
      from generate_series(1, 10) p (priority) cross join lateral (${streams(where, "p.priority", "1")}) s group by s.span
    ) c on true`;
}, 10);

/** Milliseconds until something of each of these topics may be claimed: what is due when its pause ends, or else what is due later. */
async function afterPauses(
  query: Tx["query"],
  paused: readonly PausedTopic[],
  maxLateMs: number | null,
  now: Now,
): Promise<number[]> {
  if (paused.length === 0) return [];
  const looks = paused.flatMap(({ id, until }, topic) => {
    const leftMs = until - now.wall;
    const open = { wall: now.wall + leftMs, steady: now.steady + leftMs };
    const due = dueSpans(maxLateMs, open).map((span) => ({ id, topic, leftMs, span, open, isDue: true }));
    return [...due, ...laterSpans(open).map((span) => ({ id, topic, leftMs, span, open, isDue: false }))];
  });
  const rows = await query<{ at: number; notBefore: number }>(EARLIEST, [
    looks.map(({ id }) => id),
    looks.map(({ span: [from] }) => from),
    looks.map(({ span: [, to] }) => to),
    looks.map((_, at) => at),
  ]);
  return rows.flatMap(({ at, notBefore }) => {
    const found = looks[at];
    if (found === undefined) return [];
    return found.leftMs + (found.isDue ? 0 : waitMs(notBefore, found.open));
  });
}

function minimum(numbers: readonly number[]): number | null {
  return numbers.length === 0 ? null : numbers.reduce((a, b) => Math.min(a, b));
}

/** Counts what waits. It reads an index entry for each message. */
export async function outlookOf(query: Tx["query"], scope: Scope, now: Now): Promise<Outlook> {
  const due = dueSpans(scope.maxLateMs, now);
  const spans = [...due, ...lateSpans(scope.maxLateMs, now)];
  const { sql, values } = asked(COUNT, scope, now, [spans.map(([lo]) => lo), spans.map(([, hi]) => hi)]);
  const rows = await query<{ span: number; count: number }>(sql, values);
  const sum = (is: (span: number) => boolean) =>
    rows.reduce((total, { span, count }) => total + (is(span) ? count : 0), 0);
  const { laterInMs } = await glance(query, scope, now);
  return {
    due: sum((span) => span < due.length),
    late: sum((span) => span >= due.length),
    nextDueInMs: laterInMs,
  };
}

const COUNT = texts(counting, 6);
