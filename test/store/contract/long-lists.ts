/** Lists of more rows than one transaction puts in: nobody sees a part of one, and others go on meanwhile. */
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { ListCounts, StagedRow } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import {
  addList,
  commit,
  EVERYTHING,
  foresee,
  ingest,
  messagesOf,
  refusalOf,
  turn,
} from "../../support/store-actions.ts";
import { type Bench, content, counts, type Prepare } from "../bench.ts";
import { expectSound } from "../sound.ts";

/** More rows than one transaction puts in. */
const LONG = 12_000;

/** In no order, as lists are. */
const addresses = (count = LONG, name = "p"): string[] =>
  Array.from({ length: count }, (_, n) => `${name}${(n * 7_919) % count}@x.example`);
const rowsOf = (emails: readonly string[]): StagedRow[] =>
  emails.map((email) => ({ email, fields: JSON.stringify([email]), notBefore: 0 }));

/** Puts a list into topic june. `look` is called again and again until it is there, and by then at least some times. */
async function beside(store: Store, rows: StagedRow[], look: () => Promise<void>): Promise<ListCounts> {
  const staging = await store.stage();
  const adding = { isDone: false };
  let looks = 0;
  try {
    await staging.add(rows);
    const ended = commit(staging).finally(() => (adding.isDone = true));
    // Whoever waits below hears of it.
    ended.catch(() => undefined);
    for (; !adding.isDone; looks++) {
      await look();
      await setImmediate();
    }
    expect(looks).toBeGreaterThan(1);
    return await ended;
  } finally {
    await staging.discard();
  }
}

export function longLists(prepare: Prepare): void {
  it("go in with exact counts, in the order of the list, and the same list again adds nothing", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const people = addresses();
    await store.suppress(people.slice(7, 30).map((address) => ({ address, reason: "manual", source: "test" })));
    const given = people.map((email, n) => (n % 2_000 === 1 ? email.toUpperCase() : email));
    // Some are there twice: in the middle, far apart, and at the end.
    const list = [
      ...given.slice(0, 9_000),
      ...given.slice(8_990, 9_010),
      ...given.slice(9_000),
      ...people.slice(0, 40),
    ];
    const counted = { added: LONG - 23, duplicates: 60, suppressed: 23 };
    expect(await addList(store, rowsOf(list))).toEqual(counted);
    const messages = await messagesOf(store, "june");
    expect(messages.map(({ email }) => email)).toEqual(given);
    expect(messages.filter(({ state }) => state === "suppressed")).toHaveLength(23);
    expect(await foresee(store, list)).toEqual({ added: 0, duplicates: list.length, suppressed: 0 });
    expect(await addList(store, rowsOf(list))).toEqual({ added: 0, duplicates: list.length, suppressed: 0 });
    expect(await ingest(store, ["one@x.example", "p0@x.example"])).toEqual({ added: 1, duplicates: 1, suppressed: 0 });
    expect(await messagesOf(store, "june")).toHaveLength(LONG + 1);
    await expectSound(store, clock);
  });

  it("that have grown add those who are new, once and in their order", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const people = addresses();
    await ingest(store, people);
    await counts(store, ["posted@x.example"]);
    await store.suppress([{ address: "new7@x.example", reason: "manual", source: "test" }]);
    const grown = people.flatMap((email, n) => (n % 1_000 === 7 ? [email, `New${n}@x.example`] : [email]));
    const list = [...grown, "new1007@x.example", "posted@x.example", "last@x.example", "NEW7@x.example"];
    const fresh = Array.from({ length: 12 }, (_, n) => `New${n * 1_000 + 7}@x.example`);
    const counted = { added: 12, duplicates: list.length - 13, suppressed: 1 };
    expect(await foresee(store, list)).toEqual(counted);
    expect(await addList(store, rowsOf(list))).toEqual(counted);
    const all = (await messagesOf(store, "june")).map(({ email }) => email);
    expect(all).toEqual([...people, "posted@x.example", ...fresh, "last@x.example"]);
    expect(await addList(store, rowsOf(list))).toEqual({ added: 0, duplicates: list.length, suppressed: 0 });
    // More than half of this one is new.
    const other = addresses(2 * LONG);
    expect(await addList(store, rowsOf(other))).toEqual({ added: LONG, duplicates: LONG, suppressed: 0 });
    await expectSound(store, clock);
  });

  it("are rehearsed from the beginning when they are meant for the sandbox", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const people = addresses();
    const entry = { reason: "bounce", source: "test", rehearsal: true };
    await store.suppress([{ address: "p5@x.example", ...entry }]);
    expect(await ingest(store, people, { endpoint: "sandbox" })).toEqual({
      added: LONG - 1,
      duplicates: 0,
      suppressed: 1,
    });
    expect(await store.topic("june")).toMatchObject({ endpoint: "sandbox", pending: LONG - 1, suppressed: 1 });
    await expectSound(store, clock);
  });

  it("expire and wait as short ones do", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const at = clock.now() + 5_000;
    await ingest(store, addresses(), { at, expiresInMs: 1_000 });
    expect(await store.topic("june")).toMatchObject({ notBefore: at, pending: LONG });
    expect(await store.nextDueInMs(EVERYTHING)).toBe(5_000);
    clock.pass(5_500);
    const [first] = (await turn(store, 1)).claims;
    expect(first).toMatchObject({ email: "p0@x.example", expiresInMs: 500 });
  });

  describe("while one goes in", () => {
    seen(prepare);
    changed(prepare);
  });
  describe("for a topic that exists,", () => {
    decided(prepare);
  });
  describe("while one goes into a topic that exists,", () => {
    joined(prepare);
  });
}

function seen(prepare: Prepare): void {
  it("nobody sees a part of it, and another topic is sent", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(two, addresses(9_000, "other"), { topic: "other" });
    let [claimed, before] = [0, 0];
    const look = async () => {
      const { claims } = await turn(two, 3);
      for (const { email } of claims) expect(email).toContain("other");
      claimed += claims.length;
      const june = await two.topic("june");
      if (june === null) before++;
      expect(june?.pending ?? 0).toBe(june === null ? 0 : LONG);
      const { total } = await two.totals(null);
      expect([9_000, 9_000 + LONG]).toContain(total);
      expect([9_000, 9_000 + LONG]).toContain((await two.outlook(EVERYTHING)).due + claimed);
      expect([1, 2]).toContain(await two.countTopics());
      const found = await two.messagesTo("p11999@x.example", 9);
      expect(found.map(({ topic, state }) => [topic, state])).toEqual(found.length === 0 ? [] : [["june", "pending"]]);
    };
    expect(await beside(one, rowsOf(addresses()), look)).toMatchObject({ added: LONG });
    expect(before).toBeGreaterThan(0);
    expect(claimed).toBeGreaterThan(0);
    expect(await two.topic("june")).toMatchObject({ pending: LONG });
    await expectSound(two, clock);
  });

  it("an export or a cancel finds no such topic, or all of it", async () => {
    const { open } = await prepare();
    const [one, two] = [await open(), await open()];
    const found: number[] = [];
    const refusals = new Set<string>();
    await beside(one, rowsOf(addresses()), async () => {
      const messages = await messagesOf(two, "june").catch(() => []);
      found.push(messages.length);
      if (messages.length === 0) await two.cancel("never").catch((error: Error) => refusals.add(error.message));
    });
    expect([...refusals]).toEqual([expect.stringContaining("no topic")]);
    for (const length of found) expect([0, LONG]).toContain(length);
    expect(found[0]).toBe(0);
    expect(await two.cancel("june")).toEqual({ cancelled: LONG, inFlight: 0 });
  });
}

function changed(prepare: Prepare): void {
  it("who is suppressed gets none of it, and is counted", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    let next = 0;
    const suppressed = new Set<string>();
    const added = await beside(one, rowsOf(addresses()), async () => {
      const address = `p${(next++ * 611) % LONG}@x.example`;
      if ((await two.topic("june")) === null) suppressed.add(address);
      await two.suppress([{ address, reason: "complaint", source: "test" }]);
    });
    expect(added.added + added.suppressed).toBe(LONG);
    const left = (await messagesOf(one, "june")).filter(({ state }) => state === "pending").map(({ email }) => email);
    expect(left.filter((email) => suppressed.has(email))).toEqual([]);
    await expectSound(one, clock);
  });

  it("nobody who gets the same mail by a request gets it twice", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    let [posted, round] = [0, 0];
    const added = await beside(one, rowsOf(addresses()), async () => {
      if (round++ !== 1) return;
      const [own = 0, again = 0] = await counts(two, ["p3@x.example", "new@x.example"]);
      expect(own + again).toBe(2);
      posted += own;
    });
    expect(added.added + posted).toBe(LONG + 1);
    expect(await one.totals("june")).toMatchObject({ pending: LONG + 1 });
    await expectSound(one, clock);
  });

  it("the same list by somebody else adds nobody twice", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    const other = [...addresses().slice(0, 7_000), "new@x.example"];
    const [first, second] = await Promise.all([ingest(one, addresses()), ingest(two, other)]);
    expect(first.added + second.added).toBe(LONG + 1);
    expect(await one.totals("june")).toMatchObject({ total: LONG + 1, pending: LONG + 1 });
    await expectSound(two, clock);
  });
}

/** The topic has every eighth of them before. */
const PEOPLE = addresses(14_000);
const OLD = PEOPLE.filter((_, n) => n % 8 === 0);
const FRESH = PEOPLE.filter((_, n) => n % 8 !== 0);

/** Two handles on a job whose topic june has the old ones. */
async function withOld({ open }: Bench): Promise<[one: Store, two: Store]> {
  const [one, two] = [await open(), await open()];
  await ingest(one, OLD);
  return [one, two];
}

function joined(prepare: Prepare): void {
  it("each of it is there once, and leaves in its order", async () => {
    const bench = await prepare();
    const [one, two] = await withOld(bench);
    const claimed: string[] = [];
    const take = async (room: number) => {
      const { claims } = await turn(two, room);
      claimed.push(...claims.map(({ email }) => email));
      return claims.length;
    };
    const added = await beside(one, rowsOf(PEOPLE), async () => void (await take(200)));
    expect(added).toEqual({ added: FRESH.length, duplicates: OLD.length, suppressed: 0 });
    while ((await take(2_000)) > 0);
    expect(claimed).toEqual([...OLD, ...FRESH]);
    await expectSound(two, bench.clock);
    await bench.inspect();
  });

  it("who is suppressed gets none of it, and who is posted to gets it once", async () => {
    const bench = await prepare();
    const [one, two] = await withOld(bench);
    const [suppressed, posted] = [new Set<string>(), new Set<string>()];
    let sum = 0;
    let round = 0;
    const added = await beside(one, rowsOf(PEOPLE), async () => {
      const address = FRESH[(round * 611) % FRESH.length] ?? "";
      const other = FRESH[(round * 613 + 1) % FRESH.length] ?? "";
      round++;
      suppressed.add(address);
      await two.suppress([{ address, reason: "complaint", source: "test" }]);
      if (suppressed.has(other) || posted.size > 500) return;
      posted.add(other);
      sum += (await counts(two, [other]))[0] ?? 0;
    });
    expect(added.added + added.suppressed + added.duplicates).toBe(PEOPLE.length);
    const messages = await messagesOf(one, "june");
    expect(messages).toHaveLength(PEOPLE.length);
    expect(added.added + added.suppressed + sum).toBeGreaterThanOrEqual(FRESH.length);
    const pending = messages.filter(({ state }) => state === "pending").map(({ email }) => email);
    expect(pending.filter((email) => suppressed.has(email))).toEqual([]);
    await expectSound(two, bench.clock);
    await bench.inspect();
  });

  it.each([1, 8, 20])("a cancel in round %i cancels all of it, or it is refused", async (at) => {
    const bench = await prepare();
    const [one, two] = await withOld(bench);
    let round = 0;
    let cancelled = 0;
    const taking = beside(one, rowsOf(PEOPLE), async () => {
      if (round++ === at) ({ cancelled } = await two.cancel("june"));
    });
    const refusal = await refusalOf(taking);
    if (round <= at) ({ cancelled } = await two.cancel("june"));
    expect([refusal, cancelled]).toEqual(refusal === "taken" ? ["taken", PEOPLE.length] : ["cancelled", OLD.length]);
    expect(await one.totals("june")).toMatchObject({ pending: 0, cancelled });
    await expectSound(two, bench.clock);
    await bench.inspect();
  });

  it.each([1, 8, 20])("another time in round %i is that of all of it, or of none", async (at) => {
    const bench = await prepare();
    const [one, two] = await withOld(bench);
    const when = { notBefore: bench.clock.now() + 9_000, times: null };
    let round = 0;
    let moved = 0;
    const added = await beside(one, rowsOf(PEOPLE), async () => {
      if (round++ === at) moved = await two.reschedule("june", when);
    });
    if (round <= at) moved = await two.reschedule("june", when);
    expect(added).toEqual({ added: FRESH.length, duplicates: OLD.length, suppressed: 0 });
    expect([OLD.length, PEOPLE.length]).toContain(moved);
    expect((await two.outlook(EVERYTHING)).due).toBe(PEOPLE.length - moved);
    await expectSound(two, bench.clock);
    await bench.inspect();
  });
}

/** What a list for a topic that exists makes of the topic. */
function decided(prepare: Prepare): void {
  it("makes a rehearsal of it when it is meant for the sandbox", async () => {
    const bench = await prepare();
    const [one, two] = await withOld(bench);
    const rehearsal = { reason: "bounce", source: "test", rehearsal: true };
    await two.suppress([OLD[3] ?? "", FRESH[5] ?? ""].map((address) => ({ address, ...rehearsal })));
    const added = await ingest(one, PEOPLE, { endpoint: "sandbox" });
    expect(added).toEqual({ added: FRESH.length - 1, duplicates: OLD.length, suppressed: 1 });
    expect(await one.topic("june")).toMatchObject({ endpoint: "sandbox", suppressed: 2, pending: PEOPLE.length - 2 });
    await expectSound(two, bench.clock);
    await bench.inspect();
  });

  it("makes it due with the earliest of both", async () => {
    const bench = await prepare();
    const [one] = await withOld(bench);
    const now = bench.clock.now();
    await one.reschedule("june", { notBefore: now + 9_000, times: null });
    await ingest(one, PEOPLE, { at: now + 5_000, expiresInMs: 1_000 });
    expect(await one.topic("june")).toMatchObject({ notBefore: now + 5_000, pending: PEOPLE.length });
    expect(await one.nextDueInMs(EVERYTHING)).toBe(5_000);
    await bench.inspect();
  });

  it("gives it another content when it may", async () => {
    const bench = await prepare();
    const [one, two] = await withOld(bench);
    expect(await refusalOf(ingest(one, PEOPLE, { content: content("b") }))).toBe("other-content");
    expect(await one.totals("june")).toMatchObject({ total: OLD.length });
    const added = await ingest(one, PEOPLE, { content: content("b"), replaceContent: true });
    expect(added).toEqual({ added: FRESH.length, duplicates: OLD.length, suppressed: 0 });
    const { claims } = await turn(two, PEOPLE.length);
    const ids = new Set(claims.map(({ contentId }) => contentId));
    expect([claims.length, ids.size]).toEqual([PEOPLE.length, 1]);
    expect((await two.content([...ids][0] ?? 0)).subject).toBe("b");
    await expectSound(two, bench.clock);
    await bench.inspect();
  });
}
