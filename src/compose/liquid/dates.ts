/**
 * Reads dates as people type them into lists. A date without an offset is the same day and time on every machine; one
 * with an offset keeps the time it was written with. A text that may mean two days, or looks like a date and is none,
 * is refused instead of guessed.
 */
import type { DateTime, Zone } from "luxon";
import { UserError } from "../../errors.ts";
import { luxon } from "../../time/luxon.ts";
import { checkZone, zoneNamed } from "../../time/schedule.ts";
import { LONG_MONTHS, strftime } from "./strftime.ts";
import { quoted, ValueProblem } from "./value-problem.ts";

/** `floating`: the date was written without an offset. Then `time` is what a clock shows, stored as UTC. */
interface Written {
  time: DateTime;
  floating: boolean;
}

/** The date a text stands for. `unclear`: it looks like a date, but is none or may be several. Null: it is no date. */
export type DateReading = ({ kind: "date" } & Written) | { kind: "unclear"; problem: string } | null;

const MONTH_NAMES = LONG_MONTHS.map((name) => name.toLowerCase());
const MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\\.?";
const WEEKDAY = "(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\\.?,? +)?";
const TIME =
  "(?:(?:[Tt]|,? +(?:at +)?)(\\d{1,2}):(\\d\\d)(?::(\\d\\d)(?:[.,](\\d{1,9}))?)?(?: ?([ap])\\.?m\\.?)? ?(Z|(?:UTC|GMT)?[+-]\\d\\d(?::?\\d\\d)?|UTC|GMT)?(?: ?\\(.*\\))?)?";

type Order = (first: string, second: string, third: string) => Day | string;
interface Day {
  year: number;
  month: number;
  day: number;
}

/** The ways to write a day, and how to read the three parts of each. A returned text says why it is unclear. */
const WAYS: [RegExp, Order][] = [
  [way("(\\d{4})([-/.]) ?(\\d{1,2})\\2 ?(\\d{1,2})\\.?"), (year, month, day) => dayOf(year, month, day)],
  [way("(\\d{4})()年 ?(\\d{1,2})月 ?(\\d{1,2})日"), (year, month, day) => dayOf(year, month, day)],
  [way("(\\d{4})()년 ?(\\d{1,2})월 ?(\\d{1,2})일"), (year, month, day) => dayOf(year, month, day)],
  [way("(\\d{1,2})(\\.) ?(\\d{1,2})\\. ?(\\d{4})"), (day, month, year) => dayOf(year, month, day)],
  [way("(\\d{1,2})([-/])(\\d{1,2})\\2(\\d{4})"), eitherOrder],
  [way("(\\d{1,4})([-/.]) ?(\\d{1,2})\\2 ?(\\d{1,4})"), shortYear],
  [
    way(`${WEEKDAY}(\\d{1,2})([-. ])(?:st|nd|rd|th)? ?${MONTH}(?:\\2|,?) ?(\\d{4})`),
    (day, month, year) => named(year, month, day),
  ],
  [way(`${WEEKDAY}(\\d{1,2})()(?:st|nd|rd|th) ${MONTH},? (\\d{4})`), (day, month, year) => named(year, month, day)],
  [way(`${WEEKDAY}(\\d{1,2})([-. ]) ?${MONTH}(?:\\2|,?) ?('?\\d\\d)`), shortYear],
];
/** `March 1, 2026`, where the month comes first. */
const MONTH_FIRST = way(`${WEEKDAY}${MONTH}() (\\d{1,2})(?:st|nd|rd|th)?,? (\\d{4})`);
/**
 * The form of C: `Sun Mar 1 10:00:00 2026`. (The form of JavaScript, `Sun Mar 01 2026 10:00:00 GMT+0100 (CET)`, is
 * `MONTH_FIRST`.)
 */
const C_TIME = /^(?:[a-z]{3} )?([a-z]{3}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})$/i;
/** A month alone stands for its first day. */
const MONTH_ALONE = /^(\d{4})-(\d\d)$/;
const COMPACT = /^(\d{4})(\d\d)(\d\d)(?:[Tt]?(\d\d)(\d\d)(\d\d)?(Z)?)?$/;

/** Text that begins like a date, though the whole is none. */
const DATE_LIKE = /^\d{1,4}([-/.]) ?\d{1,2}\1 ?\d{1,4}(?!\d)/;

/** More characters than any date with a time needs, with room for spaces. */
const LONGEST_DATE = 120;

function way(day: string): RegExp {
  return new RegExp(`^${day}${TIME}$`, "i");
}

/**
 * Reads a date with or without time and offset. Years need four digits. `13/04/2026` is clear, `03/04/2026` is not, and
 * `01.03.2026` is always 1 March. Digits alone are read by `readDigits`. Never throws.
 */
export function readDate(written: string): DateReading {
  if (written.length > LONGEST_DATE) return null;
  const text = written.normalize("NFKC").trim().replace(/\s+/g, " ");
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return readDigits(text);
  const month = MONTH_ALONE.exec(text);
  if (month) return dateOf(text, dayOf(month[1], month[2], "1"), []);
  const cTime = C_TIME.exec(text);
  if (cTime) return dateOf(text, named(cTime[6], cTime[1], cTime[2]), [cTime[3], cTime[4], cTime[5]]);
  const first = MONTH_FIRST.exec(text);
  if (first) return dateOf(text, named(first[4], first[1], first[3]), first.slice(5));
  for (const [pattern, order] of WAYS) {
    const [, a, , b, c, ...time] = pattern.exec(text) ?? [];
    if (a !== undefined && b !== undefined && c !== undefined) return dateOf(text, order(a, b, c), time);
  }
  const compact = /[Tt]/.test(text) ? COMPACT.exec(text) : null;
  if (compact) return readCompact(text, compact);
  if (!DATE_LIKE.test(text)) return null;
  return { kind: "unclear", problem: `${quoted(written)} cannot be read as a date; ${HOW_TO_WRITE}` };
}

const HOW_TO_WRITE = "write it as 2026-03-01 or 2026-03-01 23:30 in the list";

/**
 * Reads digits alone: Unix seconds (9 or 10 digits) and JavaScript milliseconds (13) are instants in UTC; `20260301`
 * and `20260301233000` are days without separators. The day number of a spreadsheet (46082) is unclear, and the problem
 * names the day it may stand for.
 */
function readDigits(text: string): DateReading {
  if (/^\d{9,10}(?:\.\d+)?$/.test(text)) return instant(Number(text) * 1_000);
  if (/^\d{13}$/.test(text)) return instant(Number(text));
  const compact = COMPACT.exec(text);
  if (compact) return readCompact(text, compact);
  if (/^[2-7]\d{4}(?:\.\d+)?$/.test(text)) {
    const day = luxon().DateTime.fromMillis((Math.floor(Number(text)) - UNIX_EPOCH_IN_SPREADSHEETS) * 86_400_000, {
      zone: "utc",
    });
    const problem = `${quoted(text)} looks like a spreadsheet's number for ${day.toISODate()}; format the column as a date, or write ${day.toISODate()}`;
    return { kind: "unclear", problem };
  }
  return { kind: "unclear", problem: `${quoted(text)} is not a date; ${HOW_TO_WRITE}` };
}

/** 1 January 1970 as Excel, Numbers and LibreOffice count days. */
const UNIX_EPOCH_IN_SPREADSHEETS = 25_569;

function instant(milliseconds: number): DateReading {
  return {
    kind: "date",
    time: luxon().DateTime.fromMillis(Math.floor(milliseconds), { zone: "utc" }),
    floating: false,
  };
}

function readCompact(text: string, [, year, month, day, hour, minute, second, utc]: RegExpExecArray): DateReading {
  return dateOf(text, dayOf(year, month, day), [hour, minute, second, undefined, undefined, utc]);
}

function dayOf(year = "", month = "", day = ""): Day {
  return { year: Number(year), month: Number(month), day: Number(day) };
}

function named(year = "", month = "", day = ""): Day {
  const index = MONTH_NAMES.findIndex((name) => name.startsWith(month.toLowerCase().slice(0, 3)));
  return { year: Number(year), month: index + 1, day: Number(day) };
}

/**
 * The day comes first in most of the world and the month in the USA. Only a number above 12, or two equal numbers, make
 * it clear.
 */
function eitherOrder(first: string, second: string, year: string): Day | string {
  const [a, b] = [Number(first), Number(second)];
  if (a > 12 || a === b) return dayOf(year, second, first);
  if (b > 12) return dayOf(year, first, second);
  const [dayFirst, monthFirst] = [isoDay(dayOf(year, second, first)), isoDay(dayOf(year, first, second))];
  return `may be ${dayFirst} or ${monthFirst}; write ${dayFirst} or ${monthFirst} in the list`;
}

function shortYear(): string {
  return "has a year of two digits, or none; write it as 2026-03-01 in the list";
}

function isoDay({ year, month, day }: Day): string {
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}

/** `time`: hour, minute, second, fraction, `a` or `p`, offset; each may be missing. */
function dateOf(text: string, day: Day | string, time: (string | undefined)[]): DateReading {
  if (typeof day === "string") return { kind: "unclear", problem: `${quoted(text)} ${day}` };
  const [hour = "0", minute = "0", second = "0", fraction = "", half, offset] = time;
  const zone = offset === undefined || offset === "" ? null : offsetZone(offset);
  const clock = {
    hour: clockHour(Number(hour), half),
    minute: Number(minute),
    second: Number(second),
    millisecond: Number(fraction.padEnd(3, "0").slice(0, 3)),
  };
  const read = luxon().DateTime.fromObject({ ...day, ...clock }, { zone: zone ?? "utc" });
  // Luxon reads 24:00 as the next day. That is not the day that was written, so it is refused like 30 February.
  if (!read.isValid || clock.hour > 23 || day.year < 1) {
    const shown = `${quoted(text)} is a day or a time that does not exist`;
    return { kind: "unclear", problem: `${shown}; correct it in the list` };
  }
  return { kind: "date", time: read, floating: zone === null };
}

/** The hour of the day. The hours of a twelve-hour clock are 12, then 1 to 11; -1 for any other. */
function clockHour(hour: number, half: string | undefined): number {
  if (half === undefined) return hour;
  if (hour < 1 || hour > 12) return -1;
  return (hour % 12) + (half.toLowerCase() === "p" ? 12 : 0);
}

function offsetZone(offset: string): Zone {
  const [, sign, hours = "0", minutes = "0"] = /([+-])(\d\d):?(\d\d)?$/.exec(offset) ?? [];
  const size = Number(hours) * 60 + Number(minutes);
  return luxon().FixedOffsetZone.instance(sign === "-" ? -size : size);
}

interface FilterThis {
  context: { memoryLimit: { use(count: number): void } };
}

/** The format of `date` when none is given, as in LiquidJS. */
const DEFAULT_FORMAT = "%A, %B %-e, %Y at %-l:%M %P %z";

/**
 * The date filters. `date` takes a format and, as in LiquidJS, a zone: an instant is shown in that zone, and a date
 * without an offset belongs to it. They throw `ValueProblem` for an unclear date or an unknown zone. A text that is no
 * date stays as it is.
 */
export const DATE_FILTERS = {
  date(this: FilterThis, value: unknown, format?: unknown, zone?: unknown): unknown {
    return formatted(this, value, typeof format === "string" ? format : DEFAULT_FORMAT, zone);
  },
  date_to_xmlschema(this: FilterThis, value: unknown): unknown {
    return formatted(this, value, "%Y-%m-%dT%H:%M:%S%:z");
  },
  date_to_rfc822(this: FilterThis, value: unknown): unknown {
    return formatted(this, value, "%a, %d %b %Y %H:%M:%S %z");
  },
  date_to_string(this: FilterThis, value: unknown, type?: unknown, style?: unknown): unknown {
    return formatted(this, value, dayFormat("%b", type, style));
  },
  date_to_long_string(this: FilterThis, value: unknown, type?: unknown, style?: unknown): unknown {
    return formatted(this, value, dayFormat("%B", type, style));
  },
};

function dayFormat(month: string, type: unknown, style: unknown): string {
  if (type !== "ordinal") return `%d ${month} %Y`;
  return style === "US" ? `${month} %-d%q, %Y` : `%-d%q ${month} %Y`;
}

function formatted({ context }: FilterThis, value: unknown, format: string, zone?: unknown): unknown {
  const date = dateIn(value);
  if (date === null) return value;
  const time = zone === undefined || zone === null ? date.time : inZone(date, zone);
  return strftime(time, format, (count) => context.memoryLimit.use(count));
}

function dateIn(value: unknown): Written | null {
  if (value instanceof Date) return { time: luxon().DateTime.fromJSDate(value, { zone: "utc" }), floating: false };
  if (value === "now" || value === "today") return { time: luxon().DateTime.utc(), floating: false };
  if (typeof value !== "string" && typeof value !== "number") return null;
  if (typeof value === "string" && value.trim() === "") return null;
  const reading = typeof value === "number" ? readDigits(String(value)) : readDate(value);
  if (reading?.kind === "unclear") throw new ValueProblem(reading.problem);
  return reading;
}

function inZone({ time, floating }: Written, zone: unknown): DateTime {
  return time.setZone(zoneOf(zone), { keepLocalTime: floating });
}

/** A zone by a name that `--tz` accepts, or, as in LiquidJS, by the minutes that UTC is ahead of it. */
function zoneOf(zone: unknown): Zone {
  if (typeof zone === "number") return luxon().FixedOffsetZone.instance(-zone);
  try {
    return zoneNamed(checkZone(String(zone)));
  } catch (error) {
    if (error instanceof UserError) throw new ValueProblem(`${error.message}; ${error.hint}`);
    throw error;
  }
}
