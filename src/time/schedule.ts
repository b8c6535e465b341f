/**
 * Reads and shows points in time. A time that cannot be read, is in the past or does not exist is an error, never "now":
 * mail sent at the wrong moment cannot be taken back.
 *
 * A **wall time** is what a clock on a wall shows, stored as the milliseconds it would be in UTC. In a zone it stands
 * for no instant (the clocks skip it), for one, or for two (the clocks are put back).
 */
import type { Zone } from "luxon";
import { luxon } from "./luxon.ts";
import { nearest } from "../nearest.ts";
import { durationMs } from "./duration.ts";
import { distance } from "./local.ts";
import { UserError } from "../errors.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;

type Parsed = { kind: "relative"; ms: number } | { kind: "absolute"; at: number } | { kind: "local"; wall: number };

/**
 * The instant (milliseconds since the epoch) that `text` means: ISO 8601 with `Z` or an offset, a local time
 * `2026-12-25 09:00[:00]` read in `zone`, or `+90m`, `+2h`, `+1d` (exact hours from `now`, a day is 24 of them). A
 * local time that comes twice (the clocks are put back) means the first, and `note` says so. Throws `UserError` for a
 * time that cannot be read, is not after `now`, does not exist in the zone, or is outside 2000–2100.
 */
export function parseWhen(text: string, options: { now: number; zone: string }): { at: number; note: string | null } {
  const parsed = parse(text);
  const when =
    parsed.kind === "relative"
      ? { at: laterBy(parsed.ms, text, options.now), note: null }
      : place(parsed, options.zone);
  if (when.at <= options.now) throw past(text, when.at, options);
  return when;
}

/**
 * Like `parseWhen`, for requests that programs may repeat: a relative time is refused, because it means something else
 * each time. An instant that is not after `now` is returned with what makes its error as `past`; the caller may know a reason to
 * accept it. `zone` null: nobody named one, so a time without an offset is refused.
 */
export function parseInstant(
  text: string,
  { now, zone }: { now: number; zone: string | null },
): { at: number; past: (() => UserError) | null } {
  const parsed = parse(text, FIXED_EXAMPLES);
  if (parsed.kind === "relative") throw unreadable(text, FIXED_EXAMPLES);
  if (parsed.kind === "local" && zone === null) {
    throw new UserError(
      `expected a time with an offset such as 2026-12-25T09:00:00+09:00, got ${quoted(text)}: this gateway was started without --tz and does not guess a zone`,
    );
  }
  const { at } = place(parsed, zone ?? "UTC");
  return { at, past: at <= now ? () => past(text, at, { now, zone: zone ?? "UTC" }) : null };
}

function place(parsed: Exclude<Parsed, { kind: "relative" }>, zone: string): { at: number; note: string | null } {
  return parsed.kind === "local" ? placeInZone(parsed.wall, zone) : { at: parsed.at, note: null };
}

/** The instant of a wall time in a zone (milliseconds since the epoch), or why there is none that can be used. */
export type Placed = { at: number } | { problem: string };

/**
 * The same wall time in many zones, for `--tz-column`. Returns a function from the name of a zone to the instant there,
 * which is computed once per zone. `problem` is `past`, or says why there is no instant (gap, unknown zone). A time
 * that comes twice means the first. Throws `UserError` when `text` is not a local time: a relative time, or one with an
 * offset, is the same instant for everybody.
 */
export function zoneInstants(text: string, now: number): (zone: string) => Placed {
  const parsed = parse(text);
  if (parsed.kind !== "local") {
    throw new UserError(
      `expected a local time such as "2026-12-25 09:00" with a time zone per recipient, got ${quoted(text)}`,
      "leave out the offset, or leave out --tz-column",
    );
  }
  const { wall } = parsed;
  const known = new Map<string, Placed>();
  return (zone) => {
    const result = known.get(zone) ?? instantIn(wall, zone, now);
    // Unknown zones are not kept: a wrong column may hold millions of texts, while there are only some hundreds of zones.
    if (result !== UNKNOWN_ZONE) known.set(zone, result);
    return result;
  };
}

/**
 * An instant in the zone, in UTC and relative to `now`: `2026-12-25 09:00:00 Asia/Seoul = 2026-12-25T00:00:00Z, in 35
 * days 3 hours`. In UTC itself it is said once: `2026-12-25 00:00:00 UTC, in 35 days 3 hours`.
 */
export function describeInstant(at: number, zone: string, now: number): string {
  // Rounded, or +2h would be in 1 hour 59 minutes when its answer is written.
  const utc = /^(?:Etc\/)?UTC$/.test(zone) ? "" : ` = ${utcText(at)}`;
  return `${inZone(at, zone)}${utc}, ${distance(Math.round((at - now) / 1_000) * 1_000)}`;
}

function inZone(at: number, zone: string): string {
  return `${wallText(at + zoneNamed(zone).offset(at) * MINUTE)} ${zone}`;
}

/**
 * The name of a zone in the form that the rest of the program expects: an IANA name in its usual spelling, an offset
 * such as `+09:00`, or the machine's own zone for `local`. Throws `UserError` for anything else, with the zone that was
 * probably meant. Abbreviations and names without a region are refused, even those in the IANA database: there `EST` is
 * UTC-5 all year, and in July that is not the time in New York.
 */
export function checkZone(name: string): string {
  const text = name.trim();
  if (text.toLowerCase() === "local") return machineZone();
  const zone = zoneName(text);
  if (zone !== null) return zone;
  throw new UserError(
    `expected an IANA time zone such as Asia/Seoul, or an offset such as +09:00, got ${quoted(name)}`,
    hintFor(text),
  );
}

function hintFor(text: string): string {
  const meant = meantZone(text);
  if (meant !== null)
    return `write ${meant}: ${quoted(text)} does not say which clocks it goes by, nor whether they have summer time`;
  const near = nearZone(text);
  return near === null ? "name a region and a city, as in Europe/Berlin" : `did you mean ${near}?`;
}

/** The machine's own IANA zone. Throws `UserError` when `TZ` is not a known zone. */
export function machineZone(): string {
  // When TZ is empty or no IANA name, this is undefined or Etc/Unknown, although its type says string.
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone as string | undefined;
  if (zone !== undefined && zone !== "Etc/Unknown") return zone;
  throw new UserError(
    "expected the machine's time zone to be an IANA zone, but it has none",
    "give --tz, for example --tz Asia/Seoul, or set TZ to such a name",
  );
}

// Reading ------------------------------------------------------------------------------------------------------------

/** Groups: year, month, day, hour, minute, second, fraction, `Z`, hours and minutes of the offset. */
const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)? ?(?:([Zz])|([+-]\d\d)(?::?(\d\d))?)?$/;

function parse(input: string, examples = EXAMPLES): Parsed {
  const text = input.trim();
  if (text.startsWith("+")) return parseRelative(text, examples);
  const match = DATE_TIME.exec(text);
  if (match === null) throw unreadable(text, examples);
  const wall = wallTime(match);
  if (wall === null) throw unreadable(text, "a date and a time that exist");
  if (!inRange(wall)) throw unreadable(text, YEARS);
  const [, , , , , , , , utc, hours, minutes] = match;
  if (utc !== undefined) return { kind: "absolute", at: wall };
  if (hours === undefined) return { kind: "local", wall };
  const offset = offsetMinutes(hours, minutes);
  if (offset === null) throw unreadable(text, "an offset from -12:00 to +14:00");
  return { kind: "absolute", at: wall - offset * MINUTE };
}

function parseRelative(text: string, examples: string): Parsed {
  const ms = durationMs(text.slice(1));
  if (ms === null) throw unreadable(text, examples);
  return { kind: "relative", ms };
}

function wallTime(match: RegExpExecArray): number | null {
  const [, year, month, day, hour, minute, second = "00", fraction = ""] = match;
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, "0").slice(0, 3)}Z`;
  const wall = Date.parse(text);
  // Date.parse rolls over (February 30 becomes March 2), so an impossible time is one that comes back different.
  return !Number.isNaN(wall) && new Date(wall).toISOString() === text ? wall : null;
}

/** Offsets in use today go from -12:00 to +14:00 (IANA time zone database). */
function offsetMinutes(hours: string, minutes = "00"): number | null {
  if (Number(minutes) > 59) return null;
  const size = Math.abs(Number(hours)) * 60 + Number(minutes);
  const offset = hours.startsWith("-") ? -size : size;
  return offset >= -12 * 60 && offset <= 14 * 60 ? offset : null;
}

/** Years outside of 2000–2100 are typing errors. */
function inRange(at: number): boolean {
  const year = new Date(at).getUTCFullYear();
  return year >= 2000 && year <= 2100;
}

// Placing ------------------------------------------------------------------------------------------------------------

function laterBy(ms: number, text: string, now: number): number {
  if (!inRange(now + ms)) throw unreadable(text, YEARS);
  return now + ms;
}

/**
 * The instants at which a clock in the zone shows the wall time, earliest first. No zone changes its offset twice
 * within two days, so the offsets a day before and a day after are the only candidates.
 */
function instants(wall: number, zone: Zone): number[] {
  const offsets = new Set([zone.offset(wall - DAY), zone.offset(wall + DAY)]);
  return [...offsets]
    .map((offset) => wall - offset * MINUTE)
    .filter((at) => at + zone.offset(at) * MINUTE === wall)
    .sort((a, b) => a - b);
}

function placeInZone(wall: number, name: string): { at: number; note: string | null } {
  const zone = zoneNamed(name);
  const [first, second] = instants(wall, zone);
  if (first === undefined) throw gap(wall, zone, name);
  if (second === undefined) return { at: first, note: null };
  const twice = `${wallText(wall)} comes twice in ${name}, where the clocks are put back`;
  return { at: first, note: `${twice}: taking the first, ${utcText(first)} (the second is ${utcText(second)})` };
}

const NO_ZONE: Placed = { problem: "no time zone" };
const UNKNOWN_ZONE: Placed = { problem: "unknown time zone" };

function instantIn(wall: number, name: string, now: number): Placed {
  if (name.trim() === "") return NO_ZONE;
  const zone = zoneName(name.trim());
  if (zone === null) {
    const meant = meantZone(name.trim());
    return meant === null ? UNKNOWN_ZONE : { problem: `${quoted(name.trim())} is no time zone; write ${meant}` };
  }
  const [first] = instants(wall, zoneNamed(zone));
  if (first === undefined) return { problem: "the clocks skip this time" };
  return first > now ? { at: first } : { problem: "past" };
}

// Zones --------------------------------------------------------------------------------------------------------------

const OFFSET = /^([+-]\d\d)(?::?(\d\d))?$/;

/**
 * The zones that people mean by abbreviations and old names. Intl accepts some of these and may mean another zone (BST:
 * Dhaka).
 */
const ABBREVIATIONS: Record<string, string> = {
  "America/New_York": "EST EDT ET EST5EDT",
  "America/Chicago": "CST CDT CT CST6CDT",
  "America/Denver": "MST MDT MT MST7MDT",
  "America/Los_Angeles": "PST PDT PT PST8PDT",
  "Pacific/Honolulu": "HST",
  "America/Anchorage": "AKST AKDT",
  "America/Halifax": "AST",
  "America/Sao_Paulo": "BRT",
  "Europe/London or UTC": "GMT",
  "Europe/London": "BST GB",
  "Asia/Kolkata": "IST",
  "Europe/Dublin": "EIRE",
  "Europe/Berlin": "CET CEST MET MEZ MESZ",
  "Europe/Athens": "EET EEST",
  "Europe/Lisbon": "WET WEST",
  "Europe/Moscow": "MSK",
  "Asia/Tokyo": "JST",
  "Asia/Seoul": "KST ROK",
  "Asia/Shanghai": "PRC",
  "Asia/Taipei": "ROC",
  "Asia/Hong_Kong": "HKT",
  "Asia/Singapore": "SGT",
  "Australia/Sydney": "AEST AEDT",
  "Australia/Adelaide": "ACST",
  "Australia/Perth": "AWST",
  "Pacific/Auckland": "NZ NZST NZDT",
  "Africa/Johannesburg": "SAST",
  UTC: "UCT ZULU UNIVERSAL GREENWICH GMT0 GMT+0 GMT-0",
};
const MEANT = new Map(
  Object.entries(ABBREVIATIONS).flatMap(([zone, names]) => names.split(" ").map((name) => [name, zone])),
);

function zoneName(text: string): string | null {
  const [, hours, minutes] = OFFSET.exec(text) ?? [];
  if (hours !== undefined) return offsetName(offsetMinutes(hours, minutes));
  if (/^(?:utc|z)$/i.test(text)) return "UTC";
  if (!text.includes("/") || !luxon().IANAZone.isValidZone(text)) return null;
  const lower = text.toLowerCase();
  return Intl.supportedValuesOf("timeZone").find((zone) => zone.toLowerCase() === lower) ?? text;
}

/** The zone that an abbreviation or the name of a country (`Japan`) means; null when it is not known. */
function meantZone(text: string): string | null {
  const meant = MEANT.get(text.toUpperCase());
  if (meant !== undefined) return meant;
  // Intl reads names of three letters as Java once did: its AST is Anchorage.
  if (text.includes("/") || text.length < 4 || !luxon().IANAZone.isValidZone(text)) return null;
  const resolved = new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
  return resolved.includes("/") ? resolved : null;
}

function offsetName(offset: number | null): string | null {
  if (offset === null) return null;
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return `${offset < 0 ? "-" : "+"}${twoDigits(hours)}:${twoDigits(minutes)}`;
}

/** The zone with a name from `checkZone` or `machineZone`. Throws `UserError` for an unknown name. */
export function zoneNamed(name: string): Zone {
  // The machine's own zone may have a name that `checkZone` refuses, such as EST. Its clocks still follow that zone.
  const zone = !OFFSET.test(name) && luxon().IANAZone.isValidZone(name) ? name : checkZone(name);
  const [, hours, minutes] = OFFSET.exec(zone) ?? [];
  return hours === undefined
    ? luxon().IANAZone.create(zone)
    : luxon().FixedOffsetZone.instance(offsetMinutes(hours, minutes) ?? 0);
}

/** The zone whose name or city is closest to what was typed, or null. */
function nearZone(text: string): string | null {
  const zones = Intl.supportedValuesOf("timeZone");
  const byName = new Map(
    zones.flatMap((zone) => [[zone.slice(zone.lastIndexOf("/") + 1), zone] as const, [zone, zone]]),
  );
  const name = nearest(text, byName.keys());
  return name === null ? null : (byName.get(name) ?? null);
}

// Saying -------------------------------------------------------------------------------------------------------------

/** `2026-12-25 09:00:00`; whole seconds, because nobody schedules by the millisecond. */
function wallText(wall: number): string {
  return utcText(wall).slice(0, -1).replace("T", " ");
}

function utcText(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

const FIXED_EXAMPLES = `a time such as "2026-12-25T09:00:00+09:00" or "2026-12-25 09:00:00"`;
const EXAMPLES = `a time such as "2026-12-25 09:00", "2026-12-25T09:00:00+09:00" or "+2h"`;
const YEARS = "a year from 2000 to 2100";
const HOW_TO_WRITE = "write YYYY-MM-DD HH:MM, ISO 8601 with an offset, or + and a duration (90m, 2h, 1d)";

function unreadable(text: string, expected: string): UserError {
  return new UserError(`expected ${expected}, got ${quoted(text)}`, HOW_TO_WRITE);
}

function past(text: string, at: number, options: { now: number; zone: string }): UserError {
  return new UserError(
    `expected a time in the future, got ${quoted(text)} (${describeInstant(at, options.zone, options.now)})`,
    "give a later time",
  );
}

function gap(wall: number, zone: Zone, name: string): UserError {
  const skipped = (zone.offset(wall + DAY) - zone.offset(wall - DAY)) * MINUTE;
  return new UserError(
    `expected a time that exists in ${name}, got ${quoted(wallText(wall))}, which the clocks skip there`,
    `take ${wallText(wall + skipped)} or ${wallText(wall - skipped)}`,
  );
}
