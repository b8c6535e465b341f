import { expect } from "vitest";
import type { Json } from "./run.ts";

const STATES = ["pending", "sending", "sent", "in_doubt", "failed", "cancelled", "suppressed"];

/** The `totals` of a result with these states and no message in any other. */
export const totals = (counts: Record<string, number>): Json => ({
  total: Object.values(counts).reduce((sum, count) => sum + count, 0),
  ...Object.fromEntries(STATES.map((state) => [state, 0])),
  ...counts,
});

/** Words for people: no stack trace, and nothing that Node says by itself. */
export const noTrace = (text: string) => expect(text).not.toMatch(/\n\s+at |EPIPE|Warning/);

const STAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d /;

/** The text without the local time that each of its lines begins with where there is no terminal; fails when one does not. */
export function undated(text: string): string {
  const lines = text.split("\n");
  const last = lines.pop();
  expect(last).toBe("");
  expect(lines.filter((line) => !STAMP.test(line))).toEqual([]);
  return lines.map((line) => `${line.replace(STAMP, "")}\n`).join("");
}
