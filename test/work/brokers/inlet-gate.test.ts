/** When inlets may receive: while the store answers and not too much waits in it. */
import { expect, it } from "vitest";
import { AwayError, LostError } from "../../../src/errors.ts";
import { createGate } from "../../../src/work/brokers/inlet-gate.ts";
import type { Totals } from "../../../src/message.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const never = new AbortController().signal;

function setUp(maxPending: number, tellsAway = false) {
  const clock = new VirtualClock();
  const store = { pending: 0, deadBytes: 0, trouble: null as Error | null, looks: 0 };
  const told: string[] = [];
  const totals = async (): Promise<Totals> => {
    store.looks++;
    if (store.trouble !== null) throw store.trouble;
    return { pending: store.pending } as Totals;
  };
  const deadBytes = async () => store.deadBytes;
  const tell = (text: string) => void told.push(text);
  const gate = createGate({ store: { totals, deadBytes }, clock, maxPending, tellsAway, tell });
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
  store.trouble = new AwayError("cannot reach the database");
  const back = clock.sleep(3_600_000).then(() => (store.trouble = null));
  const [room] = await clock.play(Promise.all([gate.room(never), back]));
  expect(room).toBe(100);
  expect(told).toEqual([]);
});

it("says that the store is away where nobody else does", async () => {
  const { gate, store, clock, told } = setUp(100, true);
  store.trouble = new AwayError("cannot reach the database");
  const back = clock.sleep(60_000).then(() => (store.trouble = null));
  await clock.play(Promise.all([gate.room(never), back]));
  expect(told).toEqual(["cannot reach the database: brokers keep theirs until the store answers"]);
});

it("rejects with what waiting does not help against, and looks again afterwards", async () => {
  const { gate, store, clock } = setUp(100);
  store.trouble = new LostError("the database was restored");
  await expect(Promise.all([gate.room(never), gate.room(never)])).rejects.toThrow("the database was restored");
  store.trouble = new TypeError("a bug");
  const bug = clock.sleep(1_000).then(() => gate.room(never));
  await expect(clock.play(bug)).rejects.toThrow("a bug");
  store.trouble = null;
  expect(await clock.play(clock.sleep(1_000).then(() => gate.room(never)))).toBe(100);
});

it("waits until dead letters are dropped when they would fill the disk, and says so", async () => {
  const { gate, store, clock, told } = setUp(100);
  store.deadBytes = 2 ** 30;
  const dropped = clock.sleep(60_000).then(() => (store.deadBytes = 2 ** 30 - 1));
  const [room] = await clock.play(Promise.all([gate.room(never), dropped]));
  expect(room).toBe(100);
  expect(told).toEqual([
    "dead letters take 1 GB: brokers keep theirs until some are dropped (ses-mail dead list, ses-mail dead drop)",
  ]);
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
