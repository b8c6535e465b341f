/** Writes arrays for statements about many rows. */

/**
 * An array of numbers as the text of a PostgreSQL array. The driver would write one, too, but looks at each element for what might need
 * quotes, which costs some 5 µs for each event.
 */
export function numbers(list: readonly (number | null | undefined)[]): string {
  return `{${list.map((number) => number ?? "null").join()}}`;
}
