/** Counts a topic, and writes the counts as `stats` shows them. */
import { csvLine } from "../compose/list/csv-writer.ts";
import { STATES, type Totals } from "../message.ts";
import type { TopicRow } from "../store/rows.ts";
import { isoTime } from "../time/iso.ts";
import { EVENT_COUNTERS, type EventCounts } from "../store/rules/event-counters.ts";

/** The fields of `stats` that hold a time. */
export const TIMES = ["first_sent_at", "last_sent_at"] as const;

/** The fields of `stats` that hold a rate. `bounce_rate` counts hard bounces only. */
export const RATES = ["delivery_rate", "bounce_rate", "complaint_rate", "open_rate", "click_rate"] as const;

/** All fields of `stats` in the order of every output. Scripts rely on the names and the order. */
export const STAT_FIELDS = ["topic", "total", ...STATES, ...EVENT_COUNTERS, ...TIMES, ...RATES] as const;

type Time = (typeof TIMES)[number];
type Rate = (typeof RATES)[number];

/** The counts of one topic. Times are milliseconds since the epoch, null when nothing was sent. */
export type TopicCounts = { topic: string } & Totals & EventCounts & Record<Time, number | null>;

/**
 * One object of `stats`. Times are ISO 8601 in UTC, null when nothing was sent. Rates are fractions of `sent`, null
 * when that is 0.
 */
export type TopicStats = { topic: string } & Totals &
  EventCounts &
  Record<Time, string | null> &
  Record<Rate, number | null>;

/** The counts of a topic under the names of `stats`. */
export function countsOf({
  notBefore: _due,
  cancelledAt: _at,
  endpoint: _to,
  firstSentAt,
  lastSentAt,
  ...counts
}: TopicRow): TopicCounts {
  return { ...counts, first_sent_at: firstSentAt, last_sent_at: lastSentAt };
}

/** Adds the rates and writes the times as ISO 8601. The keys come in the order of `STAT_FIELDS`. */
export function withRates(counts: TopicCounts): TopicStats {
  const share = (part: number): number | null => (counts.sent === 0 ? null : part / counts.sent);
  const values: TopicStats = {
    ...counts,
    first_sent_at: isoTime(counts.first_sent_at),
    last_sent_at: isoTime(counts.last_sent_at),
    delivery_rate: share(counts.delivered),
    // Hard bounces only: the rate by which SES judges an account.
    bounce_rate: share(counts.bounced_permanent),
    complaint_rate: share(counts.complained),
    open_rate: share(counts.opened),
    click_rate: share(counts.clicked),
  };
  return Object.fromEntries(STAT_FIELDS.map((field) => [field, values[field]])) as TopicStats;
}

/**
 * `stats` as CSV: a heading and a line for each topic; null is an empty cell. `raw` writes cells as they are, also
 * those that a spreadsheet would run.
 */
export function statsCsv(rows: TopicStats[], options: { raw?: boolean } = {}): string {
  const lines = rows.map((row) =>
    csvLine(
      STAT_FIELDS.map((field) => String(row[field] ?? "")),
      options,
    ),
  );
  return csvLine([...STAT_FIELDS]) + lines.join("");
}

/** Draws tables, as a `Terminal` does. */
export interface Draws {
  table(head: string[], rows: (string | number)[][]): Promise<string>;
}

/**
 * `stats` as a table for people: one topic with all its fields, one a line; several topics side by side, with the main
 * fields.
 */
export async function statsTable(rows: TopicStats[], terminal: Draws): Promise<string> {
  const [first, ...others] = rows;
  if (first === undefined) return "no topics yet";
  if (others.length > 0)
    return terminal.table(
      [...COMPARED],
      rows.map((row) => COMPARED.map((field) => cell(row, field))),
    );
  const [, ...fields] = STAT_FIELDS;
  return terminal.table(
    ["topic", first.topic],
    fields.map((field) => [field, cell(first, field)]),
  );
}

const COMPARED = ["topic", "total", ...STATES, ...RATES] as const;

function cell(row: TopicStats, field: (typeof STAT_FIELDS)[number]): string | number {
  const value = row[field];
  if (value === null) return "-";
  return isRate(field) && typeof value === "number" ? percent(value) : value;
}

/** Writes a fraction for people: `97.50 %`. */
export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)} %`;
}

function isRate(field: string): field is Rate {
  return (RATES as readonly string[]).includes(field);
}
