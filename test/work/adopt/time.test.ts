/** What the times of the other programs mean. */
import { expect, it } from "vitest";
import { instantOf } from "../../../src/work/adopt/time.ts";

const AT = Date.UTC(2025, 0, 5, 8, 5, 9);

it.each([
  ["2025-01-05 08:05:09", AT],
  ["2025-01-05 08:05:09.123456789+00:00", AT],
  ["2025-01-05 17:05:09.5+09:00", AT],
  ["2025-01-05 08:05:09+00", AT],
  ["2025-01-05 08:05:09 +0000 UTC", AT],
  ["2025-01-05T08:05:09Z", AT],
  ["2025-01-05 08:05", AT - 9_000],
  [AT, AT],
  [AT / 1_000, AT],
  [null, null],
])("%j is %j", (time, at) => {
  expect(instantOf(time)).toBe(at);
});

it.each([
  "",
  "tomorrow",
  "2025-02-30 00:00:00",
  "2025-13-01 00:00:00",
  "2025-01-05 25:00:00",
  "2025-01-05",
  "2025-01-05 08:05:09 KST",
  "05/01/2025 08:05:09",
  Number.POSITIVE_INFINITY,
  Number.NaN,
  -1,
  1e18,
])("%j is never guessed", (time) => {
  expect(instantOf(time)).toBe("unreadable");
});
