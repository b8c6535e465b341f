/** Writes figures for people: short, and no more exact than is useful. */

/**
 * Writes `part` of `whole` in percent: `97.5 %`. A smaller share gets more digits, so that a complaint rate of 0.04 %
 * does not look like none. `–` when `whole` is 0, or nobody knows the part.
 */
export function share(part: number | null, whole: number): string {
  if (whole === 0 || part === null) return "–";
  const percent = (100 * part) / whole;
  const digits = percent === 0 || percent === 100 ? 0 : percent >= 10 ? 1 : percent >= 0.1 ? 2 : 3;
  return `${percent.toFixed(digits)} %`;
}

/** Writes a limit, which is a fraction, in percent: `0.1 %`. */
export function limitText(limit: number): string {
  return `${limit * 100} %`;
}
