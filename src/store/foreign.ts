/** The database of another mail program, whose work is taken over. It is only read. */

/** The programs whose databases we know, by the names of their repositories. */
export type ForeignProgram = "aws-ses-sender" | "aws-ses-sender-go" | "messages-api-gateway";

/** All three give their rows the same numbers. The last four are final. */
const FOREIGN_STATES = ["created", "processing", "sent", "failed", "stopped"] as const;

/** How far the other program came with a row. `unknown`: its number means nothing. */
export type ForeignState = (typeof FOREIGN_STATES)[number] | "unknown";

/** A time as it is kept there: a text, or ms since the epoch. Texts without a zone are in UTC. Null: there is none. */
export type ForeignTime = string | number | null;

/** One mail to one address. Texts are as they are kept, and were not checked. */
export interface ForeignRow {
  /** Names the row in its table. */
  id: string;
  /** Empty: it has none. */
  topic: string;
  email: string;
  /** Names its content in `content`. */
  contentId: string;
  createdAt: ForeignTime;
  scheduledAt: ForeignTime;
  updatedAt: ForeignTime;
  /** Null: none is known, or the program keeps none. */
  sesMessageId: string | null;
  error: string | null;
  /** What SES reported of it, when the row itself does not say that it was sent; null: nothing. */
  proof: string | null;
}

/** Subject and HTML of a mail. */
export interface ForeignContent {
  /** Null: it is no text. */
  subject: string | null;
  /** Null: it is no text. */
  html: string | null;
}

/** Something that was reported of a row. */
export interface ForeignResult {
  id: string;
  /** `Bounce`, `Open` and so on. */
  status: string;
  /** The event as SES wrote it; null: the program made it itself. */
  raw: string | null;
  at: ForeignTime;
  /** Of its row: the SES message id, when there is one, and the address. */
  sesMessageId: string | null;
  email: string | null;
}

/** An open database. What it shows is of the moment in which it was opened, whatever is written meanwhile. */
export interface Foreign {
  readonly program: ForeignProgram;
  /** For people: without a password. */
  readonly location: string;
  /** How many rows are in each state, without those that were deleted. */
  counts(): Promise<Map<ForeignState, number>>;
  /** The rows in this state, in the order of their ids, in pages of at most 1,000. */
  rows(state: ForeignState): AsyncGenerator<ForeignRow[]>;
  /** The content with this id; null: there is none. */
  content(id: string): Promise<ForeignContent | null>;
  /** What was reported, in the order of ids, in pages of at most 200. */
  results(): AsyncGenerator<ForeignResult[]>;
  /** A sign that a program has the database open, in words that follow "…"; null: there is none. */
  use(): Promise<string | null>;
  /** True when somebody wrote since it was opened. */
  changed(): Promise<boolean>;
  close(): Promise<void>;
}

/** Rows and reports in a page: enough to make a question cheap, few enough that memory stays flat. */
const PAGE = { rows: 1_000, results: 200 } as const;

/** How many rows have a number that means a state; null: it is no number. */
export interface StatusCount {
  status: string | null;
  rows: number;
}

/** Which rows of a table to read: at most `most`, behind the place `after`; null: from the beginning. */
export interface Slice<Place> {
  after: Place | null;
  most: number;
}

/** What each kind of database answers. `PlacedRow` and `PlacedResult` say where in their table they stand. */
export interface Questions<Place, PlacedRow extends ForeignRow, PlacedResult extends ForeignResult> extends Omit<
  Foreign,
  "counts" | "rows" | "results"
> {
  counts(): Promise<StatusCount[]>;
  rows(state: ForeignState, slice: Slice<Place>): Promise<PlacedRow[]>;
  results(slice: Slice<Place>): Promise<PlacedResult[]>;
  /** Where a row stands in its table. @throws UserError when nobody can tell. */
  placeOf(row: PlacedRow | PlacedResult): Place;
}

/** The open database that answers these questions. */
export function foreignOf<Place, PlacedRow extends ForeignRow, PlacedResult extends ForeignResult>(
  questions: Questions<Place, PlacedRow, PlacedResult>,
): Foreign {
  const { placeOf } = questions;
  return {
    ...questions,
    async counts() {
      const counts = new Map<ForeignState, number>();
      for (const { status, rows } of await questions.counts())
        counts.set(stateOf(status), (counts.get(stateOf(status)) ?? 0) + rows);
      return counts;
    },
    rows: (state) => pages(PAGE.rows, (slice) => questions.rows(state, slice), placeOf),
    results: () => pages(PAGE.results, (slice) => questions.results(slice), placeOf),
  };
}

async function* pages<Row, Place>(
  most: number,
  read: (slice: Slice<Place>) => Promise<Row[]>,
  placeOf: (row: Row) => Place,
): AsyncGenerator<Row[]> {
  for (let after: Place | null = null; ;) {
    const rows: Row[] = await read({ after, most });
    const last = rows.at(-1);
    if (last === undefined) return;
    after = placeOf(last);
    yield rows;
  }
}

/** The state that a number of the other programs means. It comes as text: nothing but the digit itself is that number. */
function stateOf(status: string | null): ForeignState {
  return FOREIGN_STATES.find((_, at) => String(at) === status) ?? "unknown";
}

/** The condition that selects the rows in this state. `column` is an expression for their number as text. */
export function stateSql(state: ForeignState, column: string): string {
  const number = FOREIGN_STATES.indexOf(state as (typeof FOREIGN_STATES)[number]);
  return number < 0
    ? `(${column} is null or ${column} not in (${FOREIGN_STATES.map((_, at) => `'${at}'`).join(", ")}))`
    : `${column} = '${number}'`;
}

/** What is said of a database that none of the programs made. */
export const NOT_FOREIGN_HINT =
  "expected sqlite3.db of aws-ses-sender, data/app.db of aws-ses-sender-go, or the PostgreSQL database of messages-api-gateway";
