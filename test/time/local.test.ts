import { afterEach, describe, expect, test } from "vitest";
import { distance, localTime, localWhen } from "../../src/time/local.ts";

const before = process.env["TZ"];
afterEach(() => {
  if (before === undefined) delete process.env["TZ"];
  else process.env["TZ"] = before;
});

const at = Date.UTC(2026, 10, 26, 8, 0, 1, 999);

describe("localTime", () => {
  test.each([
    ["UTC", "2026-11-26 08:00:01+00:00"],
    ["Europe/Berlin", "2026-11-26 09:00:01+01:00"],
    ["Asia/Seoul", "2026-11-26 17:00:01+09:00"],
    ["Asia/Kathmandu", "2026-11-26 13:45:01+05:45"],
    ["America/St_Johns", "2026-11-26 04:30:01-03:30"],
    ["Pacific/Kiritimati", "2026-11-26 22:00:01+14:00"],
  ])("in %s", (zone, expected) => {
    process.env["TZ"] = zone;
    expect(localTime(at)).toBe(expected);
  });

  test("is the same instant when it is read back, on both sides of a change of the clocks", () => {
    process.env["TZ"] = "Europe/Berlin";
    for (const change of [Date.UTC(2026, 2, 29, 1), Date.UTC(2026, 9, 25, 1)])
      for (const second of [change - 3_600_000, change - 1_000, change, change + 3_600_000])
        expect(Date.parse(localTime(second).replace(" ", "T"))).toBe(second);
  });
});

test("localWhen says how far it is", () => {
  process.env["TZ"] = "Europe/Berlin";
  expect(localWhen(at + 3 * 3_600_000, at + 400)).toBe("2026-11-26 12:00:01+01:00, in 3 hours");
});

test.each([
  [0, "now"],
  [999, "now"],
  [1_000, "in 1 second"],
  [-90_000, "1 minute 30 seconds ago"],
  [86_400_000 * 35 + 3 * 3_600_000 + 59_000, "in 35 days 3 hours"],
])("%d ms are %s", (ms, expected) => {
  expect(distance(ms)).toBe(expected);
});
