/** One rate over all processes, counted when calls leave. */
import { expect, it } from "vitest";
import { departed, ingest, sent, settle, throttled, turn } from "../../support/store-actions.ts";
import { dice } from "../../support/story.ts";
import type { Prepare } from "../bench.ts";
import { PEOPLE } from "./people.ts";

const many = (count: number) => Array.from({ length: count }, (_, index) => `p${index}@x.example`);

/** More than the second in which SES counts, by the margin for jitter. */
const WINDOW_MS = 1_000;

export function rate(prepare: Prepare): void {
  it("says when nothing is left, and when only the rate is in the way", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    expect(await turn(store, 5)).toMatchObject({ claims: [], drained: true, rateWaitMs: null });
    await ingest(store, PEOPLE);
    const limited = await turn(store, 5, { perSecond: 1 });
    expect(limited.claims).toHaveLength(1);
    expect(limited.drained).toBe(false);
    expect(limited.rateWaitMs).toBeGreaterThan(1000);
    clock.pass(limited.rateWaitMs ?? 0);
    expect((await turn(store, 5, { perSecond: 1 })).claims).toHaveLength(1);
    expect(await turn(store, 0)).toMatchObject({ claims: [], drained: false, rateWaitMs: null });
  });

  it("shares one rate over all processes", async () => {
    const { open } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, PEOPLE);
    expect((await turn(one, 5, { perSecond: 1 })).claims).toHaveLength(1);
    expect((await turn(two, 5, { perSecond: 1 })).claims).toHaveLength(0);
  });

  it("does not count a look that found nothing", async () => {
    const { open } = await prepare();
    const [one, two] = [await open(), await open()];
    for (let n = 0; n < 5; n++) expect((await turn(one, 5, { perSecond: 1 })).claims).toEqual([]);
    await ingest(one, PEOPLE);
    expect((await turn(two, 5, { perSecond: 1 })).claims).toHaveLength(1);
  });

  it.each([3, 50])(
    "never lets more than %i through in any second, and hardly less, over three processes",
    async (n) => {
      const { open, clock } = await prepare();
      const stores = [await open(), await open(), await open()];
      const [first] = stores;
      if (first) await ingest(first, many(n * 12));
      const roll = dice(n);
      const left: number[] = [];
      const start = clock.now();
      while (clock.now() < start + 10_000) {
        const store = stores[Math.floor(roll() * 3)] ?? first;
        if (!store) throw new Error("no store");
        const { claims } = await turn(store, 1 + Math.floor(roll() * 2 * n), { perSecond: n });
        for (const _ of claims) left.push(clock.now());
        await settle(store, ...claims.map((claim) => sent(claim)));
        clock.pass(1 + Math.floor(roll() * 20));
      }
      for (const [index, at] of left.entries())
        expect((left[index + n] ?? Number.POSITIVE_INFINITY) - at).toBeGreaterThanOrEqual(WINDOW_MS);
      expect(left.length).toBeGreaterThanOrEqual(0.95 * 10 * n);
    },
  );

  it("counts a call where it left, when it left later than it was claimed", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, PEOPLE);
    const first = await turn(one, 1, { perSecond: 1, withinMs: 400 });
    expect(first.claims).toHaveLength(1);
    clock.pass(500);
    // It went on the wire 300 ms after it was claimed.
    await turn(one, 0, { perSecond: 1, ...departed(first, 200, 1) });
    clock.pass(600);
    const early = await turn(two, 5, { perSecond: 1 });
    expect(early.claims).toEqual([]);
    expect(early.rateWaitMs).toBeGreaterThan(200);
    expect(early.rateWaitMs).toBeLessThan(260);
    clock.pass(early.rateWaitMs ?? 0);
    expect((await turn(two, 5, { perSecond: 1 })).claims).toHaveLength(1);
  });

  it("gives the place of a call that will not be made to another, at once", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, PEOPLE);
    const first = await turn(one, 1, { perSecond: 1 });
    clock.pass(100);
    expect((await turn(two, 1, { perSecond: 1 })).claims).toEqual([]);
    await turn(one, 0, { perSecond: 1, departed: [{ turn: first.number, leftAgoMs: 0, count: 0, unused: 1 }] });
    clock.pass(10);
    expect((await turn(two, 1, { perSecond: 1 })).claims).toHaveLength(1);
  });

  it("counts a call of which nothing is told as leaving at the last moment it may, and says how long that is", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, PEOPLE);
    const first = await turn(one, 1, { perSecond: 1, withinMs: 400 });
    expect(first.validForMs).toBeGreaterThanOrEqual(400);
    expect(first.validForMs).toBeLessThan(450);
    clock.pass(1_350);
    const early = await turn(two, 5, { perSecond: 1 });
    expect(early).toMatchObject({ claims: [], drained: false });
    expect(early.rateWaitMs).toBeGreaterThan(0);
    clock.pass(100);
    expect((await turn(two, 5, { perSecond: 1 })).claims).toHaveLength(1);
  });

  it("lowers the rate of all processes when SES throttles, and lets it grow back", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, many(200));
    expect((await turn(one, 1, { perSecond: 100 })).perSecond).toBe(100);
    clock.pass(100);
    const cut = await turn(one, 1, { perSecond: 100, ...throttled(50) });
    expect(cut.perSecond).toBeLessThan(70);
    expect((await turn(two, 1, { perSecond: 100 })).perSecond).toBeLessThan(70);
    // Calls that left before the cut say nothing about the rate after it.
    clock.pass(100);
    const again = await turn(two, 1, { perSecond: 100, ...throttled(150) });
    expect(again.perSecond).toBeGreaterThanOrEqual(cut.perSecond);
    clock.pass(10);
    expect((await turn(two, 1, { perSecond: 100, ...throttled(5) })).perSecond).toBeLessThan(cut.perSecond);
    for (let second = 0; second < 60; second++) {
      clock.pass(1_000);
      await turn(one, 1, { perSecond: 100 });
    }
    expect((await turn(two, 1, { perSecond: 100 })).perSecond).toBe(100);
  });
}
