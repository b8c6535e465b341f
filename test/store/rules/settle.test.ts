import { describe, expect, it } from "vitest";
import type { Settlement } from "../../../src/deliver/source.ts";
import { STATES } from "../../../src/message.ts";
import { decide, type Held } from "../../../src/store/rules/settle.ts";
import fc from "../../support/properties.ts";

const SENT: Settlement = { kind: "sent", id: 1, topicId: 1, sesMessageId: "ses-1" };
const FAILED: Settlement = { kind: "failed", id: 1, error: "refused" };
const IN_DOUBT: Settlement = { kind: "in_doubt", id: 1, error: "no answer" };
const PUT_BACK: Settlement = { kind: "put_back", id: 1, delayMs: 2_000, attempted: true, error: "503" };
const ALL = [SENT, FAILED, IN_DOUBT, PUT_BACK];
const MINE: Held = { state: "sending", isMine: true, isSuppressed: false, isCancelled: false, isExpired: false };
const others = (state: Held["state"]): Held => ({ ...MINE, state, isMine: false });

describe("an answer of who holds the message", () => {
  it("moves it where the answer says, and counts the call", () => {
    expect(decide(MINE, SENT)).toEqual({ from: "sending", to: "sent", attempts: 1, sesMessageId: "ses-1" });
    expect(decide(MINE, FAILED)).toEqual({ from: "sending", to: "failed", attempts: 1, error: "refused" });
    expect(decide(MINE, IN_DOUBT)).toEqual({ from: "sending", to: "in_doubt", attempts: 1, error: "no answer" });
    const back = { from: "sending", to: "pending", error: "503", delayMs: 2_000 };
    expect(decide(MINE, PUT_BACK)).toEqual({ ...back, attempts: 1 });
    expect(decide(MINE, { ...PUT_BACK, attempted: false })).toEqual({ ...back, attempts: 0 });
  });

  it("does not put back what was cancelled meanwhile, nor write to who was suppressed", () => {
    expect(decide({ ...MINE, isCancelled: true }, PUT_BACK)).toMatchObject({ to: "cancelled" });
    expect(decide({ ...MINE, isSuppressed: true }, PUT_BACK)).toMatchObject({ to: "suppressed" });
    expect(decide({ ...MINE, isSuppressed: true, isCancelled: true }, PUT_BACK)).toMatchObject({ to: "suppressed" });
    expect(decide({ ...MINE, isSuppressed: true, isCancelled: true }, SENT)).toMatchObject({ to: "sent" });
  });

  it("puts nothing back that has expired, and says so", () => {
    const expired = { ...MINE, isExpired: true };
    expect(decide(expired, PUT_BACK)).toMatchObject({ to: "cancelled", error: "expired", attempts: 1 });
    expect(decide({ ...expired, isCancelled: true }, PUT_BACK)).toMatchObject({ to: "cancelled", error: "expired" });
    expect(decide({ ...expired, isSuppressed: true }, PUT_BACK)).toMatchObject({ to: "suppressed", error: "503" });
    expect(decide(expired, SENT)).toMatchObject({ to: "sent" });
    expect(decide(expired, FAILED)).toMatchObject({ to: "failed", error: "refused" });
    expect(decide(expired, IN_DOUBT)).toMatchObject({ to: "in_doubt", error: "no answer" });
  });
});

describe("an answer that comes late", () => {
  it("settles what others put in doubt when it proves something, and counts no second call", () => {
    expect(decide(others("in_doubt"), SENT)).toMatchObject({ from: "in_doubt", to: "sent", attempts: 0 });
    expect(decide(others("in_doubt"), FAILED)).toMatchObject({ from: "in_doubt", to: "failed", attempts: 0 });
    expect(decide(others("in_doubt"), IN_DOUBT)).toBeNull();
    expect(decide(others("in_doubt"), PUT_BACK)).toBeNull();
  });

  it("changes nothing else: neither what another process holds now nor what is settled", () => {
    for (const state of STATES.filter((each) => each !== "in_doubt"))
      for (const answer of ALL) expect(decide(others(state), answer)).toBeNull();
  });
});

it("nothing leaves sent, nothing else is ever put back, whatever is held and answered", () => {
  const held = fc.record({
    state: fc.constantFrom(...STATES),
    isSuppressed: fc.boolean(),
    isCancelled: fc.boolean(),
    isExpired: fc.boolean(),
    holds: fc.boolean(),
  });
  fc.assert(
    fc.property(held, fc.constantFrom(...ALL), ({ holds, ...facts }, answer) => {
      const move = decide({ ...facts, isMine: holds && facts.state === "sending" }, answer);
      if (move === null) return;
      expect(move.from).toBe(facts.state);
      expect(["sending", "in_doubt"]).toContain(move.from);
      const mayGoBack = facts.state === "sending" && !facts.isSuppressed && !facts.isCancelled && !facts.isExpired;
      expect(mayGoBack || move.to !== "pending").toBe(true);
    }),
  );
});
