/** Writes counts for people. */

/** Writes a number, with three digits of its fraction at most: `12,345.5`; `–` when nobody knows it. */
export function count(value: number | null): string {
  if (value === null) return "–";
  // Most counts in long tables.
  if (value < 1_000 && value >= 0 && Number.isInteger(value)) return String(value);
  // `toLocaleString` does the same, and loads the tables of all languages for it: 14 ms, which is much at the start of a command.
  const [whole = "", fraction] = Math.abs(value).toFixed(3).split(".");
  const digits = whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
  const rest = (fraction ?? "").replace(/0+$/, "");
  return `${value < 0 ? "-" : ""}${digits}${rest === "" ? "" : `.${rest}`}`;
}

/** Writes a count with its noun: `1 message`, `1,200 messages`. `many` is for nouns that take more than an `s`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
