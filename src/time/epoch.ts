/** Instants as other programs write them: seconds or milliseconds since the epoch. */

/** Smaller numbers are seconds: as milliseconds they would lie before March 1973. As seconds this is the year 5138. */
const SECONDS_END = 1e11;

/** The last millisecond of the year 9999, since the epoch. */
export const LATEST_MS = 253_402_300_799_999;

/** Milliseconds since the epoch, not rounded, of a number of them or of seconds. */
export function epochMs(number: number): number {
  return Math.abs(number) < SECONDS_END ? number * 1_000 : number;
}
