/** Breaks one topic down by hour, domain, list, bounce reason, failure or link: what `stats --by` shows. */
import { csvLine } from "../compose/list/csv-writer.ts";
import type { Breakdown, CountsOfList, Outcomes } from "../store/breakdown.ts";
import { type Known, knownCounts, OUTCOMES } from "../store/rules/event-counters.ts";
import type { Ranked } from "../store/rules/ranking.ts";
import { COMPARED, type Draws, percent, STAT_FIELDS, withRates } from "./stats.ts";
import { shortened } from "../printable.ts";

/** The ways to break a topic down, as `stats --by` names them. */
export type Line = "hour" | "domain" | "list" | "bounce-reason" | "failure" | "link";

type Cell = string | number | null;

/**
 * One topic broken down. `fields` are the columns in order. `others` adds up what is not among the rows, with null for
 * its names; null when nothing was left out.
 */
export interface BreakdownTable {
  fields: readonly string[];
  /** The fields that fit into a table for people. */
  shown: readonly string[];
  rows: Record<string, Cell>[];
  others: Record<string, Cell> | null;
}

const HOUR_MS = 3_600_000;

const RATE_OF = {
  delivery_rate: "delivered",
  bounce_rate: "bounced_permanent",
  complaint_rate: "complained",
  open_rate: "opened",
  click_rate: "clicked",
} as const;

/** As in `stats`: one topic's fields without its name. */
const [, ...COUNTS_OF_LIST] = STAT_FIELDS;
const [, ...SHOWN_OF_LIST] = COMPARED;

/** The fields of each breakdown in the order of every output, names first. Scripts rely on the names and the order. */
const FIELDS = {
  hour: ["hour", "sent", ...OUTCOMES],
  domain: ["domain", "total", "sent", ...OUTCOMES, ...Object.keys(RATE_OF)],
  list: ["list", ...COUNTS_OF_LIST],
  "bounce-reason": ["bounce_type", "bounce_subtype", "diagnostic", "messages"],
  failure: ["state", "error", "messages"],
  link: ["link", "messages", "clicks", "machine_clicks"],
} as const satisfies Record<Line, readonly string[]>;

const NAMES = new Set([
  "hour",
  "domain",
  "list",
  "bounce_type",
  "bounce_subtype",
  "diagnostic",
  "state",
  "error",
  "link",
]);

/**
 * Breaks the topic down. Hours come in order of time, all of them. Anything else gives the `top` most frequent, and
 * adds up the rest. Counts are null when nobody can know them. Rates are fractions of `sent`, null when nothing was sent
 * or the count is not known.
 */
export async function breakdownBy(line: Line, lines: Breakdown, top: number): Promise<BreakdownTable> {
  switch (line) {
    case "hour": {
      const spans = await lines.byTime(HOUR_MS);
      const rows = spans.map(({ at, ...counts }) => ({
        hour: new Date(at).toISOString(),
        ...knownCounts(counts, lines.topic),
      }));
      return { fields: FIELDS.hour, shown: FIELDS.hour, rows, others: null };
    }
    case "domain": {
      const ranked = await lines.byDomain(top);
      return table(line, ranked, (row) => {
        const counts = knownCounts(row, lines.topic);
        return { ...counts, ...ratesOf(counts) };
      });
    }
    case "list": {
      const ranked = await lines.byList(top);
      const shown = ["list", ...SHOWN_OF_LIST];
      return { ...table(line, ranked, (row) => listCells(row, lines.topic)), shown };
    }
    case "bounce-reason":
      return table(line, await lines.bounceReasons(top), (row) => ({ ...row }));
    case "failure":
      return table(line, await lines.failures(top), (row) => ({ ...row }));
    case "link":
      return table(line, await lines.links(top), (row) => ({ ...row }));
  }
}

function table<Row>(line: Line, ranked: Ranked<Row>, cellsOf: (row: Row) => Record<string, Cell>): BreakdownTable {
  const others = ranked.others === null ? null : cellsOf(ranked.others.counts);
  for (const field of FIELDS[line]) if (others !== null && NAMES.has(field)) others[field] = null;
  return { fields: FIELDS[line], shown: FIELDS[line], rows: ranked.rows.map(cellsOf), others };
}

function listCells(
  { list, ...counts }: CountsOfList,
  { topic, ...knowledge }: Breakdown["topic"],
): Record<string, Cell> {
  const stats = withRates(knownCounts({ ...counts, topic }, knowledge));
  return { list, ...Object.fromEntries(COUNTS_OF_LIST.map((field) => [field, stats[field]])) };
}

/** Fractions of `sent`, null when that is 0 or the part is not known. */
function ratesOf(counts: Known<Outcomes>): Record<keyof typeof RATE_OF, number | null> {
  const rates = Object.entries(RATE_OF).map(([rate, name]) => {
    const part = counts[name];
    return [rate, counts.sent === 0 || part === null ? null : part / counts.sent];
  });
  return Object.fromEntries(rates) as Record<keyof typeof RATE_OF, number | null>;
}

/**
 * The breakdown as CSV: a heading and a line for each row. Null is an empty cell. When something was left out, the last
 * line adds it up and begins with `(others)`. `raw` writes cells as they are, also those that a spreadsheet would run.
 */
export function breakdownCsv({ fields, rows, others }: BreakdownTable, options: { raw?: boolean } = {}): string {
  const all = others === null ? rows : [...rows, named(fields, others)];
  const lines = all.map((row) =>
    csvLine(
      fields.map((field) => String(row[field] ?? "")),
      options,
    ),
  );
  return csvLine([...fields]) + lines.join("");
}

/** The breakdown as a table for people. */
export async function breakdownText({ shown: fields, rows, others }: BreakdownTable, terminal: Draws): Promise<string> {
  if (rows.length === 0) return "nothing yet";
  const all = others === null ? rows : [...rows, named(fields, others)];
  return terminal.table(
    [...fields],
    all.map((row) => fields.map((field) => cellText(field, row[field] ?? null))),
  );
}

function named(fields: readonly string[], others: Record<string, Cell>): Record<string, Cell> {
  return { ...others, [fields[0] ?? ""]: "(others)" };
}

/** The answers of mail servers can be long; a line of a table is cut here. */
const MOST_CHARACTERS = 80;

function cellText(field: string, value: Cell): string | number {
  if (value === null) return "–";
  if (typeof value === "number") return field.endsWith("_rate") ? percent(value) : value;
  return shortened(value, MOST_CHARACTERS);
}
