/** Addresses that are not written to. */
import { expect, it } from "vitest";
import type { Suppression } from "../../../src/store/rows.ts";
import { ingest, states } from "../../support/store-actions.ts";
import { counts, type Handle, type Prepare } from "../bench.ts";

const bounce = (address: string) => ({ address, reason: "bounce", source: "test" });

async function all(store: Handle): Promise<Suppression[]> {
  const found: Suppression[] = [];
  for await (const each of store.suppressions()) found.push(each);
  return found;
}

export function suppressions(prepare: Prepare): void {
  it("there are none at first, and an empty batch or an unknown address changes nothing", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await all(store)).toEqual([]);
    expect(await store.countSuppressions()).toBe(0);
    expect(await store.searchSuppressions("", 9)).toEqual([]);
    expect(await store.suppress([])).toBe(0);
    expect(await store.unsuppress([])).toBe(0);
    expect(await store.unsuppress(["a@x.example"])).toBe(0);
  });

  it("an address counts once, in one batch and in two, whatever its case", async () => {
    const { open } = await prepare();
    const [one, two] = [await open(), await open()];
    expect(await one.suppress([bounce("Ann@x.example"), bounce("ann@x.example"), bounce("b@x.example")])).toBe(2);
    expect(await two.suppress([bounce("ANN@x.example"), bounce("c@x.example")])).toBe(1);
    expect((await all(one)).map(({ address }) => address)).toEqual(["ann@x.example", "b@x.example", "c@x.example"]);
    expect(await two.countSuppressions()).toBe(3);
  });

  it("an address that two processes suppress at once is new to one of them", async () => {
    const { open } = await prepare();
    const stores = [await open(), await open()];
    const addresses = Array.from({ length: 20 }, (_, index) => `p${index}@x.example`);
    const results = await Promise.all(
      addresses.flatMap((address) => stores.map((store) => store.suppress([bounce(address)]))),
    );
    expect(results.reduce((sum, count) => sum + count)).toBe(20);
  });

  it("keep what was written first, with when and why, on one line", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await store.suppress([{ ...bounce("a@x.example"), detail: "550\r\n5.1.1\u0000 no\u009fbody", createdAt: 7 }]);
    await store.suppress([{ ...bounce("b@x.example"), reason: "a\tb" }]);
    await store.suppress([{ address: "a@x.example", reason: "vip", source: "manual", detail: "other", createdAt: 9 }]);
    expect(await all(store)).toEqual([
      { address: "a@x.example", reason: "bounce", source: "test", detail: "550 5.1.1  no body", createdAt: 7 },
      { address: "b@x.example", reason: "a b", source: "test", detail: null, createdAt: clock.now() },
    ]);
  });

  it("stop what waits for the address in every topic, once", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["Ann@x.example", "b@x.example"]);
    await counts(store, ["ann@x.example"], { topic: "july" });
    await counts(store, ["ANN@x.example"], { topic: null });
    expect(await store.suppress([bounce("aNN@x.example")])).toBe(1);
    expect(await store.totals(null)).toMatchObject({ pending: 1, suppressed: 3 });
    expect(await store.suppress([bounce("aNN@x.example")])).toBe(0);
    expect(await store.totals(null)).toMatchObject({ pending: 1, suppressed: 3 });
  });

  it("an address that is let in again gets new mail; what was stopped stays so until it is retried", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    await store.suppress([bounce("a@x.example"), bounce("b@x.example")]);
    expect(await store.unsuppress(["A@x.example", "none@x.example", "a@x.example"])).toBe(1);
    expect(await store.countSuppressions()).toBe(1);
    expect(await states(store)).toEqual({ "a@x.example": "suppressed" });
    expect(await ingest(store, ["a@x.example", "b@x.example"], { topic: "july" })).toEqual({
      added: 1,
      duplicates: 0,
      suppressed: 1,
    });
    expect(await store.retry("june", ["suppressed"])).toBe(1);
    expect(await states(store)).toEqual({ "a@x.example": "pending" });
  });

  it("one is looked up by its whole address, in any case", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await store.suppress([{ ...bounce("Ann@x.example"), detail: "550" }, bounce("joann@x.example")]);
    expect(await store.suppression("ANN@x.example")).toEqual({
      address: "ann@x.example",
      reason: "bounce",
      source: "test",
      detail: "550",
      createdAt: clock.now(),
    });
    for (const other of ["nn@x.example", "ann@x.exampl", "", "%", "*"])
      expect(await store.suppression(other)).toBeNull();
  });

  it("a reader takes back an unsubscription through a link, and nothing else", async () => {
    const { open } = await prepare();
    const store = await open();
    const left = (address: string) => ({ address, reason: "unsubscribe", source: "link", detail: "june" });
    const causes = [
      { reason: "bounce", source: "event" },
      { reason: "complaint", source: "event" },
      { reason: "unsubscribe", source: "event" },
      { reason: "vip", source: "manual" },
      { reason: "bounce", source: "ses" },
      { reason: "unsubscribe", source: "import" },
    ];
    const names = causes.flatMap((_, index) => [`before${index}@x.example`, `after${index}@x.example`]);
    await ingest(store, ["Ann@x.example", "b@x.example", ...names]);
    const takeBack = async (address: string) => store.resubscribe((await store.messagesTo(address, 1))[0]?.id ?? 0);
    await store.suppress([left("ann@x.example"), left("b@x.example")]);
    expect(await takeBack("ann@x.example")).toBe(true);
    expect((await all(store)).map(({ address }) => address)).toEqual(["b@x.example"]);
    // Again, and through a message that is not there.
    expect([await takeBack("ann@x.example"), await store.resubscribe(999_999)]).toEqual([true, false]);
    for (const [index, cause] of causes.entries()) {
      // Whichever comes first: the other cause must not be forgotten with the unsubscription.
      const [before, after] = [`before${index}@x.example`, `after${index}@x.example`];
      await store.suppress([{ address: before, ...cause }, left(before)]);
      await store.suppress([left(after)]);
      await store.suppress([{ address: after, ...cause }]);
      expect([await takeBack(before), await takeBack(after)]).toEqual([false, false]);
      expect(await store.suppression(before)).toMatchObject(cause);
      expect(await store.suppression(after)).toMatchObject(cause);
    }
  });

  it("stream in order of address, however many there are", async () => {
    const { open } = await prepare();
    const store = await open();
    const special = ["a-b@x.example", "a.b@x.example", "a_b@x.example", "ab@x.example", "b@x.example", "é@x.example"];
    const many = Array.from({ length: 2_100 }, (_, index) => `p${index}@x.example`);
    expect(await store.suppress([...many, ...special.toReversed()].map(bounce))).toBe(2_106);
    // By code unit, wherever the database sorts: a stream is read on from an address.
    const sorted = [...many, ...special].sort((a, b) => (a < b ? -1 : 1));
    expect((await all(store)).map(({ address }) => address)).toEqual(sorted);
    expect((await store.searchSuppressions("b@", 9)).map(({ address }) => address)).toEqual(special.slice(0, 5));
  });

  it("are found by a text they contain: % and _ are letters like others, case is not told apart", async () => {
    const { open } = await prepare();
    const store = await open();
    const addresses = ["100%@x.example", "100a@x.example", "a_b@x.example", "acb@x.example", "Zoe@X.example"];
    await store.suppress(addresses.map((address) => ({ ...bounce(address), detail: "550" })));
    const found = async (text: string, limit = 9) =>
      (await store.searchSuppressions(text, limit)).map(({ address }) => address);
    expect(await found("0%")).toEqual(["100%@x.example"]);
    expect(await found("A_B")).toEqual(["a_b@x.example"]);
    expect(await found("ZOE@x")).toEqual(["zoe@x.example"]);
    expect(await found("'; drop table suppression; --")).toEqual([]);
    expect(await found("", 2)).toEqual(["100%@x.example", "100a@x.example"]);
    expect((await store.searchSuppressions("zoe", 1))[0]).toMatchObject({
      reason: "bounce",
      source: "test",
      detail: "550",
    });
    expect(await store.countSuppressions()).toBe(5);
  });
}
