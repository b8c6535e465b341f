import { describe, expect, test } from "vitest";
import { begunAgain, pauseLeftMs } from "../../../src/store/rules/pause.ts";

const NOW = 1_000_000;

describe("what is left of a pause", () => {
  test.each([
    ["none", null, null, 0],
    ["until somebody resumes it", NOW, null, Infinity],
    ["a timed one", NOW - 10, NOW + 50, 50],
    ["one that ends now", NOW - 10, NOW, 0],
    ["one that was over long ago", NOW - 90, NOW - 50, 0],
  ])("%s", (_name, pausedAt, pausedUntil, left) => {
    expect(pauseLeftMs({ pausedAt, pausedUntil }, NOW)).toBe(left);
  });
});

describe("a clock that was set back", () => {
  test.each([
    ["no pause", null, null],
    ["one without an end", NOW + 5, null],
    ["one that has begun", NOW - 10, NOW + 50],
    ["one that begins now", NOW, NOW + 50],
  ])("does nothing to %s", (_name, pausedAt, pausedUntil) => {
    expect(begunAgain({ pausedAt, pausedUntil }, NOW)).toBeNull();
  });

  test("makes a pause begin again, as long as it was meant", () => {
    const again = begunAgain({ pausedAt: NOW + 86_400_000, pausedUntil: NOW + 86_400_050 }, NOW);
    expect(again).toEqual({ pausedAt: NOW, pausedUntil: NOW + 50 });
  });
});
