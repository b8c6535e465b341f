import { expect, it } from "vitest";
import { hasRoom, roomAt } from "../../../src/store/rules/cap.ts";
import fc from "../../support/properties.ts";

const NOW = 1_000_000;
const CAP = { count: 3, windowMs: 60_000 };

it("has room for so many, those in flight included", () => {
  expect(hasRoom({ sentAt: [], inFlight: 0 }, CAP)).toBe(true);
  expect(hasRoom({ sentAt: [NOW - 1], inFlight: 1 }, CAP)).toBe(true);
  expect(hasRoom({ sentAt: [NOW - 2, NOW - 1], inFlight: 1 }, CAP)).toBe(false);
  expect(hasRoom({ sentAt: [], inFlight: 3 }, CAP)).toBe(false);
});

it("waits for the oldest to leave the window, for more of them when the cap was lowered", () => {
  const sentAt = [NOW - 50_000, NOW - 40_000, NOW - 30_000];
  expect(roomAt({ sentAt, inFlight: 0 }, CAP, NOW)).toBe(NOW + 10_000);
  expect(roomAt({ sentAt, inFlight: 0 }, { ...CAP, count: 1 }, NOW)).toBe(NOW + 30_000);
});

it("looks again in a second, or after a shorter window, when only what is in flight is in the way", () => {
  expect(roomAt({ sentAt: [NOW - 1], inFlight: 3 }, CAP, NOW)).toBe(NOW + 1_000);
  expect(roomAt({ sentAt: [], inFlight: 3 }, { ...CAP, windowMs: 200 }, NOW)).toBe(NOW + 200);
});

it("the instant is always to come; nothing in flight, there is room at it, and not a moment before", () => {
  const age = fc.integer({ min: 0, max: CAP.windowMs - 1 });
  const cap = fc.integer({ min: 1, max: 4 }).map((count) => ({ ...CAP, count }));
  fc.assert(
    fc.property(fc.array(age, { minLength: 1, maxLength: 6 }), fc.nat(3), cap, (ages, inFlight, limit) => {
      const sentAt = ages.map((ms) => NOW - ms).toSorted((a, b) => a - b);
      fc.pre(!hasRoom({ sentAt, inFlight }, limit));
      const at = roomAt({ sentAt, inFlight }, limit, NOW);
      expect(at).toBeGreaterThan(NOW);
      const leftAt = (now: number) => sentAt.filter((time) => time > now - limit.windowMs);
      if (inFlight > 0) return;
      expect(hasRoom({ sentAt: leftAt(at), inFlight }, limit)).toBe(true);
      expect(hasRoom({ sentAt: leftAt(at - 1), inFlight }, limit)).toBe(false);
    }),
  );
});
