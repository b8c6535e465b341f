/** What waits, and until when. */
import { expect, it } from "vitest";
import type { Scope } from "../../../src/deliver/source.ts";
import { EVERYTHING, inDoubt, ingest, putBackFor, settle, turn } from "../../support/store-actions.ts";
import type { Prepare } from "../bench.ts";
import { PEOPLE } from "./people.ts";

export function outlooks(prepare: Prepare): void {
  it("nothing waits in an empty store, an unknown topic, or the other endpoint", async () => {
    const { open } = await prepare();
    const store = await open();
    const nothing = { due: 0, late: 0, nextDueInMs: null };
    expect(await store.outlook(EVERYTHING)).toEqual(nothing);
    expect(await store.nextDueInMs(EVERYTHING)).toBeNull();
    await ingest(store, PEOPLE);
    await turn(store, 1);
    for (const scope of [
      { ...EVERYTHING, topic: "may" },
      { ...EVERYTHING, endpoint: "sandbox" as const },
    ]) {
      expect(await store.outlook(scope)).toEqual(nothing);
      expect(await store.nextDueInMs(scope)).toBeNull();
    }
  });

  it("tells how many are due and when the next will be", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const [soon, later] = [1000, 9000];
    await ingest(store, PEOPLE.slice(0, 2));
    await ingest(store, PEOPLE.slice(2, 3), { at: clock.now() + soon });
    await ingest(store, PEOPLE.slice(3), { topic: "july", at: clock.now() + later });
    const july = { ...EVERYTHING, topic: "july" };
    expect(await store.outlook(EVERYTHING)).toEqual({ due: 2, late: 0, nextDueInMs: soon });
    expect(await store.nextDueInMs(EVERYTHING)).toBe(0);
    expect(await store.outlook(july)).toEqual({ due: 0, late: 0, nextDueInMs: later });
    expect(await store.nextDueInMs(july)).toBe(later);
    clock.pass(1000);
    expect(await store.outlook(EVERYTHING)).toEqual({ due: 3, late: 0, nextDueInMs: later - soon });
    await store.cancel("june");
    expect(await store.outlook(EVERYTHING)).toEqual({ due: 0, late: 0, nextDueInMs: later - soon });
    expect(await store.nextDueInMs(EVERYTHING)).toBe(later - soon);
  });

  it("peeks at the message that the next turn claims, and claims nothing by it", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    expect(await store.peek(EVERYTHING)).toBeNull();
    await ingest(store, PEOPLE.slice(0, 2), { at: clock.now() + 1_000 });
    expect(await store.peek(EVERYTHING)).toBeNull();
    await ingest(store, PEOPLE.slice(2, 4));
    expect(await store.peek(EVERYTHING)).toMatchObject({ email: PEOPLE[2], attempts: 0 });
    expect(await store.peek({ ...EVERYTHING, topic: "may" })).toBeNull();
    const peeked = await store.peek({ ...EVERYTHING, topic: "june" });
    expect((await turn(store, 1)).claims).toEqual([peeked]);
    expect(await store.peek(EVERYTHING)).toMatchObject({ email: PEOPLE[3] });
  });

  it("counts neither what is in flight nor what is in doubt, and says when what was put back is due", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 3));
    const [a, b] = (await turn(store, 3)).claims;
    await settle(store, inDoubt(a), putBackFor(b, 2_000));
    expect(await store.outlook(EVERYTHING)).toEqual({ due: 0, late: 0, nextDueInMs: 2_000 });
    clock.pass(1_999);
    expect(await store.nextDueInMs(EVERYTHING)).toBe(1);
    clock.pass(1);
    expect(await store.outlook(EVERYTHING)).toEqual({ due: 1, late: 0, nextDueInMs: null });
    expect(await store.nextDueInMs(EVERYTHING)).toBe(0);
  });

  it.each([3_600_000, -3_600_000, 400 * 86_400_000, -400 * 86_400_000])(
    "a back-off lasts as long as it was to, also when the wall clock is set by %i ms, of scheduled messages too",
    async (by) => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"]);
      await ingest(store, ["b@x.example"], { topic: "july", at: clock.now() });
      const [a, b] = (await turn(store, 2)).claims;
      await settle(store, putBackFor(a, 2_000), putBackFor(b, 2_000));
      clock.setForward(by);
      for (const handle of [store, await open()]) expect(await handle.nextDueInMs(EVERYTHING)).toBe(2_000);
      clock.pass(1_999);
      expect((await turn(store, 2)).claims).toEqual([]);
      clock.pass(1);
      expect((await turn(store, 2)).claims).toHaveLength(2);
    },
  );

  it("the time that a person named is one of the wall clock, also when that is set", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"], { at: clock.now() + 3_600_000 });
    clock.setForward(3_000_000);
    expect(await store.nextDueInMs(EVERYTHING)).toBe(600_000);
  });

  it("counts what is overdue by more than the limit, and not as due", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["late@x.example"], { at: clock.now() + 1000 });
    await ingest(store, ["atonce@x.example"]);
    clock.pass(3_601_000);
    const scope = { ...EVERYTHING, maxLateMs: 3_600_000 };
    expect(await store.outlook(scope)).toEqual({ due: 2, late: 0, nextDueInMs: null });
    clock.pass(1);
    expect(await store.outlook(scope)).toEqual({ due: 1, late: 1, nextDueInMs: null });
    expect(await store.outlook({ ...scope, maxLateMs: 7_200_000 })).toMatchObject({ due: 2, late: 0 });
    expect(await store.outlook(EVERYTHING)).toMatchObject({ due: 2, late: 0 });
    await turn(store, 9, { scope });
    expect(await store.outlook(scope)).toEqual({ due: 0, late: 1, nextDueInMs: null });
    expect(await store.nextDueInMs(scope)).toBeNull();
  });
  it("says when the next one may be claimed, of what is not held, cancelled, too late or somebody else's", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const next = (scope: Partial<Scope> = {}) => store.nextDueInMs({ ...EVERYTHING, ...scope });
    await ingest(store, ["a@x.example"], { topic: "held" });
    await ingest(store, ["b@x.example"], { topic: "stopped" });
    await ingest(store, ["c@x.example"], { topic: "rehearsed" });
    await turn(store, 1, { scope: { topic: "rehearsed", endpoint: "sandbox", maxLateMs: null } });
    await ingest(store, ["d@x.example"], { topic: "rehearsed" });
    await ingest(store, ["e@x.example"], { topic: "soon", at: clock.now() + 3_000 });
    await ingest(store, ["f@x.example"], { topic: "last", at: clock.now() + 9_000 });
    const held = new Set(["held"]);
    expect(await next()).toBe(0);
    expect(await next({ held })).toBe(0);
    await store.cancel("stopped");
    expect(await next({ held })).toBe(3_000);
    expect(await next({ held: new Set(["held", "soon"]) })).toBe(9_000);
    expect(await next({ topic: "held", held })).toBeNull();
    expect(await next({ topic: "stopped" })).toBeNull();
    expect(await next({ topic: "rehearsed" })).toBeNull();
    expect(await next({ topic: "rehearsed", endpoint: "sandbox" })).toBe(0);
    clock.pass(3_500);
    expect(await next({ held, maxLateMs: 500 })).toBe(0);
    expect(await next({ held, maxLateMs: 499 })).toBe(5_500);
    expect(await next({ topic: "soon", maxLateMs: 499 })).toBeNull();
    await turn(store, 9, { scope: { ...EVERYTHING, held } });
    expect(await next({ held })).toBe(5_500);
    clock.pass(5_499);
    expect(await next({ held })).toBe(1);
    clock.pass(1);
    expect(await next({ held })).toBe(0);
    await turn(store, 9);
    expect(await next()).toBeNull();
  });
}
