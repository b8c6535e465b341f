/**
 * What a spreadsheet takes for the start of a formula: `=`, `+`, `-`, `@`, tab, CR, LF, and the full-width signs that
 * spreadsheets of East Asia take for the narrow ones. Apostrophes before it are those of `defused`.
 */
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/;

/**
 * The cell with an apostrophe in front when a spreadsheet would run it. One that begins with an apostrophe and looks as if
 * that had been done already gets another, so that `undefused` takes off what was put there and nothing else.
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
