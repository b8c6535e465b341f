/** The suppression list as a CSV file: `suppress import` and `suppress export`. */
import { csvLine } from "../compose/list/csv-writer.ts";
import { looksDefused } from "../compose/list/formula.ts";
import { findName } from "../compose/list/name.ts";
import { RAW_MARK, REHEARSAL_FIELD, SCOPE_FIELDS, SUPPRESSION_FIELDS } from "../compose/list/own-files.ts";
import type { Recipients, Row } from "../compose/list/recipients.ts";
import type { Context } from "./context.ts";
import { count, counted } from "../counted.ts";
import { EXIT, UserError } from "../errors.ts";
import { openList } from "./list.ts";
import { csvFile, outputPath, writeLines } from "./output.ts";
import type { NewSuppression, Suppression } from "../store/rows.ts";
import { isForgotten } from "../store/rules/forgotten.ts";
import { stoppedBy } from "../store/rules/scope.ts";
import { listMeant, listOfCells, listOfReason, meantOf, type ScopeFlags } from "./suppress-scope.ts";
import { isoTime } from "../time/iso.ts";

/** Options of `suppress import`. */
export interface SuppressImportFlags extends ScopeFlags {
  /** The reason of rows that give none. */
  reason: string;
  emailColumn?: string;
}

/** Options of `suppress export`. */
export interface SuppressExportFlags extends ScopeFlags {
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
  const given = { reason: flags.reason, list: listMeant(flags) };
  const recipients = await openList(io, file, flags);
  const { hashes, ...counts } = await addRows(context, recipients, createReader(recipients, given, io.clock.now));
  if (hashes > 0) terminal.warn(hashesWarning(hashes));
  const code = counts.rejected > 0 ? EXIT.partial : EXIT.done;
  const { rows, added, known, rejected } = counts;
  if (globals.json) terminal.json(counts);
  else
    terminal.done(
      `${counted(rows, "row")}: ${count(added)} added, ${count(known)} known before, ${count(rejected)} rejected`,
      code,
    );
  return code;
}

/** Each job makes hashes of its own. Nobody can tell from one which job made it. */
const hashesWarning = (added: number): string =>
  `${counted(added, "entry", "entries")} of forgotten people added: they stop mail only in the job that they were exported from; in another, forget these people again`;

/** `hashes`: how many of those that were added stand for somebody who was forgotten. */
async function addRows({ openStore, terminal }: Context, recipients: Recipients, read: RowReader) {
  const store = await openStore();
  const counts = { rows: 0, added: 0, known: 0, rejected: 0, hashes: 0 };
  let batch: NewSuppression[] = [];
  const add = async (entries: NewSuppression[]) => {
    const added = await store.suppress(entries);
    counts.added += added;
    counts.known += entries.length - added;
    return added;
  };
  const flush = async () => {
    const [hashes, addresses] = [
      batch.filter(({ address }) => isForgotten(address)),
      batch.filter(({ address }) => !isForgotten(address)),
    ];
    batch = [];
    await add(addresses);
    counts.hashes += await add(hashes);
  };
  for await (const rows of recipients.batches()) {
    for (const row of rows) {
      counts.rows++;
      const entry = read(row);
      if (typeof entry !== "string") batch.push(entry);
      else if (++counts.rejected <= REJECTED_SHOWN) terminal.warn(`line ${row.line}: ${entry}`);
    }
    if (batch.length >= BATCH) await flush();
  }
  await flush();
  return counts;
}

/** Makes an entry of a row, or says why it is rejected. */
type RowReader = (row: Row) => NewSuppression | string;

/** What holds for rows that do not say it themselves. */
interface Given {
  reason: string;
  list: string | undefined;
}

/**
 * Makes entries of rows. Source, time, whether it is of a rehearsal, and who was forgotten are taken only from a file that
 * `suppress export` wrote.
 */
function createReader({ columns, header }: Recipients, given: Given, now: () => number): RowReader {
  const isOurs = SUPPRESSION_FIELDS.every((name) => columns.includes(name));
  const at = (name: string) => (isOurs ? columns.indexOf(name) : -1);
  const [reasonAt, detailAt, listAt, scopeAt] = ["reason", "detail", ...SCOPE_FIELDS].map((name) =>
    isOurs ? at(name) : findName(name, columns),
  ) as [number, number, number, number];
  const [sourceAt, sinceAt, rehearsalAt] = [at("source"), at("created_at"), at(REHEARSAL_FIELD)];
  const entryOf = (address: string, fields: string[]): NewSuppression => {
    const reason = (isOurs ? fields[reasonAt] : fields[reasonAt]?.trim()) || given.reason;
    const createdAt = pastInstant(fields[sinceAt] ?? "", now());
    return {
      address,
      list: listOfCells(fields[scopeAt] ?? "", fields[listAt] ?? "") ?? given.list ?? listOfReason(reason),
      reason,
      source: fields[sourceAt]?.trim() || "import",
      detail: fields[detailAt] || null,
      rehearsal: fields[rehearsalAt]?.trim() === "yes",
      ...(createdAt !== null && { createdAt }),
    };
  };
  const cells = columns.map((name) => header.indexOf(name));
  return (row) => {
    if ("address" in row) return orProblem(() => entryOf(row.address, row.fields));
    // A hash is no address, so its row comes as one that is rejected, with its cells as they stand in the file.
    const fields = cells.map((cell) => row.fields[cell] ?? "");
    const hash = fields[at("email")] ?? "";
    return isForgotten(hash) ? orProblem(() => entryOf(hash, fields)) : row.reason;
  };
}

function orProblem(make: () => NewSuppression): NewSuppression | string {
  try {
    return make();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** The instant of an ISO 8601 time in UTC, in ms since the epoch; null: another text, or a time after `now`. */
function pastInstant(text: string, now: number): number | null {
  const instant = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text.trim()) ? Date.parse(text) : Number.NaN;
  return instant <= now ? instant : null;
}

/** `suppress export`: writes the list as CSV. Throws `UserError` for a file that cannot be written. */
export async function exportSuppressions(context: Context, flags: SuppressExportFlags): Promise<number> {
  const list = listMeant(flags);
  const store = await context.openStore({ ifMissing: "refuse", toRead: true });
  const lines = csvFile(
    suppressionLines(() => meantOf(store, list), flags.raw ?? false),
    flags,
  );
  await writeLines(context, outputPath(context.io.cwd, flags.output), lines);
  return EXIT.done;
}

type Rows = () => AsyncIterable<Suppression>;

async function* suppressionLines(rows: Rows, raw: boolean): AsyncGenerator<string> {
  const needs = await survey(rows());
  const mark = raw && needs.mark ? [RAW_MARK] : [];
  const unmarked = mark.map(() => "");
  yield csvLine([...SUPPRESSION_FIELDS, ...SCOPE_FIELDS, ...(needs.rehearsal ? [REHEARSAL_FIELD] : []), ...mark]);
  for await (const { address, reason, source, createdAt, detail, rehearsal, ...row } of rows()) {
    const { list, scope } = stoppedBy(row.list);
    const kind = needs.rehearsal ? [rehearsal ? "yes" : ""] : [];
    const cells = [address, reason, source, isoTime(createdAt), detail ?? "", list ?? "", scope, ...kind, ...unmarked];
    yield csvLine(cells, { raw, trusted: 0 });
  }
}

/**
 * What the file needs beside its columns. `mark`: a reason, detail or list looks as if `csvLine` had already made it harmless for
 * spreadsheets, so reading the file back would change it. `rehearsal`: some are of rehearsals.
 */
async function survey(rows: AsyncIterable<Suppression>): Promise<{ mark: boolean; rehearsal: boolean }> {
  const needs = { mark: false, rehearsal: false };
  for await (const { reason, detail, list, rehearsal } of rows) {
    needs.mark ||= [reason, detail ?? "", list].some(looksDefused);
    needs.rehearsal ||= rehearsal;
    if (needs.mark && needs.rehearsal) break;
  }
  return needs;
}
