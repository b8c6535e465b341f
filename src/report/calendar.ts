import { DateTime, FixedOffsetZone, IANAZone } from "luxon";

/** Shows instants (milliseconds since the epoch) as people in one time zone see them. */
export interface Calendar {
  zone: string;
  /** `1 Oct 2026, 09:05`. */
  full(at: number): string;
  /** `1 Oct, 09:05`: for places where the year is clear. */
  short(at: number): string;
  /** The start of the span of `spanMs` that holds the instant. Days begin at midnight in this zone. */
  spanStart(at: number, spanMs: number): number;
}

/** Makes a calendar. `zone` is an IANA name or an offset such as `+09:00`. */
export function calendarOf(zone: string): Calendar {
  const known = /^[+-]/.test(zone) ? (FixedOffsetZone.parseSpecifier(`UTC${zone}`) ?? zone) : IANAZone.create(zone);
  const local = (at: number) => DateTime.fromMillis(at, { zone: known, locale: "en" });
  return {
    zone,
    full: (at) => local(at).toFormat("d LLL yyyy, HH:mm"),
    short: (at) => local(at).toFormat("d LLL, HH:mm"),
    spanStart: (at, spanMs) => {
      const offsetMs = local(at).offset * 60_000;
      return Math.floor((at + offsetMs) / spanMs) * spanMs - offsetMs;
    },
  };
}
