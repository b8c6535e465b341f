import type { Ranked } from "../rules/ranking.ts";

/** The sum over all rows, and how many there are. */
export type Sum<Row> = Row & { kinds: number };

/**
 * Ranks `rows`, the first of all: what `sum` holds beyond them is added up in `others`. `counted` names the columns that are
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
