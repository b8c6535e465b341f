/** When inlets may receive: while the store answers and not too much waits in it. */
import { expect, it } from "vitest";
import { AwayError } from "../../../src/errors.ts";
import { createGate } from "../../../src/work/gateway/inlet-gate.ts";
import type { Totals } from "../../../src/message.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const never = new AbortController().signal;

function setUp(maxPending: number) {
  const clock = new VirtualClock();
  const store = { pending: 0, isAway: false, looks: 0 };
  const told: string[] = [];
  const totals = async (): Promise<Totals> => {
    store.looks++;
    if (store.isAway) throw new AwayError("cannot reach the database");
    return { pending: store.pending } as Totals;
  };
  const gate = createGate({ store: { totals }, clock, maxPending, tell: (text) => void told.push(text) });
  return { clock, store, told, gate };
}

it("has as much room as is left, and counts what came in since it looked", async () => {
  const { gate, store } = setUp(100);
  store.pending = 40;
  expect(await gate.room(never)).toBe(60);
  gate.took(50);
  expect(await gate.room(never)).toBe(10);
  expect(store.looks).toBe(1);
});

it("waits while there is none, looks twice a second, and says so once", async () => {
  const { gate, store, clock, told } = setUp(100);
  store.pending = 100;
  const room = gate.room(never);
  const others = [gate.room(never), gate.room(never)];
  const sent = clock.sleep(10_000).then(() => (store.pending = 99));
  await clock.play(Promise.all([room, ...others, sent]));
  expect(await room).toBe(1);
  expect(store.looks).toBeGreaterThan(10);
  expect(store.looks).toBeLessThanOrEqual(22);
  expect(told).toEqual([
    "100 messages are pending: brokers keep theirs until there are fewer than 100 (--inlet-max-pending)",
  ]);
});

it("waits for a store that is away, and leaves it to others to say so", async () => {
  const { gate, store, clock, told } = setUp(100);
  store.isAway = true;
  const back = clock.sleep(3_600_000).then(() => (store.isAway = false));
  const [room] = await clock.play(Promise.all([gate.room(never), back]));
  expect(room).toBe(100);
  expect(told).toEqual([]);
});

it("has no room after the signal", async () => {
  const { gate, store, clock } = setUp(10);
  store.pending = 10;
  const abort = new AbortController();
  const room = gate.room(abort.signal);
  const stop = clock.sleep(700).then(() => abort.abort());
  const [found] = await clock.play(Promise.all([room, stop]));
  expect(found).toBe(0);
});
