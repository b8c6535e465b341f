/** Writes counts for people. */

const COUNT = new Intl.NumberFormat("en-US");

/** Writes a number: `12,345`; `–` when nobody knows it. */
export function count(value: number | null): string {
  return value === null ? "–" : COUNT.format(value);
}

/** Writes a count with its noun: `1 message`, `1,200 messages`. `many` is for nouns that take more than an `s`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
