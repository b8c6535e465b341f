/** Writes tables for people. They fit the width there is; a table of any length is read once, and takes linear time and little memory. */
import type StringWidth from "string-width";
import { count } from "../counted.ts";
import { printable } from "../printable.ts";

/** A text, or a number that is written with separators of thousands. */
export type Cell = string | number;

/** The rows of a table. */
export type Rows = Iterable<readonly Cell[]> | AsyncIterable<readonly Cell[]>;

/** The room for a table. */
export interface Space {
  /** Columns of characters. Infinity: there is no limit. */
  width: number;
  /** True: texts may be cut to fit. False: what does not fit is written in full, and its line is longer. */
  mayCut: boolean;
}

interface Column {
  /** Its place in `head` and in each row. */
  at: number;
  /** The heading in one line, or in several, one below the other. */
  heading: string[];
  /** The heading in as many lines as make it narrow. */
  wrapped: string[];
  /** The width of the widest cell. */
  cells: number;
  isNumber: boolean;
  /** No row has anything there but 0, `–` or nothing. */
  isEmpty: boolean;
  /** The width it is drawn with. */
  width: number;
}

/** Between two columns: as much as there is room for. */
const [GAP, LEAST_GAP] = [2, 1];
/** Texts are not cut to less. */
const LEAST = 16;

/** So many rows are measured and drawn at a time. */
const CHUNK = 1_000;

/**
 * The lines of a table, without line ends. Columns of numbers are aligned to the right. When the table is too wide, columns that
 * are empty or 0 in all rows are left out; then headings are wrapped at `_` and spaces; then columns move closer; then texts after the first
 * column are cut, where that is allowed; then the other columns go into further tables below, each with the first column again.
 *
 * A long table is drawn a thousand rows at a time, so that it begins at once and nothing is read twice. Columns become wider where later
 * rows need it, and never narrower. When later rows need other columns, the heading is written again, after an empty line.
 */
export async function* tableLines(head: readonly string[], rows: Rows, space: Space): AsyncGenerator<string> {
  const columns = await columnsOf(head);
  let before: string | null = null;
  for await (const chunk of chunksOf(rows)) {
    const texts = await measure(columns, chunk);
    const { parts, gap } = fit(finished(columns, head), space);
    const layout = parts.map((part) => part.map(({ at }) => at).join(" ")).join("; ");
    for (const part of parts) {
      if (layout !== before || parts.length > 1) {
        if (before !== null) yield "";
        yield* headLines(part, gap);
      }
      before = layout;
      for (const row of texts) yield line(part, gap, ({ at }) => row[at] ?? "");
    }
  }
}

/** The rows in pieces that are measured together; one empty piece when there are none. */
async function* chunksOf(rows: Rows): AsyncGenerator<(readonly Cell[])[]> {
  let chunk: (readonly Cell[])[] = [];
  let isFirst = true;
  for await (const row of rows) {
    chunk.push(row);
    if (chunk.length < CHUNK) continue;
    yield chunk;
    [chunk, isFirst] = [[], false];
  }
  if (chunk.length > 0 || isFirst) yield chunk;
}

/** The columns of a table, of which no row is known yet. */
async function columnsOf(head: readonly string[]): Promise<Column[]> {
  if (head.some((name) => needsWidths(printable(name)))) await loadWidths();
  return head.map((name, at) => ({
    at,
    heading: [printable(name)],
    wrapped: [],
    cells: 0,
    isNumber: true,
    isEmpty: true,
    width: 0,
  }));
}

/** Notes what further rows need. Resolves to the texts of their cells. */
async function measure(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Promise<string[][]> {
  const texts = rows.map((row) => columns.map(({ at }) => shown(row[at] ?? "")));
  if (texts.some((row) => row.some(needsWidths))) await loadWidths();
  for (const column of columns) {
    column.cells = texts.reduce((most, row) => Math.max(most, widthOf(row[column.at] ?? "")), column.cells);
    column.isNumber &&= rows.every((row) => isNumber(row[column.at] ?? ""));
    column.isEmpty &&= rows.every((row) => EMPTY.has(row[column.at] ?? ""));
  }
  return texts;
}

/** The columns as wide as all rows that are known need. */
function finished(columns: Column[], head: readonly string[]): Column[] {
  for (const column of columns) {
    column.width = Math.max(column.cells, widthOf(column.heading[0] ?? ""));
    column.wrapped = wrap(head[column.at] ?? "", column.cells);
  }
  return columns;
}

// Fitting ------------------------------------------------------------------------------------------------------------

/** The columns of each table that is drawn, one below the other, and the spaces between columns. */
function fit(all: Column[], { width, mayCut }: Space): { parts: Column[][]; gap: number } {
  const filled = all.filter(({ isEmpty }, index) => index === 0 || !isEmpty);
  const narrow = filled.map(narrowed);
  for (const columns of [all, filled, narrow]) if (widthOfAll(columns) <= width) return { parts: [columns], gap: GAP };
  if (widthOfAll(narrow, LEAST_GAP) <= width) return { parts: [narrow], gap: LEAST_GAP };
  const cut = mayCut ? shrunk(narrow, width) : narrow;
  if (widthOfAll(cut) <= width) return { parts: [cut], gap: GAP };
  return { parts: split(narrow, { width, mayCut }), gap: GAP };
}

function widthOfAll(columns: readonly Column[], gap = GAP): number {
  return columns.reduce((sum, column) => sum + column.width + gap, -gap);
}

/** The columns with the widest texts after the first one cut, as far as needed and allowed. */
function shrunk(given: readonly Column[], width: number): Column[] {
  const columns = given.map((column) => ({ ...column }));
  const texts = columns.slice(1).filter((column) => !column.isNumber);
  for (let over = widthOfAll(columns) - width; over > 0; over = widthOfAll(columns) - width) {
    const widest = texts.reduce<Column | null>((most, each) => (most && most.width >= each.width ? most : each), null);
    if (widest === null || widest.width <= LEAST) break;
    widest.width = Math.max(LEAST, widest.width - over);
  }
  return columns;
}

/** Puts as many columns into each table as it has room for; each begins with the first column. */
function split([first, ...others]: Column[], { width, mayCut }: Space): Column[][] {
  if (first === undefined) return [];
  const key = mayCut ? { ...first, width: Math.min(first.width, Math.max(LEAST, Math.floor(width / 2))) } : first;
  const parts: Column[][] = [];
  let part = [key];
  for (const column of others) {
    if (part.length > 1 && widthOfAll([...part, column]) > width) {
      parts.push(part);
      part = [key];
    }
    const room = width - widthOfAll(part) - GAP;
    part.push(
      mayCut && !column.isNumber ? { ...column, width: Math.min(column.width, Math.max(room, LEAST / 2)) } : column,
    );
  }
  return [...parts, part];
}

// Headings -----------------------------------------------------------------------------------------------------------

function narrowed(column: Column): Column {
  const heading = column.wrapped;
  return { ...column, heading, width: Math.max(column.cells, ...heading.map(widthOf)) };
}

/** Breaks a heading into lines that are no wider than its cells, or than its longest word. */
function wrap(heading: string, room: number): string[] {
  const words = heading.split(/[_ ]/).map(printable);
  const most = Math.max(room, ...words.map(widthOf));
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= most) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function* headLines(columns: readonly Column[], gap: number): Generator<string> {
  const height = Math.max(1, ...columns.map(({ heading }) => heading.length));
  for (let row = 0; row < height; row++)
    yield line(columns, gap, ({ heading }) => heading[row - (height - heading.length)] ?? "");
}

// Lines --------------------------------------------------------------------------------------------------------------

function line(columns: readonly Column[], gap: number, textOf: (column: Column) => string): string {
  const cells = columns.map((column) => {
    const text = textOf(column);
    const cut = widthOf(text) > column.width && column.width < column.cells ? shortened(text, column.width) : text;
    const padding = " ".repeat(Math.max(0, column.width - widthOf(cut)));
    return column.isNumber ? padding + cut : cut + padding;
  });
  return cells.join(" ".repeat(gap)).trimEnd();
}

/** The start of the text and `…`, no wider than `width`. */
function shortened(text: string, width: number): string {
  let kept = "";
  let room = width - 1;
  for (const character of text) {
    room -= widthOf(character);
    if (room < 0) break;
    kept += character;
  }
  return `${kept}…`;
}

const EMPTY: ReadonlySet<Cell> = new Set([0, "", "–"]);

/** A number, a share such as `12.5 %`, or the dash of what is not known. */
function isNumber(cell: Cell): boolean {
  return typeof cell === "number" || /^(?:[-–]|[\d.,]+ %)$/.test(cell);
}

function shown(cell: Cell): string {
  return typeof cell === "number" ? count(cell) : printable(cell);
}

/** Nearly all texts are of these characters, each one column wide. */
const NARROW = /^[\u0020-\u007e–…]*$/;
/** Knows how wide all others are. Loaded with the first text that has any. */
let stringWidth: typeof StringWidth | null = null;

const needsWidths = (text: string): boolean => stringWidth === null && !NARROW.test(text);

async function loadWidths(): Promise<void> {
  stringWidth = (await import("string-width")).default;
}

/** Columns of a terminal. For a text that `needsWidths` call `loadWidths` first. */
function widthOf(text: string): number {
  return stringWidth === null || NARROW.test(text) ? text.length : stringWidth(text);
}
