/** What became, or would become, of the rows of a list, in words. */
import { count, counted } from "../counted.ts";
import type { StagedList } from "./list.ts";
import type { ListForecast } from "../store/rows.ts";

/**
 * What became of a list: the `ingest` object of the JSON answers. `rows` = `added` + `duplicates` + `rejected` +
 * `suppressed`.
 */
export interface ListAnswer {
  rows: number;
  added: number;
  duplicates: number;
  rejected: number;
  suppressed: number;
  rejects_file: string | null;
  /** The warnings about the list that went to stderr; left out when there were none. */
  warnings?: string[];
}

/** The rows of a list by what becomes of them. The counts but `rows` add up to `rows`. */
export interface ListFacts {
  rows: number;
  added: number;
  /** Rows whose address the topic had before. */
  known: number;
  /** Rows whose address the list named before. */
  repeated: number;
  /** Rows that are one of the two. Of a very long list nobody waits to find out which. */
  either: number;
  suppressed: number;
  rejected: number;
  /** Null: no row was rejected, or no file was written. */
  rejectsFile: string | null;
}

/** Counting a list before it goes in takes a third of a second for so many rows. A longer one is counted when somebody is asked. */
const CHEAP_ROWS = 100_000;

interface Forecasting {
  rows: number;
  forecast(): Promise<ListForecast>;
}

/** The forecast of a list that is cheap to count; null for a longer one. */
export async function cheapForecast(staged: Forecasting): Promise<ListForecast | null> {
  return staged.rows <= CHEAP_ROWS ? staged.forecast() : null;
}

/** The facts before a list goes in. */
export function factsBefore(
  { rows, rejected, rejectsFile }: Pick<StagedList, "rows" | "rejected" | "rejectsFile">,
  forecast: ListForecast,
): ListFacts {
  const { added, known, repeated, suppressed } = forecast;
  return { rows, added, known, repeated, either: 0, suppressed, rejected, rejectsFile };
}

/**
 * The facts after a list went in. `total`: how many messages its topic has now. Somebody else may have made the topic, or added to it, since
 * the forecast.
 */
export function factsAfter(ingest: ListAnswer, forecast: ListForecast | null, total: number): ListFacts {
  const { rows, added, duplicates, suppressed, rejected, rejects_file: rejectsFile } = ingest;
  const facts = { rows, added, known: 0, repeated: 0, either: 0, suppressed, rejected, rejectsFile };
  if (forecast !== null && forecast.known + forecast.repeated === duplicates)
    return { ...facts, known: forecast.known, repeated: forecast.repeated };
  // When the list adds nobody, the topic had everybody on it.
  if (added + suppressed === 0) return { ...facts, known: duplicates };
  // When the topic has nobody else, the list named them twice.
  return added + suppressed === total ? { ...facts, repeated: duplicates } : { ...facts, either: duplicates };
}

/** `403 rows, 290 added, 110 in the topic already, 3 rejected (see june.csv.rejects.csv)`. Zeros but that of `verb` are left out. */
export function listText(facts: ListFacts, verb: "added" | "new"): string {
  return [counted(facts.rows, "row"), `${count(facts.added)} ${verb}`, ...leftOut(facts)].join(", ");
}

/** What became of the rows that brought no new message to send. */
export function leftOut({ known, repeated, either, rejected, suppressed, rejectsFile }: ListFacts): string[] {
  const where = rejectsFile === null ? "" : ` (see ${rejectsFile})`;
  return [
    ...(known > 0 ? [`${count(known)} in the topic already`] : []),
    ...(repeated > 0 ? [counted(repeated, "duplicate")] : []),
    ...(either > 0 ? [`${count(either)} in the topic already or twice on the list`] : []),
    ...(rejected > 0 ? [`${count(rejected)} rejected${where}`] : []),
    ...(suppressed > 0 ? [`${count(suppressed)} suppressed`] : []),
  ];
}
