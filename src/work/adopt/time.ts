/** Reads the times of the other programs. */
import type { ForeignTime } from "../../store/foreign.ts";
import { epochMs, LATEST_MS } from "../../time/epoch.ts";

/** SQLite's own form, Go's, and RFC 3339: `2025-01-05 08:05:09`, `2025-01-05 08:05:09.123456789+00:00`, `2025-01-05T08:05:09Z`. */
const FORM = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(\.\d{1,9})? ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?(?: UTC)?$/;

/**
 * The instant, in ms since the epoch, or null when there is none. A text without a zone is in UTC: all three programs write UTC, and
 * compare with it. `unreadable`: nobody knows what it means, such as an empty text.
 */
export function instantOf(time: ForeignTime): number | null | "unreadable" {
  if (time === null) return null;
  if (typeof time === "number") return checked(epochMs(time));
  const [, date = "", clock = "", , zone = "Z"] = FORM.exec(time.trim()) ?? [];
  if (date === "") return "unreadable";
  const seconds = clock.length === 5 ? `${clock}:00` : clock;
  const at = Date.parse(`${date}T${seconds}${offsetOf(zone)}`);
  return isDay(date) ? checked(at) : "unreadable";
}

function offsetOf(zone: string): string {
  if (zone === "Z" || zone === "UTC") return "Z";
  const digits = zone.replaceAll(":", "").padEnd(5, "0");
  return `${digits.slice(0, 3)}:${digits.slice(3)}`;
}

/** `Date.parse` takes 30 February for 2 March. */
function isDay(date: string): boolean {
  return new Date(`${date}T00:00:00Z`).getUTCDate() === Number(date.slice(8));
}

function checked(ms: number): number | "unreadable" {
  return Number.isFinite(ms) && ms >= 0 && ms <= LATEST_MS ? Math.trunc(ms) : "unreadable";
}
