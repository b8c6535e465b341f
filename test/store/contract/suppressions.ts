/** Addresses that are not written to. */
import { expect, it } from "vitest";
import type { Suppression } from "../../../src/store/rows.ts";
import { ALL_BULK } from "../../../src/store/rules/suppress.ts";
import { ingest, states } from "../../support/store-actions.ts";
import { counts, type Handle, type Prepare } from "../bench.ts";

const bounce = (address: string) => ({ address, reason: "bounce", source: "test" });

async function all(store: Handle): Promise<Suppression[]> {
  const found: Suppression[] = [];
  for await (const each of store.suppressions()) found.push(each);
  return found;
}

async function search(store: Handle, text: string, limit = 9): Promise<string[]> {
  return (await store.searchSuppressions({ text, after: null, limit })).rows.map(({ address }) => address);
}

export function suppressions(prepare: Prepare): void {
  it("there are none at first, and an empty batch or an unknown address changes nothing", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await all(store)).toEqual([]);
    expect(await store.countSuppressions()).toBe(0);
    expect(await store.searchSuppressions({ text: "", after: null, limit: 9 })).toEqual({ rows: [], next: null });
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
      {
        address: "a@x.example",
        list: "",
        reason: "bounce",
        source: "test",
        detail: "550 5.1.1  no body",
        createdAt: 7,
        rehearsal: false,
      },
      {
        address: "b@x.example",
        list: "",
        reason: "a b",
        source: "test",
        detail: null,
        createdAt: clock.now(),
        rehearsal: false,
      },
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
    expect(await store.suppressionsOf("ANN@x.example")).toEqual([
      {
        address: "ann@x.example",
        list: "",
        reason: "bounce",
        source: "test",
        rehearsal: false,
        detail: "550",
        createdAt: clock.now(),
      },
    ]);
    for (const other of ["nn@x.example", "ann@x.exampl", "", "%", "*"])
      expect(await store.suppressionsOf(other)).toEqual([]);
  });

  it("keep any other cause instead of an unsubscription through a link, which its reader may take back", async () => {
    const { open } = await prepare();
    const store = await open();
    const left = (address: string) => ({
      address,
      list: ALL_BULK,
      reason: "unsubscribe",
      source: "link",
      detail: "june",
    });
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
      expect(await store.suppressionsOf(before)).toMatchObject([cause]);
      expect(await store.suppressionsOf(after)).toMatchObject([cause]);
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
    expect((await search(store, "b@")).toSorted()).toEqual(special.slice(0, 5));
  });

  it("are found by a text they contain: % and _ are letters like others, case is not told apart", async () => {
    const { open } = await prepare();
    const store = await open();
    const addresses = ["100%@x.example", "100a@x.example", "a_b@x.example", "acb@x.example", "Zoe@X.example"];
    await store.suppress(addresses.map((address) => ({ ...bounce(address), detail: "550" })));
    const found = (text: string) => search(store, text);
    expect(await found("0%")).toEqual(["100%@x.example"]);
    expect(await found("A_B")).toEqual(["a_b@x.example"]);
    expect(await found("ZOE@x")).toEqual(["zoe@x.example"]);
    expect(await found("'; drop table suppression; --")).toEqual([]);
    expect((await store.searchSuppressions({ text: "zoe", after: null, limit: 1 })).rows[0]).toMatchObject({
      reason: "bounce",
      source: "test",
      detail: "550",
    });
    expect(await store.countSuppressions()).toBe(5);
  });

  it("are paged from the newest to the oldest, each once, whatever is asked for", async () => {
    const { open } = await prepare();
    const store = await open();
    const at = (index: number) => 1_000 + Math.floor(index / 3);
    const entries = Array.from({ length: 25 }, (_, index) => ({
      ...bounce(`p${index}@${index % 5 === 0 ? "rare" : "x"}.example`),
      createdAt: at(index),
    }));
    await store.suppress(entries);
    for (const [text, limit] of [
      ["", 4],
      ["", 25],
      ["", 24],
      ["RARE", 1],
      ["rare", 5],
      ["nowhere", 2],
    ] as const) {
      const pages: string[][] = [];
      for (let after: string | null = null; ;) {
        const page: Awaited<ReturnType<typeof store.searchSuppressions>> = await store.searchSuppressions({
          text,
          after,
          limit,
        });
        pages.push(page.rows.map(({ address }) => address));
        if (page.next === null) break;
        expect(page.rows).toHaveLength(limit);
        after = page.next;
      }
      const wanted = entries.filter(({ address }) => address.includes(text.toLowerCase()));
      expect(pages.flat().toSorted()).toEqual(wanted.map(({ address }) => address).toSorted());
      const times = pages.flat().map((address) => entries.find((entry) => entry.address === address)?.createdAt ?? 0);
      expect(times).toEqual(times.toSorted((a, b) => b - a));
    }
    await expect(store.searchSuppressions({ text: "", after: "nonsense", limit: 9 })).rejects.toThrow("no page after");
  });

  it("are found among many thousands, the oldest too", async () => {
    const { open } = await prepare();
    const store = await open();
    await store.suppress(Array.from({ length: 45_000 }, (_, n) => ({ ...bounce(`p${n}@x.example`), createdAt: n })));
    expect(await search(store, "p7@")).toEqual(["p7@x.example"]);
    expect(await search(store, "", 2)).toEqual(["p44999@x.example", "p44998@x.example"]);
    expect(await store.countSuppressions()).toBe(45_000);
  });
}
