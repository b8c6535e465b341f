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
