/** What a turn of a job file says besides its claims: how long they are ours, and when calls of earlier turns left. */
import { describe, expect, it, onTestFinished } from "vitest";
import type { Departure } from "../../../src/deliver/source.ts";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { openStore } from "../../../src/store/sqlite/store.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ingest, sent, settle, turn } from "../../support/store-actions.ts";
import { prepareOnDisk, prepareSqlite, rows } from "./bench.ts";

const PEOPLE = ["a@x.example", "b@x.example", "c@x.example"];
const LEASE_MS = 60_000;

describe("how long claims are ours", () => {
  it("is over well before another process may take them for lost, however old the lease is", async () => {
    const { open, clock } = await prepareSqlite();
    const [store, other] = [await open(), await open()];
    await ingest(store, PEOPLE);
    await turn(store, 0);
    // The lease is not written anew in each turn.
    clock.pass(4_900);
    const { validForMs } = await turn(store, 1, { withinMs: 3_600_000 });
    expect(validForMs).toBeGreaterThan(30_000);
    clock.pass(validForMs);
    expect(await other.recover()).toBe(0);
    clock.pass(10_000);
    expect(await other.recover()).toBe(0);
    clock.pass(LEASE_MS);
    expect(await other.recover()).toBe(1);
  });

  it("a machine that slept writes its lease anew before it claims: other machines go by the wall clock", async () => {
    const { open, clock, path } = await prepareSqlite();
    const store = await open();
    await ingest(store, PEOPLE);
    await turn(store, 1);
    clock.setForward(LEASE_MS);
    await turn(store, 1);
    expect(rows(path, "select lease_until from process")).toEqual([{ lease_until: clock.now() + LEASE_MS }]);
  });
});

it("claims are ours from when the turn was called, however long others held the file", async () => {
  const { path } = await prepareOnDisk();
  /** Each look at the lock takes a second; after a minute the file is let go. */
  class WaitingClock extends ManualClock {
    looks = 0;
    override async sleep(): Promise<void> {
      this.pass(1_000);
      if (++this.looks === 60) holder.exec("rollback");
    }
  }
  const clock = new WaitingClock();
  const [store, other] = [await openStore(path, clock), await openStore(path, clock)];
  const holder = new Database(path);
  onTestFinished(async () => {
    for (const each of [holder, store, other]) await each.close();
  });
  await ingest(store, PEOPLE);
  holder.exec("begin immediate");
  const calledAt = clock.monotonic();
  const { claims, validForMs } = await turn(store, 1, { withinMs: 3_600_000 });
  expect(claims).toHaveLength(1);
  expect(clock.monotonic() - calledAt).toBeGreaterThan(60_000);
  // Or no call could be made of a turn that had to wait.
  expect(calledAt + validForMs).toBeGreaterThan(clock.monotonic());
  clock.pass(calledAt + validForMs - clock.monotonic());
  expect(await other.recover()).toBe(0);
  clock.pass(LEASE_MS);
  expect(await other.recover()).toBe(1);
});

describe("calls that left late", () => {
  const limited = { perSecond: 1, withinMs: 500 };

  /** Claims one message, has its call leave after 400 ms, and tells it in the way given. */
  async function leaveLate(departedOf: (turn: number) => Departure[]) {
    const { open, clock } = await prepareSqlite();
    const [store, other] = [await open(), await open()];
    await ingest(store, PEOPLE);
    const first = await turn(store, 1, limited);
    expect(first.claims).toHaveLength(1);
    clock.pass(600);
    await turn(store, 0, { ...limited, departed: departedOf(first.number) });
    // Since the claim, not since the call: a second, and a little.
    clock.pass(420);
    return { clock, store, other };
  }

  it("count when they left, for every process on the file", async () => {
    const { clock, store, other } = await leaveLate((turn) => [{ turn, leftAgoMs: 200, count: 1, unused: 0 }]);
    expect((await turn(other, 1, limited)).claims).toEqual([]);
    expect((await turn(store, 1, limited)).claims).toEqual([]);
    clock.pass(380);
    expect((await turn(other, 1, limited)).claims).toEqual([]);
    clock.pass(20);
    expect((await turn(other, 1, limited)).claims).toHaveLength(1);
  });

  it("count as leaving at the last moment they may while nothing is told, or something of another turn", async () => {
    for (const departed of [[], [{ turn: 99, leftAgoMs: 200, count: 1, unused: 0 }]]) {
      const { clock, other } = await leaveLate(() => departed);
      clock.pass(480);
      expect((await turn(other, 1, limited)).claims).toEqual([]);
      clock.pass(20);
      expect((await turn(other, 1, limited)).claims).toHaveLength(1);
    }
  });

  it("do not count when they will not be made", async () => {
    const { other } = await leaveLate((turn) => [{ turn, leftAgoMs: 0, count: 0, unused: 1 }]);
    expect((await turn(other, 1, limited)).claims).toHaveLength(1);
  });

  it("numbers tell the turns of a handle apart", async () => {
    const { open, clock } = await prepareSqlite();
    const store = await open();
    await ingest(store, PEOPLE);
    const numbers = [];
    for (let i = 0; i < 3; i++) {
      const { number, claims } = await turn(store, 1, limited);
      numbers.push(number);
      await settle(store, ...claims.map((claim) => sent(claim)));
      clock.pass(2_000);
    }
    expect(new Set(numbers).size).toBe(3);
  });
});

it("waits a window after a new start of the machine, once: nobody knows what left just before", async () => {
  const { path } = await prepareOnDisk();
  const before = new ManualClock();
  before.pass(1_000_000_000);
  const store = await openStore(path, before);
  await ingest(store, PEOPLE);
  await turn(store, 1, { perSecond: 10 });
  await store.close();
  const clock = new ManualClock();
  const [one, two] = [await openStore(path, clock), await openStore(path, clock)];
  onTestFinished(async () => {
    for (const each of [one, two]) await each.close();
  });
  const silent = await turn(one, 1, { perSecond: 10 });
  expect(silent).toMatchObject({ claims: [], drained: false });
  expect(silent.rateWaitMs).toBeGreaterThan(1_000);
  clock.pass(600);
  const still = await turn(two, 1, { perSecond: 10 });
  expect(still.claims).toEqual([]);
  clock.pass(still.rateWaitMs ?? 0);
  expect((await turn(two, 1, { perSecond: 10 })).claims).toHaveLength(1);
});
