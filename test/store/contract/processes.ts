/** Processes that die, sleep, or are slow: what they had in flight is never sent again by itself, and never lost. */
import { expect, it } from "vitest";
import { failed, ingest, messagesOf, putBack, sent, settle, states, turn } from "../../support/store-actions.ts";
import type { Prepare } from "../bench.ts";
import { LEASE_OVER_MS, PEOPLE } from "./people.ts";

export function processes(prepare: Prepare): void {
  it("R3 G2 N1: what a dead process had in flight is in doubt, not pending", async () => {
    const { open, clock } = await prepare();
    const dead = await open();
    await ingest(dead, PEOPLE);
    await turn(dead, 2);
    clock.pass(LEASE_OVER_MS);
    const next = await open();
    expect(next.recovered).toBe(2);
    expect(await next.totals("june")).toMatchObject({ pending: 3, sending: 0, in_doubt: 2 });
    expect((await messagesOf(next, "june", ["in_doubt"])).map(({ attempts, error }) => [attempts, error])).toEqual([
      [1, expect.stringContaining("died")],
      [1, expect.stringContaining("died")],
    ]);
    expect((await turn(next, 9)).claims).toHaveLength(3);
    expect(await next.recover()).toBe(0);
  });

  it("takes in what several processes left, each message once, also when several look at once", async () => {
    const { open, clock } = await prepare();
    const [one, two, three, four] = [await open(), await open(), await open(), await open()];
    await ingest(one, PEOPLE);
    await turn(one, 2);
    await turn(two, 1);
    clock.pass(LEASE_OVER_MS);
    const recovered = await Promise.all([three.recover(), four.recover()]);
    expect(recovered.reduce((sum, count) => sum + count)).toBe(3);
    expect(await four.totals("june")).toMatchObject({ pending: 2, in_doubt: 3 });
  });

  it.each([3_600_000, -3_600_000])("takes nobody for dead because the wall clock was set by %i ms", async (by) => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    await turn(store, 1);
    clock.setForward(by);
    expect((await open()).recovered).toBe(0);
    clock.pass(LEASE_OVER_MS);
    expect((await open()).recovered).toBe(1);
  });

  it("takes nobody for dead before the lease is over", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const [claim] = (await turn(store, 1)).claims;
    clock.pass(LEASE_OVER_MS - 2_000);
    expect((await open()).recovered).toBe(0);
    await settle(store, sent(claim));
    expect(await store.totals("june")).toMatchObject({ sent: 1, in_doubt: 0 });
  });

  it.each([0, 1_000, 4_900, 20_000, 59_000])(
    "says how long claims are its own, %i ms after its first turn: nobody takes them for lost before",
    async (age) => {
      const { open, clock } = await prepare();
      const [store, other] = [await open(), await open()];
      await ingest(store, PEOPLE);
      await turn(store, 1);
      clock.pass(age);
      const { validForMs } = await turn(store, 1, { withinMs: 3_600_000 });
      expect(validForMs).toBeGreaterThan(0);
      expect(validForMs).toBeLessThan(LEASE_OVER_MS);
      clock.pass(validForMs);
      expect(await other.recover()).toBe(0);
      expect(await other.totals("june")).toMatchObject({ sending: 2, in_doubt: 0 });
      clock.pass(LEASE_OVER_MS);
      expect(await other.recover()).toBe(2);
    },
  );

  it("takes answers that were kept in hand for as long as it asks for patience", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const { patienceMs } = store;
    expect((await open()).patienceMs).toBe(patienceMs);
    expect(patienceMs).toBeGreaterThan(0);
    await ingest(store, PEOPLE.slice(0, 2));
    const [a, b] = (await turn(store, 2)).claims;
    clock.pass(patienceMs);
    await open();
    await settle(store, sent(a), failed(b));
    expect((await messagesOf(store)).map(({ state, attempts }) => [state, attempts])).toEqual([
      ["sent", 1],
      ["failed", 1],
    ]);
  });

  it("a process that renews its lease is not taken for dead, however long its calls take", async () => {
    const { open, clock } = await prepare();
    const slow = await open();
    await ingest(slow, PEOPLE);
    const [claim] = (await turn(slow, 1)).claims;
    for (let seconds = 0; seconds < 300; seconds += 10) {
      clock.pass(10_000);
      await turn(slow, 0);
      expect((await open()).recovered).toBe(0);
    }
    await settle(slow, sent(claim));
    expect(await slow.totals("june")).toMatchObject({ sent: 1, in_doubt: 0 });
  });

  it("setting the clock forward kills nobody", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const [claim] = (await turn(store, 1)).claims;
    clock.setForward(3_600_000);
    expect((await open()).recovered).toBe(0);
    await settle(store, sent(claim));
    expect(await store.totals("june")).toMatchObject({ sent: 1, in_doubt: 0 });
  });

  it("a process taken for dead while it was stopped goes on, and its later answers are written", async () => {
    const { open, clock } = await prepare();
    const sleeper = await open();
    await ingest(sleeper, PEOPLE);
    const [before] = (await turn(sleeper, 1)).claims;
    clock.pass(LEASE_OVER_MS);
    expect((await open()).recovered).toBe(1);
    const [after] = (await turn(sleeper, 1)).claims;
    clock.pass(6_000);
    await settle(sleeper, sent(before), sent(after));
    expect(await sleeper.totals("june")).toMatchObject({ pending: 3, sending: 0, sent: 2, in_doubt: 0 });
  });

  it("a process taken for dead cannot put back what others may have in hand by now", async () => {
    const { open, clock } = await prepare();
    const sleeper = await open();
    await ingest(sleeper, ["a@x.example"]);
    const [claim] = (await turn(sleeper, 1)).claims;
    clock.pass(LEASE_OVER_MS);
    const other = await open();
    await other.retry("june", ["in_doubt"]);
    const [taken] = (await turn(other, 1)).claims;
    expect(taken?.id).toBe(claim?.id);
    await settle(sleeper, putBack(claim), sent(claim));
    expect(await states(other)).toEqual({ "a@x.example": "sending" });
    await settle(other, sent(taken));
    expect(await states(other)).toEqual({ "a@x.example": "sent" });
  });

  it("a process that leaves with nothing in flight leaves nothing behind", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const [claim] = (await turn(store, 1)).claims;
    await settle(store, sent(claim));
    await store.close();
    clock.pass(LEASE_OVER_MS);
    expect((await open()).recovered).toBe(0);
  });

  it("what a process that leaves had in flight is in doubt when its lease is over", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    await turn(store, 2);
    await store.close();
    clock.pass(LEASE_OVER_MS);
    await open();
    expect(await (await open()).totals("june")).toMatchObject({ pending: 3, sending: 0, in_doubt: 2 });
  });
}
