/** Bulk mail leaves a part of the account's daily quota to mail that people wait for. */
import { expect, it } from "vitest";
import type { Reserve, Scope } from "../../../src/deliver/source.ts";
import { EVERYTHING, ingest, putBack, sent, settle, turn } from "../../support/store-actions.ts";
import type { Prepare } from "../bench.ts";

const people = (count: number, name = "p") => Array.from({ length: count }, (_, at) => `${name}${at}@x.example`);
const keeping = (reserve: Reserve): { scope: Scope } => ({ scope: { ...EVERYTHING, reserve } });

export function reserve(prepare: Prepare): void {
  it("hands out no more bulk mail than there is beyond the reserve, and says that more is due", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, people(5));
    const kept = keeping({ keep: 10, left: 12, ageMs: 0 });
    const first = await turn(store, 9, kept);
    expect(first.claims).toHaveLength(2);
    expect(first).toMatchObject({ reserved: true, drained: true });
    expect(await turn(store, 9, kept)).toMatchObject({ claims: [], reserved: true, drained: true });
    expect(await store.nextDueInMs(kept.scope)).toBeNull();
    expect(await store.nextDueInMs(EVERYTHING)).toBe(0);
    expect(await turn(store, 9)).toMatchObject({ reserved: false });
  });

  it("hands out more urgent mail from the reserve, and counts it", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, people(3), { topic: "bulk" });
    await ingest(store, people(3, "high"), { topic: "high", priority: 10 });
    await ingest(store, people(1, "six"), { topic: "six", priority: 6 });
    const { claims, reserved } = await turn(store, 9, keeping({ keep: 100, left: 5, ageMs: 0 }));
    expect(claims.map(({ email }) => email)).toEqual([...people(3, "high"), ...people(1, "six")]);
    expect(reserved).toBe(true);
    await ingest(store, people(1, "last"), { topic: "high", priority: 10 });
    // The look ends before it comes to bulk mail.
    expect(await turn(store, 1, keeping({ keep: 100, left: 5, ageMs: 0 }))).toMatchObject({ reserved: null });
    // Five are in flight, so one bulk mail is left above a reserve of 1.
    const bulk = await turn(store, 9, keeping({ keep: 1, left: 7, ageMs: 0 }));
    expect(bulk.claims.map(({ email }) => email)).toEqual(["p0@x.example"]);
  });

  it("counts what any process sent since the account was asked, and nothing before", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, people(9));
    const [before] = (await turn(one, 1)).claims;
    await settle(one, sent(before));
    clock.pass(1_000);
    const [a, b] = (await turn(two, 2)).claims;
    await settle(two, sent(a), putBack(b));
    clock.pass(500);
    // Asked 700 ms ago: of 13 then, one was sent since.
    const { claims } = await turn(one, 9, keeping({ keep: 10, left: 13, ageMs: 700 }));
    expect(claims).toHaveLength(2);
    expect((await turn(two, 9, keeping({ keep: 10, left: 13, ageMs: 700 }))).claims).toHaveLength(0);
    expect((await turn(two, 9, keeping({ keep: 10, left: 15, ageMs: 700 }))).claims).toHaveLength(2);
  });

  it("of one topic alone is kept alike, and does not count what goes to the sandbox", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, people(4), { topic: "rehearsed" });
    await ingest(store, people(4));
    await turn(store, 4, { scope: { ...EVERYTHING, topic: "rehearsed", endpoint: "sandbox" } });
    const { scope } = keeping({ keep: 10, left: 13, ageMs: 0 });
    const { claims, reserved } = await turn(store, 9, { scope: { ...scope, topic: "june" } });
    expect([claims.length, reserved]).toEqual([3, true]);
  });

  it("keeps nothing when what is due fits", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, people(3));
    await ingest(store, people(1, "later"), { topic: "later", at: clock.now() + 1_000 });
    expect(await turn(store, 9, keeping({ keep: 10, left: 13, ageMs: 0 }))).toMatchObject({ reserved: false });
  });
}
