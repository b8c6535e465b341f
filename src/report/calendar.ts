import { DateTime, FixedOffsetZone, IANAZone } from "luxon";

/** Instants (ms) as a reader in one zone sees them. */
export interface Calendar {
  zone: string;
  /** `1 Oct 2026, 09:05`. */
  full(at: number): string;
  /** `1 Oct, 09:05`: where the year goes without saying. */
  short(at: number): string;
  /** Start of the span of `spanMs` in which the instant lies; days begin at midnight there. */
  spanStart(at: number, spanMs: number): number;
}

/** `zone` is an IANA name or an offset such as `+09:00`. */
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
