/** No more than so many mails to one address in so long a time; and topics that are held back. */
import { describe, expect, it } from "vitest";
import type { Claim, RecipientCap, Scope } from "../../../src/deliver/source.ts";
import type { Store } from "../../../src/store/store.ts";
import { EVERYTHING, failed, ingest, messagesOf, putBackFor, sent, settle, turn } from "../../support/store-actions.ts";
import { accept, content, counts, message, type Prepare } from "../bench.ts";

const HOUR = 3_600_000;
const capped = (count: number, given: Partial<Scope> = {}): Scope => ({
  ...EVERYTHING,
  recipientCap: { count, windowMs: HOUR },
  ...given,
});
const emailsOf = (claims: Claim[]) => claims.map(({ email }) => email);
const take = async (store: Store, room: number, scope: Scope) => (await turn(store, room, { scope })).claims;

export function cap(prepare: Prepare): void {
  describe("a recipient's cap", () => {
    it("holds within one turn, over topics, contents and cases; others go in their place", async () => {
      const { open } = await prepare();
      const store = await open();
      await counts(store, ["a@x.example"]);
      await counts(store, ["A@x.example"], { content: content("2") });
      await counts(store, ["A@X.example".replace("X", "x"), "b@x.example"], { topic: "july" });
      await counts(store, ["a@x.example"], { topic: null });
      expect(emailsOf(await take(store, 3, capped(2)))).toEqual(["a@x.example", "A@x.example", "b@x.example"]);
      expect(await take(store, 9, capped(2))).toEqual([]);
      expect(await store.totals(null)).toMatchObject({ pending: 2, sending: 3 });
    });

    it("K6: holds across processes: what is in flight counts", async () => {
      const { open } = await prepare();
      const [one, two] = [await open(), await open()];
      for (const code of ["1", "2", "3"]) await counts(one, ["a@x.example"], { content: content(code) });
      expect(await take(one, 1, capped(2))).toHaveLength(1);
      expect(await take(two, 9, capped(2))).toHaveLength(1);
      expect(await take(one, 9, capped(2))).toEqual([]);
    });

    it("waits no longer than its window at a time, also when the wall clock was set back since", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      for (const code of ["1", "2"]) await counts(store, ["a@x.example"], { content: content(code) });
      clock.setForward(HOUR / 2);
      const [first] = await take(store, 1, capped(1));
      await settle(store, sent(first));
      clock.setForward(-HOUR / 2);
      await take(store, 9, capped(1));
      expect((await store.nextDueInMs(capped(1))) ?? Infinity).toBeLessThanOrEqual(HOUR);
      clock.pass(HOUR);
      await take(store, 9, capped(1));
      clock.pass(HOUR / 2);
      expect(await take(store, 9, capped(1))).toHaveLength(1);
    });

    it("K6: lets the next go when the oldest has left the window: no attempt, no error", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      for (const code of ["1", "2", "3", "4"]) await counts(store, ["a@x.example"], { content: content(code) });
      const start = clock.now();
      const [first] = await take(store, 1, capped(2));
      await settle(store, sent(first));
      clock.pass(1_000);
      const [second] = await take(store, 1, capped(2));
      await settle(store, sent(second));
      expect(await turn(store, 9, { scope: capped(2) })).toMatchObject({ claims: [], drained: true, rateWaitMs: null });
      const nextDueAt = async () => ((await store.outlook(capped(2))).nextDueInMs ?? Number.NaN) + clock.now();
      expect((await store.outlook(capped(2))).due).toBe(0);
      expect(await nextDueAt()).toBe(start + HOUR);
      expect(
        (await messagesOf(store, "june", ["pending"])).map(({ attempts, error }) => ({ attempts, error })),
      ).toEqual([
        { attempts: 0, error: null },
        { attempts: 0, error: null },
      ]);
      clock.pass(HOUR - 1_001);
      expect(await take(store, 9, capped(2))).toEqual([]);
      clock.pass(1);
      const [third] = await take(store, 9, capped(2));
      await settle(store, sent(third));
      expect(await take(store, 9, capped(2))).toEqual([]);
      expect(await nextDueAt()).toBe(start + HOUR + 1_000);
      clock.pass(1_000);
      expect(await take(store, 9, capped(2))).toHaveLength(1);
    });

    it("a mail that was not sent takes nobody's place, and may be tried again", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      for (const code of ["1", "2"]) await counts(store, ["a@x.example"], { content: content(code) });
      const [first] = await take(store, 1, capped(1));
      await take(store, 9, capped(1));
      await settle(store, failed(first));
      // It could not be told by when there would be room: the call was under way.
      clock.pass(1_000);
      const [second] = await take(store, 9, capped(1));
      expect(second?.id).not.toBe(first?.id);
      await settle(store, putBackFor(second, 2_000));
      clock.pass(2_000);
      expect(await take(store, 9, capped(1))).toMatchObject([{ id: second?.id, attempts: 1 }]);
    });

    it("when the cap was lowered, waits until enough have left", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      for (const code of ["1", "2", "3", "4"]) await counts(store, ["a@x.example"], { content: content(code) });
      const start = clock.now();
      for (let n = 0; n < 3; n++) {
        await settle(store, ...(await take(store, 1, capped(3))).map((claim) => sent(claim)));
        clock.pass(10);
      }
      await take(store, 1, capped(1));
      expect((await store.outlook(capped(1))).nextDueInMs).toBe(start + 20 + HOUR - clock.now());
    });

    it("what was to go at once is never too late because of it, what was scheduled is by its new time", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const scope = capped(1, { maxLateMs: 60_000 });
      await counts(store, ["a@x.example"], { topic: "first" });
      await counts(store, ["a@x.example"], { topic: "at once" });
      await counts(store, ["a@x.example"], { topic: "scheduled", notBefore: clock.now() + 1 });
      clock.pass(1);
      await settle(store, ...(await take(store, 1, scope)).map((claim) => sent(claim)));
      expect(await take(store, 9, scope)).toEqual([]);
      clock.pass(5 * HOUR);
      expect(await store.outlook(scope)).toEqual({ due: 1, late: 1, nextDueInMs: null });
      const [claim] = await take(store, 9, scope);
      expect((await store.addressee(claim?.id ?? 0))?.topic).toBe("at once");
    });

    it("nor is what was to go at once and is tried again", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const scope = { ...EVERYTHING, maxLateMs: 60_000 };
      await ingest(store, ["a@x.example"]);
      const [claim] = await take(store, 1, scope);
      await settle(store, putBackFor(claim, 2_000));
      expect(await take(store, 1, scope)).toEqual([]);
      expect(await store.outlook(scope)).toEqual({ due: 0, late: 0, nextDueInMs: 2_000 });
      clock.pass(HOUR);
      expect((await store.outlook(scope)).late).toBe(0);
      expect(await take(store, 1, scope)).toHaveLength(1);
    });

    it("thousands that wait for one address keep nobody else waiting for long", async () => {
      const { open } = await prepare();
      const store = await open();
      const flood = Array.from({ length: 5_000 }, (_, index) =>
        message(["flood@x.example"], { topic: null, priority: 10, content: content(String(index % 10)) }),
      );
      await accept(store, flood);
      await counts(store, ["a@x.example"]);
      const scope = capped(3);
      const look = () => turn(store, 10, { scope, perSecond: 1e9 });
      const found: string[] = [];
      let turns = 0;
      for (let drained = false; !drained; turns++) {
        const one = await look();
        found.push(...emailsOf(one.claims));
        ({ drained } = one);
      }
      expect(found.toSorted()).toEqual(["a@x.example", "flood@x.example", "flood@x.example", "flood@x.example"]);
      expect(turns).toBeLessThanOrEqual(6);
      // All of them were moved once; who looks again has nothing to read.
      expect((await store.outlook(EVERYTHING)).due).toBe(0);
      expect(await look()).toMatchObject({ claims: [], drained: true });
    });

    it.each([1, 2, 5])("never lets more than %i through in any window, whatever is sent when", async (count) => {
      const { open, clock } = await prepare();
      const stores = [await open(), await open()];
      const cap: RecipientCap = { count, windowMs: 10_000 };
      const times = new Map<string, number[]>();
      for (let step = 0; step < 120; step++) {
        const store = stores[step % 2];
        if (!store) throw new Error("no store");
        const email = step % 3 === 0 ? "b@x.example" : step % 2 === 0 ? "a@x.example" : "A@x.example";
        if (step < 60) await counts(store, [email], { topic: null, priority: step % 2 ? 5 : 10 });
        const claims = await take(store, 2, { ...EVERYTHING, recipientCap: cap });
        for (const { email: to } of claims)
          times.set(to.toLowerCase(), [...(times.get(to.toLowerCase()) ?? []), clock.now()]);
        await settle(store, ...claims.map((claim) => sent(claim)));
        clock.pass(700);
      }
      expect([...times.keys()].toSorted()).toEqual(["a@x.example", "b@x.example"]);
      for (const sentAt of times.values()) {
        expect(sentAt.length).toBeGreaterThan(count);
        for (const [index, at] of sentAt.entries())
          expect((sentAt[index + count] ?? Number.POSITIVE_INFINITY) - at).toBeGreaterThanOrEqual(cap.windowMs);
      }
    });
  });

  describe("a topic that is held", () => {
    it("is skipped by claims, outlook and the count of late ones, and goes on when it is let go", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"], { topic: "bad" });
      await ingest(store, ["late@x.example"], { topic: "bad", at: clock.now() + 1 });
      await ingest(store, ["b@x.example"], { topic: "good" });
      clock.pass(HOUR);
      const held = { ...EVERYTHING, maxLateMs: 1_000, held: new Set(["bad"]) };
      expect(await store.outlook(held)).toEqual({ due: 1, late: 0, nextDueInMs: null });
      expect(await store.nextDueInMs(held)).toBe(0);
      expect(emailsOf(await take(store, 9, held))).toEqual(["b@x.example"]);
      expect(await turn(store, 9, { scope: held })).toMatchObject({ claims: [], drained: true });
      expect(await store.nextDueInMs(held)).toBeNull();
      expect((await store.outlook({ ...held, held: new Set() })).late).toBe(1);
      expect(emailsOf(await take(store, 9, EVERYTHING))).toEqual(["a@x.example", "late@x.example"]);
    });
  });
}
