import { describe, expect, it } from "vitest";
import {
  dueSpans,
  laterSpans,
  lateSpans,
  SCHEDULED,
  type Span,
  UNSCHEDULED,
  waitMs,
  waitUntil,
} from "../../../src/store/rules/due.ts";
import fc from "../../support/properties.ts";

const NOW = Date.UTC(2026, 9, 1);
/** The wall clock was set, and shows something else than the steady clock. */
const now = fc.constantFrom(0, 3_600_000, -3_600_000, 86_400_000).map((by) => ({ wall: NOW + by, steady: NOW }));
const isIn = (value: number, spans: Span[]) => spans.some(([from, to]) => value >= from && value <= to);
/** Instants from the year 1970 to 2100, most of them near NOW. */
const instant = fc.oneof(fc.integer({ min: NOW - 5_000, max: NOW + 5_000 }), fc.integer({ min: 1, max: 4.1e12 }));
const notBefore = fc.oneof(
  fc.constant(0),
  instant,
  instant.map((at) => at - UNSCHEDULED),
  instant.map((at) => at - SCHEDULED),
);
const maxLate = fc.option(fc.constantFrom(0, 1, 1_000, 3_600_000));

describe("when a message may go", () => {
  it("each is due, too late, or yet to come: one of the three", () => {
    fc.assert(
      fc.property(notBefore, maxLate, now, (value, maxLateMs, at) => {
        const isDue = isIn(value, dueSpans(maxLateMs, at));
        const isLate = isIn(value, lateSpans(maxLateMs, at));
        const isLater = isIn(value, laterSpans(at));
        expect([isDue, isLate, isLater].filter(Boolean)).toHaveLength(1);
        expect(isLater).toBe(waitMs(value, at) > 0);
        const wasScheduled = value > 0 || (value < 0 && value >= -SCHEDULED);
        const reference = value > 0 ? at.wall : at.steady;
        const since = value > 0 ? value : value + SCHEDULED;
        expect(isLate).toBe(wasScheduled && maxLateMs !== null && since < Math.max(1, reference - maxLateMs));
      }),
    );
  });

  it("what waits without being scheduled is due when it says, and never too late", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constant(0),
          instant.map((at) => at - UNSCHEDULED),
        ),
        instant,
        maxLate,
        (value, until, late) => {
          const moved = waitUntil(value, until);
          // Whatever the wall clock shows.
          const at = (steady: number) => ({ wall: 1, steady });
          expect(waitMs(moved, at(until - 7))).toBe(7);
          expect(isIn(moved, dueSpans(late, at(until - 1)))).toBe(false);
          expect(isIn(moved, dueSpans(late, at(until)))).toBe(true);
          expect(isIn(moved, dueSpans(late, at(until + 1e11)))).toBe(true);
        },
      ),
    );
  });

  it("what was scheduled may be too late after a wait, by the steady clock", () => {
    for (const value of [NOW, waitUntil(NOW, NOW + 1)]) {
      const moved = waitUntil(value, NOW + 5);
      expect(waitMs(moved, { wall: NOW + 1e9, steady: NOW })).toBe(5);
      expect(isIn(moved, dueSpans(1_000, { wall: NOW, steady: NOW + 1_005 }))).toBe(true);
      expect(isIn(moved, lateSpans(1_000, { wall: NOW, steady: NOW + 1_006 }))).toBe(true);
    }
  });

  it("no place in an index is looked at twice", () => {
    const at = { wall: NOW, steady: NOW - 5 };
    const spans = [...dueSpans(1_000, at), ...lateSpans(1_000, at), ...laterSpans(at)].toSorted(([a], [b]) => a - b);
    for (const [index, [from]] of spans.entries()) expect(from).toBeGreaterThan(spans[index - 1]?.[1] ?? -Infinity);
  });
});
