/** Who works on a store. */
import { expect, it } from "vitest";
import { ingest, sent, settle, turn } from "../../support/store-actions.ts";
import type { Prepare } from "../bench.ts";
import { LEASE_OVER_MS, PEOPLE } from "./people.ts";

const NOBODY = { workers: [], rate: { perSecond: null, limit: null } };

export function workers(prepare: Prepare): void {
  it("are those that have taken a turn, oldest first, with what each of them holds", async () => {
    const { open } = await prepare();
    const [one, two, looker] = [await open(), await open(), await open()];
    expect(await looker.workers()).toEqual(NOBODY);
    await ingest(one, PEOPLE);
    const [first] = (await turn(one, 2)).claims;
    await turn(two, 1);
    const seen = await two.workers();
    expect(seen.workers).toMatchObject([
      { kind: "sender", pid: process.pid, sending: 2, isMe: false },
      { kind: "sender", pid: process.pid, sending: 1, isMe: true },
    ]);
    for (const { host, leaseMs, turns } of seen.workers) {
      expect(turns).toBeGreaterThan(0);
      expect(host).not.toBe("");
      expect(leaseMs).toBeGreaterThan(0);
      expect(leaseMs).toBeLessThan(LEASE_OVER_MS);
    }
    const ids = seen.workers.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    await settle(one, sent(first));
    const later = await looker.workers();
    expect(later.workers).toMatchObject([
      { id: ids[0], sending: 1, isMe: false },
      { id: ids[1], sending: 1, isMe: false },
    ]);
  });

  it("are told with the rate that was asked for last, and are gone with their store", async () => {
    const { open } = await prepare();
    const [one, two] = [await open(), await open()];
    await turn(one, 1, { perSecond: 50 });
    expect(await two.workers()).toMatchObject({ workers: [{ isMe: false }], rate: { perSecond: 50, limit: 50 } });
    await turn(two, 1, { perSecond: 20 });
    expect(await one.workers()).toMatchObject({ rate: { perSecond: 20, limit: 20 } });
    await two.close();
    expect(await one.workers()).toMatchObject({ workers: [{ isMe: true }], rate: { perSecond: 50 } });
    await one.close();
    expect(await (await open()).workers()).toEqual(NOBODY);
  });

  it("share a rate that is less after throttling", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    await turn(store, 1, { perSecond: 100 });
    clock.pass(5_000);
    await turn(store, 1, { perSecond: 100, throttledAgoMs: 10 });
    const { rate } = await store.workers();
    expect(rate.perSecond).toBe(100);
    expect(rate.limit).toBeGreaterThan(0);
    expect(rate.limit).toBeLessThan(100);
  });

  it("stay while they take turns, whatever they do not find, and are no more when their lease is over", async () => {
    const { open, clock } = await prepare();
    const [store, other] = [await open(), await open()];
    await ingest(store, PEOPLE.slice(0, 1));
    for (let seconds = 0; seconds < 300; seconds += 20) {
      await turn(store, seconds === 0 ? 1 : 0);
      clock.pass(20_000);
    }
    expect((await other.workers()).workers).toMatchObject([{ turns: expect.any(Number), sending: 1 }]);
    expect((await other.workers()).workers[0]?.turns).toBeGreaterThan(10);
    clock.pass(LEASE_OVER_MS);
    expect(await other.workers()).toEqual(NOBODY);
    expect(await other.recover()).toBe(1);
    await turn(store, 0);
    expect((await other.workers()).workers).toMatchObject([{ sending: 0, turns: expect.any(Number) }]);
  });
}
