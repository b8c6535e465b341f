/**
 * What a terminal shows after everything in `output` was written to it: lines from the top, without trailing blanks.
 * Knows what a progress bar uses: CR, LF, cursor to column (CSI G), erase in line (CSI K), save and restore (ESC 7, 8).
 * With `columns` a line that is longer goes on in the next row, as in a terminal of that width.
 * Throws for any other escape sequence or control character, so that none gets through unseen.
 */
export function screenOf(output: string, columns = Infinity): string[] {
  const rows: string[] = [];
  let [row, column] = [0, 0];
  let saved: [number, number] = [0, 0];
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  for (const [token, parameter = "", command] of output.matchAll(/\u001b\[([\d;]*)([A-Za-z])|\u001b[78]|[^]/gu)) {
    const line = rows[row] ?? "";
    if (token === "\r") column = 0;
    else if (token === "\n") [row, column] = [row + 1, 0];
    else if (token === "\u001b7") saved = [row, column];
    else if (token === "\u001b8") [row, column] = saved;
    else if (command === "G") column = Number(parameter || "1") - 1;
    else if (command === "K") rows[row] = parameter === "2" ? "" : line.slice(0, column);
    else if (command !== undefined || token < " ") throw new Error(`the terminal was told ${JSON.stringify(token)}`);
    else {
      if (column >= columns) [row, column] = [row + 1, 0];
      const line = rows[row] ?? "";
      rows[row] = line.slice(0, column).padEnd(column) + token + line.slice(column + 1);
      column += 1;
    }
  }
  return Array.from(rows, (line) => (line ?? "").trimEnd());
}
