/** The suppression list as a CSV file: `suppress import` and `suppress export`. */
import { csvLine } from "../compose/list/csv-writer.ts";
import { looksDefused } from "../compose/list/formula.ts";
import { findName } from "../compose/list/name.ts";
import { RAW_MARK, REHEARSAL_FIELD, SUPPRESSION_FIELDS } from "../compose/list/own-files.ts";
import type { Recipients, Row } from "../compose/list/recipients.ts";
import type { Context } from "./context.ts";
import { EXIT } from "../errors.ts";
import { openList } from "./list.ts";
import { csvFile, outputPath, writeLines } from "./output.ts";
import type { NewSuppression } from "../store/rows.ts";
import type { Suppressions } from "../store/store.ts";
import { isoTime } from "../time/iso.ts";

/** Options of `suppress import`. */
export interface SuppressImportFlags {
  /** The reason of rows that give none. */
  reason: string;
  emailColumn?: string;
}

/** Options of `suppress export`. */
export interface SuppressExportFlags {
  output?: string;
  raw?: boolean;
  /** Begins the file with a byte order mark. */
  excel?: boolean;
}

/** Addresses in one transaction. */
const BATCH = 1_000;
/** So many rejected rows get a warning each; the others are only counted. */
const REJECTED_SHOWN = 20;

/**
 * `suppress import`: adds the addresses of a CSV file. A bad row is a warning and stops nothing; exit code 1 says that there
 * was one. Throws `UserError` when the file cannot be read as a list.
 */
export async function importSuppressions(context: Context, file: string, flags: SuppressImportFlags): Promise<number> {
  const { io, terminal, globals } = context;
  const recipients = await openList(io, file, flags);
  const counts = await addRows(context, recipients, createReader(recipients.columns, flags.reason, io.clock.now));
  const code = counts.rejected > 0 ? EXIT.partial : EXIT.done;
  const { rows, added, known, rejected } = counts;
  if (globals.json) terminal.json(counts);
  else terminal.done(`${rows} rows: ${added} added, ${known} known before, ${rejected} rejected`, code);
  return code;
}

async function addRows({ openStore, terminal }: Context, recipients: Recipients, read: RowReader) {
  const store = await openStore();
  const counts = { rows: 0, added: 0, known: 0, rejected: 0 };
  let batch: NewSuppression[] = [];
  const flush = async () => {
    const added = await store.suppress(batch);
    counts.added += added;
    counts.known += batch.length - added;
    batch = [];
  };
  for await (const rows of recipients.batches()) {
    for (const row of rows) {
      counts.rows++;
      if ("address" in row) batch.push(read(row));
      else if (++counts.rejected <= REJECTED_SHOWN) terminal.warn(`line ${row.line}: ${row.reason}`);
    }
    if (batch.length >= BATCH) await flush();
  }
  await flush();
  return counts;
}

type RowReader = (row: Extract<Row, { address: string }>) => NewSuppression;

/** Makes entries of rows. Source, time and whether it is of a rehearsal are taken only from a file that `suppress export` wrote. */
function createReader(columns: string[], givenReason: string, now: () => number): RowReader {
  const [reasonAt, detailAt] = [findName("reason", columns), findName("detail", columns)];
  const isOurs = SUPPRESSION_FIELDS.every((name) => columns.includes(name));
  const at = (name: string) => (isOurs ? columns.indexOf(name) : -1);
  const [sourceAt, sinceAt, rehearsalAt] = [at("source"), at("created_at"), at(REHEARSAL_FIELD)];
  return ({ address, fields }) => {
    const reason = (isOurs ? fields[reasonAt] : fields[reasonAt]?.trim()) || givenReason;
    const createdAt = pastInstant(fields[sinceAt] ?? "", now());
    return {
      address,
      reason,
      source: fields[sourceAt]?.trim() || "import",
      detail: fields[detailAt] || null,
      rehearsal: fields[rehearsalAt]?.trim() === "yes",
      ...(createdAt !== null && { createdAt }),
    };
  };
}

/** The instant of an ISO 8601 time in UTC, in ms since the epoch; null: another text, or a time after `now`. */
function pastInstant(text: string, now: number): number | null {
  const instant = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text.trim()) ? Date.parse(text) : Number.NaN;
  return instant <= now ? instant : null;
}

/** `suppress export`: writes the list as CSV. Throws `UserError` for a file that cannot be written. */
export async function exportSuppressions(context: Context, flags: SuppressExportFlags): Promise<number> {
  const store = await context.openStore({ ifMissing: "refuse", toRead: true });
  const lines = csvFile(suppressionLines(store, flags.raw ?? false), flags);
  await writeLines(context, outputPath(context.io.cwd, flags.output), lines);
  return EXIT.done;
}

async function* suppressionLines(store: Suppressions, raw: boolean): AsyncGenerator<string> {
  const needs = await survey(store);
  const mark = raw && needs.mark ? [RAW_MARK] : [];
  const unmarked = mark.map(() => "");
  yield csvLine([...SUPPRESSION_FIELDS, ...(needs.rehearsal ? [REHEARSAL_FIELD] : []), ...mark]);
  for await (const { address, reason, source, createdAt, detail, rehearsal } of store.suppressions()) {
    const kind = needs.rehearsal ? [rehearsal ? "yes" : ""] : [];
    const cells = [address, reason, source, isoTime(createdAt), detail ?? "", ...kind, ...unmarked];
    yield csvLine(cells, { raw, trusted: 0 });
  }
}

/**
 * What the file needs beside its columns. `mark`: a reason or detail looks as if `csvLine` had already made it harmless for
 * spreadsheets, so reading the file back would change it. `rehearsal`: some are of rehearsals.
 */
async function survey(store: Suppressions): Promise<{ mark: boolean; rehearsal: boolean }> {
  const needs = { mark: false, rehearsal: false };
  for await (const { reason, detail, rehearsal } of store.suppressions()) {
    needs.mark ||= looksDefused(reason) || looksDefused(detail ?? "");
    needs.rehearsal ||= rehearsal;
    if (needs.mark && needs.rehearsal) break;
  }
  return needs;
}
