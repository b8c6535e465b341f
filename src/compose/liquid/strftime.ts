/** strftime as in LiquidJS, but always in English and in the zone of the date. LiquidJS takes both from the machine. */
import type { DateTime } from "luxon";

/** The English names of the months, January first. */
export const LONG_MONTHS =
  "January February March April May June July August September October November December".split(" ");
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

interface Spec {
  flags: string;
  width: number | null;
}

const DIRECTIVE = /%([-_0^#:]+)?(\d+)?[EO]?(.)/g;

const WIDTHS: Record<string, number> = {
  C: 2,
  d: 2,
  e: 2,
  H: 2,
  I: 2,
  j: 3,
  k: 2,
  l: 2,
  L: 3,
  m: 2,
  M: 2,
  S: 2,
  U: 2,
  W: 2,
  y: 2,
  Y: 4,
};
const PADDED_WITH_SPACES = new Set("aAbBceklpP");

const CODES: Record<string, (time: DateTime, spec: Spec) => string | number> = {
  a: (time) => dayName(time).slice(0, 3),
  A: dayName,
  b: (time) => monthName(time).slice(0, 3),
  B: monthName,
  c: (time) => `${usDate(time)}, ${usTime(time)}`,
  C: (time) => Math.floor(time.year / 100),
  d: (time) => time.day,
  e: (time) => time.day,
  h: (time) => monthName(time).slice(0, 3),
  H: (time) => time.hour,
  I: twelve,
  j: (time) => time.ordinal,
  k: (time) => time.hour,
  l: twelve,
  L: (time) => time.millisecond,
  m: (time) => time.month,
  M: (time) => time.minute,
  N: (time, { width }) =>
    String(time.millisecond)
      .padStart(3, "0")
      .slice(0, width ?? 9)
      .padEnd(width ?? 9, "0"),
  p: (time) => (time.hour < 12 ? "AM" : "PM"),
  P: (time) => (time.hour < 12 ? "am" : "pm"),
  q: ordinal,
  s: (time) => Math.floor(time.toSeconds()),
  S: (time) => time.second,
  u: (time) => time.weekday,
  U: (time) => weekOfYear(time, 0),
  w: (time) => time.weekday % 7,
  W: (time) => weekOfYear(time, 1),
  x: usDate,
  X: usTime,
  y: (time) => time.year % 100,
  Y: (time) => time.year,
  z: offsetOf,
  Z: (time, spec) => (time.zone.type === "fixed" && time.offset !== 0 ? offsetOf(time, spec) : zoneName(time)),
  t: () => "\t",
  n: () => "\n",
  "%": () => "%",
};

/**
 * The time in a format of strftime. Unknown directives stay as they are. `use` is called with the number of characters
 * that the format and its widths may add; it may throw when they are too many.
 */
export function strftime(time: DateTime, format: string, use: (count: number) => void): string {
  use(format.length);
  return format.replace(DIRECTIVE, (written, flags: string = "", width: string | undefined, code: string) => {
    const convert = Object.hasOwn(CODES, code) ? CODES[code] : undefined;
    if (!convert) return written;
    const spec = { flags, width: width === undefined ? null : Number(width) };
    use(spec.width ?? 0);
    return padded(cased(String(convert(time, spec)), flags), code, spec);
  });
}

function cased(text: string, flags: string): string {
  if (flags.includes("^")) return text.toUpperCase();
  if (!flags.includes("#")) return text;
  return /[a-z]/.test(text) ? text.toUpperCase() : text.toLowerCase();
}

function padded(text: string, code: string, { flags, width }: Spec): string {
  const filler = flags.includes("_") ? " " : flags.includes("0") ? "0" : PADDED_WITH_SPACES.has(code) ? " " : "0";
  const length = flags.includes("-") ? 0 : width || (WIDTHS[code] ?? 0);
  if (filler === "0" && text.startsWith("-")) return `-${text.slice(1).padStart(length - 1, "0")}`;
  return text.padStart(length, filler);
}

function dayName(time: DateTime): string {
  return DAYS[time.weekday % 7] ?? "";
}

function monthName(time: DateTime): string {
  return LONG_MONTHS[time.month - 1] ?? "";
}

function twelve(time: DateTime): string {
  return String(time.hour % 12 || 12);
}

function ordinal({ day }: DateTime): string {
  if (day >= 11 && day <= 13) return "th";
  return { 1: "st", 2: "nd", 3: "rd" }[day % 10] ?? "th";
}

/** The week of the year, with weeks that begin on `firstDay` (0: Sunday). Days before the first one belong to week 0. */
function weekOfYear(time: DateTime, firstDay: number): string {
  const sinceFirstDay = ((time.weekday % 7) - firstDay + 7) % 7;
  return String(Math.floor((time.ordinal - 1 - sinceFirstDay + 7) / 7));
}

function usDate(time: DateTime): string {
  return `${time.month}/${time.day}/${time.year}`;
}

function usTime(time: DateTime): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${twelve(time)}:${two(time.minute)}:${two(time.second)} ${time.hour < 12 ? "AM" : "PM"}`;
}

function offsetOf(time: DateTime, { flags }: Spec): string {
  const size = Math.abs(time.offset);
  const [hours, minutes] = [Math.floor(size / 60), Math.round(size % 60)].map((part) => String(part).padStart(2, "0"));
  return `${time.offset < 0 ? "-" : "+"}${hours}${flags.includes(":") ? ":" : ""}${minutes}`;
}

function zoneName(time: DateTime): string {
  return time.zoneName ?? "UTC";
}
