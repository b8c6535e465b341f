/** Finds the messages that may be claimed now, and says when the next one may. */
import type { Claim, Outlook, Scope } from "../../deliver/source.ts";
import { dueSpans, laterSpans, lateSpans, type Now, type Span, waitMs } from "../rules/due.ts";
import { expiresInMs } from "../rules/expiry.ts";
import { MOST_BULK } from "../rules/reserve.ts";
import type { CapTurn } from "./cap.ts";
import type { Job } from "./connection.ts";
import { anyExpired, haveManyExpired } from "./expiry.ts";
import { bulkRoomOf } from "./reserve.ts";
import type { Tx } from "./transaction.ts";
import type { Place, Places } from "./follow.ts";
import { anyMoving, pausedTopics, scopeValues } from "./sendable.ts";
import { counting, EARLIEST, priorityBelow, streams, type Where } from "./waiting-index.ts";
import { lowerSql, mailWith, suppressedSql } from "./suppressed.ts";

/** A message that is due, as a look finds it. */
export interface Found extends Omit<Claim, "expiresInMs"> {
  /** When it expires (ms since the epoch); null: never. */
  expiresAt: number | null;
  /** True: it must not be sent to its address. */
  suppressed: boolean;
  /** Where the mail of its topic goes so far; null: nothing of it was claimed yet. */
  endpoint: string | null;
  priority: number;
  notBefore: number;
  /** The place of its span in `dueSpans`. */
  span: number;
}

/** What the source hands out of it. `calledAt`: when the turn was called (monotonic ms). */
export function claimOf({ time, clock }: Pick<Job, "time" | "clock">, found: Found, calledAt: number): Claim {
  const { id, topicId, contentId, ingestId, email, fields, attempts, expiresAt } = found;
  const now = { now: time.now().wall, agoMs: clock.monotonic() - calledAt, errorMs: time.errorMs() };
  return { id, topicId, contentId, ingestId, email, fields, attempts, expiresInMs: expiresInMs(expiresAt, now) };
}

/** How many messages to find, and where. */
export interface Wanted {
  limit: number;
  /** The most bulk messages among them; not set: any number. */
  bulk?: number;
  /** It holds messages back. They are left out; `CapTurn.write` postpones them. */
  cap?: CapTurn | null;
  /** What comes after these places is found first, as long as it is enough. */
  after?: Places | null;
}

/** What a look found. */
export interface Looked {
  found: Found[];
  /** True: bulk mail is due beyond `Wanted.bulk`. Null: there was enough that is more urgent. */
  reserved: boolean | null;
}

/**
 * Up to `limit` messages that are due and have not expired, by priority, and older topics first as far as that needs no look at what is
 * not due: of what waited for a time, what was due earlier goes first. Within a topic what goes at once comes first, then what waited,
 * by time and order of arrival.
 */
export async function findDue(
  query: Tx["query"],
  scope: Scope,
  now: Now,
  { limit, bulk = Infinity, cap = null, after = null }: Wanted,
): Promise<Looked> {
  const search = { limit, cap, bulkLeft: bulk, reserved: null as boolean | null, found: [] as Found[] };
  const { found } = search;
  // Who has to pass over many that are held back finds them by walking from the start.
  const places = cap === null ? after : null;
  for (let below = ABOVE_ALL; ;) {
    const priority = await findOfPriority(query, scope, now, search, { below, places });
    const { reserved } = search;
    if (reserved === true || found.length >= limit || cap?.isExhausted() === true) return { found, reserved };
    // What others put back may be before the places, and is more urgent than what has a lower priority.
    const isBehind = places !== null && (priority === null || priority === places.priority);
    if (isBehind) return findDue(query, scope, now, { limit, bulk });
    if (priority === null) return { found, reserved: reserved ?? false };
    below = priority;
  }
}

const ABOVE_ALL = 11;

interface Search {
  limit: number;
  cap: CapTurn | null;
  /** How many more bulk messages may be found. */
  bulkLeft: number;
  /** As in `Looked`. */
  reserved: boolean | null;
  /** What was found; more is added. */
  found: Found[];
}

/** Where to search. Priorities from `below` up were searched. */
interface Searched {
  below: number;
  places: Places | null;
}

/** Searches the next lower priority that has pending messages, and returns it; null: there is none. */
async function findOfPriority(
  query: Tx["query"],
  scope: Scope,
  now: Now,
  search: Search,
  { below, places }: Searched,
): Promise<number | null> {
  const { limit, cap } = search;
  const seen = new Set<number>();
  let pageSize = limit;
  for (;;) {
    const page = await look(query, scope, now, { below, pageSize, places });
    if (page.priority === null) return null;
    await cap?.learn(page.rows);
    for (const row of merged(page.rows, pageSize)) {
      if (seen.has(row.id)) continue;
      seen.add(row.id);
      take(search, row);
      if (search.reserved === true || search.found.length >= limit || cap?.isExhausted() === true) return page.priority;
    }
    const isAll = page.rows.length < pageSize;
    if (cap === null || isAll || pageSize > limit) return page.priority;
    // The cap held some back. It never holds back more than this.
    pageSize = limit + cap.mostHeld;
  }
}

function take(search: Search, row: Found): void {
  const isBulk = row.priority <= MOST_BULK;
  if (isBulk) search.reserved = search.bulkLeft <= 0;
  if (search.reserved === true || search.cap?.admits(row) === false) return;
  if (isBulk) search.bulkLeft--;
  search.found.push(row);
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
      c.expires_at as "expiresAt", ${suppressedSql(lowerSql("c.email"), "$2::text", mailWith("c.content_id"))} as suppressed
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
  /** True: only bulk mail is due, and none of it may be claimed. */
  reserved: boolean;
  /** True: something has expired. */
  hasExpired: boolean;
  /** Milliseconds until a message that is not due now may be claimed; null: there is none. */
  laterInMs: number | null;
  /** True: a timed pause seems to begin after now. */
  areAhead: boolean;
  /** As `Turn.isMoving`. */
  isMoving: boolean;
  /** The oldest version of the schema that a program must know. */
  oldestProgram: number;
}

/** As `Turn.isMoving` says of a scope of which nothing is due. */
export async function isMoving(query: Tx["query"], scope: Scope, now: Now): Promise<boolean> {
  const { sql, values } = asked(MOVING, scope, now, []);
  const [row] = await query<{ isMoving: boolean }>(sql, values);
  return row?.isMoving === true;
}

const MOVING = texts(
  (where) => `select ${anyMoving(where === "all" ? "true" : `t.name = ${where.name}`)} as "isMoving"`,
  4,
);

/** Says when something of the scope may be claimed. It counts nothing. */
export async function glance(query: Tx["query"], scope: Scope, now: Now): Promise<Glance> {
  const due = dueSpans(scope.maxLateMs, now);
  const bulk = await bulkRoomOf(query, scope, now.wall);
  const look = async (texts: typeof GLANCE) => {
    const { sql, values } = asked(texts, scope, now, spanValues([...due, ...laterSpans(now)], null));
    return query<GlanceRow>(sql, values);
  };
  let rows = await look(GLANCE);
  // Whether anything else is due: but nobody passes over many that have expired only to know that.
  if (rows[0]?.hasExpired === true && !(await haveManyExpired(query, now.wall))) rows = await look(GLANCE_ALIVE);
  const [first] = rows;
  if (first === undefined) throw new Error("the job is gone");
  const mayLeave = ({ isBulk }: GlanceRow) => bulk > 0 || isBulk !== true;
  const isDueRow = ({ span }: GlanceRow) => span !== null && span < due.length;
  const isDue = rows.some((row) => isDueRow(row) && mayLeave(row));
  const reserved = !isDue && rows.some(isDueRow);
  const later = rows
    .filter(mayLeave)
    .flatMap(({ span, notBefore }) =>
      span !== null && notBefore !== null && span >= due.length ? [waitMs(notBefore, now)] : [],
    );
  const ends = await afterPauses(query, first.paused ?? [], scope.maxLateMs, now);
  const laterInMs = minimum([...later, ...ends]);
  const { areAhead, hasExpired, isMoving, oldestProgram } = first;
  return { nextInMs: isDue ? 0 : laterInMs, reserved, hasExpired, laterInMs, areAhead, isMoving, oldestProgram };
}

interface GlanceRow {
  oldestProgram: number;
  isMoving: boolean;
  areAhead: boolean;
  hasExpired: boolean;
  paused: PausedTopic[] | null;
  span: number | null;
  isBulk: boolean | null;
  notBefore: number | null;
}

/** A topic that only a pause keeps from being sent, which ends `until` (ms since the epoch). */
interface PausedTopic {
  id: number;
  until: number;
}

const glanceAt = (alive: "alive" | "all") => (where: Where) => {
  const ofScope = where === "all" ? "true" : `t.name = ${where.name}`;
  const paused = pausedTopics(ofScope);
  return `select j.oldest_program as "oldestProgram",
      exists (select 1 from sm.topic where paused_at > $1::bigint and paused_until is not null) as "areAhead",
      ${anyExpired("$1::bigint")} as "hasExpired",
      ${anyMoving(ofScope)} as "isMoving",
      (select json_agg(p) from (${paused}) p) as paused, c.span, c."isBulk", c."notBefore"
    from sm.job j left join (
      select s.span, p.priority <= ${MOST_BULK} as "isBulk", min(s.not_before) as "notBefore"
      from generate_series(1, 10) p (priority) cross join lateral (${streams(where, "p.priority", "1", alive)}) s group by 1, 2
    ) c on true`;
};

const GLANCE = texts(glanceAt("all"), 10);
const GLANCE_ALIVE = texts(glanceAt("alive"), 10);

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
