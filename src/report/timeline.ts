/** Arranges what happened over time into bars. */
import type { Outcomes, TimeCounts } from "../store/breakdown.ts";
import type { Calendar } from "./calendar.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SPANS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080, 40_320, 161_280, 645_120].map(
  (minutes) => minutes * MINUTE,
);
/** People can tell so many bars apart on a phone. */
const MOST_BARS = 60;

type Series = keyof Outcomes;

interface Bar {
  /** The start of the span: milliseconds since the epoch. */
  at: number;
  values: number[];
}

/** Bars of one length, without gaps. */
export interface Timeline {
  bars: Bar[];
  spanMs: number;
  /** What happened after the last bar, for each series. It is too little to be drawn. */
  later: number[];
}

/**
 * Arranges counts by minute into bars of one length. The length is the shortest that gives 60 bars or fewer. The last
 * bar is the one in which the share `covered` (a fraction) of everything has happened. Each bar has a value for each of
 * `series`, in order. Null when nothing happened.
 */
export function timelineOf(
  minutes: readonly TimeCounts[],
  series: readonly Series[],
  { calendar, covered }: { calendar: Calendar; covered: number },
): Timeline | null {
  const happened = minutes.filter((minute) => series.some((name) => minute[name] > 0));
  const [first] = happened;
  if (first === undefined) return null;
  const last = lastCovered(happened, series, covered) ?? first;
  const spanMs =
    SPANS.find((span) => calendar.spanStart(last.at, span) - calendar.spanStart(first.at, span) < MOST_BARS * span) ??
    last.at - first.at + DAY;
  const start = calendar.spanStart(first.at, spanMs);
  const length = Math.floor((last.at - start) / spanMs) + 1;
  const bars = Array.from({ length }, (_, index): Bar => ({ at: start + index * spanMs, values: series.map(() => 0) }));
  const later = series.map(() => 0);
  for (const minute of happened) {
    const values = bars[Math.floor((minute.at - start) / spanMs)]?.values ?? later;
    for (const [index, name] of series.entries()) values[index] = (values[index] ?? 0) + minute[name];
  }
  return { bars, spanMs, later };
}

function lastCovered(happened: readonly TimeCounts[], series: readonly Series[], covered: number) {
  const weight = (minute: TimeCounts) => series.reduce((sum, name) => sum + minute[name], 0);
  let left = covered * happened.reduce((sum, minute) => sum + weight(minute), 0);
  return happened.find((minute) => (left -= weight(minute)) <= 1e-6);
}

/** Names the length of a bar: `minute`, `5 minutes`, `hour`, `day`. */
export function spanName(spanMs: number): string {
  if (spanMs < HOUR) return units(spanMs / MINUTE, "minute");
  return spanMs < DAY ? units(spanMs / HOUR, "hour") : units(Math.round(spanMs / DAY), "day");
}

function units(length: number, unit: string): string {
  return length === 1 ? unit : `${length} ${unit}s`;
}
