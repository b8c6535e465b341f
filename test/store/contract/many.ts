/** Topics of more messages than one transaction moves, what others do in between, and what a dead process leaves of them. */
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { InterruptedError } from "../../../src/errors.ts";
import { TopicRefusedError } from "../../../src/store/rules/admit.ts";
import type { Store } from "../../../src/store/store.ts";
import { EVERYTHING, failed, ingest, sent, settle, turn } from "../../support/store-actions.ts";
import { type Bench, counts, type Handle, type Prepare } from "../bench.ts";
import { expectSound } from "../sound.ts";

/** More messages than one transaction moves. */
const MANY = 12_000;
/** A process that cancels has said nothing for so long. */
const SILENT_MS = 30_001;

const addresses = (count: number): string[] => Array.from({ length: count }, (_, index) => `p${index}@x.example`);

export function many(prepare: Prepare): void {
  moving(prepare);
  describe("while they are moved", () => {
    between(prepare);
  });
  describe("when the process died that cancelled them", () => {
    dead(prepare);
  });
  describe("when the process died that gave them another time", () => {
    deadMove(prepare);
  });
}

function moving(prepare: Prepare): void {
  it("are cancelled, put back and moved as a whole, and counted once", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, addresses(MANY));
    await ingest(store, addresses(3), { topic: "other" });
    const [first] = (await turn(store, 1)).claims;
    const at = clock.now() + 60_000;
    expect(await store.reschedule("june", { notBefore: at, times: null })).toBe(MANY - 1);
    expect(await store.cancel("june")).toEqual({ cancelled: MANY - 1, inFlight: 1 });
    await settle(store, sent(first));
    expect(await store.topic("june")).toMatchObject({ pending: 0, cancelled: MANY - 1, sent: 1, notBefore: at });
    expect(await store.retry("june", ["cancelled", "failed"])).toBe(MANY - 1);
    expect(await store.topic("june")).toMatchObject({ cancelledAt: null, pending: MANY - 1, sent: 1 });
    expect(await store.totals("other")).toMatchObject({ pending: 3, cancelled: 0 });
    expect(await store.nextDueInMs({ ...EVERYTHING, topic: "june" })).toBe(60_000);
  });

  it("of all topics are put back, but not those of a topic that is cancelled", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const topic of ["one", "two", "closed"]) await ingest(store, addresses(3), { topic });
    const { claims } = await turn(store, 9);
    await settle(store, ...claims.map((claim) => failed(claim)));
    await store.cancel("closed");
    expect(await store.retry(null, ["failed", "in_doubt"])).toBe(6);
    expect(await store.totals("closed")).toMatchObject({ failed: 3, pending: 0 });
    expect(await store.retry(null, ["failed", "in_doubt"])).toBe(0);
    expect(await store.retry(null, [])).toBe(0);
  });

  it("of small requests between those of others are all moved, and no others", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    for (let at = 0; at < 60; at++)
      await counts(store, [`a${at}@x.example`, `b${at}@x.example`], { topic: at % 3 === 0 ? "july" : "june" });
    expect(await store.reschedule("june", { notBefore: clock.now() + 9, times: null })).toBe(80);
    expect(await store.cancel("june")).toMatchObject({ cancelled: 80 });
    expect(await store.totals("july")).toMatchObject({ pending: 40, cancelled: 0 });
    expect(await store.retry("june", ["cancelled"])).toBe(80);
    expect(await store.outlook(EVERYTHING)).toMatchObject({ due: 40, nextDueInMs: 9 });
  });

  it("that are suppressed stay so, and are put back when they are not any more", async () => {
    const { open } = await prepare();
    const store = await open();
    const people = addresses(2_000);
    const some = people.filter((_, at) => at % 7 === 0);
    await ingest(store, people);
    await store.cancel("june");
    await store.suppress(some.map((address) => ({ address, reason: "complaint", source: "test" })));
    expect(await store.retry("june", ["cancelled", "suppressed"])).toBe(people.length - some.length);
    expect(await store.totals("june")).toMatchObject({ suppressed: some.length, cancelled: 0 });
    await store.unsuppress(some.slice(0, 9));
    expect(await store.retry("june", ["suppressed"])).toBe(9);
    expect(await store.totals("june")).toMatchObject({ suppressed: some.length - 9, pending: 2_000 - some.length + 9 });
  });

  it("each get the time of what stands in a column", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const notBefore = clock.now() + 1_000;
    await ingest(store, addresses(MANY), { at: notBefore });
    const at = Object.fromEntries(addresses(MANY).map((email, index) => [email, notBefore + index]));
    delete at[`p${MANY - 1}@x.example`];
    expect(await store.reschedule("june", { notBefore, times: { column: "email", at } })).toBe(MANY);
    clock.pass(1_000);
    expect(await store.outlook(EVERYTHING)).toMatchObject({ due: 2, nextDueInMs: 1 });
    clock.pass(MANY - 3);
    expect(await store.outlook(EVERYTHING)).toMatchObject({ due: MANY - 1, nextDueInMs: 1 });
  });

  it("are cancelled in topic no-topic, too, which goes on taking mail", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, addresses(MANY), { topic: null });
    expect(await store.cancel("no-topic")).toEqual({ cancelled: MANY, inFlight: 0 });
    expect(await counts(store, ["later@x.example"], { topic: null })).toEqual([1, 0, 0]);
    expect(await counts(store, ["later@x.example"], { topic: null })).toEqual([1, 0, 0]);
    expect((await turn(store, 9)).claims.map(({ email }) => email)).toEqual(["later@x.example", "later@x.example"]);
  });
}

/** Takes turns of topic other while `work` is done. Returns how many came between two parts of it, and what they claimed of june. */
async function beside(
  store: Store,
  work: Promise<unknown>,
  isHalfDone: (totals: Awaited<ReturnType<Store["totals"]>>) => boolean,
): Promise<{ between: number; ofJune: number }> {
  const moving = { isDone: false };
  const ended = work.finally(() => (moving.isDone = true));
  const seen = { between: 0, ofJune: 0 };
  while (!moving.isDone) {
    const { claims } = await turn(store, 1, { scope: { ...EVERYTHING, topic: "other" } });
    const { cancelledAt, notBefore } = (await store.topic("june")) ?? {};
    // It is closed, or nothing of it is due any more.
    if (typeof (cancelledAt ?? notBefore) === "number")
      seen.ofJune += (await turn(store, 1, { scope: { ...EVERYTHING, topic: "june" } })).claims.length;
    if (claims.length > 0 && isHalfDone(await store.totals("june"))) seen.between++;
    await setImmediate();
  }
  await ended;
  return seen;
}

function between(prepare: Prepare): void {
  async function prepared(): Promise<{ one: Handle; two: Handle } & Pick<Bench, "clock">> {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, addresses(MANY));
    await ingest(one, addresses(2_000), { topic: "other" });
    return { one, two, clock };
  }

  it("another topic is sent, and of a topic that is being cancelled nothing", async () => {
    const { one, two } = await prepared();
    const half = ({ cancelled }: { cancelled: number }) => cancelled > 0 && cancelled < MANY;
    const seen = await beside(two, one.cancel("june"), half);
    expect(seen).toMatchObject({ ofJune: 0 });
    expect(seen.between).toBeGreaterThan(0);
    const back = await beside(two, one.retry("june", ["cancelled"]), half);
    expect(back.between).toBeGreaterThan(0);
    expect(await one.totals("june")).toMatchObject({ pending: MANY, cancelled: 0 });
  });

  it("for another time, another topic is sent", async () => {
    const { one, two, clock } = await prepared();
    const notBefore = clock.now() + 60_000;
    const at = Object.fromEntries(addresses(MANY).map((email) => [email, notBefore + 5]));
    for (const times of [null, { column: "email", at }]) {
      const moving = one.reschedule("june", { notBefore, times });
      const seen = await beside(two, moving, ({ pending }) => pending === MANY);
      expect(await moving).toBe(MANY);
      expect(seen.between).toBeGreaterThan(0);
    }
    expect(await one.nextDueInMs({ ...EVERYTHING, topic: "june" })).toBe(60_005);
  });

  it("mail without a topic is sent, and moves at one moment", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    await counts(one, addresses(MANY), { topic: null });
    const moving = one.reschedule("no-topic", { notBefore: clock.now() + 60_000, times: null });
    const waits = () => two.outlook({ ...EVERYTHING, topic: "no-topic" });
    const seen = new Set<number>();
    const state = { isDone: false };
    const ended = moving.finally(() => (state.isDone = true));
    while (!state.isDone) seen.add((await waits()).due);
    expect(await ended).toBe(MANY);
    expect([...seen, 0, MANY].filter((due) => due > 0 && due < MANY)).toEqual([]);
    expect(await waits()).toMatchObject({ due: 0, nextDueInMs: 60_000 });
    expect(await counts(two, ["later@x.example"], { topic: null })).toEqual([1, 0, 0]);
    expect((await turn(two, 9)).claims).toHaveLength(1);
  });

  it("cancelled and given another time at once, then put back, all have one time", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, addresses(MANY));
    for (let round = 0; round < 6; round++) {
      const before = (await one.topic("june"))?.notBefore ?? 0;
      const later = clock.now() + 60_000 + round;
      const moved = two.reschedule("june", { notBefore: later, times: null }).then(
        () => later,
        () => before,
      );
      // It comes before the first part, between two, or after the last.
      for (let turns = 0; turns < round * 3; turns++) await setImmediate();
      const [time] = await Promise.all([moved, one.cancel("june")]);
      expect(await one.retry("june", ["cancelled"])).toBe(MANY);
      expect((await one.topic("june"))?.notBefore ?? 0).toBe(time);
      const { due, nextDueInMs } = await one.outlook(EVERYTHING);
      // The time of the round before has come.
      const waitMs = Math.max(0, time - clock.now());
      expect([due, nextDueInMs]).toEqual(waitMs === 0 ? [MANY, null] : [0, waitMs]);
      clock.pass(waitMs);
      expect(await one.outlook(EVERYTHING)).toMatchObject({ due: MANY, nextDueInMs: null });
      await expectSound(one, clock);
    }
  });

  it("given two times at once, all have the one that the topic has", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, addresses(MANY));
    const times = [clock.now() + 1_000, clock.now() + 2_000];
    const [first = 0, second = 0] = await Promise.all(
      [one, two].map((store, at) => store.reschedule("june", { notBefore: times[at] ?? 0, times: null })),
    );
    expect(Math.max(first, second)).toBe(MANY);
    const { notBefore } = (await one.topic("june")) ?? {};
    expect(times).toContain(notBefore);
    expect(await one.nextDueInMs(EVERYTHING)).toBe((notBefore ?? 0) - clock.now());
    clock.pass((notBefore ?? 0) - clock.now());
    expect(await one.outlook(EVERYTHING)).toMatchObject({ due: MANY });
  });

  it("nothing pending is left in a cancelled topic, whatever two people do at once", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, addresses(MANY));
    for (let round = 0; round < 4; round++) {
      const work = [one.cancel("june"), two.retry("june", ["cancelled"]), two.suppress([])];
      const [{ cancelled }] = (await Promise.all(work)) as [{ cancelled: number }, number, number];
      expect(cancelled).toBeLessThanOrEqual(MANY);
      await expectSound(one, clock);
    }
  });
}

function dead(prepare: Prepare): void {
  async function closed(): Promise<{ bench: Bench; store: Store }> {
    const bench = await prepare();
    const store = await bench.open();
    await ingest(store, addresses(5));
    await settle(store, failed((await turn(store, 1)).claims[0]));
    await bench.leaveClosed();
    return { bench, store };
  }

  it("nothing is claimed, and the next opening cancels the rest", async () => {
    const { bench, store } = await closed();
    expect((await turn(store, 9)).claims).toEqual([]);
    // It may be at work just now.
    await bench.openToWork();
    expect(await store.totals("june")).toMatchObject({ pending: 4, cancelled: 0 });
    bench.clock.pass(SILENT_MS);
    await bench.openToWork();
    expect(await store.totals("june")).toMatchObject({ pending: 0, cancelled: 4, failed: 1 });
  });

  it("a service that goes on for weeks cancels the rest", async () => {
    const { bench, store } = await closed();
    const { signal } = new AbortController();
    await store.finishOthersWork(signal);
    expect(await store.totals("june")).toMatchObject({ pending: 4 });
    bench.clock.pass(SILENT_MS);
    await expect(store.finishOthersWork(AbortSignal.abort())).rejects.toThrow(InterruptedError);
    expect(await store.totals("june")).toMatchObject({ pending: 4 });
    await store.finishOthersWork(signal);
    expect(await store.totals("june")).toMatchObject({ pending: 0, cancelled: 4, failed: 1 });
  });

  it("a topic is not given another time", async () => {
    const { bench, store } = await closed();
    await expect(store.reschedule("june", { notBefore: bench.clock.now() + 9, times: null })).rejects.toThrow(
      TopicRefusedError,
    );
    expect(await store.topic("june")).toMatchObject({ notBefore: null });
    await store.cancel("june");
  });

  it("the next who cancels the topic goes on", async () => {
    const { store } = await closed();
    expect(await store.cancel("june")).toEqual({ cancelled: 4, inFlight: 0 });
  });

  it("a retry of something else does not send the rest", async () => {
    const { store } = await closed();
    expect(await store.retry("june", ["failed"])).toBe(1);
    expect(await store.topic("june")).toMatchObject({ cancelledAt: null, pending: 1, cancelled: 4 });
    expect((await turn(store, 9)).claims).toHaveLength(1);
  });
}

function deadMove(prepare: Prepare): void {
  const LATER_MS = 60_000;

  /** Topic june of five, for `a@x.example` at a later time, and one message that came after the move was begun. */
  async function half(): Promise<{ bench: Bench; store: Store; at: number }> {
    const bench = await prepare();
    const store = await bench.open();
    const at = bench.clock.now() + LATER_MS;
    await ingest(store, ["a@x.example", ...addresses(4)]);
    const times = { column: "email", at: { "a@x.example": at + 5 } };
    const last = Math.max(...(await idsOf(store)));
    await bench.leaveMoving({ time: { notBefore: at, times, last, begunAt: bench.clock.now() }, content: null });
    await ingest(store, ["late@x.example"]);
    return { bench, store, at };
  }

  const idsOf = async (store: Store) => {
    const found = await Promise.all(["a@x.example", ...addresses(4)].map((email) => store.messagesTo(email, 1)));
    return found.flat().map(({ id }) => id);
  };
  const dueOf = (store: Store) => store.outlook(EVERYTHING).then(({ due, nextDueInMs }) => ({ due, nextDueInMs }));
  const moved = { due: 1, nextDueInMs: LATER_MS - SILENT_MS };

  it("nothing is claimed, and the next opening moves the rest, but not what came later", async () => {
    const { bench, store, at } = await half();
    expect((await turn(store, 9)).claims).toEqual([]);
    expect(await dueOf(store)).toEqual({ due: 0, nextDueInMs: null });
    // It may be at work just now.
    await bench.openToWork();
    expect((await turn(store, 9)).claims).toEqual([]);
    bench.clock.pass(SILENT_MS);
    await bench.openToWork();
    expect(await dueOf(store)).toEqual(moved);
    expect((await turn(store, 9)).claims.map(({ email }) => email)).toEqual(["late@x.example"]);
    bench.clock.pass(at - bench.clock.now());
    expect(await dueOf(store)).toEqual({ due: 4, nextDueInMs: 5 });
    await expectSound(store, bench.clock);
  });

  it("a service that goes on for weeks moves the rest", async () => {
    const { bench, store } = await half();
    const { signal } = new AbortController();
    await store.finishOthersWork(signal);
    expect(await dueOf(store)).toEqual({ due: 0, nextDueInMs: null });
    expect(await store.moving()).toEqual([await store.topic("june")]);
    bench.clock.pass(SILENT_MS);
    await expect(store.finishOthersWork(AbortSignal.abort())).rejects.toThrow(InterruptedError);
    await store.finishOthersWork(signal);
    expect(await dueOf(store)).toEqual(moved);
    expect(await store.moving()).toEqual([]);
    await store.finishOthersWork(signal);
    expect(await dueOf(store)).toEqual(moved);
  });

  it("the next who gives the topic a time does so to all", async () => {
    const { bench, store } = await half();
    expect(await store.reschedule("june", { notBefore: bench.clock.now() + 7, times: null })).toBe(6);
    expect(await dueOf(store)).toEqual({ due: 0, nextDueInMs: 7 });
    bench.clock.pass(7);
    expect((await turn(store, 9)).claims).toHaveLength(6);
  });

  it("who removes the rehearsal of the topic gives it the time that holds", async () => {
    const bench = await prepare();
    const { clock } = bench;
    const store = await bench.open();
    await ingest(store, addresses(6));
    const scope = { ...EVERYTHING, endpoint: "sandbox" as const };
    await settle(store, sent((await turn(store, 1, { scope })).claims[0]));
    const time = { notBefore: clock.now() + LATER_MS, times: null, last: 1_000_000, begunAt: clock.now() };
    await bench.leaveMoving({ time, content: null });
    const notBefore = clock.now() + 2 * LATER_MS;
    expect(await store.startAfresh("june", { signal: new AbortController().signal, notBefore })).toMatchObject({
      sent: 1,
    });
    bench.clock.pass(SILENT_MS);
    await store.finishOthersWork(new AbortController().signal);
    const june = { ...EVERYTHING, topic: "june" };
    expect(await store.outlook(june)).toMatchObject({ due: 0, nextDueInMs: notBefore - clock.now() });
    expect(await store.topic("june")).toMatchObject({ notBefore, pending: 6 });
  });

  it("who cancels the topic moves the rest first, so that a retry brings it back for that time", async () => {
    const { bench, store } = await half();
    expect(await store.cancel("june")).toEqual({ cancelled: 6, inFlight: 0 });
    expect(await store.retry("june", ["cancelled"])).toBe(6);
    expect(await dueOf(store)).toEqual({ due: 1, nextDueInMs: LATER_MS });
    bench.clock.pass(LATER_MS);
    expect(await dueOf(store)).toEqual({ due: 5, nextDueInMs: 5 });
  });
}
