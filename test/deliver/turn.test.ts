import { describe, expect, it } from "vitest";
import { NEW_PACE, type Pace, take } from "../../src/deliver/pace.ts";
import { allow, type Asked, createTurnMemory, spend } from "../../src/deliver/turn.ts";

const asked = (given: Partial<Asked> = {}): Asked => ({
  perSecond: 10,
  room: 5,
  shifts: [],
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
      [0, 1],
      [202, 3],
    ]);
    expect(spend(allowed, found(5))).toMatchObject({ drained: false });
    const one = allow(NEW_PACE, asked({ room: 1 }), 0);
    expect(spend(one, found(4)).pace.departures).toEqual([[0, 1]]);
  });

  it("is not drained when the look was cut short, nor when nothing was looked for", () => {
    expect(spend(allow(NEW_PACE, asked(), 0), found(0, true)).drained).toBe(false);
    const settling = allow(NEW_PACE, asked({ room: 0 }), 0);
    expect(settling.wanted).toBe(0);
    expect(spend(settling, found(0))).toMatchObject({ drained: false, rateWaitMs: null });
  });

  it("puts in what was learnt before it allows anything: late departures, throttling", () => {
    const one = asked({ perSecond: 1, room: 1 });
    const moved = allow(AFTER_ONE, { ...one, shifts: [{ planned: 0, actual: 500, count: 1 }] }, 510);
    expect(allow(AFTER_ONE, one, 1_011).most).toBe(1);
    expect(allow(moved.pace, one, 1_011).most).toBe(0);
    expect(allow(moved.pace, one, 1_511).most).toBe(1);
    expect(spend(allow(AFTER_ONE, asked({ throttledAt: 900 }), 1_000), found(1)).perSecond).toBe(6);
  });
});

describe("the memory of turns", () => {
  const turn = (number: number, countedAt: number | null) => ({ number, countedAt, shifts: [] });

  it("tells when calls left on the store's clock, from their age", () => {
    const memory = createTurnMemory();
    memory.keep(turn(1, 100), 100);
    memory.keep(turn(2, 120), 120);
    const departed = [
      { turn: 1, leftAgoMs: 30, count: 2 },
      { turn: 2, leftAgoMs: 0, count: 1 },
    ];
    expect(memory.shiftsOf(departed, 150)).toEqual([
      { turn: 1, planned: 100, actual: 120, count: 2 },
      { turn: 2, planned: 120, actual: 150, count: 1 },
    ]);
  });

  it("goes on from where a turn was moved to, and never back; but only once that is committed", () => {
    const memory = createTurnMemory();
    memory.keep(turn(1, 100), 100);
    const waiting = memory.shiftsOf([{ turn: 1, leftAgoMs: 0, count: 1 }], 300);
    expect(memory.shiftsOf([{ turn: 1, leftAgoMs: 0, count: 1 }], 310)).toMatchObject([{ planned: 100 }]);
    memory.keep({ ...turn(2, null), shifts: waiting }, 300);
    const left = memory.shiftsOf([{ turn: 1, leftAgoMs: 60, count: 1 }], 350);
    expect(left).toEqual([{ turn: 1, planned: 300, actual: 290, count: 1 }]);
    memory.keep({ ...turn(3, null), shifts: left }, 350);
    expect(memory.shiftsOf([{ turn: 1, leftAgoMs: 0, count: 1 }], 400)).toMatchObject([{ planned: 300 }]);
  });

  it("forgets a turn that has left the window, and knows none it was not told of", () => {
    const memory = createTurnMemory();
    memory.keep(turn(1, 0), 0);
    memory.keep(turn(2, null), 1_009);
    const ask = (number: number) => memory.shiftsOf([{ turn: number, leftAgoMs: 0, count: 1 }], 1_009);
    expect(ask(1)).toHaveLength(1);
    expect(ask(2)).toEqual([]);
    memory.keep(turn(3, null), 1_010);
    expect(ask(1)).toEqual([]);
  });
});
