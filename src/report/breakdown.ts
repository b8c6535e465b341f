import { csvLine } from "../compose/list/csv.ts";
import type { Breakdown, Outcomes } from "../store/breakdown.ts";
import { OUTCOMES } from "../store/rules/marks.ts";
import type { Ranked } from "../store/rules/tally.ts";
import { type Draws, percent } from "./stats.ts";

/** What `stats --by` takes. */
export type Line = "hour" | "domain" | "bounce-reason" | "failure" | "link";

type Cell = string | number | null;

/** One topic along one line. `others` adds up what is not among the rows, its names null. */
export interface BreakdownTable {
  fields: readonly string[];
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

/** The fields of each line, in the order of every output; names come first, and scripts rely on both. */
const FIELDS = {
  hour: ["hour", "sent", ...OUTCOMES],
  domain: ["domain", "total", "sent", ...OUTCOMES, ...Object.keys(RATE_OF)],
  "bounce-reason": ["bounce_type", "bounce_subtype", "diagnostic", "messages"],
  failure: ["state", "error", "messages"],
  link: ["link", "messages", "clicks", "machine_clicks"],
} as const satisfies Record<Line, readonly string[]>;

const NAMES = new Set(["hour", "domain", "bounce_type", "bounce_subtype", "diagnostic", "state", "error", "link"]);

/** Counts the topic along one line; what can be ranked gives the `top` most frequent and the rest added up. */
export async function breakdownBy(line: Line, lines: Breakdown, top: number): Promise<BreakdownTable> {
  switch (line) {
    case "hour": {
      const spans = await lines.byTime(HOUR_MS);
      const rows = spans.map(({ at, ...counts }) => ({ hour: new Date(at).toISOString(), ...counts }));
      return { fields: FIELDS.hour, rows, others: null };
    }
    case "domain": {
      const ranked = await lines.byDomain(top);
      return table(line, ranked, (row) => ({ ...row, ...ratesOf(row) }));
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
  return { fields: FIELDS[line], rows: ranked.rows.map(cellsOf), others };
}

/** Fractions of `sent`, null when that is 0. */
function ratesOf(counts: Outcomes): Record<keyof typeof RATE_OF, number | null> {
  const rates = Object.entries(RATE_OF).map(([rate, part]) => [
    rate,
    counts.sent === 0 ? null : counts[part] / counts.sent,
  ]);
  return Object.fromEntries(rates) as Record<keyof typeof RATE_OF, number | null>;
}

/** A heading and a line per row; the first name of the last is `(others)` when there are any. */
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

/** For people. */
export async function breakdownText({ fields, rows, others }: BreakdownTable, terminal: Draws): Promise<string> {
  if (rows.length === 0) return "nothing yet";
  const all = others === null ? rows : [...rows, named(fields, others)];
  return terminal.table(
    [...fields],
    all.map((row) => fields.map((field) => shown(field, row[field] ?? null))),
  );
}

function named(fields: readonly string[], others: Record<string, Cell>): Record<string, Cell> {
  return { ...others, [fields[0] ?? ""]: "(others)" };
}

/** Server answers go on and on; a line of a table does not. */
const MOST_CHARACTERS = 80;

function shown(field: string, value: Cell): string | number {
  if (value === null) return "-";
  if (typeof value === "number") return field.endsWith("_rate") ? percent(value) : value;
  return value.length > MOST_CHARACTERS ? `${value.slice(0, MOST_CHARACTERS - 1)}…` : value;
}
