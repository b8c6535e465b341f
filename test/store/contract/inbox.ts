/** Requests to the gateway: stored whole or not at all, each mail once. */
import { Database } from "../../../src/store/sqlite/driver.ts";
import { describe, expect, it, onTestFinished } from "vitest";
import { NO_TOPIC } from "../../../src/store/store.ts";
import { openStore } from "../../../src/store/sqlite/store.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { CONTENT, EVERYTHING, ingest, putBack, sent, settle, states, turn } from "../../support/store-actions.ts";
import { accept, bench, content, counts, expectSound, inspect, message, request, rows } from "../bench.ts";

const REPEAT = { caller: "ci", key: "k1", fingerprint: "f1" };

describe("a request that is refused stores nothing", () => {
  it("when a topic of it is cancelled, and says how to reopen it", async () => {
    const { open, path } = await bench();
    const store = await open();
    await counts(store, ["a@x.example"]);
    await store.cancel("june");
    const before = inspect(path, (db) => db.serialize());
    const result = await accept(store, [
      message(["b@x.example"], { topic: "july", content: content("new") }),
      message(["b@x.example"]),
    ]);
    expect(result).toEqual({
      kind: "refused",
      problems: [{ message: 1, reason: expect.stringContaining('ses-mail retry "june" --state cancelled') }],
    });
    expect(inspect(path, (db) => db.serialize()).equals(before)).toBe(true);
    await store.retry("june", ["cancelled"]);
    expect(await counts(store, ["b@x.example"])).toEqual([1, 0, 0]);
  });

  it("when a topic went to the other place; both are named", async () => {
    const { open } = await bench();
    const store = await open();
    await counts(store, ["a@x.example"]);
    await turn(store, 1, { scope: { ...EVERYTHING, endpoint: "sandbox" } });
    const result = await accept(store, [message(["b@x.example"])]);
    expect(result).toMatchObject({
      kind: "refused",
      problems: [{ message: 0, reason: expect.stringContaining("sandbox") }],
    });
    expect(await accept(store, [message(["b@x.example"])], { endpoint: "sandbox" })).toMatchObject({ kind: "stored" });
  });

  it("and keeps no answer of it: the same key is good once the reason is gone", async () => {
    const { open } = await bench();
    const store = await open();
    await counts(store, ["a@x.example"]);
    await store.cancel("june");
    expect(await accept(store, [message(["b@x.example"])], { repeat: REPEAT })).toMatchObject({ kind: "refused" });
    await store.retry("june", ["cancelled"]);
    expect(await store.earlier(REPEAT)).toBeNull();
    expect(await accept(store, [message(["b@x.example"])], { repeat: REPEAT })).toMatchObject({ kind: "stored" });
  });

  it("while the others of its batch are stored", async () => {
    const { open, path } = await bench();
    const store = await open();
    await counts(store, ["a@x.example"], { topic: "gone" });
    await store.cancel("gone");
    const results = await store.accept([
      request([message(["a@x.example"])]),
      request([message(["b@x.example"]), message(["c@x.example"], { topic: "gone" })]),
      request([message(["d@x.example"])]),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(["stored", "refused", "stored"]);
    expect(await states(store)).toEqual({ "a@x.example": "pending", "d@x.example": "pending" });
    expectSound(path);
  });

  it("nothing of a whole batch is stored when the disk is full in the middle of it, and the next one is", async () => {
    const { open, path } = await bench();
    const store = await open();
    inspect(path, (db) =>
      db.exec(`create trigger full before insert on message when new.email = 'c@x.example'
               begin select raise(abort, 'full'); end`),
    );
    const batch = [
      request([message(["a@x.example"])], { repeat: REPEAT }),
      request([message(["b@x.example", "c@x.example"], { topic: "july", uuid: "u-1" })]),
    ];
    await expect(store.accept(batch)).rejects.toThrow("full");
    for (const table of ["topic", "content", "ingest", "message", "recipient", "answer", "accepted_uuid"])
      expect(rows(path, `select * from ${table}`), `in ${table}`).toEqual([]);
    inspect(path, (db) => db.exec("drop trigger full"));
    expect((await store.accept(batch)).map(({ kind }) => kind)).toEqual(["stored", "stored"]);
    expect(await store.totals(null)).toMatchObject({ total: 3, pending: 3 });
    expectSound(path);
  });
});

describe("a job file that others hold", () => {
  /** Each look at the lock takes a second. */
  class SlowClock extends ManualClock {
    override async sleep(): Promise<void> {
      this.pass(1_000);
    }
  }

  it("makes nobody wait longer than some seconds; nothing is stored then, and all of it afterwards", async () => {
    const { path } = await bench();
    const store = await openStore(path, new SlowClock());
    onTestFinished(() => store.close());
    const other = new Database(path);
    onTestFinished(() => void other.close());
    other.exec("begin immediate");
    await expect(accept(store, [message(["a@x.example"])])).rejects.toMatchObject({
      name: "StoppedError",
      message: expect.stringContaining("locked by another process"),
    });
    other.exec("rollback");
    expect(await store.totals(null)).toMatchObject({ total: 0 });
    expect(await counts(store, ["a@x.example"])).toEqual([1, 0, 0]);
  });
});

describe("the same mail is taken once", () => {
  it("the same content to the same address in the same topic, whatever the case", async () => {
    const { open, path } = await bench();
    const store = await open();
    expect(await counts(store, ["Ann@x.example", "ann@x.example", "b@x.example"])).toEqual([2, 1, 0]);
    expect(await counts(store, ["ANN@x.example", "c@x.example"])).toEqual([1, 1, 0]);
    expect(Object.keys(await states(store))).toEqual(["Ann@x.example", "b@x.example", "c@x.example"]);
    expectSound(path);
  });

  it("another content in the same topic goes, and is a duplicate the second time", async () => {
    const { open, path } = await bench();
    const store = await open();
    expect(await counts(store, ["a@x.example"])).toEqual([1, 0, 0]);
    for (const code of ["1234", "5678"]) {
      expect(await counts(store, ["a@x.example"], { content: content(code) })).toEqual([1, 0, 0]);
      expect(await counts(store, ["A@x.example"], { content: content(code) })).toEqual([0, 1, 0]);
    }
    const { claims } = await turn(store, 9);
    const subjects = await Promise.all(claims.map(async (claim) => (await store.content(claim.contentId)).subject));
    expect(subjects).toEqual(["Hello", "1234", "5678"]);
    expect(rows(path, "select count(*) as n from content")).toEqual([{ n: 3 }]);
    expectSound(path);
  });

  it("a list of the topic's own content and requests know of each other", async () => {
    const { open, path } = await bench();
    const store = await open();
    await counts(store, ["a@x.example"]);
    expect(await ingest(store, ["A@x.example", "b@x.example"])).toEqual({ added: 1, duplicates: 1, suppressed: 0 });
    expect(await counts(store, ["b@x.example", "c@x.example"])).toEqual([1, 1, 0]);
    expect(await ingest(store, ["c@x.example"])).toEqual({ added: 0, duplicates: 1, suppressed: 0 });
    expectSound(path);
  });

  it("replacing the topic's content leaves what the gateway put beside it, and sends nobody the same twice", async () => {
    const { open, path } = await bench();
    const store = await open();
    await ingest(store, ["a@x.example", "b@x.example"]);
    const [first] = (await turn(store, 1)).claims;
    await settle(store, sent(first));
    await counts(store, ["a@x.example", "c@x.example"], { content: content("code") });
    await expect(ingest(store, ["d@x.example"], { content: content("code"), replaceContent: true })).rejects.toThrow(
      "already",
    );
    await ingest(store, ["d@x.example"], { content: content("second"), replaceContent: true });
    // What was the topic's own content was sent to a: not again as another one. It was not sent to e.
    expect(await counts(store, ["a@x.example", "e@x.example"], { content: CONTENT })).toEqual([1, 1, 0]);
    const { claims } = await turn(store, 9);
    const mails = claims.map(async ({ email, contentId }) => [email, (await store.content(contentId)).subject]);
    expect(await Promise.all(mails)).toEqual([
      ["b@x.example", "second"],
      ["a@x.example", "code"],
      ["c@x.example", "code"],
      ["d@x.example", "second"],
      ["e@x.example", "Hello"],
    ]);
    expectSound(path);
  });

  it("without a topic only an address named twice in one message is a duplicate", async () => {
    const { open, path } = await bench();
    const store = await open();
    for (const topic of [null, NO_TOPIC, null])
      expect(await counts(store, ["a@x.example", "A@x.example", "b@x.example"], { topic })).toEqual([2, 1, 0]);
    const twice = message(["a@x.example"], { topic: null });
    expect(await accept(store, [twice, twice])).toMatchObject({ counts: { added: 2, duplicates: 0 } });
    expect((await store.topics()).map(({ topic, total }) => [topic, total])).toEqual([[NO_TOPIC, 8]]);
    const list = ["a@x.example", "c@x.example", "A@x.example"];
    expect(await ingest(store, list, { topic: NO_TOPIC })).toEqual({ added: 2, duplicates: 1, suppressed: 0 });
    expectSound(path);
  });
});

describe("a uuid", () => {
  it("N1 N4: given again adds nothing, in whatever topic and with whatever content, for good", async () => {
    const { open, clock, path } = await bench();
    const store = await open();
    expect(await counts(store, ["a@x.example"], { topic: null, uuid: "u-1" })).toEqual([1, 0, 0]);
    clock.pass(400 * 86_400_000);
    await store.forgetAnswers(clock.now());
    const again = { topic: "other", content: content("other"), uuid: "u-1" };
    expect(await counts(await open(), ["a@x.example", "b@x.example"], again)).toEqual([0, 2, 0]);
    expect((await store.topics()).map(({ topic }) => topic)).toEqual([NO_TOPIC]);
    expect(rows(path, "select count(*) as n from content")).toEqual([{ n: 1 }]);
  });

  it("is one message's: twice in one request it counts once", async () => {
    const { open } = await bench();
    const store = await open();
    const each = (uuid: string | null) => message(["a@x.example"], { topic: null, uuid });
    expect(await accept(store, [each("u-1"), each("u-1"), each("u-2"), each(null)])).toMatchObject({
      counts: { added: 3, duplicates: 1 },
    });
    expect(await store.knownUuids(["u-1", "u-3", "u-2", "U-1"])).toEqual(new Set(["u-1", "u-2"]));
  });

  it("taken by two processes at once is stored by one of them", async () => {
    const { open, path } = await bench();
    const stores = [await open(), await open()];
    const uuids = Array.from({ length: 50 }, (_, index) => `u-${index}`);
    const results = await Promise.all(
      uuids.flatMap((uuid) => stores.map((store) => accept(store, [message(["a@x.example"], { topic: null, uuid })]))),
    );
    const added = results.map((result) => (result.kind === "stored" ? result.counts.added : 0));
    expect(added.reduce((sum, each) => sum + each)).toBe(uuids.length);
    expectSound(path);
  });

  it("tells what became of its first message", async () => {
    const { open } = await bench();
    const store = await open();
    expect(await store.accepted("u-1")).toBeNull();
    await counts(store, ["a@x.example", "b@x.example"], { uuid: "u-1" });
    await counts(store, ["a@x.example"], { uuid: "u-2" });
    await counts(store, ["c@x.example"], { uuid: "u-3" });
    expect(await store.accepted("u-2")).toBeNull();
    const [first] = (await turn(store, 1)).claims;
    expect(await store.accepted("u-1")).toEqual({ state: "sending", sesMessageId: null, error: null });
    await settle(store, sent(first));
    expect(await store.accepted("u-1")).toEqual({ state: "sent", sesMessageId: `ses-${first?.id}`, error: null });
  });
});

describe("an Idempotency-Key", () => {
  it("answers the same request the same again, and refuses another, also within one batch", async () => {
    const { open } = await bench();
    const store = await open();
    const one = request([message(["a@x.example"])], { repeat: REPEAT, answer: () => "first" });
    const other = request([message(["b@x.example"])], { repeat: { ...REPEAT, fingerprint: "f2" } });
    const elsewhere = request([message(["c@x.example"])], { repeat: { ...REPEAT, caller: "web" } });
    const again = { ...one, answer: () => "second" };
    const results = await store.accept([one, again, other, elsewhere]);
    expect(results.map(({ kind }) => kind)).toEqual(["stored", "repeated", "conflict", "stored"]);
    expect(results[1]).toEqual({ kind: "repeated", answer: "first" });
    expect(await (await open()).earlier(REPEAT)).toEqual({ kind: "repeated", answer: "first" });
    expect(await store.earlier({ ...REPEAT, fingerprint: "f2" })).toEqual({ kind: "conflict" });
    expect(await store.totals(null)).toMatchObject({ total: 2 });
  });

  it("is forgotten with its answer, older ones only", async () => {
    const { open, clock } = await bench();
    const store = await open();
    const keyed = (key: string) => ({ ...REPEAT, key });
    await accept(store, [message(["a@x.example"])], { repeat: keyed("old") });
    clock.pass(1_000);
    await accept(store, [message(["a@x.example"])], { repeat: keyed("new") });
    await store.forgetAnswers(clock.now());
    expect(await store.earlier(keyed("old"))).toBeNull();
    expect(await store.earlier(keyed("new"))).toMatchObject({ kind: "repeated" });
  });
});

describe("what is stored", () => {
  it("goes by priority, when due, with the topic's time when all of it is scheduled", async () => {
    const { open, clock } = await bench();
    const store = await open();
    const [soon, later] = [clock.now() + 1_000, clock.now() + 9_000];
    await accept(store, [
      message(["low@x.example"], { topic: "news", priority: 1 }),
      message(["b@x.example"], { topic: "plan", notBefore: later }),
      message(["a@x.example"], { topic: "plan", notBefore: soon, content: content("other") }),
      message(["c@x.example"], { topic: "mixed", notBefore: soon }),
      message(["d@x.example"], { topic: "mixed" }),
      message(["later@x.example"], { topic: null, notBefore: later }),
    ]);
    await accept(store, [message(["code@x.example"], { topic: null, priority: 10 })]);
    expect((await store.topics()).map(({ topic, notBefore }) => [topic, notBefore])).toEqual([
      ["news", null],
      ["plan", soon],
      ["mixed", null],
      [NO_TOPIC, null],
    ]);
    expect((await turn(store, 9)).claims.map(({ email }) => email)).toEqual([
      "code@x.example",
      "d@x.example",
      "low@x.example",
    ]);
    clock.pass(1_000);
    expect((await turn(store, 9)).claims.map(({ email }) => email)).toEqual(["a@x.example", "c@x.example"]);
  });

  it("suppressed addresses become suppressed messages, now and when they wait in any topic with any content", async () => {
    const { open, path } = await bench();
    const store = await open();
    await store.suppress([{ address: "B@x.example", reason: "bounce", source: "test" }]);
    expect(await counts(store, ["a@x.example", "b@x.example", "b@x.example"])).toEqual([1, 1, 1]);
    await counts(store, ["A@x.example"], { content: content("code") });
    await counts(store, ["a@x.example", "c@x.example"], { topic: null });
    await store.suppress([{ address: "a@x.example", reason: "complaint", source: "test" }]);
    expect(await store.totals(null)).toMatchObject({ total: 5, pending: 1, suppressed: 4 });
    expectSound(path);
  });

  it("is read, cancelled and moved like any list, also between messages of other topics", async () => {
    const { open, clock, path } = await bench();
    const store = await open();
    for (const n of [1, 2, 3]) {
      await counts(store, [`a${n}@x.example`], { topic: "one" });
      await counts(store, [`b${n}@x.example`], { topic: "two" });
    }
    await ingest(store, ["a4@x.example"], { topic: "one" });
    await counts(store, ["a5@x.example"], { topic: "one" });
    expect(Object.keys(await states(store, "one"))).toEqual([1, 2, 3, 4, 5].map((n) => `a${n}@x.example`));
    expect(await store.columns("one")).toEqual(["email"]);
    const fields = [];
    for await (const { fields: own } of store.messages("one", null)) fields.push(own);
    expect(fields).toEqual([{}, {}, {}, { email: "a4@x.example" }, {}]);
    expect(await store.reschedule("two", { notBefore: clock.now() + 1, instantOf: null })).toBe(3);
    expect(await store.cancel("one")).toEqual({ cancelled: 5, inFlight: 0 });
    const domains = await store.breakdown("two", new AbortController().signal, (lines) => lines.byDomain(5));
    expect(domains.rows).toMatchObject([{ domain: "x.example", total: 3 }]);
    expectSound(path);
  });

  it("makes one range of ids for a thousand requests to one topic, and no list ever shares it", async () => {
    const { open, path } = await bench();
    const store = await open();
    for (let n = 0; n < 50; n++) await counts(await (n % 10 === 0 ? open() : store), [`p${n}@x.example`]);
    expect(rows(path, "select first_id, last_id from ingest")).toEqual([{ first_id: 1, last_id: 50 }]);
    await ingest(store, ["q@x.example"]);
    await counts(store, ["r@x.example"]);
    await counts(store, ["r@x.example"]);
    await counts(store, ["s@x.example"]);
    expect(rows(path, "select first_id, last_id from ingest")).toEqual([
      { first_id: 1, last_id: 50 },
      { first_id: 51, last_id: 51 },
      { first_id: 52, last_id: 53 },
    ]);
    expectSound(path);
  });

  it("is durable when answered: another handle has it at once", async () => {
    const { open, path } = await bench();
    await counts(await open(), ["a@x.example"]);
    const other = new Database(path, { readonly: true });
    expect(other.prepare("select count(*) from message").pluck().get()).toBe(1);
    other.close();
  });
});

describe("questions", () => {
  it("about one topic, as in the list of all", async () => {
    const { open } = await bench();
    const store = await open();
    await counts(store, ["a@x.example"]);
    await counts(store, ["b@x.example"], { topic: "뉴스레터 1월" });
    expect(await store.topic("none")).toBeNull();
    for (const row of await store.topics()) expect(await store.topic(row.topic)).toEqual(row);
  });

  it("how many were sent since an instant, it included", async () => {
    const { open, clock } = await bench();
    const store = await open();
    await counts(store, ["a@x.example", "b@x.example", "c@x.example"]);
    const [a, b] = (await turn(store, 2)).claims;
    await settle(store, sent(a));
    const at = clock.now();
    clock.pass(10);
    await settle(store, sent(b));
    expect(await Promise.all([at - 1, at, at + 1, at + 11].map((since) => store.countSentSince(since)))).toEqual([
      2, 2, 1, 0,
    ]);
  });

  it("what went wrong, newest first, of one topic or of all, and whom a message went to", async () => {
    const { open } = await bench();
    const store = await open();
    await counts(store, ["a@x.example", "b@x.example", "fine@x.example"]);
    await counts(store, ["c@x.example", "d@x.example"], { topic: "july" });
    const [a, b, fine, c, d] = (await turn(store, 5)).claims;
    const failed = (claim: typeof a, error: string) => ({ kind: "failed" as const, id: claim?.id ?? 0, error });
    await settle(store, failed(a, "no such user"), { kind: "in_doubt", id: b?.id ?? 0, error: "lost" });
    await settle(store, sent(fine), failed(c, "refused"), putBack(d));
    const all = await store.troubles(null, 9);
    expect(all.map(({ email, topic, state, error, attempts }) => [email, topic, state, error, attempts])).toEqual([
      ["c@x.example", "july", "failed", "refused", 1],
      ["b@x.example", "june", "in_doubt", "lost", 1],
      ["a@x.example", "june", "failed", "no such user", 1],
    ]);
    expect((await store.troubles(null, 1)).map(({ id }) => id)).toEqual([c?.id]);
    expect((await store.troubles("june", 9)).map(({ id }) => id)).toEqual([b?.id, a?.id]);
    await expect(store.troubles("none", 9)).rejects.toThrow("none");
    expect(await store.addressee(c?.id ?? 0)).toEqual({ email: "c@x.example", topic: "july" });
    for (const id of [0, -1, 999, 2 ** 53]) expect(await store.addressee(id)).toBeNull();
  });

  it("which suppressions contain a text: % and _ are letters like others, case is not told apart", async () => {
    const { open } = await bench();
    const store = await open();
    const addresses = ["100%@x.example", "100a@x.example", "a_b@x.example", "acb@x.example", "Zoe@X.example"];
    await store.suppress(addresses.map((address) => ({ address, reason: "bounce", source: "test", detail: "550" })));
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
});
