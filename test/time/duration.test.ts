import { describe, expect, test } from "vitest";
import { durationMs, formatDuration, parseDuration } from "../../src/time/duration.ts";
import { UserError } from "../../src/errors.ts";

describe("parseDuration", () => {
  test.each([
    "",
    "fast",
    "30",
    "m",
    "-5m",
    "1h30m",
    "1,5h",
    "1e3s",
    "30 minutes",
    "NaNs",
    "5M",
    ".5h",
    "36501d",
    `${"9".repeat(400)}d`,
  ])("refuses %j and names the option", (text) => {
    const attempt = () => parseDuration(text, "--max-late");
    expect(attempt).toThrow(UserError);
    expect(attempt).toThrow(`--max-late expects a duration such as 30m, 2h or 1d, got ${JSON.stringify(text)}`);
  });

  test.each([
    ["500ms", 500],
    ["90s", 90_000],
    ["30m", 1_800_000],
    ["1.5h", 5_400_000],
    [" 2 h ", 7_200_000],
    ["1d", 86_400_000],
    ["1w", 604_800_000],
    ["0s", 0],
    ["0.0004s", 0],
    ["36500d", 36_500 * 86_400_000],
  ])("reads %j as %d ms", (text, ms) => {
    expect(parseDuration(text, "--max-late")).toBe(ms);
  });

  test.each(["0s", "0ms", "0.0004s"])("refuses %j where nothing is no duration", (text) => {
    expect(() => parseDuration(text, "--timeout", 1)).toThrow(
      `--timeout expects a duration such as 30m, 2h or 1d, got "${text}"`,
    );
    expect(parseDuration("1ms", "--timeout", 1)).toBe(1);
  });
});

test("durationMs answers null instead of throwing", () => {
  expect(durationMs("soon")).toBeNull();
});

describe("formatDuration", () => {
  test.each([
    [0, "0 s"],
    [0.2, "0 s"],
    [350, "350 ms"],
    [45_000, "45 s"],
    [59_600, "1 min"],
    [90_000, "1 min 30 s"],
    [2_771_428.6, "46 min 11 s"],
    [7_500_000, "2 h 5 min"],
    [3_600_000, "1 h"],
    [3_645_000, "1 h"],
    [90_000_000, "1 d 1 h"],
    [86_400_000 * 400, "400 d"],
  ])("writes %d ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
