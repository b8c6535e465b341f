import { expect, it } from "vitest";
import { Flight } from "../../src/deliver/flight.ts";
import type { Turn } from "../../src/deliver/source.ts";
import { instantOf } from "../../src/deliver/validity.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const claim = (id: number, expiresInMs: number | null = null) => ({
  id,
  topicId: 1,
  contentId: 1,
  ingestId: 1,
  email: "",
  fields: "[]",
  attempts: 0,
  expiresInMs,
});
const turnOf = (number: number, ...ids: number[]): Turn => ({
  number,
  claims: ids.map((id) => claim(id)),
  validForMs: 1_000,
  rateWaitMs: null,
  drained: false,
  isMoving: false,
  reserved: false,
  expired: 0,
  perSecond: 1,
});

function setUp() {
  const clock = new VirtualClock();
  const flight = new Flight(clock);
  const pass = (ms: number) => clock.jump({ wall: ms, monotonic: ms });
  return { clock, flight, pass, board: (turn: Turn) => flight.board(turn, instantOf(clock)) };
}

it("reports of each turn the calls that left since it reported last, and when the last of them did", () => {
  const { flight, pass, board } = setUp();
  const [one, two, three] = board(turnOf(7, 1, 2, 3));
  if (!one || !two || !three) throw new Error("no calls");
  expect(flight.report().departed).toEqual([]);
  flight.depart(one);
  pass(30);
  const early = flight.report();
  expect(early.departed).toEqual([{ turn: 7, count: 1, leftAgoMs: 30, unused: 0 }]);
  flight.written(early);
  flight.depart(one);
  flight.depart(two);
  flight.giveUp(two);
  pass(20);
  flight.giveUp(three);
  flight.depart(three);
  const late = flight.report();
  expect(late.departed).toEqual([{ turn: 7, count: 1, leftAgoMs: 20, unused: 1 }]);
  flight.written(late);
  expect(flight.report().departed).toEqual([]);
  expect(flight.nextReportInMs()).toBeNull();
});

it("gives calls more time when it was too short for one, and less again when they are quick", () => {
  const { flight, pass, board } = setUp();
  const [first] = [flight.withinMs];
  const lateCall = (number: number) => {
    const [call] = board(turnOf(number, number));
    pass(1_000);
    if (call) flight.giveUp(call);
  };
  lateCall(1);
  expect(flight.withinMs).toBe(2 * first);
  lateCall(2);
  expect(flight.withinMs).toBe(4 * first);
  for (let number = 3; number < 20; number++) lateCall(number);
  expect(flight.withinMs).toBe(10_000);
  // One that is given up in time says nothing.
  const [early] = board(turnOf(20, 20));
  if (early) flight.giveUp(early);
  expect(flight.withinMs).toBe(10_000);
  for (let number = 21; number < 1_000; number++) board(turnOf(number, number)).forEach((call) => flight.depart(call));
  expect(flight.withinMs).toBe(first);
});

it("several late calls of one turn double the time once", () => {
  const { flight, pass, board } = setUp();
  const before = flight.withinMs;
  const calls = board(turnOf(1, 1, 2, 3));
  pass(1_000);
  for (const call of calls) flight.giveUp(call);
  expect(flight.withinMs).toBe(2 * before);
});

it("many quick calls of one turn shorten the time once, and not when one of them was slow", () => {
  const { flight, pass, board } = setUp();
  const before = flight.withinMs;
  const ids = Array.from({ length: 200 }, (_, at) => at + 2);
  const [late] = board(turnOf(1, 1));
  pass(1_000);
  if (late) flight.giveUp(late);
  for (const call of board(turnOf(2, ...ids))) flight.depart(call);
  expect(flight.withinMs).toBe(2 * before * 0.99);
  const calls = board(turnOf(3, ...ids));
  for (const [at, call] of calls.entries()) {
    if (at === calls.length - 1) pass(before);
    flight.depart(call);
  }
  expect(flight.withinMs).toBe(2 * before * 0.99);
});

it("the source must hear of departures within 250 ms of the turn before", () => {
  const { flight, pass, board } = setUp();
  flight.written(flight.report());
  expect(flight.nextReportInMs()).toBeNull();
  const [call] = board(turnOf(1, 1));
  if (!call) throw new Error("no call");
  pass(100);
  expect(flight.nextReportInMs()).toBe(150);
  flight.depart(call);
  expect(flight.nextReportInMs()).toBe(150);
  pass(200);
  expect(flight.nextReportInMs()).toBe(-50);
  flight.written(flight.report());
  expect(flight.nextReportInMs()).toBeNull();
});

it("tells all of it again when it was not written: answers, departures, throttling, with the ages they have then", () => {
  const { flight, pass, board } = setUp();
  const [call] = board(turnOf(3, 1));
  if (!call) throw new Error("no call");
  flight.depart(call);
  flight.throttled(call);
  flight.land(call);
  flight.answer({ kind: "failed", id: 1, error: "first" });
  pass(5);
  const lost = flight.report();
  flight.answer({ kind: "failed", id: 2, error: "second" });
  flight.keep(lost);
  pass(5);
  const again = flight.report();
  expect(again.settlements.map(({ id }) => id)).toEqual([1, 2]);
  expect(again.departed).toEqual([{ turn: 3, leftAgoMs: 10, count: 1, unused: 0 }]);
  expect(again.throttledAgoMs).toBe(10);
  flight.written(again);
  expect(flight.report()).toMatchObject({ settlements: [], departed: [], throttledAgoMs: null });
});

it("does not forget what happens while it is being written", () => {
  const { flight, pass, board } = setUp();
  const [one, two] = board(turnOf(1, 1, 2));
  if (!one || !two) throw new Error("no calls");
  flight.depart(one);
  flight.throttled(one);
  const report = flight.report();
  pass(5);
  flight.depart(two);
  flight.throttled(two);
  flight.written(report);
  expect(flight.report()).toMatchObject({ departed: [{ turn: 1, leftAgoMs: 0, count: 1 }], throttledAgoMs: 0 });
});

it("takes no answer of a call that was abandoned", () => {
  const { flight, board } = setUp();
  const [call] = board(turnOf(1, 1));
  if (!call) throw new Error("no call");
  expect(flight.abandon()).toEqual([claim(1)]);
  expect(flight.land(call)).toBe(false);
  expect(flight.isEmpty()).toBe(true);
});

it("a call may not leave once its message has expired, by either clock", () => {
  for (const jump of [{ wall: 500 }, { monotonic: 500 }]) {
    const { clock, flight, board } = setUp();
    const turn = turnOf(1, 1, 2);
    const [expiring, other] = board({ ...turn, claims: [claim(1, 500), claim(2)] });
    if (!expiring || !other) throw new Error("no calls");
    const within = flight.withinMs;
    clock.jump(Object.fromEntries(Object.entries(jump).map(([key, ms]) => [key, ms - 1])));
    expect([expiring.isValid(), other.isValid()]).toEqual([true, true]);
    clock.jump(Object.fromEntries(Object.keys(jump).map((key) => [key, 1])));
    expect([expiring.isValid(), other.isValid()]).toEqual([false, true]);
    // That says nothing about how quick this process is.
    flight.giveUp(expiring);
    expect(flight.withinMs).toBe(within);
  }
});

it("a claim that has run out may not leave, however long its message lives", () => {
  const { pass, board } = setUp();
  const [call] = board({ ...turnOf(1), claims: [claim(1, 3_600_000)] });
  pass(999);
  expect(call?.isValid()).toBe(true);
  pass(1);
  expect(call?.isValid()).toBe(false);
});
