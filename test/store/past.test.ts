import { expect, it } from "vitest";
import { outcomeOf } from "../../src/store/past.ts";

const NOTHING = { sesMessageId: null, error: null, sentAt: null };

it("what was sent was sent, and not later than now", () => {
  const sent = { state: "sent", sesMessageId: "ses-1", sentAt: 50 } as const;
  expect(outcomeOf(sent, 100)).toEqual({ ...sent, attempts: 1, error: null, calledAt: 50 });
  expect(outcomeOf({ ...sent, sesMessageId: null }, 20)).toMatchObject({
    sesMessageId: null,
    sentAt: 20,
    calledAt: 20,
  });
});

it("what failed or is in doubt may have been a call, what was cancelled was none", () => {
  for (const state of ["failed", "in_doubt"] as const)
    expect(outcomeOf({ state, error: "no" }, 100)).toEqual({
      ...NOTHING,
      state,
      attempts: 1,
      error: "no",
      calledAt: 100,
    });
  expect(outcomeOf({ state: "cancelled" }, 100)).toEqual({
    ...NOTHING,
    state: "cancelled",
    attempts: 0,
    calledAt: null,
  });
});
