/** Writes figures for people: short, and no more exact than is useful. */

/**
 * Writes `part` of `whole` in percent: `97.5 %`. A smaller share gets more digits, so that a complaint rate of 0.04 %
 * does not look like none. `–` when `whole` is 0.
 */
export function share(part: number, whole: number): string {
  if (whole === 0) return "–";
  const percent = (100 * part) / whole;
  const digits = percent === 0 || percent === 100 ? 0 : percent >= 10 ? 1 : percent >= 0.1 ? 2 : 3;
  return `${percent.toFixed(digits)} %`;
}
