/** What inlets could not take in: kept, counted, read, dropped. */
import { describe, expect, it } from "vitest";
import type { NewDeadLetter } from "../../../src/store/rows.ts";
import { BESIDE_BODY, MOST_REASON } from "../../../src/store/dead-letters.ts";
import type { Prepare } from "../bench.ts";

const letter = (given: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  source: "nats",
  origin: "messages#1",
  reason: "not MessagePack",
  body: Buffer.from([0xc1, 0, 0xff]),
  extras: null,
  ...given,
});

export function letters(prepare: Prepare): void {
  describe("of a delivery that", () => {
    coming(prepare);
  });
  describe("with", () => {
    oddities(prepare);
  });

  it("are read page by page, newest first, and dropped by a person", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.deadLetters({ before: null, limit: 10 })).toEqual([]);
    expect(await store.dropDead([1])).toBe(0);
    const origins = Array.from({ length: 5 }, (_, at) => `messages#${at}`);
    for (const origin of origins) await store.keepDead([letter({ origin })]);
    const first = await store.deadLetters({ before: null, limit: 2 });
    expect(first.map(({ origin }) => origin)).toEqual(["messages#4", "messages#3"]);
    const second = await store.deadLetters({ before: first[1]?.id ?? 0, limit: 2 });
    expect(second.map(({ origin }) => origin)).toEqual(["messages#2", "messages#1"]);
    expect(await store.deadLetters({ before: null, limit: 0 })).toEqual([]);
    const ids = [...first, ...second].map(({ id }) => id);
    expect(await store.dropDead([...ids, ids[0] ?? 0, 4_711])).toBe(4);
    expect(await store.countDead()).toBe(1);
    expect(await store.deadLetter(ids[0] ?? 0)).toBeNull();
    await store.keepDead([letter({ origin: "new" })]);
    const [newest] = await store.deadLetters({ before: null, limit: 1 });
    expect(newest?.id, "an id that a person may have written down names nothing else").toBeGreaterThan(ids[0] ?? 0);
  });

  it("tell how much room they take", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.deadBytes()).toBe(0);
    await store.keepDead([letter(), letter({ origin: "messages#2", body: Buffer.alloc(5_000_000) })]);
    expect(await store.deadBytes()).toBe(2 * BESIDE_BODY + 3 + 5_000_000);
  });

  it("that two processes keep at once are one, counted twice", async () => {
    const { open } = await prepare();
    const [one, two] = [await open(), await open()];
    const origins = Array.from({ length: 20 }, (_, at) => letter({ origin: `messages#${at}` }));
    const kept = await Promise.all([one.keepDead(origins), two.keepDead(origins.toReversed())]);
    expect(kept.toSorted()).toEqual([0, 20]);
    const all = await two.deadLetters({ before: null, limit: 100 });
    expect(all.map(({ times }) => times)).toEqual(Array.from({ length: 20 }, () => 2));
  });

  it("without end are kept in one transaction", async () => {
    const { open } = await prepare();
    const store = await open();
    const many = Array.from({ length: 450 }, (_, at) => letter({ origin: `messages#${at}` }));
    expect(await store.keepDead(many)).toBe(450);
    expect(await store.countDead()).toBe(450);
    expect(await store.keepDead([])).toBe(0);
    expect(await store.dropDead([])).toBe(0);
  });
}

function coming(prepare: Prepare): void {
  it("comes again is counted once more, with its new reason", async () => {
    const { open, clock } = await prepare();
    const [store, other] = [await open(), await open()];
    const at = clock.now();
    expect(await store.keepDead([letter(), letter({ reason: "said twice" })])).toBe(1);
    clock.pass(1_000);
    expect(await other.keepDead([letter({ reason: "topic june is cancelled" })])).toBe(0);
    const [row, ...others] = await store.deadLetters({ before: null, limit: 9 });
    expect(others).toEqual([]);
    expect(row).toEqual({
      id: row?.id,
      source: "nats",
      origin: "messages#1",
      reason: "topic june is cancelled",
      times: 3,
      receivedAt: at,
      lastAt: at + 1_000,
      bytes: 3,
    });
    const { body, ...found } = (await store.deadLetter(row?.id ?? 0)) ?? letter();
    expect(found).toEqual({ ...row, extras: null });
    expect([...body]).toEqual([0xc1, 0, 0xff]);
  });

  it("only shares its name with another one is kept beside it: a stream that was made again counts from the beginning", async () => {
    const { open } = await prepare();
    const store = await open();
    const second = letter({ body: Buffer.from("second") });
    expect(await store.keepDead([letter(), second, letter({ extras: "e30" })])).toBe(3);
    expect(await store.keepDead([second, letter({ source: "redis" })])).toBe(1);
    const all = await store.deadLetters({ before: null, limit: 9 });
    expect(all.map(({ source, origin, times }) => [source, origin, times])).toEqual([
      ["redis", "messages#1", 1],
      ["nats", "messages#1 (3)", 1],
      ["nats", "messages#1 (2)", 2],
      ["nats", "messages#1", 1],
    ]);
    expect(Buffer.from((await store.deadLetter(all[2]?.id ?? 0))?.body ?? []).toString()).toBe("second");
  });
}

function oddities(prepare: Prepare): void {
  it("texts that no column takes are kept all the same, and their bytes as they are", async () => {
    const { open } = await prepare();
    const store = await open();
    const odd = "a\0b\ud800c";
    const body = Uint8Array.from({ length: 256 }, (_, at) => at).subarray(1);
    const given = letter({ origin: odd, reason: odd, extras: odd, body });
    expect(await store.keepDead([given])).toBe(1);
    expect(await store.keepDead([given])).toBe(0);
    const [row] = await store.deadLetters({ before: null, limit: 1 });
    expect(row).toMatchObject({ origin: "a\ufffdb\ufffdc", reason: "a\ufffdb\ufffdc", times: 2, bytes: 255 });
    const found = await store.deadLetter(row?.id ?? 0);
    expect(found?.extras).toBe("a\ufffdb\ufffdc");
    expect([...(found?.body ?? [])]).toEqual([...body]);
  });

  it("a long reason are cut, and with a long origin still told apart", async () => {
    const { open } = await prepare();
    const store = await open();
    const long = (end: string) => letter({ origin: `${"한".repeat(5_000)}#${end}`, reason: "𝄞".repeat(9_000) });
    expect(await store.keepDead([long("1"), long("2"), long("1")])).toBe(2);
    const rows = await store.deadLetters({ before: null, limit: 9 });
    expect(rows.map(({ origin, times }) => [origin.slice(-2), times])).toEqual([
      ["#2", 1],
      ["#1", 2],
    ]);
    expect(Array.from(rows[0]?.reason ?? "")).toHaveLength(MOST_REASON);
    expect(rows[0]?.reason.endsWith("…")).toBe(true);
  });

  it("an empty body, or one of megabytes", async () => {
    const { open } = await prepare();
    const store = await open();
    const large = Buffer.alloc(6_000_000, "x");
    const bodies = [Buffer.alloc(0), large, large];
    expect(await store.keepDead(bodies.map((body, at) => letter({ body, origin: `${at}` })))).toBe(3);
    const rows = await store.deadLetters({ before: null, limit: 9 });
    expect(rows.map(({ bytes }) => bytes)).toEqual([6_000_000, 6_000_000, 0]);
    expect(large.equals((await store.deadLetter(rows[0]?.id ?? 0))?.body ?? Buffer.alloc(0))).toBe(true);
  });
}
