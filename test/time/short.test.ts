import { describe, expect, test } from "vitest";
import { fromNow, shortTime, zoneOf } from "../../src/time/short.ts";

const at = (text: string) => Date.parse(text);

describe("local time", () => {
  const now = at("2026-03-28T22:30:00Z");
  test.each([
    ["2026-03-28T22:30:00Z", "Europe/Berlin", "today 23:30"],
    ["2026-03-28T23:00:00Z", "Europe/Berlin", "tomorrow 00:00"],
    // The clocks are put forward that night, so this day has 23 hours.
    ["2026-03-29T22:30:00Z", "Europe/Berlin", "Mon 30 Mar 00:30"],
    ["2026-03-27T23:00:00Z", "Europe/Berlin", "today 00:00"],
    ["2026-03-27T22:59:59Z", "Europe/Berlin", "yesterday 23:59"],
    ["2026-03-28T22:30:00Z", "Asia/Seoul", "today 07:30"],
    ["2026-03-28T14:30:00Z", "Asia/Seoul", "yesterday 23:30"],
    ["2026-09-05T00:05:00Z", "UTC", "Sat 5 Sep 00:05"],
    ["2025-12-31T23:59:59Z", "UTC", "31 Dec 2025 23:59"],
    ["2030-12-25T08:00:00Z", "Europe/Berlin", "25 Dec 2030 09:00"],
  ])("%s in %s: %s", (instant, zone, shown) => {
    expect(shortTime(at(instant), { now, zone })).toBe(shown);
  });

  test("is that of the machine when no zone is named", () => {
    const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
    expect(shortTime(now, { now })).toBe(shortTime(now, { now, zone }));
    expect(zoneOf({ now })).toBe(zone);
    expect(zoneOf({ now, zone: "Asia/Seoul" })).toBe("Asia/Seoul");
  });
});

describe("from now", () => {
  test.each([
    [0, "now"],
    [999, "now"],
    [-999, "now"],
    [1_000, "in 1 second"],
    [-59_999, "59 seconds ago"],
    [60_000, "in 1 minute"],
    [-3_600_000, "1 hour ago"],
    [86_399_999, "in 23 hours"],
    [3 * 86_400_000, "in 3 days"],
    [-400 * 86_400_000, "400 days ago"],
  ])("%d ms: %s", (ms, shown) => {
    expect(fromNow(1e12 + ms, 1e12)).toBe(shown);
  });
});
