/** Ranking rows that SQL has counted. */
import type { Ranked } from "./ranking.ts";

/** The sum of all rows; `kinds` is how many rows there are. */
export type Sum<Row> = Row & { kinds: number };

/**
 * Ranks `rows`, which are the first of all rows. `others` is what `sum` holds beyond them. `counted` names the columns that are
 * numbers.
 */
export function rankedOf<Row extends { [name in Name]: number }, Name extends string>(
  rows: Row[],
  sum: Sum<Row> | undefined,
  counted: readonly Name[],
): Ranked<Row> {
  if (!sum || sum.kinds <= rows.length) return { rows, others: null };
  const { kinds, ...counts } = sum;
  const left = counts as unknown as Row;
  for (const name of counted) {
    const shown = rows.reduce((total, row) => total + row[name], 0);
    (left[name] as number) -= shown;
  }
  return { rows, others: { kinds: kinds - rows.length, counts: left } };
}
