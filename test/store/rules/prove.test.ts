import { describe, expect, it, test } from "vitest";
import { STATES } from "../../../src/message.ts";
import { NOBODY } from "../../../src/store/rules/handed.ts";
import { mayBeTo, type Proof, prove } from "../../../src/store/rules/prove.ts";
import fc from "../../support/properties.ts";

const NOW = 9_000;
const EVENT: Proof = { kind: "event", sesMessageId: "ses-1", mailedAt: 400, at: 700 };
const VISIT: Proof = { kind: "visit", at: 800 };
const ANSWER: Proof = { kind: "answer", sesMessageId: "ses-1", mailedAt: 400 };

const leaves = (proof: Proof) =>
  STATES.filter(
    (state) => prove({ state, attempts: 1, claimedBy: state === "sending" ? 7 : null }, proof, NOW) !== null,
  );

describe("proves nothing", () => {
  test.each([EVENT, VISIT, ANSWER])("of what is sent: %j", (proof) => {
    expect(prove({ state: "sent", attempts: 1, claimedBy: null }, proof, NOW)).toBeNull();
  });

  test.each([EVENT, VISIT])("while the call is under way: %j", (proof) => {
    expect(prove({ state: "sending", attempts: 0, claimedBy: 7 }, proof, NOW)).toBeNull();
  });

  test("of a message that never left, by a visit: ids can be guessed", () => {
    expect(leaves(VISIT)).toEqual(["in_doubt"]);
  });

  test("of anything but a call that ended, by the end of a call", () => {
    expect(leaves(ANSWER)).toEqual(["sending"]);
  });
});

describe("an event", () => {
  test("beats every belief", () => {
    expect(leaves(EVENT)).toEqual(["pending", "in_doubt", "failed", "cancelled", "suppressed"]);
  });

  test.each([
    [{ mailedAt: 400, at: 700 }, 400],
    [{ mailedAt: null, at: 700 }, 700],
    [{ mailedAt: null, at: null }, NOW],
    [{ mailedAt: 0, at: 700 }, 0],
  ])("with the times %j says that it was sent at %d", (times, sentAt) => {
    expect(prove({ state: "failed", attempts: 1, claimedBy: null }, { ...EVENT, ...times }, NOW)).toMatchObject({
      sentAt,
    });
  });

  test.each([
    [0, 1],
    [1, 1],
    [3, 3],
  ])("after %d attempts makes them %d: there was one at least", (attempts, then) => {
    expect(prove({ state: "pending", attempts, claimedBy: null }, EVENT, NOW)).toMatchObject({
      attempts: then,
      sesMessageId: "ses-1",
    });
  });
});

test("a visit says when, and not what SES called the mail", () => {
  expect(prove({ state: "in_doubt", attempts: 2, claimedBy: null }, VISIT, NOW)).toEqual({
    to: "sent",
    sentAt: 800,
    sesMessageId: null,
    attempts: 2,
  });
});

describe("of a message that was handed over, whose call has ended", () => {
  const handed = { state: "sending" as const, attempts: 1, claimedBy: NOBODY };

  test("an event proves that it was sent, and a visit does", () => {
    expect(prove(handed, EVENT, NOW)).toMatchObject({ sentAt: 400, attempts: 1, sesMessageId: "ses-1" });
    expect(prove(handed, VISIT, NOW)).toMatchObject({ sentAt: 800, attempts: 1, sesMessageId: null });
  });

  test("the end of a call proves nothing more", () => {
    expect(prove(handed, ANSWER, NOW)).toBeNull();
  });
});

describe("the end of a call", () => {
  test("counts the attempt", () => {
    expect(prove({ state: "sending", attempts: 2, claimedBy: 7 }, ANSWER, NOW)).toEqual({
      to: "sent",
      sentAt: 400,
      sesMessageId: "ses-1",
      attempts: 3,
    });
  });

  test("with no more than a visit says that it was sent by now", () => {
    const noted: Proof = { kind: "answer", sesMessageId: null, mailedAt: null };
    expect(prove({ state: "sending", attempts: 0, claimedBy: 7 }, noted, NOW)).toMatchObject({
      sentAt: NOW,
      sesMessageId: null,
    });
  });
});

it("whatever proves it: sent, with an attempt, and never fewer than were counted", () => {
  const time = fc.option(fc.nat());
  const proofs = fc.oneof(
    fc.record({ kind: fc.constant("event" as const), sesMessageId: fc.string(), mailedAt: time, at: time }),
    fc.record({ kind: fc.constant("visit" as const), at: fc.nat() }),
    fc.record({ kind: fc.constant("answer" as const), sesMessageId: fc.option(fc.string()), mailedAt: time }),
  );
  const held = fc
    .record({ state: fc.constantFrom(...STATES), attempts: fc.nat(9), holder: fc.nat(2) })
    .map(({ holder, ...message }) => ({ ...message, claimedBy: message.state === "sending" ? holder : null }));
  fc.assert(
    fc.property(held, proofs, (message, proof) => {
      const move = prove(message, proof, NOW);
      if (move === null) return;
      expect(move.to).toBe("sent");
      expect(move.attempts).toBeGreaterThanOrEqual(Math.max(1, message.attempts));
      expect(Number.isInteger(move.sentAt)).toBe(true);
    }),
  );
});

test("an event may be about a message that goes to one of its recipients, or when it names none", () => {
  expect(mayBeTo({ destination: ["zoe@x.example", "ann@x.example"] }, "Ann@x.example")).toBe(true);
  expect(mayBeTo({ destination: ["zoe@x.example"] }, "ann@x.example")).toBe(false);
  expect(mayBeTo({ destination: [] }, "ann@x.example")).toBe(true);
});
