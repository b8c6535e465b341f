/** From a recipients file to staged messages: rows are read, checked against the content, and given a due time. */
import { basename } from "node:path";
import { createBreath } from "./breath.ts";
import { openRejects, type Rejects } from "../compose/list/csv-writer.ts";
import { Examiner } from "../compose/mail/folder-files.ts";
import { RenderProblem } from "../compose/problem.ts";
import { openRecipients, type Recipients, type Row } from "../compose/list/recipients.ts";
import { LEFT_HINT, LeftRows } from "../compose/list/left.ts";
import { findName } from "../compose/list/name.ts";
import { copyOf } from "../compose/list/split.ts";
import type { CompiledContent } from "../compose/mail/template.ts";
import { count, counted } from "../counted.ts";
import { InterruptedError, UserError } from "../errors.ts";
import type { Io } from "../io.ts";
import { openInput } from "./input.ts";
import { boundOldSpace, boundYoungSpace } from "../memory.ts";
import type { StagedRow } from "../store/rows.ts";
import type { Staging } from "../store/store.ts";

/** When messages are due. */
export interface Timing {
  /** The column with each recipient's zone; null: one time for all. */
  zoneColumn: string | null;
  /**
   * The instant due in a zone, in ms since the epoch (0: at once), or why there is none; the problem `past` means that it
   * is over. The argument is empty without a zone column.
   */
  instantOf(zone: string): { at: number } | { problem: string };
}

/** Everybody is due at once. */
export const AT_ONCE: Timing = { zoneColumn: null, instantOf: () => ({ at: 0 }) };

const SHOWN_REASONS = 10;

/** Options that say how a list is written; what is left out is detected. */
export interface ListFlags {
  emailColumn?: string;
  delimiter?: string;
  encoding?: string;
}

/** How a list is read into staged messages. */
export interface ListOptions {
  /** Path of the CSV, or `-` for stdin. */
  file: string;
  recipients: ListFlags;
  timing: Timing;
  /** Renders every row, where else only its variables are checked, and writes no rejects file. */
  dryRun: boolean;
  /** As in `RecipientsOptions`. */
  isCareful?: boolean;
}

/** What was found in a list. Its valid rows are staged. */
export interface StagedList {
  rows: number;
  rejected: number;
  /** Path of the rejects file; null: none was written. */
  rejectsFile: string | null;
  /** Why rows were rejected, for the first ten of them: `line 3: "bad" has no @`. */
  reasons: string[];
  columns: string[];
  /** Earliest instant any of the messages is due; 0: at once. */
  notBefore: number;
  /** Warnings about rows whose own columns say that the recipient left; one line each. */
  warnings: string[];
  /** The first valid row, to show. */
  sample: { email: string; values: Record<string, string> } | null;
}

/**
 * A list that is read into staged messages. A bad row is counted and written to the rejects file; it stops nothing. Both methods that read
 * throw `UserError` when no row is valid, and when the due time is past in some zone.
 */
export interface ListReading {
  /** Reads the beginning of the list, about a megabyte, and keeps it until `stage`. */
  begin(): Promise<void>;
  /** Reads the whole list into `staging`. To be called once. */
  stage(staging: Staging): Promise<StagedList>;
  /** Ends the reading. To be called whatever happened; again changes nothing. */
  close(): Promise<void>;
}

/** Opens a list to be staged. Throws `UserError` when the file cannot be read as a list. */
export async function openReading(io: Io, content: CompiledContent, options: ListOptions): Promise<ListReading> {
  boundOldSpace();
  const { isCareful = false } = options;
  const recipients = await openList(io, options.file, options.recipients, isCareful);
  const stager = new Stager(content, recipients, { ...options, cwd: io.cwd });
  const breath = createBreath(io.signal);
  const batches = batchesOf(io, recipients);
  let staged: StagedList | null = null;
  const readOn = async (): Promise<void> => {
    const { done, value: rows } = await batches.next();
    if (done) staged = await stager.finish();
    else await stager.take(rows, breath);
  };
  return {
    async begin() {
      for (;;) {
        if (staged !== null || stager.held >= MOST_HELD) return;
        await readOn();
      }
    },
    async stage(staging) {
      await stager.into(staging);
      for (;;) {
        if (staged !== null) return staged;
        await readOn();
      }
    },
    async close() {
      await batches.return(undefined);
      await stager.close();
    },
  };
}

/** The beginning of a list that is kept in memory, in characters. */
const MOST_HELD = 1_048_576;

/** Reads the whole list into `staging`. Throws as `openReading` and `ListReading` do. */
export async function stageRecipients(
  io: Io,
  staging: Staging,
  content: CompiledContent,
  options: ListOptions,
): Promise<StagedList> {
  const reading = await openReading(io, content, options);
  try {
    return await reading.stage(staging);
  } finally {
    await reading.close();
  }
}

/** The `n`-th row of the file (1 is the first), valid or not. Throws `UserError` when there are fewer. */
export async function findRow(
  io: Io,
  file: string,
  options: ListFlags,
  n: number,
): Promise<{ row: Row; columns: string[] }> {
  const recipients = await openList(io, file, options);
  let seen = 0;
  for await (const rows of recipients.batches()) {
    const row = rows[n - seen - 1];
    if (row) return { row, columns: recipients.columns };
    seen += rows.length;
  }
  throw new UserError(`--row expects a row of ${nameOfList(file)}, which has ${seen}, got ${n}`);
}

/**
 * Opens a list: a path, or `-` for stdin. `isCareful` as in `RecipientsOptions`. Throws `UserError` when it cannot be
 * read as a list.
 */
export function openList(io: Io, file: string, options: ListFlags, isCareful = false): Promise<Recipients> {
  return openRecipients(openInput(io, file), {
    name: nameOfList(file),
    isCareful,
    ...(options.emailColumn !== undefined && { emailColumn: options.emailColumn }),
    ...(options.delimiter !== undefined && { delimiter: options.delimiter }),
    ...(options.encoding !== undefined && { encoding: options.encoding }),
  });
}

/** The rows, batch by batch, in bounded memory. Throws `InterruptedError` after a signal. */
export async function* batchesOf({ signal }: Io, recipients: Recipients): AsyncGenerator<Row[]> {
  for await (const rows of recipients.batches()) {
    if (signal.aborted) throw new InterruptedError();
    boundYoungSpace(2);
    yield rows;
  }
}

class Stager {
  /** Null: there is no place for the rows yet, so they are held. */
  #staging: Staging | null = null;
  #held: StagedRow[][] = [];
  #heldCharacters = 0;
  readonly #recipients: Recipients;
  readonly #timing: Timing;
  readonly #zoneIndex: number;
  readonly #check: (row: Accepted) => Verdict;
  readonly #rejects: Rejects | null;
  readonly #file: string;
  readonly #instants = new Map<string, { at: number } | { problem: string }>();
  readonly #pastZones = new Map<string, number>();
  readonly #left: LeftRows;
  #rows = 0;
  #rejected = 0;
  readonly #reasons: string[] = [];
  #notBefore = Number.POSITIVE_INFINITY;
  #sample: StagedList["sample"] = null;

  constructor(content: CompiledContent, recipients: Recipients, options: ListOptions & { cwd: string }) {
    this.#recipients = recipients;
    this.#timing = options.timing;
    this.#file = options.file;
    const { columns } = recipients;
    const { zoneColumn } = options.timing;
    this.#zoneIndex = zoneColumn === null ? -1 : zoneColumnOf(zoneColumn, columns);
    const check = content.check(columns);
    const examiner = new Examiner();
    const whole = options.dryRun || content.hasFiles;
    this.#check = whole
      ? ({ fields, address }) => verdictOn(content, examiner, address, valuesOf(columns, fields))
      : ({ fields, isPlain }) => problemVerdict(check(fields, isPlain));
    this.#rejects = options.dryRun ? null : openRejects(rejectsPath(options.file), recipients.header, options.cwd);
    this.#left = new LeftRows(columns);
  }

  async take(rows: Row[], breath: () => Promise<void> | null): Promise<void> {
    const staged: StagedRow[] = [];
    for (const row of rows) {
      const pause = breath();
      if (pause) await pause;
      this.#rows++;
      const result = this.#examine(row);
      if (typeof result === "string") this.#reject(row, result);
      else staged.push(result);
    }
    if (this.#staging !== null) return this.#staging.add(staged);
    this.#held.push(staged);
    for (const { email, fields } of staged) this.#heldCharacters += email.length + fields.length;
  }

  /** How many characters are held. */
  get held(): number {
    return this.#heldCharacters;
  }

  /** From now on rows go into `staging`, and those first that are held. */
  async into(staging: Staging): Promise<void> {
    this.#staging = staging;
    for (const rows of this.#held) await staging.add(rows);
    this.#held = [];
  }

  #examine(row: Row): StagedRow | string {
    if ("reason" in row) return row.reason;
    const verdict = this.#check(row);
    if ("problem" in verdict) return verdict.problem;
    const due = this.#dueAt(row.fields);
    if ("problem" in due) return due.problem;
    this.#notBefore = Math.min(this.#notBefore, due.at);
    this.#left.take(row.fields);
    this.#sample ??= { email: row.address, values: valuesOf(this.#recipients.columns, row.fields) };
    return { email: row.address, fields: textOf(row, verdict.record), notBefore: due.at };
  }

  #dueAt(fields: string[]): { at: number } | { problem: string } {
    const zone = this.#zoneIndex < 0 ? "" : (fields[this.#zoneIndex] ?? "").trim();
    let due = this.#instants.get(zone);
    if (!due) this.#instants.set(copyOf(zone), (due = this.#timing.instantOf(zone)));
    if ("problem" in due && due.problem === "past")
      this.#pastZones.set(copyOf(zone), (this.#pastZones.get(zone) ?? 0) + 1);
    return due;
  }

  #reject(row: Row, reason: string): void {
    this.#rejected++;
    if (this.#reasons.length < SHOWN_REASONS) this.#reasons.push(`line ${row.line}: ${reason}`);
    this.#rejects?.write({ line: row.line, reason, fields: row.cells ?? row.fields });
  }

  async finish(): Promise<StagedList> {
    // All or nothing: to leave out the zones that are past would split the campaign.
    if (this.#pastZones.size > 0) throw pastIn(this.#pastZones, "nothing was created");
    const rejectsFile = (await this.#rejects?.close()) ?? null;
    if (this.#rows === this.#rejected) {
      const why =
        this.#rows === 0
          ? "it has no rows"
          : `${this.#rows === 1 ? "its only row is" : `all ${count(this.#rows)} rows are`} refused, ${this.#reasons[0] ?? ""}`;
      throw new UserError(
        `${nameOfList(this.#file)} has no valid recipient: ${why}`,
        rejectsFile ? `see ${rejectsFile}` : "add recipients",
      );
    }
    return {
      rows: this.#rows,
      rejected: this.#rejected,
      rejectsFile,
      reasons: this.#reasons,
      columns: this.#recipients.columns,
      notBefore: this.#notBefore,
      warnings: this.#left.text === null ? [] : [`${this.#left.text}; ${LEFT_HINT}`],
      sample: this.#sample,
    };
  }

  async close(): Promise<void> {
    await this.#rejects?.close();
  }
}

/** The error for a time that is past in some zones. `zones`: how many recipients are in each. */
export function pastIn(zones: ReadonlyMap<string, number>, consequence: string): UserError {
  const listed = [...zones].map(([zone, here]) => `${zone} (${count(here)})`);
  const recipients = [...zones.values()].reduce((sum, here) => sum + here, 0);
  return new UserError(
    `the time is already past for ${counted(recipients, "recipient")}, in ${listed.slice(0, 10).join(", ")}${listed.length > 10 ? ", …" : ""}`,
    `choose a later --at; ${consequence}`,
  );
}

/** What a list is called in messages: its path, or `stdin` for `-`. */
export function nameOfList(file: string): string {
  return file === "-" ? "stdin" : file;
}

/** The topic of a list when nothing names one: `june` for `lists/june.csv`. */
export function topicOfFile(file: string): string {
  return basename(nameOfList(file)).replace(/\.[^.]+$/, "");
}

/** A row's fields by the names of their columns. A missing field is an empty text. */
export function valuesOf(columns: string[], fields: string[]): Record<string, string> {
  return Object.fromEntries(columns.map((column, index) => [column, fields[index] ?? ""]));
}

function rejectsPath(file: string): string {
  return file === "-" ? "stdin.rejects.csv" : `${file}.rejects.csv`;
}

/** The index of the column of `--tz-column` in `columns`. Throws `UserError` when the list has no such column. */
export function zoneColumnOf(column: string, columns: string[]): number {
  // Job files of the first version hold column names in either form of Unicode.
  const index = findName(column, columns.map((name) => name.normalize("NFC"))); // prettier-ignore
  if (index >= 0) return index;
  throw new UserError(`--tz-column expects one of the columns ${columns.join(", ")}, got "${column}"`);
}

/** A row that can be taken. */
type Accepted = Extract<Row, { address: string }>;

/** The fields as they are kept (`StagedRow`). */
function textOf({ fields, isPlain }: Accepted, record: string | null): string {
  if (record !== null) return JSON.stringify([...fields, record]);
  // The same, in half the time.
  return isPlain ? `["${fields.join('","')}"]` : JSON.stringify(fields);
}

/** Why a row cannot be sent, or the record of its files that is stored with it (null: it has none). */
type Verdict = { problem: string } | { record: string | null };

const FINE: Verdict = { record: null };

function problemVerdict(problem: string | null): Verdict {
  return problem === null ? FINE : { problem };
}

/** Renders the whole mail and looks at the files that go with it. */
function verdictOn(
  content: CompiledContent,
  examiner: Examiner,
  address: string,
  values: Record<string, string>,
): Verdict {
  try {
    return { record: examiner.examine(content.render(address, values)).record };
  } catch (error) {
    if (error instanceof RenderProblem) return { problem: error.message };
    throw error;
  }
}
