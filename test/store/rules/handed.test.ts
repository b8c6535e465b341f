import { describe, expect, it, test } from "vitest";
import { STATES } from "../../../src/message.ts";
import { decideResult, isHandedOver, NOBODY, type Reported, type Result } from "../../../src/store/rules/handed.ts";
import fc from "../../support/properties.ts";

const NOW = 9_000;
const SENT: Result = { state: "sent", sesMessageId: "ses-1", error: null, at: null };
const OTHERS = (["failed", "in_doubt", "suppressed", "cancelled"] as const).map((state): Result => ({
  state,
  sesMessageId: null,
  error: "why",
  at: null,
}));

const message = (given: Partial<Reported>): Reported => ({
  state: "sending",
  attempts: 1,
  claimedBy: null,
  handedAt: null,
  sesMessageId: null,
  ...given,
});
const HANDED = message({ claimedBy: NOBODY, handedAt: 5_000 });

/** Each state of the table in its docstring, by a result `sent` and by any other. */
const TABLE: [what: string, Reported, bySent: unknown, byOthers: unknown][] = [
  ["held by a process", message({ claimedBy: 7, attempts: 0 }), "early", "early"],
  ["retried since", message({ state: "pending", attempts: 0 }), "unknown", "unknown"],
  ["put back after an attempt", message({ state: "pending", attempts: 1 }), "unknown", "unknown"],
  ["cancelled before it was tried", message({ state: "cancelled", attempts: 0 }), "unknown", "unknown"],
  ["sent under a name", message({ state: "sent", sesMessageId: "ses-0" }), "known", "known"],
  ["sent, as a visit showed", message({ state: "sent" }), "named", "known"],
];

test.each(TABLE)("a message that is %s", (_, held, bySent, byOthers) => {
  expect(decideResult(held, SENT, NOW)).toBe(bySent);
  expect(OTHERS.map((result) => decideResult(held, result, NOW))).toEqual(OTHERS.map(() => byOthers));
});

describe("a result moves", () => {
  it("what is handed over, wherever it says", () => {
    expect([SENT, ...OTHERS].map((result) => decideResult(HANDED, result, NOW))).toEqual([
      { from: "sending", to: "sent", sesMessageId: "ses-1", sentAt: NOW },
      ...OTHERS.map(({ state, error }) => ({ from: "sending", to: state, error })),
    ]);
  });

  it("what is in doubt, unless it is in doubt, too", () => {
    const doubt = message({ state: "in_doubt" });
    expect([SENT, ...OTHERS].map((result) => decideResult(doubt, result, NOW))).toMatchObject([
      { from: "in_doubt", to: "sent" },
      { to: "failed" },
      "known",
      { to: "suppressed" },
      { to: "cancelled" },
    ]);
  });

  it.each(["failed", "suppressed", "cancelled"] as const)("what is %s, when it was sent after all", (state) => {
    expect(decideResult(message({ state }), SENT, NOW)).toMatchObject({ from: state, to: "sent" });
    expect(OTHERS.map((result) => decideResult(message({ state }), result, NOW))).toEqual(OTHERS.map(() => "known"));
  });
});

it("a clock that is wrong says no instant before the hand-over and none after now", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 2 * NOW }), (at, handedAt) => {
      const move = decideResult({ ...HANDED, handedAt }, { ...SENT, at }, NOW);
      if (typeof move === "string" || move.to !== "sent") throw new Error("it moves");
      expect(move.sentAt).toBeLessThanOrEqual(NOW);
      expect(move.sentAt).toBeGreaterThanOrEqual(Math.min(handedAt, NOW));
      const isPossible = at >= handedAt && at <= NOW;
      expect(!isPossible || move.sentAt === at).toBe(true);
    }),
  );
});

it("only what is sending and held by nobody is handed over", () => {
  for (const state of STATES) {
    const isSending = state === "sending";
    expect(isHandedOver({ state, claimedBy: isSending ? NOBODY : null })).toBe(isSending);
    expect(isHandedOver({ state, claimedBy: isSending ? 1 : null })).toBe(false);
  }
});
