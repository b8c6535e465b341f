/** What a request may say of each address: values of its own, a name of its own, and when its mail expires. */
import { describe, expect, it } from "vitest";
import type { AcceptResult } from "../../../src/store/rows.ts";
import { NO_TOPIC } from "../../../src/message.ts";
import {
  addList,
  CONTENT,
  EVERYTHING,
  failed,
  ingest,
  messagesOf,
  sent,
  settle,
  turn,
} from "../../support/store-actions.ts";
import { accept, content, counts, message, type Prepare, request } from "../bench.ts";

const REPEAT = { caller: "ci", key: "k1", fingerprint: "f1" };

/** Kept as they are, byte for byte. */
const DATA = {
  "of nothing": "{}",
  "a text": '{"code":"1234"}',
  "numbers, lists and objects": '{"n":1.50,"yes":true,"none":null,"order":{"items":[{"name":"a","price":1e2},[]]}}',
  "names that objects have": '{"__proto__":{"x":1},"constructor":"c","toString":2}',
  "quotes, escapes and line ends": '{"a":"\\"\\\\ \\n \\u0000 \\t","{}":"\',(),"}',
  "other scripts": '{"이름":"안녕 🎉 é"}',
  "100,000 characters": JSON.stringify({ long: "é".repeat(100_000) }),
};

const idsOf = (result: AcceptResult) => (result.kind === "stored" || result.kind === "repeated" ? result.ids : [-1]);

export function posted(prepare: Prepare): void {
  describe("data", () => {
    data(prepare);
  });
  describe("of the same content to the same address", () => {
    repeats(prepare);
  });
  describe("the ids in the answer", () => {
    ids(prepare);
  });
  describe("a uuid of one address", () => {
    uuids(prepare);
  });
  describe("the time of expiry", () => {
    expiries(prepare);
  });
}

function data(prepare: Prepare): void {
  it.each(Object.entries(DATA))("come to the claim as they were given: %s", async (_kind, given) => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example", "b@x.example"], { data: [given, '{"b":1}'] });
    await counts(store, ["c@x.example"]);
    const peeked = await store.peek(EVERYTHING);
    const { claims } = await turn(store, 9);
    expect(claims.map(({ fields }) => fields)).toEqual([given, '{"b":1}', "[]"]);
    expect(peeked).toMatchObject({ email: "a@x.example", fields: given });
    const parts = await store.mailParts(claims[0]?.id ?? 0);
    expect(Object.entries(parts?.fields ?? {})).toEqual(Object.entries(JSON.parse(given) as object));
  });

  it("are no columns, and the sample of their topic has them", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example"], { data: ['{"name":"Ann","n":2}'] });
    await addList(store, [{ email: "b@x.example", fields: '["Bob"]', notBefore: 0 }], { columns: ["name"] });
    expect(await store.columns("june")).toEqual(["name"]);
    expect((await messagesOf(store, "june")).map(({ fields }) => fields)).toEqual([{}, { name: "Bob" }]);
    expect((await store.sampleParts("june")).fields).toEqual({ name: "Ann", n: 2 });
    const sample = await store.breakdown("june", new AbortController().signal, (lines) => lines.sample());
    expect(sample).toMatchObject({ email: "a@x.example", fields: { name: "Ann", n: 2 } });
  });

  it("stay with their messages when these are given another time, fail, are tried again, or are suppressed and freed", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const given = ['{"n":1}', '{"n":2}'];
    await store.suppress([{ address: "b@x.example", reason: "manual", source: "test" }]);
    await counts(store, ["a@x.example", "b@x.example"], { data: given });
    await addList(store, [{ email: "c@x.example", fields: '["Asia/Seoul"]', notBefore: 0 }], { columns: ["zone"] });
    const at = clock.now() + 1_000;
    const times = { column: "zone", at: { "Asia/Seoul": at, "": at + 5 } };
    expect(await store.reschedule("june", { notBefore: at, times })).toBe(2);
    clock.pass(1_000);
    await settle(store, failed((await turn(store, 1)).claims[0]));
    await store.unsuppress(["b@x.example"]);
    await store.retry("june", ["failed", "suppressed"]);
    clock.pass(5);
    const { claims } = await turn(store, 9);
    const byEmail = Object.fromEntries(claims.map(({ email, fields }) => [email, fields]));
    expect(byEmail).toEqual({ "a@x.example": given[0], "b@x.example": given[1], "c@x.example": '["Asia/Seoul"]' });
  });

  it("stay with their content when the topic gets another one, and when its rehearsal is removed", async () => {
    const { open } = await prepare();
    const store = await open();
    const given = { data: ['{"n":1}'] };
    await counts(store, ["a@x.example"], given);
    await ingest(store, ["b@x.example"]);
    const scope = { ...EVERYTHING, endpoint: "sandbox" as const };
    await ingest(store, ["c@x.example"], { content: content("Other"), replaceContent: true });
    const { claims: rehearsed } = await turn(store, 9, { scope });
    await settle(store, ...rehearsed.map((claim) => sent(claim)));
    await store.startAfresh("june", { signal: new AbortController().signal, notBefore: null });
    const { claims } = await turn(store, 9);
    const mails = claims.map(async ({ fields, contentId }) => [fields, (await store.content(contentId)).subject]);
    expect(await Promise.all(mails)).toEqual([
      ['{"n":1}', "Hello"],
      ['["b@x.example"]', "Other"],
      ['["c@x.example"]', "Other"],
    ]);
    expect(await counts(store, ["a@x.example"], { ...given, content: CONTENT })).toEqual([0, 1, 0]);
  });
}

function repeats(prepare: Prepare): void {
  it("the same data are a repeat, other data another mail, in whatever standing the content is", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const subject of ["Hello", "beside"]) {
      for (const given of ['{"code":"1"}', '{"code":"2"}', "{}"]) {
        const asked = { content: content(subject), data: [given] };
        expect(await counts(store, ["a@x.example"], asked)).toEqual([1, 0, 0]);
        expect(await counts(await open(), ["A@x.example"], asked)).toEqual([0, 1, 0]);
      }
      expect(await counts(store, ["a@x.example"], { content: content(subject) })).toEqual([1, 0, 0]);
      expect(await counts(store, ["a@x.example"], { content: content(subject) })).toEqual([0, 1, 0]);
    }
    expect(await ingest(store, ["a@x.example", "b@x.example"])).toEqual({ added: 1, duplicates: 1, suppressed: 0 });
    expect(await counts(store, ["b@x.example"], { data: ['{"code":"1"}'] })).toEqual([1, 0, 0]);
    expect(await counts(store, ["a@x.example"], { topic: "july", data: ['{"code":"1"}'] })).toEqual([1, 0, 0]);
  });

  it("also within one message and one batch; without a topic only within one message", async () => {
    const { open } = await prepare();
    const store = await open();
    const emails = ["a@x.example", "A@x.example", "a@x.example", "b@x.example"];
    const data = ['{"n":1}', '{"n":1}', '{"n":2}', '{"n":1}'];
    for (const topic of [NO_TOPIC, null]) expect(await counts(store, emails, { topic, data })).toEqual([3, 1, 0]);
    const results = await store.accept([
      request([message(emails, { data })]),
      request([message(emails, { data }), message(["b@x.example"], { data: ['{"n":2}'] })]),
    ]);
    expect(results).toMatchObject([{ counts: { added: 3, duplicates: 1 } }, { counts: { added: 1, duplicates: 4 } }]);
  });

  it("is all of ten thousand addresses, each with its own data", async () => {
    const { open } = await prepare();
    const store = await open();
    const emails = Array.from({ length: 10_000 }, (_, index) => `p${index % 9_000}@x.example`);
    const data = emails.map((email) => JSON.stringify({ name: email }));
    expect(await counts(store, emails, { data })).toEqual([9_000, 1_000, 0]);
    expect(await counts(await open(), emails, { data })).toEqual([0, 10_000, 0]);
    expect(await counts(store, emails, { data: emails.map(() => '{"for":"all"}') })).toEqual([9_000, 1_000, 0]);
    const { claims } = await turn(store, 1);
    expect(claims.map(({ email, fields }) => [email, fields])).toEqual([["p0@x.example", '{"name":"p0@x.example"}']]);
  });
}

function ids(prepare: Prepare): void {
  it("are none of what is refused, and null of more than a thousand addresses, also of the repeat", async () => {
    const { open } = await prepare();
    const store = await open();
    const emails = Array.from({ length: 500 }, (_, n) => `p${n}@x.example`);
    const two = [message(emails), message(emails, { topic: "july" })];
    expect(idsOf(await accept(store, [...two, message(["z@x.example"])], { repeat: REPEAT }))).toBeNull();
    expect(idsOf(await accept(store, [...two, message(["z@x.example"])], { repeat: REPEAT }))).toBeNull();
    expect(await store.earlier(REPEAT)).toMatchObject({ kind: "repeated", ids: null });
    const told = idsOf(await accept(store, two)) ?? [];
    expect(told).toHaveLength(1_000);
    const emailsOf = await Promise.all(told.map(async (id) => (await store.message(id ?? 0))?.email));
    expect(emailsOf).toEqual([...emails, ...emails]);
    expect(idsOf(await accept(store, []))).toEqual([]);
  });

  it("are those of the messages in the order of the addresses, whatever becomes of them, and the same of a repeat", async () => {
    const { open } = await prepare();
    const store = await open();
    await store.suppress([{ address: "b@x.example", reason: "manual", source: "test" }]);
    await ingest(store, ["list@x.example"]);
    const asked = [
      message(["A@x.example", "b@x.example", "a@x.example", "list@x.example"], { topic: "june" }),
      message(["a@x.example"], { topic: null }),
      message(["a@x.example", "a@x.example"], { topic: "july", data: ['{"n":1}', '{"n":2}'] }),
      message(["A@x.example"], { topic: "july", data: ['{"n":2}'] }),
      message(["c@x.example", "c@x.example"], { topic: null }),
    ];
    const first = await accept(store, asked, { repeat: REPEAT });
    const told = idsOf(first) ?? [];
    const records = await Promise.all(told.map((id) => store.message(id ?? 0)));
    expect(records.map((record) => [record?.topic, record?.email, record?.state])).toEqual([
      ["june", "A@x.example", "pending"],
      ["june", "b@x.example", "suppressed"],
      ["june", "A@x.example", "pending"],
      ["june", "list@x.example", "pending"],
      [NO_TOPIC, "a@x.example", "pending"],
      ["july", "a@x.example", "pending"],
      ["july", "a@x.example", "pending"],
      ["july", "a@x.example", "pending"],
      [NO_TOPIC, "c@x.example", "pending"],
      [NO_TOPIC, "c@x.example", "pending"],
    ]);
    expect(new Set(told).size).toBe(7);
    expect(told[6]).toBe(told[7]);
    expect(idsOf(await accept(await open(), asked, { repeat: REPEAT }))).toEqual(told);
    // The same without a key: what has a topic is there already.
    const again = idsOf(await accept(await open(), asked)) ?? [];
    expect(again.slice(0, 4)).toEqual(told.slice(0, 4));
    expect(again.slice(5, 8)).toEqual(told.slice(5, 8));
  });

  it("of what was the topic's own content before it was replaced are its messages", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    await settle(store, sent((await turn(store, 1)).claims[0]));
    await ingest(store, ["b@x.example"], { content: content("Other"), replaceContent: true });
    const [had] = await store.messagesTo("a@x.example", 1);
    expect(await accept(store, [message(["a@x.example"])])).toMatchObject({
      counts: { duplicates: 1 },
      ids: [had?.id],
    });
  });

  it("of a message with a known uuid are those that it made, null for addresses that it did not go to", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const topic of [null, "june"]) {
      const uuid = `u of ${topic}`;
      const told = idsOf(await accept(store, [message(["Ann@x.example", "b@x.example"], { topic, uuid })]));
      await counts(store, ["c@x.example"], { topic });
      const other = { topic: "other", content: content("other"), uuid };
      const emails = ["b@x.example", "c@x.example", "ANN@x.example"];
      const again = await accept(await open(), [message(emails, other)]);
      expect(again).toMatchObject({ counts: { added: 0, duplicates: 3 }, ids: [told?.[1], null, told?.[0]] });
    }
    const twice = message(["a@x.example", "z@x.example"], { topic: null, uuid: "u-2" });
    const both = await accept(store, [twice, message(["z@x.example", "y@x.example"], { topic: null, uuid: "u-2" })]);
    const told = idsOf(both) ?? [];
    expect(told.slice(2)).toEqual([told[1], null]);
  });
}

function uuids(prepare: Prepare): void {
  it("given again adds nothing, and the others of its message are added", async () => {
    const { open } = await prepare();
    const store = await open();
    const emails = ["a@x.example", "b@x.example", "c@x.example"];
    const first = await accept(store, [message(emails, { topic: null, uuids: ["u-a", "u-b", null] })]);
    const told = idsOf(first) ?? [];
    expect(first).toMatchObject({ counts: { added: 3, duplicates: 0 } });
    expect(await store.knownUuids(["u-a", "u-b", "u-c"])).toEqual(new Set(["u-a", "u-b"]));
    const second = await accept(await open(), [
      message(["d@x.example", "B@x.example", "c@x.example", "a@x.example"], {
        topic: "other",
        data: ['{"n":1}', '{"n":2}', '{"n":3}', '{"n":4}'],
        uuids: ["u-d", "u-b", null, "u-b"],
      }),
    ]);
    expect(second).toMatchObject({ counts: { added: 2, duplicates: 2 } });
    expect(idsOf(second)).toEqual([expect.any(Number), told[1], expect.any(Number), null]);
    expect((await messagesOf(store, "other")).map(({ email }) => email)).toEqual(["d@x.example", "c@x.example"]);
    expect((await store.messagesTo("a@x.example", 9)).map(({ uuid }) => uuid)).toEqual(["u-a"]);
    expect((await store.messagesTo("c@x.example", 9)).map(({ uuid }) => uuid)).toEqual([null, null]);
    expect((await store.messagesNamed("u-b", 9)).map(({ id, email }) => [id, email])).toEqual([
      [told[1], "b@x.example"],
    ]);
    expect(await store.accepted("u-d")).toMatchObject({ state: "pending" });
  });

  it("is one address's: twice in one request it counts once, and so does the same as a message's", async () => {
    const { open } = await prepare();
    const store = await open();
    const result = await accept(store, [
      message(["a@x.example", "b@x.example"], { topic: null, uuids: ["u-1", "u-1"] }),
      message(["a@x.example"], { topic: null, uuid: "u-1" }),
      message(["c@x.example"], { topic: null, uuid: "u-2" }),
      message(["c@x.example"], { topic: null, uuids: ["u-2"] }),
    ]);
    const told = idsOf(result) ?? [];
    expect(result).toMatchObject({ counts: { added: 2, duplicates: 3 } });
    expect(told).toEqual([told[0], null, told[0], told[3], told[3]]);
  });

  it("of each address given again makes no topic", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example", "b@x.example"], { uuids: ["u-a", "u-b"] });
    const again = { topic: "july", content: content("new"), uuids: ["u-b", "u-a"] };
    expect(await counts(store, ["b@x.example", "a@x.example"], again)).toEqual([0, 2, 0]);
    expect((await store.topics()).map(({ topic }) => topic)).toEqual(["june"]);
    expect(await counts(store, ["b@x.example", "c@x.example"], { ...again, uuids: ["u-b", null] })).toEqual([1, 1, 0]);
    expect((await store.topics()).map(({ topic, total }) => [topic, total])).toEqual([
      ["june", 2],
      ["july", 1],
    ]);
  });

  it("is kept of an address that has the mail already, and then makes nothing", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example"]);
    const asked = message(["a@x.example"], { uuids: ["u-1"] });
    expect(await accept(store, [asked])).toMatchObject({ counts: { added: 0, duplicates: 1 } });
    expect(await store.knownUuids(["u-1"])).toEqual(new Set(["u-1"]));
    expect(await store.accepted("u-1")).toBeNull();
    expect(await counts(store, ["a@x.example"], { topic: "july", uuids: ["u-1"] })).toEqual([0, 1, 0]);
  });

  it("taken by two processes at once is stored by one of them", async () => {
    const { open } = await prepare();
    const stores = [await open(), await open()];
    const emails = Array.from({ length: 20 }, (_, n) => `p${n}@x.example`);
    const names = emails.map((_, n) => `u-${n}`);
    const asked = [0, 1, 2].flatMap(() =>
      stores.map((store) => accept(store, [message(emails, { topic: null, uuids: names })])),
    );
    const results = await Promise.all(asked);
    const added = results.map((result) => (result.kind === "stored" ? result.counts.added : 0));
    expect(added.toSorted((a, b) => b - a)).toEqual([20, 0, 0, 0, 0, 0]);
    expect(new Set(results.map((result) => JSON.stringify(idsOf(result)))).size).toBe(1);
  });

  it("of a rehearsal is given up for the real mail", async () => {
    const { open } = await prepare();
    const store = await open();
    const asked = [message(["a@x.example", "b@x.example"], { uuids: ["u-a", "u-b"], data: ['{"n":1}', '{"n":2}'] })];
    const rehearsed = idsOf(await accept(store, asked, { endpoint: "sandbox" })) ?? [];
    const scope = { ...EVERYTHING, endpoint: "sandbox" as const };
    await settle(store, ...(await turn(store, 9, { scope })).claims.map((claim) => sent(claim)));
    const again = await accept(store, asked, { endpoint: "sandbox" });
    expect(again).toMatchObject({ counts: { added: 0, duplicates: 2 }, ids: rehearsed });
    const real = await accept(store, asked);
    expect(real).toMatchObject({ counts: { added: 2, duplicates: 0 } });
    for (const id of rehearsed) expect(idsOf(real)).not.toContain(id);
    expect(idsOf(await accept(store, asked))).toEqual(idsOf(real));
    expect(await store.messagesNamed("u-a", 9)).toMatchObject([{ email: "a@x.example", topic: "june" }]);
  });
}

function expiries(prepare: Prepare): void {
  it("is kept as an instant, and what is given as a span counts from when the message is due, else from now", async () => {
    const bench = await prepare();
    const store = await bench.open();
    const now = bench.clock.now();
    const later = now + 60_000;
    await accept(store, [
      message(["never@x.example"]),
      message(["instant@x.example"], { expiresAt: later }),
      message(["span@x.example"], { expiresIn: 600_000 }),
      message(["scheduled@x.example"], { expiresIn: 600_000, notBefore: later }),
      message(["both@x.example"], { expiresIn: 600_000, expiresAt: 1 }),
    ]);
    const { message: rows } = (await bench.dump()) as { message: Kept[] };
    const kept = rows.map((row) => [row.email, row.expires_at, row.expires_in] as const);
    expect(kept.toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
      ["both@x.example", now + 600_000, 600_000],
      ["instant@x.example", later, null],
      ["never@x.example", null, null],
      ["scheduled@x.example", later + 600_000, 600_000],
      ["span@x.example", now + 600_000, 600_000],
    ]);
  });
}

interface Kept {
  email: string;
  expires_at: number | null;
  expires_in: number | null;
}
