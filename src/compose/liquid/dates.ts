/**
 * Dates as people type them into lists. A date without an offset is the same day and time on every machine; one with an offset keeps the time
 * it was written with. What may be either of two days, or none, is refused instead of guessed.
 */
import type { DateTime, Zone } from "luxon";
import { UserError } from "../../errors.ts";
import { luxon } from "../../time/luxon.ts";
import { checkZone, zoneNamed } from "../../time/schedule.ts";
import { LONG_MONTHS, strftime } from "./strftime.ts";
import { quoted, ValueProblem } from "./value-problem.ts";

/** `floating`: written without an offset; `time` then says what a clock shows, in UTC for want of anything else. */
interface Written {
  time: DateTime;
  floating: boolean;
}

/** `unclear`: looks like a date, and is none or one of several. Null: no date at all. */
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

/** Each way to write a day, with what its three parts are; a text says why it is not clear. */
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
/** What JavaScript writes: `Sun Mar 01 2026 10:00:00 GMT+0100 (CET)` is month first, too; `Sun Mar 1 10:00:00 2026` is C's. */
const C_TIME = /^(?:[a-z]{3} )?([a-z]{3}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})$/i;
/** A month alone: its first day stands for it. */
const MONTH_ALONE = /^(\d{4})-(\d\d)$/;
const COMPACT = /^(\d{4})(\d\d)(\d\d)(?:[Tt]?(\d\d)(\d\d)(\d\d)?(Z)?)?$/;

/** Reads as a date, and something stands around it that is none. */
const DATE_LIKE = /^\d{1,4}([-/.]) ?\d{1,2}\1 ?\d{1,4}(?!\d)/;

/** More characters than any way to write a date and a time has, with room for spaces. */
const LONGEST_DATE = 120;

function way(day: string): RegExp {
  return new RegExp(`^${day}${TIME}$`, "i");
}

/**
 * Reads a date with or without time and offset. Years have four digits; `13/04/2026` is clear, `03/04/2026` is not, `01.03.2026` is always
 * 1 March. Digits alone are read by `readDigits`.
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
 * Digits alone: the seconds of Unix (9 or 10 digits) or JavaScript's milliseconds (13), which are instants and shown in UTC; or a day without
 * separators (`20260301`, `20260301233000`). A spreadsheet's day number (46082) is refused with the day it may stand for.
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

/** Days come first in most of the world and months in the USA; only a number above 12 tells which. */
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
  // Luxon takes 24:00 for the next day; a day that is not the one written is refused like 30 February.
  if (!read.isValid || clock.hour > 23 || day.year < 1) {
    const shown = `${quoted(text)} is a day or a time that does not exist`;
    return { kind: "unclear", problem: `${shown}; correct it in the list` };
  }
  return { kind: "date", time: read, floating: zone === null };
}

/** Hours of a twelve-hour clock go from 12 over 1 to 11; -1 is none. */
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

/** What `date` writes when no format is given; LiquidJS's own. */
const DEFAULT_FORMAT = "%A, %B %-e, %Y at %-l:%M %P %z";

/**
 * The date filters. `date` takes a format and, as LiquidJS does, a zone: an instant is shown as the clocks there show it, a date without an
 * offset is taken to be theirs. They throw `ValueProblem` for what may be two days, or none; a text that is no date stays as it is.
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

/** A name as `--tz` takes it, or, as LiquidJS has it, the minutes that UTC is ahead. */
function zoneOf(zone: unknown): Zone {
  if (typeof zone === "number") return luxon().FixedOffsetZone.instance(-zone);
  try {
    return zoneNamed(checkZone(String(zone)));
  } catch (error) {
    if (error instanceof UserError) throw new ValueProblem(`${error.message}; ${error.hint}`);
    throw error;
  }
}
