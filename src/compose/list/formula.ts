/** Protects spreadsheets from cells that they would run as a formula (CSV injection). */

/**
 * The start of a formula for a spreadsheet: `=`, `+`, `-`, `@`, tab, CR, LF, and their full-width forms, which
 * spreadsheets of East Asia accept. The apostrophes before it come from `defused`.
 */
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/;

/**
 * The cell, with an apostrophe in front when a spreadsheet would run it. A cell that looks as if it had one already
 * gets another, so that `undefused` always restores the original.
 */
export function defused(cell: string): string {
  return FORMULA.test(cell) ? `'${cell}` : cell;
}

/** The cell as it was before `defused`. */
export function undefused(cell: string): string {
  return looksDefused(cell) ? cell.slice(1) : cell;
}

/** Whether `undefused` would change the cell. */
export function looksDefused(cell: string): boolean {
  return cell.startsWith("'") && FORMULA.test(cell);
}
