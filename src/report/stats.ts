/** Counts a topic, and writes the counts as `stats` shows them. */
import { csvLine } from "../compose/list/csv-writer.ts";
import { STATES, type Totals } from "../message.ts";
import type { TopicRow } from "../store/rows.ts";
import { isoTime } from "../time/iso.ts";
import { fromNow, type Local, shortTime, zoneOf } from "../time/short.ts";
import { EVENT_COUNTERS, type EventCounts, type Known, knownCounts } from "../store/rules/event-counters.ts";

/** The fields of `stats` that hold a time. */
export const TIMES = ["first_sent_at", "last_sent_at"] as const;

/** The fields of `stats` that hold a rate. `bounce_rate` counts hard bounces only. */
export const RATES = ["delivery_rate", "bounce_rate", "complaint_rate", "open_rate", "click_rate"] as const;

/** All fields of `stats` in the order of every output. Scripts rely on the names and the order. */
export const STAT_FIELDS = ["topic", "total", ...STATES, ...EVENT_COUNTERS, ...TIMES, ...RATES] as const;

type Time = (typeof TIMES)[number];
type Rate = (typeof RATES)[number];

/**
 * The counts of one topic. Times are milliseconds since the epoch, null when nothing was sent. A count is null when nobody can
 * know it: see `isKnown`.
 */
export type TopicCounts = { topic: string } & Totals & Known<EventCounts> & Record<Time, number | null>;

/**
 * One object of `stats`. Times are ISO 8601 in UTC, null when nothing was sent. Counts are null when nobody can know them. Rates
 * are fractions of `sent`, null when that is 0 or the count is not known.
 */
export type TopicStats = { topic: string } & Totals &
  Known<EventCounts> &
  Record<Time, string | null> &
  Record<Rate, number | null>;

/** The counts of a topic under the names of `stats`. */
export function countsOf(row: TopicRow): TopicCounts {
  return knownCounts({ ...row, first_sent_at: row.firstSentAt, last_sent_at: row.lastSentAt }, row);
}

/** Adds the rates and writes the times as ISO 8601. The keys come in the order of `STAT_FIELDS`. */
export function withRates(counts: TopicCounts): TopicStats {
  const share = (part: number | null): number | null =>
    counts.sent === 0 || part === null ? null : part / counts.sent;
  const rates: Record<Rate, number | null> = {
    delivery_rate: share(counts.delivered),
    // Hard bounces only: the rate by which SES judges an account.
    bounce_rate: share(counts.bounced_permanent),
    complaint_rate: share(counts.complained),
    open_rate: share(counts.opened),
    click_rate: share(counts.clicked),
  };
  // One by one: spreading objects takes several times as long, and there may be a hundred thousand topics.
  const ordered: Partial<Record<keyof TopicStats, unknown>> = {};
  for (const field of STAT_FIELDS)
    ordered[field] = isRate(field) ? rates[field] : isTime(field) ? isoTime(counts[field]) : counts[field];
  return ordered as TopicStats;
}

/**
 * `stats` as CSV: a heading and a line for each topic; null is an empty cell. `raw` writes cells as they are, also
 * those that a spreadsheet would run.
 */
export async function* statsCsv(rows: StatsRows, options: { raw?: boolean } = {}): AsyncGenerator<string> {
  yield csvLine([...STAT_FIELDS]);
  for await (const row of rows)
    yield csvLine(
      STAT_FIELDS.map((field) => String(row[field] ?? "")),
      options,
    );
}

/** One row for each topic, read once. */
export type StatsRows = Iterable<TopicStats> | AsyncIterable<TopicStats>;

/** Draws tables, as a `Terminal` does. */
export interface Draws {
  table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): Promise<string>;
  tableLines(
    head: readonly string[],
    rows: Iterable<readonly (string | number)[]> | AsyncIterable<readonly (string | number)[]>,
    inPipes: "fits" | "full",
  ): AsyncIterable<string>;
}

/**
 * `stats` as a table for people: one topic with all its fields, one a line; several topics side by side, with the main
 * fields. Times are local. Where something is not known, a last line says why.
 */
export async function* statsTable(rows: StatsRows, terminal: Draws, local: Local): AsyncGenerator<string> {
  let isUnreported = false;
  const noting = async function* (): AsyncGenerator<TopicStats> {
    for await (const row of rows) {
      isUnreported ||= row.sent > 0 && row.delivered === null;
      yield row;
    }
  };
  const all = noting();
  const [first, second] = [await all.next(), await all.next()];
  if (first.done === true) return yield "no topics yet\n";
  if (second.done === true) yield* wholeTopic(first.value, terminal, local);
  else yield* terminal.tableLines(COMPARED, cellsOf([first.value, second.value], all), "fits");
  if (isUnreported) yield `\n${UNREPORTED}\n`;
}

async function* wholeTopic(row: TopicStats, terminal: Draws, local: Local): AsyncGenerator<string> {
  const [, ...fields] = STAT_FIELDS;
  const cells = fields.map((field) => [field, cell(row, field, local)]);
  yield* terminal.tableLines(["topic", row.topic], cells, "full");
  if (row.first_sent_at !== null) yield `\ntimes are those of ${zoneOf(local)}\n`;
}

const UNREPORTED = "–: SES has not reported of it; take its events in with: ses-mail ingest-events";

/** The fields that are shown of one topic beside others. */
export const COMPARED = ["topic", "total", ...STATES, ...RATES, "unsubscribed"] as const;

async function* cellsOf(...parts: StatsRows[]): AsyncGenerator<(string | number)[]> {
  for (const rows of parts) for await (const row of rows) yield COMPARED.map((field) => cell(row, field, null));
}

function cell(row: TopicStats, field: (typeof STAT_FIELDS)[number], local: Local | null): string | number {
  const value = row[field];
  if (value === null) return "–";
  if (isRate(field) && typeof value === "number") return percent(value);
  return local !== null && isTime(field) ? moment(Date.parse(String(value)), local) : value;
}

function moment(at: number, local: Local): string {
  return `${shortTime(at, local)}, ${fromNow(at, local.now)}`;
}

/** Writes a fraction for people: `97.50 %`. */
export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)} %`;
}

function isRate(field: string): field is Rate {
  return (RATES as readonly string[]).includes(field);
}

function isTime(field: string): field is Time {
  return (TIMES as readonly string[]).includes(field);
}
