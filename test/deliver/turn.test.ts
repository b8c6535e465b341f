import { describe, expect, it } from "vitest";
import { NEW_PACE, type Pace, take } from "../../src/deliver/pace.ts";
import { allow, type Asked, createTurnMemory, spend } from "../../src/deliver/turn.ts";

const asked = (given: Partial<Asked> = {}): Asked => ({
  perSecond: 10,
  room: 5,
  shifts: [],
  withinMs: 0,
  throttledAt: null,
  ...given,
});
const found = (count: number, cutShort = false) => ({ count, cutShort });
/** One message was claimed at 0, at ten in a second: the next is due some 100 ms later. */
const AFTER_ONE: Pace = take(NEW_PACE, 10, 1, 0).pace;

describe("the rate around a claim", () => {
  it("looks for one message when the rate allows none, so that waiting is told from having nothing left", () => {
    const waiting = allow(AFTER_ONE, asked(), 1);
    expect(waiting).toMatchObject({ most: 0, wanted: 1 });
    const something = spend(waiting, found(1));
    expect(something.drained).toBe(false);
    expect(something.rateWaitMs).toBeGreaterThan(95);
    expect(something.pace.departures).toEqual(AFTER_ONE.departures);
    expect(spend(waiting, found(0))).toMatchObject({ drained: true, rateWaitMs: null });
  });

  it("takes what was found, no more than the rate allows, and says when it is counted", () => {
    const allowed = allow(AFTER_ONE, asked({ perSecond: 1e9 }), 201);
    expect(allowed).toMatchObject({ most: 5, wanted: 5 });
    expect(spend(allowed, found(3))).toMatchObject({ drained: true, countedAt: 202 });
    expect(spend(allowed, found(3)).pace.departures).toEqual([
      [0, 1, 0],
      [202, 3, 202],
    ]);
    expect(spend(allowed, found(5))).toMatchObject({ drained: false });
    const one = allow(NEW_PACE, asked({ room: 1 }), 0);
    expect(spend(one, found(4)).pace.departures).toEqual([[0, 1, 0]]);
  });

  it("is not drained when the look was cut short, nor when nothing was looked for", () => {
    expect(spend(allow(NEW_PACE, asked(), 0), found(0, true)).drained).toBe(false);
    const settling = allow(NEW_PACE, asked({ room: 0 }), 0);
    expect(settling.wanted).toBe(0);
    expect(spend(settling, found(0))).toMatchObject({ drained: false, rateWaitMs: null });
  });

  it("says when the state begins anew, because it has to be kept then although nothing is taken", () => {
    expect(allow(AFTER_ONE, asked(), 1)).toMatchObject({ isNew: false });
    const anew = allow({ ...AFTER_ONE, updatedAt: 9e9 }, asked(), 1);
    expect(anew).toMatchObject({ isNew: true, most: 0, wanted: 1 });
    expect(spend(anew, found(1))).toMatchObject({ drained: false, rateWaitMs: 1_010 });
    expect(allow(spend(anew, found(1)).pace, asked(), 2)).toMatchObject({ isNew: false, most: 0 });
  });

  it("puts in what was learnt before it allows anything: late departures, throttling", () => {
    const one = asked({ perSecond: 1, room: 1 });
    const moved = allow(AFTER_ONE, { ...one, shifts: [{ planned: 0, latest: 0, actual: 500, count: 1 }] }, 510);
    expect(allow(AFTER_ONE, one, 1_011).most).toBe(1);
    expect(allow(moved.pace, one, 1_011).most).toBe(0);
    expect(allow(moved.pace, one, 1_511).most).toBe(1);
    expect(spend(allow(AFTER_ONE, asked({ throttledAt: 900 }), 1_000), found(1)).perSecond).toBe(6);
  });
});

describe("the memory of turns", () => {
  it("tells when calls left on the store's clock, from their age, and which will not be made", () => {
    const memory = createTurnMemory();
    memory.keep(1, { at: 100, latest: 150 }, 100);
    memory.keep(2, { at: 120, latest: 170 }, 120);
    const departed = [
      { turn: 1, leftAgoMs: 30, count: 2, unused: 0 },
      { turn: 2, leftAgoMs: 10, count: 1, unused: 3 },
      { turn: 9, leftAgoMs: 10, count: 1, unused: 3 },
    ];
    expect(memory.shiftsOf(departed, 150)).toEqual([
      { planned: 100, latest: 150, actual: 120, count: 2 },
      { planned: 120, latest: 170, actual: 140, count: 1 },
      { planned: 120, latest: 170, actual: null, count: 3 },
    ]);
  });

  it("forgets a turn when no call of it can matter to the window any more", () => {
    const memory = createTurnMemory();
    memory.keep(1, { at: 0, latest: 500 }, 0);
    const ask = (number: number) => memory.shiftsOf([{ turn: number, leftAgoMs: 0, count: 1, unused: 0 }], 1_509);
    memory.keep(2, { at: 1_509, latest: 1_559 }, 1_509);
    expect(ask(1)).toHaveLength(1);
    memory.keep(3, { at: 1_510, latest: 1_560 }, 1_510);
    expect(ask(1)).toEqual([]);
    expect(ask(2)).toHaveLength(1);
  });
});
