import { describe, expect, it } from "vitest";
import { NO_TOPIC } from "../../../src/message.ts";
import {
  dueAt,
  dueSpans,
  laterSpans,
  lateSpan,
  type Span,
  topicTimes,
  UNSCHEDULED,
  waitUntil,
} from "../../../src/store/rules/due.ts";
import fc from "../../support/properties.ts";

const NOW = Date.UTC(2026, 9, 1);
const isIn = (value: number, spans: Span[]) => spans.some(([from, to]) => value >= from && value <= to);
/** Instants from the year 1970 to 2100, most of them near NOW. */
const instant = fc.oneof(fc.integer({ min: NOW - 5_000, max: NOW + 5_000 }), fc.integer({ min: 1, max: 4.1e12 }));
const notBefore = fc.oneof(
  fc.constant(0),
  instant,
  instant.map((at) => at - UNSCHEDULED),
);
const maxLate = fc.option(fc.constantFrom(0, 1, 1_000, 3_600_000));

describe("when a message may go", () => {
  it("each is due, too late, or yet to come: one of the three", () => {
    fc.assert(
      fc.property(notBefore, maxLate, (value, maxLateMs) => {
        const isDue = isIn(value, dueSpans(maxLateMs, NOW));
        const isLate = isIn(value, [lateSpan(maxLateMs, NOW)]);
        const isLater = isIn(value, laterSpans(NOW));
        expect([isDue, isLate, isLater].filter(Boolean)).toHaveLength(1);
        expect(isLater).toBe(dueAt(value) > NOW);
        expect(isLate).toBe(value > 0 && maxLateMs !== null && value < Math.max(1, NOW - maxLateMs));
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
          expect(dueAt(moved)).toBe(until);
          expect(isIn(moved, dueSpans(late, until - 1))).toBe(false);
          expect(isIn(moved, dueSpans(late, until))).toBe(true);
          expect(isIn(moved, dueSpans(late, until + 1e11))).toBe(true);
        },
      ),
    );
  });

  it("what was scheduled stays scheduled when it has to wait", () => {
    expect(waitUntil(NOW, NOW + 5)).toBe(NOW + 5);
  });

  it("no place in an index is looked at twice", () => {
    const spans = [...dueSpans(1_000, NOW), lateSpan(1_000, NOW), ...laterSpans(NOW)].toSorted(([a], [b]) => a - b);
    for (const [index, [from]] of spans.entries()) expect(from).toBeGreaterThan(spans[index - 1]?.[1] ?? -Infinity);
  });
});

it("a topic is due with the earliest of its messages, and at once when one of them is; without a topic there is no time", () => {
  const of = (topic: string | null, notBefore: number) => ({ topic, notBefore });
  const messages = [of("a", 9), of("a", 5), of("b", 7), of("b", 0), of("b", 3), of(null, 4), of(NO_TOPIC, 4)];
  expect([...topicTimes(messages)]).toEqual([
    ["a", 5],
    ["b", null],
    [null, null],
    [NO_TOPIC, null],
  ]);
});
