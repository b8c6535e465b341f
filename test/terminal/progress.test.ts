import { describe, expect, test } from "vitest";
import { barLine, endLine, lineProgress, progressLine } from "../../src/terminal/progress.ts";

const STEP = { done: 1_200, failed: 3, inDoubt: 0, perSecond: 14 };

describe("progressLine", () => {
  test.each([
    [40_000, STEP, "sent 1,200 of 40,000 (14.0/s), failed 3, in doubt 0, about 46 min left"],
    [null, { done: 1_200, perSecond: 0.25 }, "sent 1,200 (0.3/s)"],
    [40_000, { ...STEP, perSecond: 0 }, "sent 1,200 of 40,000 (0.0/s), failed 3, in doubt 0"],
    [10, { done: 8, failed: 1, inDoubt: 1, perSecond: 1 }, "sent 8 of 10 (1.0/s), failed 1, in doubt 1"],
    [10, { done: 12, perSecond: 1 }, "sent 12 of 10 (1.0/s)"],
    [0, { done: 0, perSecond: 0 }, "sent 0 of 0 (0.0/s)"],
    [1_000, { done: 0, perSecond: 50 }, "sent 0 of 1,000 (50.0/s), about 20 s left"],
    [1_000_000, { done: 0, perSecond: 14 }, "sent 0 of 1,000,000 (14.0/s), about 19 h 50 min left"],
  ])("of %s", (total, step, expected) => {
    expect(progressLine("sent", total, step)).toBe(expected);
  });

  test("makes control characters of the label visible", () => {
    expect(progressLine("\u001b[2J", null, { done: 0, perSecond: 0 })).toBe("\\x1b[2J 0 (0.0/s)");
  });
});

test("endLine does not say how long the rest would take", () => {
  expect(endLine("sent", 40_000, STEP)).toBe("sent 1,200 of 40,000 (14.0/s), failed 3, in doubt 0");
});

test.each([
  ["sent", 3, { done: 0, failed: 3, inDoubt: 0, perSecond: 0 }, "sent 0 of 3 (0.0/s), failed 3, in doubt 0"],
  ["sent", 3, { done: 0, failed: 0, inDoubt: 0, perSecond: 0 }, "sent 0 of 3, failed 0, in doubt 0"],
  ["sent", 0, { done: 0, perSecond: 0 }, null],
  ["removed", null, { done: 0, perSecond: 0 }, null],
])("endLine has no rate for nothing: %s %s", (label, total, step, expected) => {
  expect(endLine(label, total, step)).toBe(expected);
});

describe("barLine", () => {
  test.each([
    [0, 30],
    [50, 15],
    [100, 0],
  ])("after %d of 100 has %d to go", (done, left) => {
    const line = barLine("sent", 100, { done, perSecond: 0 }, 120);
    expect(line).toBe(`[${"=".repeat(30 - left)}${"-".repeat(left)}] sent ${done} of 100 (0.0/s)`);
  });

  test("failures and doubts are done with, too", () => {
    expect(barLine("sent", 4, { done: 1, failed: 1, inDoubt: 2, perSecond: 0 }, 120)).toContain(`[${"=".repeat(30)}]`);
  });

  test("more done than planned does not burst the bar", () => {
    expect(barLine("sent", 4, { done: 9, perSecond: 0 }, 120)).toContain(`[${"=".repeat(30)}]`);
  });

  test("is full when there is nothing to do, and absent when nobody knows", () => {
    expect(barLine("sent", 0, { done: 0, perSecond: 0 }, 120)).toContain(`[${"=".repeat(30)}]`);
    expect(barLine("read", null, { done: 5, perSecond: 2 }, 120)).toBe("read 5 (2.0/s)");
  });

  test.each([1, 10, 40, 78, 80, 90, 200])("fits into %d columns", (width) => {
    expect(barLine("sent", 40_000, STEP, width).length).toBeLessThan(width);
  });
});

describe("lineProgress", () => {
  function started(): { progress: ReturnType<typeof lineProgress>; lines: string[]; at: (ms: number) => void } {
    const lines: string[] = [];
    let now = 1_000_000;
    const progress = lineProgress("sent", 100, { monotonic: () => now }, (line) => lines.push(line));
    return { progress, lines, at: (ms) => (now = 1_000_000 + ms) };
  }

  test("writes every five seconds, and the end", () => {
    const { progress, lines, at } = started();
    for (let ms = 0; ms <= 12_000; ms += 100) {
      at(ms);
      progress.update({ done: ms / 1_000, perSecond: 0 });
    }
    progress.stop();
    expect(lines.map((line) => line.split(" of ")[0])).toEqual(["sent 5", "sent 10", "sent 12"]);
  });

  test("writes nothing about work shorter than that, or without a step", () => {
    const { progress, lines } = started();
    progress.update({ done: 99, perSecond: 1 });
    progress.stop();
    started().progress.stop();
    expect(lines).toEqual([]);
  });

  test("the last line guesses nothing, and does not repeat the one before", () => {
    const { progress, lines, at } = started();
    at(5_000);
    progress.update({ done: 7, perSecond: 1 });
    progress.stop();
    expect(lines).toEqual(["sent 7 of 100 (1.0/s), about 2 min left"]);
    const other = started();
    other.at(5_000);
    other.progress.update({ done: 7, perSecond: 1 });
    other.progress.update({ done: 8, perSecond: 1 });
    other.progress.stop();
    expect(other.lines.at(-1)).toBe("sent 8 of 100 (1.0/s)");
  });

  test("does not say the same twice, nor stop twice", () => {
    const { progress, lines, at } = started();
    for (const ms of [5_000, 10_000, 15_000]) {
      at(ms);
      progress.update({ done: 7, perSecond: 0 });
    }
    progress.stop();
    progress.stop();
    expect(lines).toEqual(["sent 7 of 100 (0.0/s)"]);
  });
});
