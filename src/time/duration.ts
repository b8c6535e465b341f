/** Reads and shows durations. */
import { UserError } from "../errors.ts";

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

const DURATION = /^(\d+(?:\.\d+)?)\s?(ms|s|m|h|d|w)$/;

/** A hundred years. A longer duration is a typing error, and could leave the range of exact integers. */
const LONGEST_MS = 36_500 * UNIT_MS.d;

/**
 * The whole milliseconds of `90s`, `1.5h`, `2d` and so on (units ms, s, m, h, d, w). Null when it cannot be read or is
 * over 100 years.
 */
export function durationMs(text: string): number | null {
  const [, number, unit] = DURATION.exec(text.trim()) ?? [];
  if (number === undefined || unit === undefined) return null;
  const ms = Math.round(Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS]);
  return ms <= LONGEST_MS ? ms : null;
}

/**
 * The value of an option in whole milliseconds, from `leastMs` to 100 years. Throws a `UserError` that names `option`
 * (`--max-late`) when the text is no duration, or one outside of these bounds.
 */
export function parseDuration(text: string, option: string, leastMs = 0): number {
  const ms = durationMs(text);
  if (ms !== null && ms >= leastMs) return ms;
  throw new UserError(
    `${option} expects a duration such as 30m, 2h or 1d, got ${JSON.stringify(text)}`,
    `write a number${leastMs > 0 ? " above 0" : ""} and a unit: ms, s, m, h, d or w (at most 100 years)`,
  );
}

const STEPS = [
  ["d", UNIT_MS.d],
  ["h", UNIT_MS.h],
  ["min", UNIT_MS.m],
  ["s", UNIT_MS.s],
] as const;

/** How long something takes, for people: `less than a second`, `21 s`, `1 h 5 min`. `ms` is 0 or more. */
export function roughDuration(ms: number): string {
  return ms < 1_000 ? "less than a second" : formatDuration(ms);
}

/** A duration for people, in its two largest units: `2 h 5 min`, `45 s`, `350 ms`. `ms` is 0 or more. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return ms < 0.5 ? "0 s" : `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000) * 1_000;
  const first = STEPS.findIndex(([, size]) => seconds >= size);
  let rest = seconds;
  const parts = STEPS.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return [count, unit] as const;
  });
  return parts.flatMap(([count, unit]) => (count > 0 ? [`${count} ${unit}`] : [])).join(" ");
}
