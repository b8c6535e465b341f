/** Requests to the gateway where PostgreSQL differs: batches in a few statements, several gateways at once, lost answers, its texts. */
import pg from "pg";
import { describe, expect, it, vi } from "vitest";
import type { AcceptRequest } from "../../../src/store/rows.ts";
import type { Opened, Store } from "../../../src/store/store.ts";
import type { CommitFate, DatabaseProxy } from "../../support/database-proxy.ts";
import { requireServers } from "../../support/servers.ts";
import { EVERYTHING, ingest, messagesOf, sent, settle, states, turn } from "../../support/store-actions.ts";
import { accept, content, counts, message, request } from "../bench.ts";
import { expectSound } from "../sound.ts";
import { behindProxy, type PostgresBench, preparePostgres, rows } from "./bench.ts";
import { holdWriterLock } from "./beside.ts";

const REPEAT = { caller: "ci", key: "k1", fingerprint: "f1" };

const people = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `p${from + index}@x.example`);

async function expectWhole(bench: PostgresBench): Promise<void> {
  await expectSound(await bench.open(), bench.clock);
  await bench.inspect();
}

/** How many statements about tables of the job a call takes. */
async function statementsOf({ schema }: PostgresBench, call: () => Promise<unknown>): Promise<number> {
  const query = vi.spyOn(pg.Client.prototype, "query");
  try {
    await call();
    return query.mock.calls.filter((asked) => JSON.stringify(asked).includes(schema)).length;
  } finally {
    query.mockRestore();
  }
}

describe.skipIf(requireServers("postgres"))("on a server", () => {
  describe("a batch", () => {
    batches();
  });
  describe("several gateways at once", () => {
    atOnce();
  });
  describe("a commit whose answer is lost", () => {
    lostAnswers();
  });
  describe("texts that no column can have", () => {
    texts();
  });
});

function batches(): void {
  it("takes as many statements as one request, and knows its own topics, contents, addresses and keys", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await store.suppress([{ address: "p7@x.example", reason: "manual", source: "test" }]);
    const post = (n: number, given: Partial<AcceptRequest> = {}) =>
      request(
        [
          message([`p${n}@x.example`, "all@x.example"], { topic: `t${n % 3}`, uuid: `u-${n}`, priority: 1 + (n % 10) }),
          message([`p${n}@x.example`], { topic: `t${n % 3}`, content: content(`code ${n}`), notBefore: n % 2 }),
        ],
        { repeat: { ...REPEAT, key: `k${n}` }, ...given },
      );
    const one = await statementsOf(bench, () => store.accept([post(1_000)]));
    const batch = Array.from({ length: 200 }, (_, n) => post(n));
    const many = await statementsOf(bench, async () => {
      const results = await store.accept([...batch, post(3), request([message(["late@x.example"], { topic: "t1" })])]);
      expect(results.slice(0, 200).every(({ kind }) => kind === "stored")).toBe(true);
      expect(results.slice(200).map(({ kind }) => kind)).toEqual(["repeated", "stored"]);
      const sums = results.slice(0, 200).map((result) => (result.kind === "stored" ? result.counts : null));
      expect(sums[0]).toEqual({ added: 3, duplicates: 0, suppressed: 0 });
      expect(sums[3]).toEqual({ added: 2, duplicates: 1, suppressed: 0 });
      expect(sums[7]).toEqual({ added: 0, duplicates: 1, suppressed: 2 });
    });
    expect(many).toBeLessThanOrEqual(one + 1);
    expect((await store.topics()).map(({ topic }) => topic)).toEqual(["t1", "t0", "t2"]);
    expect((await store.knownUuids(["u-0", "u-199", "u-200"])).size).toBe(2);
    await expectWhole(bench);
  });

  it("that is refused leaves every table as it was", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await counts(store, ["a@x.example"]);
    await store.cancel("june");
    const tables = [
      "topic",
      "topic_count",
      "content",
      "ingest",
      "message",
      "recipient",
      "answer",
      "accepted_uuid",
      "job",
    ];
    const all = () => Promise.all(tables.map((table) => rows(bench.schema, `select * from sm.${table} order by 1`)));
    const before = await all();
    const result = await accept(
      store,
      [message(["b@x.example"], { topic: "july", content: content("new"), uuid: "u-1" }), message(["b@x.example"])],
      { repeat: REPEAT },
    );
    expect(result).toMatchObject({ kind: "refused" });
    expect(await all()).toEqual(before);
  });

  it("that fails in its middle stores nothing, and the next one is stored", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await rows(
      bench.schema,
      `create function sm.full() returns trigger language plpgsql as $$ begin raise exception using errcode = '53100', message = 'full'; end $$;
       create trigger full_disk before insert on sm.message for each row when (new.email = 'c@x.example') execute function sm.full()`,
    );
    const batch = [
      request([message(["a@x.example"])], { repeat: REPEAT }),
      request([message(["b@x.example", "c@x.example"], { topic: "july", uuid: "u-1" })]),
    ];
    await expect(store.accept(batch)).rejects.toMatchObject({
      name: "StoppedError",
      message: expect.stringContaining("no space left on the disk of the database"),
    });
    for (const table of [
      "topic",
      "topic_count",
      "content",
      "ingest",
      "message",
      "recipient",
      "answer",
      "accepted_uuid",
    ])
      expect(await rows(bench.schema, `select * from sm.${table}`), `in ${table}`).toEqual([]);
    await rows(bench.schema, "drop trigger full_disk on sm.message");
    expect((await store.accept(batch)).map(({ kind }) => kind)).toEqual(["stored", "stored"]);
    await expectWhole(bench);
  });

  it("grows one range of ids for a thousand requests to one topic, and no list ever shares it", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    for (let n = 0; n < 20; n++) await counts(await (n % 10 === 0 ? bench.open() : store), [`p${n}@x.example`]);
    const ranges = () => rows(bench.schema, "select first_id, last_id from sm.ingest order by id");
    expect(await ranges()).toEqual([{ first_id: 1, last_id: 20 }]);
    await ingest(store, ["q@x.example", "p1@x.example", "p2@x.example"]);
    await counts(store, ["r@x.example"]);
    await counts(store, ["r@x.example"]);
    await store.accept([
      request([message(["s@x.example"]), message(["t@x.example"], { topic: "other" })]),
      request([message(["s@x.example"], { topic: "other" }), message(["u@x.example"])]),
    ]);
    expect(await ranges()).toEqual([
      { first_id: 1, last_id: 20 },
      { first_id: 21, last_id: 21 },
      { first_id: 24, last_id: 25 },
      { first_id: 26, last_id: 27 },
      { first_id: 28, last_id: 28 },
    ]);
    await expectWhole(bench);
  });

  it("for the real thing sets a rehearsal aside once, and all of it goes into the new topic", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await counts(store, people(2));
    const { claims } = await turn(store, 9, { scope: { ...EVERYTHING, endpoint: "sandbox" } });
    await settle(store, ...claims.map((claim) => sent(claim)));
    await ingest(store, ["x@x.example"], { topic: "june (rehearsal)" });
    const results = await store.accept([
      request([message(["p0@x.example"], { uuid: "u-1" })]),
      request([message(people(3)), message(["p0@x.example"], { topic: "june (rehearsal 2)" })], {
        endpoint: "sandbox",
      }),
      request([message(["p0@x.example"], { uuid: "u-1" })]),
    ]);
    expect(results).toEqual([
      {
        kind: "stored",
        counts: { added: 1, duplicates: 0, suppressed: 0 },
        ids: [4],
        setAside: [{ topic: "june", now: "june (rehearsal 2)" }],
      },
      { kind: "stored", counts: { added: 2, duplicates: 2, suppressed: 0 }, ids: [4, 5, 6, 1] },
      { kind: "stored", counts: { added: 0, duplicates: 1, suppressed: 0 }, ids: [4] },
    ]);
    expect((await store.topics()).map(({ topic, total }) => [topic, total])).toEqual([
      ["june (rehearsal 2)", 2],
      ["june (rehearsal)", 1],
      ["june", 3],
    ]);
    await expectWhole(bench);
  });
}

function atOnce(): void {
  it("that bring the same uuids in opposite orders store each once, and none of them fails", async () => {
    const bench = await preparePostgres();
    const stores = await Promise.all([bench.open(), bench.open(), bench.open()]);
    const uuids = Array.from({ length: 200 }, (_, n) => `u-${n}`);
    const posts = (order: readonly string[]) =>
      order.map((uuid) =>
        request([message([`${uuid}@x.example`, "all@x.example"], { uuid, topic: `t${uuid.length}` })]),
      );
    for (let round = 0; round < 3; round++) {
      const orders = stores.map((_, n) => (n % 2 === 0 ? uuids : uuids.toReversed()));
      const results = await Promise.all(stores.map((store, n) => store.accept(posts(orders[n] ?? []))));
      const added = results.flat().map((result) => (result.kind === "stored" ? result.counts.added : Number.NaN));
      expect(added.reduce((sum, each) => sum + each)).toBe(round === 0 ? 203 : 0);
    }
    await expectWhole(bench);
  });

  it("tell of a job that others hold as one clear error, and nothing is stored", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    const release = await holdWriterLock(bench);
    await expect(accept(store, [message(["a@x.example"])])).rejects.toMatchObject({
      name: "StoppedError",
      message: expect.stringContaining("others held up the database"),
    });
    await release();
    expect(await store.totals(null)).toMatchObject({ total: 0 });
    expect(await counts(store, ["a@x.example"])).toEqual([1, 0, 0]);
  });
}

function lostAnswers(): void {
  async function prepared(): Promise<{ bench: PostgresBench; proxy: DatabaseProxy; store: Opened }> {
    const bench = await preparePostgres();
    return { bench, ...(await behindProxy(bench)) };
  }

  const post = (n: number) =>
    request([message([`p${n}@x.example`], { topic: null })], { repeat: { ...REPEAT, key: `k${n}` }, memo: "m" });

  it.each<CommitFate>(["lost", "done", "late"])("stores a request once: %s", async (fate) => {
    const { bench, proxy, store } = await prepared();
    await store.accept([post(0)]);
    const struck = proxy.strike(fate);
    const going = store.accept([post(1), post(2)]);
    await struck.happened;
    await struck.release();
    const stored = (id: number) => ({
      kind: "stored",
      counts: { added: 1, duplicates: 0, suppressed: 0 },
      ids: [id],
    });
    // Not "repeated": that would be what a second attempt makes of what the first one stored.
    expect(await going).toEqual([stored(2), stored(3)]);
    expect(Object.keys(await states(await bench.open(), "no-topic"))).toHaveLength(3);
    expect((await store.accept([post(1)])).map(({ kind }) => kind)).toEqual(["repeated"]);
    await expectWhole(bench);
  });

  it("does so when it is the first one of its process", async () => {
    const { bench, proxy, store } = await prepared();
    const struck = proxy.strike("done");
    const going = store.accept([post(1)]);
    await struck.happened;
    expect((await going).map(({ kind }) => kind)).toEqual(["stored"]);
    expect(await store.totals(null)).toMatchObject({ total: 1 });
    await expectWhole(bench);
  });
}

function texts(): void {
  const ODD = ["nul \0 inside", "half \ud83d", "other half \udcec"];

  it.each(ODD)("in names and keys do not make a batch fail: %j", async (odd) => {
    const bench = await preparePostgres();
    const store = await bench.open();
    const repeat = { ...REPEAT, caller: odd, key: odd };
    const batch = [
      request([message(["a@x.example"], { topic: odd, uuid: odd, content: content(odd) })], { repeat, memo: odd }),
      request([message(["b@x.example"])]),
    ];
    const counts = { added: 1, duplicates: 0, suppressed: 0 };
    expect(await store.accept(batch)).toEqual([1, 2].map((id) => ({ kind: "stored", counts, ids: [id] })));
    expect(await store.earlier(repeat)).toEqual({ kind: "repeated", counts, ids: [1], memo: odd });
    expect(await store.knownUuids([odd, "b"])).toEqual(new Set([odd]));
    expect(await store.accepted(odd)).toMatchObject({ state: "pending" });
    const again = await store.accept([request([message(["c@x.example"], { topic: odd, uuid: odd })])]);
    expect(again).toMatchObject([{ counts: { added: 0, duplicates: 1 } }]);
    expect(await subjects(store)).toContain(odd);
    await expectWhole(bench);
  });

  async function subjects(store: Store): Promise<string[]> {
    const { claims } = await turn(store, 9);
    return Promise.all(claims.map(async ({ contentId }) => (await store.content(contentId)).subject));
  }

  it("in different names that come to the same are one name", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    const twins = ["\ud83d", "\udcec"];
    await store.accept(twins.map((topic) => request([message(["a@x.example"], { topic })])));
    expect((await messagesOf(store, "\ufffd")).map(({ email }) => email)).toEqual(["a@x.example"]);
    await expectWhole(bench);
  });
}
