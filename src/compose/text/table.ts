/** Writes the rows of a table as lines. */
import type { Look } from "./style.ts";
import type { Element } from "./tree.ts";

/** A visible cell of a table. */
export interface Cell {
  element: Element;
  look: Look;
  /** Its content as lines; null when it contains a table. */
  lines: string[] | null;
  /** Whether a blank line belongs before and after its lines. */
  above: boolean;
  below: boolean;
}

/** The visible cells of a row, in order. */
export type Row = Cell[];

/** What a table is for; `unknown` when it does not tell. */
export type TableKind = "data" | "layout" | "unknown";

/** A row on one line with `places` cells, or its cells with content, to be written below each other. */
export type WrittenRow = { line: string; places: number } | { blocks: Cell[] };

/** Written for a line end in a cell. */
const BETWEEN_LINES = " / ";
/** Nobody reads a table with more columns. */
const MOST_COLUMNS = 200;
/** The limit of `rowspan` in HTML. */
const MOST_ROWS = 65_534;

/** What a table is for, by its attributes and by `names`, the names of its parts and cells. */
export function kindOf(table: Element, names: ReadonlySet<string>): TableKind {
  const role = table.attributes.get("role")?.trim() ?? "";
  if (/^(?:presentation|none)$/i.test(role)) return "layout";
  const says =
    /^(?:table|grid|treegrid)$/i.test(role) ||
    ["th", "caption", "thead", "tfoot"].some((name) => names.has(name)) ||
    !/^\s*0/.test(table.attributes.get("border") ?? "0");
  return says ? "data" : "unknown";
}

/**
 * Writes the rows of a table. The cells of a row are put beside each other with ` | ` between them when each has one
 * line. An empty cell keeps its place, unless its whole column is empty; in layout tables it has no place. A cell of
 * several lines becomes one line in data tables, and in unknown tables when it is the only such cell of its row and has
 * no blank lines. Otherwise the cells of the row are put below each other.
 */
export function writeRows(rows: Row[], kind: TableKind): WrittenRow[] {
  const grid = new Grid();
  const placed = rows.map((row) => grid.place(row));
  return placed.map((places) => {
    const kept = places.filter(({ column, cell }) => holdsText(cell) || (kind !== "layout" && grid.filled.has(column)));
    return writeRow(kept, kind);
  });
}

function writeRow(places: Place[], kind: TableKind): WrittenRow {
  const cells = places.flatMap(({ cell }) => (cell && holdsText(cell) ? [cell] : []));
  const long = cells.filter(({ lines }) => lines === null || lines.length > 1);
  const hasTable = long.some(({ lines }) => lines === null);
  const paragraphs = long.some(({ lines }) => lines?.includes("") ?? false);
  const fits = kind === "data" || (kind === "unknown" && long.length === 1 && !paragraphs);
  if (long.length > 0 && (hasTable || cells.length === 1 || !fits)) return { blocks: cells };
  if (cells.length === 0) return { line: "", places: 0 };
  const texts = places.map(({ cell }) => inOneLine(cell));
  const line = texts.map((text, index) => (index === 0 ? text : text === "" ? " |" : ` | ${text}`)).join("");
  return { line: line.trim(), places: places.length };
}

function inOneLine(cell: Cell | null): string {
  const lines = cell?.lines ?? [];
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(BETWEEN_LINES);
}

function holdsText(cell: Cell | null): boolean {
  return cell !== null && (cell.lines === null || cell.lines.length > 0);
}

interface Place {
  column: number;
  /** Null: a cell of a row above extends to this place. */
  cell: Cell | null;
}

/** Finds the column of each cell. */
class Grid {
  /** Columns with text in some row. */
  readonly filled = new Set<number>();
  /**
   * By column, the cell from above that extends down: the number of the first row below it, and whether this is its
   * first column.
   */
  readonly #above: ({ end: number; first: boolean } | undefined)[] = [];
  #row = -1;

  place(row: Row): Place[] {
    this.#row++;
    const places: Place[] = [];
    let column = 0;
    for (const cell of row) {
      column = this.#skip(column, places);
      places.push({ column, cell });
      if (holdsText(cell)) this.filled.add(column);
      column = this.#take(cell.element, column);
    }
    while (column < this.#above.length) column = this.#skip(column, places) + 1;
    return places;
  }

  /** The next column that no cell from above takes. */
  #skip(from: number, places: Place[]): number {
    let column = from;
    for (let above = this.#above[column]; above && above.end > this.#row; above = this.#above[++column]) {
      if (above.first) places.push({ column, cell: null });
    }
    return column;
  }

  /** Returns the column after the cell. */
  #take(cell: Element, column: number): number {
    const behind = column + span(cell, "colspan", MOST_COLUMNS);
    const rows = span(cell, "rowspan", MOST_ROWS);
    if (rows === 1) return behind;
    for (let index = column; index < Math.min(behind, MOST_COLUMNS); index++) {
      this.#above[index] = { end: this.#row + rows, first: index === column };
    }
    return behind;
  }
}

function span(cell: Element, name: "colspan" | "rowspan", most: number): number {
  const number = Number.parseInt(cell.attributes.get(name) ?? "1", 10);
  return number >= 1 ? Math.min(number, most) : 1;
}
