import { expect, it } from "vitest";
import { Flight } from "../../src/deliver/flight.ts";
import type { Turn } from "../../src/deliver/source.ts";
import { instantOf } from "../../src/deliver/validity.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const claim = (id: number) => ({ id, topicId: 1, contentId: 1, ingestId: 1, email: "", fields: "[]", attempts: 0 });
const turnOf = (number: number, ...ids: number[]): Turn => ({
  number,
  claims: ids.map(claim),
  validForMs: 1_000,
  rateWaitMs: null,
  drained: false,
  perSecond: 1,
});

function setUp() {
  const clock = new VirtualClock();
  const flight = new Flight(clock);
  const pass = (ms: number) => clock.jump({ wall: ms, monotonic: ms });
  return { clock, flight, pass, board: (turn: Turn) => flight.board(turn, instantOf(clock)) };
}

it("reports the calls of a turn as leaving now until the last one has left, then when that was, then no more", () => {
  const { flight, pass, board } = setUp();
  const [one, two] = board(turnOf(7, 1, 2));
  if (!one || !two) throw new Error("no calls");
  flight.depart(one);
  pass(300);
  const early = flight.report();
  expect(early.departed).toEqual([{ turn: 7, leftAgoMs: 0, count: 2 }]);
  flight.written(early);
  flight.depart(two);
  pass(20);
  const late = flight.report();
  expect(late.departed).toEqual([{ turn: 7, leftAgoMs: 20, count: 2 }]);
  flight.written(late);
  expect(flight.report().departed).toEqual([]);
  expect(flight.nextReportInMs()).toBeNull();
});

it("says that the source must hear at once of a call that leaves more than 10 ms after it knew of it last", () => {
  const { flight, pass, board } = setUp();
  const calls = board(turnOf(1, 1, 2, 3));
  const leave = (index: number) => flight.depart(calls[index] ?? calls[0]!);
  pass(10);
  expect(leave(0)).toBe(false);
  pass(1);
  expect(leave(1)).toBe(true);
  expect(leave(1)).toBe(false);
  flight.written(flight.report());
  pass(10);
  expect(leave(2)).toBe(false);
});

it("the source must hear of calls within 250 ms of when it may have counted them, however long their turn took", () => {
  const { clock, flight, pass } = setUp();
  expect(flight.nextReportInMs()).toBeNull();
  const calledAt = instantOf(clock);
  flight.written(flight.report());
  pass(100);
  const [call] = flight.board(turnOf(1, 1), calledAt);
  if (!call) throw new Error("no call");
  expect(flight.nextReportInMs()).toBe(150);
  pass(200);
  expect(flight.nextReportInMs()).toBe(-50);
  flight.written(flight.report());
  expect(flight.nextReportInMs()).toBe(250);
  pass(30);
  flight.depart(call);
  expect(flight.nextReportInMs()).toBe(220);
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
  expect(again.departed).toEqual([{ turn: 3, leftAgoMs: 10, count: 1 }]);
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
  expect(flight.report()).toMatchObject({ departed: [{ turn: 1, leftAgoMs: 0 }], throttledAgoMs: 0 });
});

it("takes no answer of a call that was abandoned", () => {
  const { flight, board } = setUp();
  const [call] = board(turnOf(1, 1));
  if (!call) throw new Error("no call");
  expect(flight.abandon()).toEqual([claim(1)]);
  expect(flight.land(call)).toBe(false);
  expect(flight.isEmpty()).toBe(true);
});
