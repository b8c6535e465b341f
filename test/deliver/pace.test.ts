import { describe, expect, it } from "vitest";
import {
  correct,
  giveBack,
  NEW_PACE,
  type Pace,
  recover,
  resume,
  type Shift,
  take,
  throttle,
} from "../../src/deliver/pace.ts";
import { mostInAnyWindow } from "../support/ses-server.ts";

/** The same numbers in every run. */
function randomStream(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Scene {
  rate: number;
  seconds: number;
  processes?: number;
  /** How much later than its claim a call leaves at most, ms. */
  lateMs?: number;
  /** The share of turns after which a process stands still, for up to `stallMs`. */
  stalls?: number;
  stallMs?: number;
  /** What SES allows in a second at an instant; what is more is throttled. */
  allowed?: (at: number) => number;
  latencyMs?: number;
  /** How long after its claim a call may leave. */
  withinMs?: number;
}

interface Batch {
  countedAt: number;
  latest: number;
  /** Null: too late to leave. It is found out at `knownAt`. */
  leavesAt: number | null;
  knownAt: number;
  count: number;
}

/** How long after its claim a call may leave. */
const WITHIN_MS = 50;

interface Answer {
  startedAt: number;
  at: number;
}

interface Hands {
  turnAt: number;
  batches: Batch[];
  throttled: Answer[];
}

interface Played {
  /** When each call left, ascending, ms from the start. */
  left: number[];
  throttled: number[];
  pace: Pace;
}

/** Plays processes that share one state in virtual time, taking turns as the send loop does. */
function play(scene: Scene): Played {
  const { rate, processes = 1, lateMs = 5, stalls = 0, stallMs = 0, allowed = () => Infinity, latencyMs = 50 } = scene;
  const random = randomStream(rate * 1000 + processes);
  const hands: Hands[] = Array.from({ length: processes }, (_, index) => ({
    turnAt: 1000 + index * 3.7,
    batches: [],
    throttled: [],
  }));
  const end = 1000 + scene.seconds * 1000;
  const left: number[] = [];
  const throttled: number[] = [];
  const accepted: number[] = [];
  let pace = NEW_PACE;
  for (;;) {
    const hand = hands.reduce((a, b) => (a.turnAt <= b.turnAt ? a : b));
    const now = hand.turnAt;
    if (now > end) break;
    pace = correct(resume(pace, now), departures(hand, now));
    const answers = hand.throttled.filter((answer) => answer.at <= now);
    hand.throttled = hand.throttled.filter((answer) => answer.at > now);
    if (answers.length > 0) pace = throttle(pace, rate, Math.max(...answers.map((a) => a.startedAt)), now);
    pace = recover(pace, rate, now);
    const room = Math.max(2, Math.ceil((2 * rate * 10) / 1000));
    const within = scene.withinMs ?? WITHIN_MS;
    const taken = take(pace, rate, room, now, within);
    pace = taken.pace;
    if (taken.count > 0) {
      const { countedAt, count } = taken;
      const knownAt = now + random() * lateMs;
      const leavesAt = knownAt < now + within ? knownAt : null;
      hand.batches.push({ countedAt, latest: countedAt + within, leavesAt, knownAt, count });
      const leaving = leavesAt === null ? [] : Array<number>(count).fill(leavesAt);
      for (const leavesAt of leaving) {
        left.push(leavesAt);
        while ((accepted[0] ?? Infinity) <= leavesAt - 1000) accepted.shift();
        if (accepted.length < allowed(leavesAt)) accepted.push(leavesAt);
        else {
          throttled.push(leavesAt);
          hand.throttled.push({ startedAt: leavesAt, at: leavesAt + latencyMs });
        }
      }
    }
    const stall = random() < stalls ? random() * stallMs : 0;
    hand.turnAt = now + Math.max(10, Math.min(taken.waitMs, 2000, reportIn(hand))) + random() * 3 + stall;
  }
  return { left: left.sort((a, b) => a - b), throttled, pace };
}

/** As the send loop reports them. */
function departures(hand: Hands, now: number): Shift[] {
  const known = hand.batches.filter((batch) => batch.knownAt <= now);
  hand.batches = hand.batches.filter((batch) => batch.knownAt > now);
  return known.map(({ countedAt: planned, latest, leavesAt: actual, count }) => ({ planned, latest, actual, count }));
}

/** What left is reported within 250 ms. */
function reportIn(hand: Hands): number {
  return hand.batches.length > 0 ? 250 : Infinity;
}

const perSecond = (instants: number[]) =>
  ((instants.length - 1) * 1000) / ((instants.at(-1) ?? 0) - (instants[0] ?? 0));

const RATES = [0.2, 1, 2.5, 14, 100, 1000];
const secondsFor = (rate: number) => (rate < 1 ? 300 : rate < 10 ? 120 : 20);

describe("R1 G1 N9: never more than the rate in any sliding second", () => {
  it.each(RATES)("%d per second, evenly", (rate) => {
    const { left } = play({ rate, seconds: secondsFor(rate) });
    expect(mostInAnyWindow(left)).toBeLessThanOrEqual(Math.ceil(rate));
    expect(perSecond(left)).toBeGreaterThanOrEqual(0.98 * rate);
    expect(perSecond(left)).toBeLessThanOrEqual(rate);
  });

  it.each(RATES)("%d per second, when the process stands still now and then", (rate) => {
    const { left } = play({ rate, seconds: secondsFor(rate), stalls: 0.05, stallMs: 1500 });
    expect(left.length).toBeGreaterThan(rate * 5);
    expect(mostInAnyWindow(left)).toBeLessThanOrEqual(Math.ceil(rate));
  });

  it.each([2, 3, 4])("%d processes share one rate", (processes) => {
    for (const rate of RATES) {
      const { left } = play({ rate, processes, seconds: secondsFor(rate) });
      expect(mostInAnyWindow(left), `${rate} per second`).toBeLessThanOrEqual(Math.ceil(rate));
      expect(perSecond(left), `${rate} per second`).toBeGreaterThanOrEqual(0.98 * rate);
    }
  });

  it.each(RATES)("%d per second, when calls leave long after they were claimed", (rate) => {
    for (const lateMs of [40, 100, 300, 900, 5_000]) {
      const { left } = play({ rate, processes: 3, seconds: secondsFor(rate), lateMs, withinMs: lateMs / 2 });
      expect(left.length).toBeGreaterThan(rate);
      expect(mostInAnyWindow(left), `up to ${lateMs} ms`).toBeLessThanOrEqual(Math.ceil(rate));
    }
  });

  it.each(RATES)("%d per second, when 60 processes starve, and each has got used to being late", (rate) => {
    const { left } = play({
      rate,
      processes: 60,
      seconds: 60,
      lateMs: 2_000,
      withinMs: 3_000,
      stalls: 0.5,
      stallMs: 3_000,
    });
    expect(left.length).toBeGreaterThan(3);
    expect(mostInAnyWindow(left)).toBeLessThanOrEqual(Math.ceil(rate));
  });

  it("calls that were given up leave their places to others", () => {
    const full = take(resume(NEW_PACE, 0), 1, 1, 0, 50);
    const unused = { planned: full.countedAt, latest: full.countedAt + 50, actual: null, count: 1 };
    expect(take(resume(full.pace, 500), 1, 1, 500).count).toBe(0);
    const given = correct(resume(giveBack(full.pace, 1, 1), 500), [unused]);
    expect(take(given, 1, 1, 500).count).toBe(1);
    expect(given.departures).toEqual([]);
  });

  it("counts a call whose process tells nothing as leaving at the last moment it may", () => {
    const { pace } = take(resume(NEW_PACE, 0), 1, 1, 0, 300);
    expect(take(resume(pace, 1_300), 1, 1, 1_300)).toMatchObject({ count: 0, waitMs: 10 });
    expect(take(resume(pace, 1_200), 1, 1, 1_200)).toMatchObject({ count: 0, waitMs: 20 });
    expect(take(resume(pace, 1_311), 1, 1, 1_311).count).toBe(1);
  });

  it("is the second after a pause like any other: idle time earns no burst", () => {
    let { pace } = play({ rate: 14, seconds: 5 });
    pace = resume(pace, 60_000);
    const taken = take(pace, 14, 100, 60_000);
    expect(taken.count).toBe(1);
    expect(taken.waitMs).toBeGreaterThan(60);
  });

  it("catches up a short stall, but never more than the window allows", () => {
    const { pace } = play({ rate: 100, seconds: 2 });
    const now = pace.updatedAt + 200;
    const taken = take(resume(pace, now), 100, 1000, now);
    expect(taken.count).toBeGreaterThan(15);
    expect(taken.count).toBeLessThanOrEqual(21);
  });

  it("waits a window when the clock started again or was set back: nobody knows what left just before", () => {
    const old: Pace = { ...NEW_PACE, nextAt: 9e9, departures: [[9e9, 14]], limit: 3, updatedAt: 9e9 };
    const begun = resume(old, 500);
    expect(take(begun, 14, 1, 500)).toMatchObject({ count: 0, waitMs: 1_010, perSecond: 14 });
    // Places given back that were taken before do not open it.
    const given = correct(resume(giveBack(begun, 14, 5), 900), [{ planned: 9e9, latest: 9e9, actual: null, count: 5 }]);
    expect(take(given, 14, 1, 900)).toMatchObject({ count: 0, waitMs: 610 });
    const over = take(resume(given, 1_510), 14, 14, 1_510);
    expect(over).toMatchObject({ count: 1 });
    expect(over.waitMs).toBeLessThan(80);
  });

  it("gives nothing to who has no hands free, and says when the next may leave", () => {
    const first = take(resume(NEW_PACE, 0), 10, 1, 0);
    const none = take(first.pace, 10, 5, 1);
    expect(none.count).toBe(0);
    expect(none.waitMs).toBeGreaterThan(99);
    expect(none.waitMs).toBeLessThan(103);
    expect(take(first.pace, 10, 0, 5000).count).toBe(0);
  });

  it("does not count a departure twice, nor one it does not know", () => {
    const { pace } = take(resume(NEW_PACE, 0), 100, 1, 0);
    const known = { planned: 0, latest: 0, count: 1 };
    const moved = correct(pace, [{ ...known, actual: 500 }]);
    expect(moved.departures).toEqual([[500, 1]]);
    expect(correct(moved, [{ ...known, actual: 800 }]).departures).toEqual([[500, 1]]);
    for (const unknown of [{ planned: 77 }, { latest: 3 }, { count: 3 }])
      expect(correct(pace, [{ ...known, ...unknown, actual: 900 }]).departures).toEqual(pace.departures);
  });
});

describe("R8 R9 G4 N2: throttled, it slows down at once and goes on", () => {
  it.each([14, 60, 100, 300])("settles at a third of %d per second", (rate) => {
    const limit = Math.floor(rate / 3);
    const { left, throttled } = play({ rate, seconds: 60, allowed: () => limit });
    const settled = 1000 + 5000;
    const late = left.filter((at) => at >= settled);
    const lateThrottled = throttled.filter((at) => at >= settled);
    expect(lateThrottled.length / late.length).toBeLessThan(0.05);
    expect((late.length - lateThrottled.length) / 55).toBeGreaterThanOrEqual(0.85 * limit);
  });

  it("goes back to the full rate when SES allows it again", () => {
    const lifted = 21_000;
    const { left, throttled, pace } = play({
      rate: 60,
      seconds: 120,
      allowed: (at) => (at < lifted ? 20 : Infinity),
    });
    expect(throttled.every((at) => at < lifted)).toBe(true);
    expect(pace.limit).toBeNull();
    expect(perSecond(left.filter((at) => at > 111_000))).toBeGreaterThanOrEqual(0.98 * 60);
  });

  it("counts one burst of refusals once: calls that left before the cut say nothing about the rate after it", () => {
    const cut = throttle(resume(NEW_PACE, 1000), 100, 990, 1000);
    expect(cut.limit).toBeLessThan(100);
    expect(throttle(cut, 100, 995, 1010)).toEqual(cut);
    expect(throttle(cut, 100, 1005, 1020).limit).toBeLessThan(cut.limit ?? 0);
  });

  it("never falls so low that nobody would notice SES coming back", () => {
    let pace = resume(NEW_PACE, 0);
    for (let now = 1; now < 200; now++) pace = throttle(pace, 14, now, now);
    expect(pace.limit).toBe(0.1);
  });

  it("forgets what it learnt when nothing was sent for minutes", () => {
    const cut = throttle(resume(NEW_PACE, 1000), 100, 990, 1000);
    expect(resume({ ...cut, updatedAt: 1000 }, 200_000).limit).toBeNull();
    expect(resume({ ...cut, updatedAt: 1000 }, 60_000).limit).not.toBeNull();
  });
});
