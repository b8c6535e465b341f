/** Shows instants by the clock on the wall of this machine. It does without Luxon, because every line of a log needs it. */

const MINUTE_MS = 60_000;

const UNITS = [
  ["day", 1_440 * MINUTE_MS],
  ["hour", 60 * MINUTE_MS],
  ["minute", MINUTE_MS],
  ["second", 1_000],
] as const;

/**
 * An instant (ms since the epoch) in the zone of this machine (`TZ`; UTC when that names no zone), to the second and with its
 * offset: `2026-11-26 09:00:01+01:00`.
 */
export function localTime(at: number): string {
  const offset = -new Date(at).getTimezoneOffset();
  const wall = new Date(at + offset * MINUTE_MS).toISOString().slice(0, 19).replace("T", " ");
  const size = Math.abs(Math.trunc(offset));
  return `${wall}${offset < 0 ? "-" : "+"}${twoDigits(Math.floor(size / 60))}:${twoDigits(size % 60)}`;
}

/** The same, and how far it is from `now`: `2026-11-26 12:00:00+01:00, in 3 hours`. */
export function localWhen(at: number, now: number): string {
  // Rounded, or `--for 2h` would be over in 1 hour 59 minutes before its answer is written.
  return `${localTime(at)}, ${distance(Math.round((at - now) / 1_000) * 1_000)}`;
}

/** How far an instant is from now, in its two largest units: `in 35 days 3 hours`, `2 minutes ago`, `now`. */
export function distance(ms: number): string {
  const size = Math.abs(ms);
  const first = UNITS.findIndex(([, unitMs]) => size >= unitMs);
  if (first < 0) return "now";
  let rest = size;
  const parts = UNITS.slice(first, first + 2).flatMap(([unit, unitMs]) => {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    return count === 0 ? [] : [`${count} ${unit}${count === 1 ? "" : "s"}`];
  });
  return ms > 0 ? `in ${parts.join(" ")}` : `${parts.join(" ")} ago`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
