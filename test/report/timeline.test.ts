import { expect, test } from "vitest";
import { calendarOf } from "../../src/report/calendar.ts";
import { spanName, timelineOf } from "../../src/report/timeline.ts";
import type { TimeCounts } from "../../src/store/breakdown.ts";

const MINUTE = 60_000;
const START = Date.UTC(2026, 5, 1, 15);
const calendar = calendarOf("UTC");

function minute(after: number, sent: number, clicked = 0): TimeCounts {
  const nothing = { delivered: 0, bounced_permanent: 0, bounced_transient: 0, complained: 0, opened: 0 };
  return { at: START + after * MINUTE, sent, clicked, opened_by_reader: 0, unsubscribed: 0, ...nothing };
}

const sentOf = (minutes: TimeCounts[], covered = 1) => timelineOf(minutes, ["sent"], { calendar, covered });

test("nothing happened: nothing is drawn", () => {
  expect(sentOf([])).toBeNull();
  expect(sentOf([minute(0, 0, 5)])).toBeNull();
});

test.each([
  [0, MINUTE, 1],
  [59, MINUTE, 60],
  [60, 2 * MINUTE, 31],
  [24 * 60, 30 * MINUTE, 49],
  [30 * 24 * 60, 1_440 * MINUTE, 31],
])("from first to last %i minutes: bars of %i ms, %i of them", (length, spanMs, bars) => {
  const timeline = sentOf([minute(0, 2), ...(length > 0 ? [minute(length, 3)] : [])]);
  expect(timeline?.spanMs).toBe(spanMs);
  expect(timeline?.bars.length).toBeLessThanOrEqual(60);
  expect(timeline?.bars).toHaveLength(bars);
});

test("gaps are bars, and nothing is lost", () => {
  const timeline = sentOf([minute(0, 2), minute(3, 5)]);
  expect(timeline?.bars.map(({ values }) => values)).toEqual([[2], [0], [0], [5]]);
  expect(timeline?.later).toEqual([0]);
});

test("a thin tail is not drawn but told", () => {
  const timeline = sentOf([minute(0, 96), minute(1, 3), minute(99_999, 1)], 0.99);
  expect(timeline?.bars.map(({ values }) => values)).toEqual([[96], [3]]);
  expect(timeline?.later).toEqual([1]);
});

test("a century between two events still draws no more than 60 bars", () => {
  const timeline = sentOf([minute(-50_000_000, 1), minute(0, 1)]);
  expect(timeline?.bars.length).toBeLessThanOrEqual(60);
  expect(timeline?.bars.reduce((sum, { values: [value = 0] }) => sum + value, 0)).toBe(2);
});

test("days begin at the reader's midnight", () => {
  const seoul = calendarOf("Asia/Seoul");
  expect(seoul.full(seoul.spanStart(START, 1_440 * MINUTE))).toBe("2 Jun 2026, 00:00");
  expect(calendarOf("+05:30").full(START)).toBe("1 Jun 2026, 20:30");
});

test.each([
  [MINUTE, "minute"],
  [5 * MINUTE, "5 minutes"],
  [60 * MINUTE, "hour"],
  [1_440 * MINUTE, "day"],
  [10_080 * MINUTE, "7 days"],
])("%i ms is one %s", (spanMs, name) => expect(spanName(spanMs)).toBe(name));
