/** Paused topics: nothing of them leaves, in no process, until the pause ends. */
import { expect, it } from "vitest";
import type { Scope } from "../../../src/deliver/source.ts";
import { NO_TOPIC } from "../../../src/message.ts";
import type { Store } from "../../../src/store/store.ts";
import { EVERYTHING, ingest, putBackFor, refusalOf, sent, settle, turn } from "../../support/store-actions.ts";
import { counts, type Prepare } from "../bench.ts";
import { everything } from "../sound.ts";
import { PEOPLE } from "./people.ts";

const HOUR = 3_600_000;

/** The addresses that a process may hand to SES now. */
async function leaving(store: Store, scope: Scope = EVERYTHING): Promise<string[]> {
  return (await turn(store, 99, { scope })).claims.map(({ email }) => email);
}

const pauseOf = async (store: Store, topic = "june") => {
  const row = await store.topic(topic);
  return [row?.pausedAt, row?.pausedUntil];
};

export function pauses(prepare: Prepare): void {
  claiming(prepare);
  ending(prepare);
  looking(prepare);
  clocks(prepare);
}

function claiming(prepare: Prepare): void {
  it("nothing of a paused topic is claimed until it is resumed; the others go on", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 2));
    await ingest(store, PEOPLE.slice(2, 3), { topic: "july" });
    const at = clock.now();
    await store.pause("june", null);
    expect(await pauseOf(store)).toEqual([at, null]);
    expect((await store.topics()).map(({ topic, pausedAt }) => [topic, pausedAt])).toEqual([
      ["june", at],
      ["july", null],
    ]);
    expect(await store.paused()).toEqual([await store.topic("june")]);
    expect(await leaving(store)).toEqual(["c@x.example"]);
    clock.pass(1_000 * HOUR);
    expect(await leaving(store)).toEqual([]);
    expect(await store.resume("june")).toBe(true);
    expect(await pauseOf(store)).toEqual([null, null]);
    expect(await store.paused()).toEqual([]);
    expect(await leaving(store)).toEqual(["a@x.example", "b@x.example"]);
  });

  it("is heard by a process that has the topic in hand, and what is in flight is answered", async () => {
    const { open } = await prepare();
    const [running, other] = [await open(), await open()];
    await ingest(running, PEOPLE);
    const [a, b] = (await turn(running, 2)).claims;
    await other.pause("june", null);
    expect(await leaving(running)).toEqual([]);
    await settle(running, sent(a), putBackFor(b, 0));
    expect(await leaving(running)).toEqual([]);
    expect(await running.totals("june")).toMatchObject({ sent: 1, pending: 4, sending: 0 });
    await other.resume("june");
    expect(await leaving(running)).toHaveLength(4);
  });

  it("goes on taking recipients", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    await store.pause("june", null);
    expect(await refusalOf(ingest(store, PEOPLE))).toBe("taken");
    expect(await counts(store, ["posted@x.example"])).toEqual([1, 0, 0]);
    expect(await leaving(store)).toEqual([]);
    await store.resume("june");
    expect(await leaving(store)).toHaveLength(6);
  });

  it("works for mail without a topic", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, PEOPLE, { topic: null });
    await store.pause(NO_TOPIC, HOUR);
    expect(await counts(store, ["later@x.example"], { topic: null })).toEqual([1, 0, 0]);
    expect(await leaving(store)).toEqual([]);
    await store.resume(NO_TOPIC);
    expect(await leaving(store)).toHaveLength(6);
  });

  it("refuses a cancelled topic; a paused one that is cancelled and retried is still paused", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    await store.cancel("june");
    const before = await everything(store);
    expect(await refusalOf(store.pause("june", HOUR))).toBe("cancelled");
    expect(await everything(store)).toEqual(before);
    await store.retry("june", ["cancelled"]);
    await store.pause("june", null);
    expect(await store.cancel("june")).toEqual({ cancelled: 5, inFlight: 0 });
    await store.retry("june", ["cancelled"]);
    expect(await leaving(store)).toEqual([]);
    expect(await store.resume("june")).toBe(true);
    expect(await leaving(store)).toHaveLength(5);
  });
}

function ending(prepare: Prepare): void {
  it("ends by itself when its time is over", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    await store.pause("june", HOUR);
    expect(await pauseOf(store)).toEqual([clock.now(), clock.now() + HOUR]);
    clock.pass(HOUR - 1);
    expect(await leaving(store)).toEqual([]);
    clock.pass(1);
    expect(await pauseOf(store)).toEqual([null, null]);
    expect(await store.paused()).toEqual([]);
    expect(await store.resume("june")).toBe(false);
    expect(await leaving(store)).toEqual(["a@x.example"]);
  });

  it("a second pause replaces the end of the first, be it earlier, later or never", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    for (const forMs of [HOUR, 2 * HOUR, null, 1_000]) {
      clock.pass(10);
      await store.pause("june", forMs);
      expect(await pauseOf(store)).toEqual([clock.now(), forMs === null ? null : clock.now() + forMs]);
    }
    clock.pass(1_000);
    expect(await leaving(store)).toEqual(["a@x.example"]);
  });

  it("resume of a topic that is not paused changes nothing and says so", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const before = await everything(store);
    expect(await store.resume("june")).toBe(false);
    expect(await everything(store)).toEqual(before);
  });
}

function looking(prepare: Prepare): void {
  it("nothing of a paused topic counts as due, and the end of its pause is when it falls due", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 2));
    await store.pause("june", null);
    expect(await store.outlook(EVERYTHING)).toEqual({ due: 0, late: 0, nextDueInMs: null });
    expect(await store.nextDueInMs(EVERYTHING)).toBeNull();
    await store.pause("june", HOUR);
    expect(await store.outlook(EVERYTHING)).toEqual({ due: 0, late: 0, nextDueInMs: HOUR });
    expect(await store.nextDueInMs(EVERYTHING)).toBe(HOUR);
    await ingest(store, ["c@x.example"], { topic: "july", at: clock.now() + 2 * HOUR });
    await store.pause("july", HOUR);
    expect(await store.nextDueInMs({ ...EVERYTHING, topic: "july" })).toBe(2 * HOUR);
    await store.pause("july", 3 * HOUR);
    expect(await store.nextDueInMs({ ...EVERYTHING, topic: "july" })).toBe(3 * HOUR);
    clock.pass(HOUR);
    expect(await store.outlook(EVERYTHING)).toEqual({ due: 2, late: 0, nextDueInMs: 2 * HOUR });
  });

  it("nothing of a paused topic is reported as too late, nor promised when it will be too late by then", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const scope = { ...EVERYTHING, maxLateMs: HOUR };
    await ingest(store, ["a@x.example"], { at: clock.now() + 1_000 });
    await store.pause("june", 3 * HOUR);
    expect(await store.nextDueInMs(EVERYTHING)).toBe(3 * HOUR);
    expect(await store.outlook(scope)).toEqual({ due: 0, late: 0, nextDueInMs: null });
    clock.pass(2 * HOUR);
    expect(await store.outlook(scope)).toEqual({ due: 0, late: 0, nextDueInMs: null });
    clock.pass(HOUR);
    expect(await store.outlook(scope)).toEqual({ due: 0, late: 1, nextDueInMs: null });
  });
}

function clocks(prepare: Prepare): void {
  it("a clock set back makes a timed pause no longer than once more what was asked for", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    await store.pause("june", HOUR);
    clock.pass(HOUR / 2);
    clock.setForward(-24 * HOUR);
    await store.recover();
    expect(await store.nextDueInMs(EVERYTHING)).toBe(HOUR);
    expect(await pauseOf(store)).toEqual([clock.now(), clock.now() + HOUR]);
    clock.pass(HOUR);
    expect(await leaving(store)).toEqual(["a@x.example"]);
  });

  it("a busy process notices that, too", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    await store.pause("june", HOUR);
    clock.setForward(-24 * HOUR);
    expect(await leaving(store)).toEqual([]);
    clock.pass(HOUR);
    expect(await leaving(store)).toEqual(["a@x.example"]);
  });

  it("a clock set back does not end a pause that has no end", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    await store.pause("june", null);
    clock.setForward(-24 * HOUR);
    await store.recover();
    expect(await leaving(store)).toEqual([]);
    expect(await store.resume("june")).toBe(true);
  });
}
