/** Requests to the gateway: stored whole or not at all, each mail once. */
import { describe, expect, it } from "vitest";
import { NO_TOPIC } from "../../../src/message.ts";
import type { AcceptMessage } from "../../../src/store/rows.ts";
import {
  CONTENT,
  EVERYTHING,
  ingest,
  refusalOf,
  refusalsOf,
  sendAll,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import { accept, content, counts, message, type Prepare, request } from "../bench.ts";
import { everything } from "../sound.ts";

const REPEAT = { caller: "ci", key: "k1", fingerprint: "f1" };

/** A store must not read them, whatever they look like. */
const MEMOS = {
  "of nothing": "",
  "a number": "0",
  "what looks like an answer": '{"total":3,"success":2,"errors":0,"duplicates":1,"suppressed":1}',
  "what looks like counts": '{"counts":{"added":9,"duplicates":9,"suppressed":9},"memo":"inner"}',
  "quotes, escapes and line ends": ` "'\\ \\n \r\n\t \u2028 `,
  "characters that are no text": "\u0000 \u001f \ud83d \udcec \ufeff",
  "other scripts": "안녕 🎉 é e\u0301",
  "100,000 characters": "é".repeat(100_000),
};

export function inbox(prepare: Prepare): void {
  describe("a request that is refused stores nothing", () => {
    refusing(prepare);
  });
  describe("the same mail is taken once", () => {
    deduplicating(prepare);
  });
  describe("a uuid", () => {
    uuids(prepare);
  });
  describe("an Idempotency-Key", () => {
    repeats(prepare);
  });
  describe("what is stored", () => {
    storing(prepare);
  });
}

function refusing(prepare: Prepare): void {
  it("when a topic of it is cancelled, and says so", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example"]);
    await store.cancel("june");
    const before = await everything(store);
    const result = await accept(store, [
      message(["b@x.example"], { topic: "july", content: content("new") }),
      message(["b@x.example"]),
    ]);
    expect(result).toEqual({
      kind: "refused",
      problems: [{ message: 1, topic: "june", refusal: "cancelled", endpoint: "ses" }],
    });
    expect(await everything(store)).toEqual(before);
    await store.retry("june", ["cancelled"]);
    expect(await counts(store, ["b@x.example"])).toEqual([1, 0, 0]);
  });

  it("when a topic goes to the other place now", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example"]);
    await turn(store, 1, { scope: { ...EVERYTHING, endpoint: "sandbox" } });
    const result = await accept(store, [message(["b@x.example"])]);
    expect(result).toMatchObject({
      kind: "refused",
      problems: [{ message: 0, topic: "june", refusal: "rehearsing", endpoint: "ses" }],
    });
    await counts(store, ["a@x.example"], { topic: "july" });
    await turn(store, 1);
    const reverse = await accept(store, [message(["b@x.example"], { topic: "july" })], { endpoint: "sandbox" });
    expect(refusalsOf(reverse)).toEqual([[0, "sent-for-real"]]);
    expect(await accept(store, [message(["b@x.example"])], { endpoint: "sandbox" })).toMatchObject({ kind: "stored" });
  });

  it("and keeps no answer of it: the same key is good once the reason is gone", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example"]);
    await store.cancel("june");
    expect(await accept(store, [message(["b@x.example"])], { repeat: REPEAT })).toMatchObject({ kind: "refused" });
    await store.retry("june", ["cancelled"]);
    expect(await store.earlier(REPEAT)).toBeNull();
    expect(await accept(store, [message(["b@x.example"])], { repeat: REPEAT })).toMatchObject({ kind: "stored" });
  });

  it("while the others of its batch are stored", async () => {
    const { open } = await prepare();
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
  });
}

function deduplicating(prepare: Prepare): void {
  it("the same content to the same address in the same topic, whatever the case", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await counts(store, ["Ann@x.example", "ann@x.example", "b@x.example"])).toEqual([2, 1, 0]);
    expect(await counts(store, ["ANN@x.example", "c@x.example"])).toEqual([1, 1, 0]);
    expect(Object.keys(await states(store))).toEqual(["Ann@x.example", "b@x.example", "c@x.example"]);
  });

  it("another content in the same topic goes, and is a duplicate the second time", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await counts(store, ["a@x.example"])).toEqual([1, 0, 0]);
    for (const code of ["1234", "5678"]) {
      expect(await counts(store, ["a@x.example"], { content: content(code) })).toEqual([1, 0, 0]);
      expect(await counts(store, ["A@x.example"], { content: content(code) })).toEqual([0, 1, 0]);
    }
    const { claims } = await turn(store, 9);
    const subjects = await Promise.all(claims.map(async (claim) => (await store.content(claim.contentId)).subject));
    expect(subjects).toEqual(["Hello", "1234", "5678"]);
    await counts(store, ["b@x.example"], { content: content("1234") });
    expect((await turn(store, 1)).claims).toMatchObject([{ contentId: claims[1]?.contentId }]);
  });

  it("a list of the topic's own content and requests know of each other", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example"]);
    expect(await ingest(store, ["A@x.example", "b@x.example"])).toEqual({ added: 1, duplicates: 1, suppressed: 0 });
    expect(await counts(store, ["b@x.example", "c@x.example"])).toEqual([1, 1, 0]);
    expect(await ingest(store, ["c@x.example"])).toEqual({ added: 0, duplicates: 1, suppressed: 0 });
  });

  it("replacing the topic's content leaves what the gateway put beside it, and sends nobody the same twice", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example", "b@x.example"]);
    const [first] = (await turn(store, 1)).claims;
    await settle(store, sent(first));
    await counts(store, ["a@x.example", "c@x.example"], { content: content("code") });
    expect(await refusalOf(ingest(store, ["d@x.example"], { content: content("code"), replaceContent: true }))).toBe(
      "sent-as-variant",
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
  });

  it("without a topic only an address named twice in one message is a duplicate", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const topic of [null, NO_TOPIC, null])
      expect(await counts(store, ["a@x.example", "A@x.example", "b@x.example"], { topic })).toEqual([2, 1, 0]);
    const twice = message(["a@x.example"], { topic: null });
    expect(await accept(store, [twice, twice])).toMatchObject({ counts: { added: 2, duplicates: 0 } });
    expect((await store.topics()).map(({ topic, total }) => [topic, total])).toEqual([[NO_TOPIC, 8]]);
    const list = ["a@x.example", "c@x.example", "A@x.example"];
    expect(await ingest(store, list, { topic: NO_TOPIC })).toEqual({ added: 2, duplicates: 1, suppressed: 0 });
  });
}

function uuids(prepare: Prepare): void {
  it("is unknown until it was accepted", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.knownUuids([])).toEqual(new Set());
    expect(await store.knownUuids(["u-1"])).toEqual(new Set());
    expect(await store.accepted("u-1")).toBeNull();
    await counts(store, ["a@x.example"]);
    await store.cancel("june");
    expect(await accept(store, [message(["b@x.example"], { uuid: "u-1" })])).toMatchObject({ kind: "refused" });
    expect(await store.knownUuids(["u-1"])).toEqual(new Set());
  });

  it("N1 N4: given again adds nothing, in whatever topic and with whatever content, for good", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    expect(await counts(store, ["a@x.example"], { topic: null, uuid: "u-1" })).toEqual([1, 0, 0]);
    clock.pass(400 * 86_400_000);
    await store.forgetAnswersOlderThan(0);
    const again = { topic: "other", content: content("other"), uuid: "u-1" };
    expect(await counts(await open(), ["a@x.example", "b@x.example"], again)).toEqual([0, 2, 0]);
    expect((await store.topics()).map(({ topic }) => topic)).toEqual([NO_TOPIC]);
  });

  it("is one message's: twice in one request it counts once", async () => {
    const { open } = await prepare();
    const store = await open();
    const each = (uuid: string | null) => message(["a@x.example"], { topic: null, uuid });
    expect(await accept(store, [each("u-1"), each("u-1"), each("u-2"), each(null)])).toMatchObject({
      counts: { added: 3, duplicates: 1 },
    });
    expect(await store.knownUuids(["u-1", "u-3", "u-2", "U-1"])).toEqual(new Set(["u-1", "u-2"]));
  });

  it("taken by two processes at once is stored by one of them", async () => {
    const { open } = await prepare();
    const stores = [await open(), await open()];
    const uuids = Array.from({ length: 50 }, (_, index) => `u-${index}`);
    const results = await Promise.all(
      uuids.flatMap((uuid) => stores.map((store) => accept(store, [message(["a@x.example"], { topic: null, uuid })]))),
    );
    const added = results.map((result) => (result.kind === "stored" ? result.counts.added : 0));
    expect(added.reduce((sum, each) => sum + each)).toBe(uuids.length);
  });

  it("tells what became of its first message", async () => {
    const { open } = await prepare();
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
}

function repeats(prepare: Prepare): void {
  it("is unknown until a request with it was stored", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.earlier(REPEAT)).toBeNull();
    await accept(store, [message(["a@x.example"])]);
    expect(await store.earlier(REPEAT)).toBeNull();
  });

  it("used by two processes at once stores one request and answers both the same", async () => {
    const { open } = await prepare();
    const stores = [await open(), await open()];
    const results = await Promise.all(
      stores.map((store, n) =>
        store.accept([request([message(["a@x.example"], { topic: null })], { repeat: REPEAT, memo: `${n}` })]),
      ),
    );
    expect(
      results
        .flat()
        .map(({ kind }) => kind)
        .toSorted(),
    ).toEqual(["repeated", "stored"]);
    const storedBy = results.findIndex(([result]) => result?.kind === "stored");
    expect(results[1 - storedBy]).toEqual([
      { kind: "repeated", counts: { added: 1, duplicates: 0, suppressed: 0 }, ids: [1], memo: `${storedBy}` },
    ]);
    expect(await stores[0]?.totals(null)).toMatchObject({ total: 1 });
  });

  it("may be forgotten, however many there are, and its request then counts as new", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const keyed = (n: number) => ({ ...REPEAT, key: `k${n}` });
    const post = (n: number) => request([message(["a@x.example"], { topic: null })], { repeat: keyed(n) });
    await store.accept(Array.from({ length: 6_000 }, (_, n) => post(n)));
    clock.pass(1);
    await store.forgetAnswersOlderThan(0);
    for (const n of [0, 4_999, 5_000, 5_999]) expect(await store.earlier(keyed(n))).toBeNull();
    await store.forgetAnswersOlderThan(0);
    expect((await store.accept([post(1)])).map(({ kind }) => kind)).toEqual(["stored"]);
  });

  it("answers the same request the same again, and refuses another, also within one batch", async () => {
    const { open } = await prepare();
    const store = await open();
    const one = request([message(["a@x.example"])], { repeat: REPEAT, memo: "first" });
    const other = request([message(["b@x.example"])], { repeat: { ...REPEAT, fingerprint: "f2" } });
    const elsewhere = request([message(["c@x.example"])], { repeat: { ...REPEAT, caller: "web" } });
    const again = { ...one, memo: "second" };
    const results = await store.accept([one, again, other, elsewhere]);
    expect(results.map(({ kind }) => kind)).toEqual(["stored", "repeated", "conflict", "stored"]);
    const repeated = { kind: "repeated", counts: { added: 1, duplicates: 0, suppressed: 0 }, ids: [1], memo: "first" };
    expect(results[1]).toEqual(repeated);
    expect(await (await open()).earlier(REPEAT)).toEqual(repeated);
    expect(await store.earlier({ ...REPEAT, fingerprint: "f2" })).toEqual({ kind: "conflict" });
    expect(await store.totals(null)).toMatchObject({ total: 2 });
  });

  it.each(Object.entries(MEMOS))("has its memo back as it was given, byte for byte: %s", async (_kind, memo) => {
    const { open } = await prepare();
    const store = await open();
    const asked = request([message(["a@x.example", "A@x.example"])], { repeat: REPEAT, memo });
    const counts = { added: 1, duplicates: 1, suppressed: 0 };
    // It is the caller's own: told again, not told back.
    expect(await store.accept([asked])).toEqual([{ kind: "stored", counts, ids: [1, 1] }]);
    const repeated = { kind: "repeated", counts, ids: [1, 1], memo };
    expect(await store.accept([{ ...asked, memo: "another" }])).toEqual([repeated]);
    expect(await (await open()).earlier(REPEAT)).toEqual(repeated);
  });

  it("is forgotten with its answer, older ones only", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const keyed = (key: string) => ({ ...REPEAT, key });
    await accept(store, [message(["a@x.example"])], { repeat: keyed("old") });
    clock.pass(1_000);
    await accept(store, [message(["a@x.example"])], { repeat: keyed("new") });
    await store.forgetAnswersOlderThan(1_000);
    expect(await store.earlier(keyed("old")), "of exactly that age").not.toBeNull();
    await store.forgetAnswersOlderThan(999);
    expect(await store.earlier(keyed("old"))).toBeNull();
    expect(await store.earlier(keyed("new"))).toMatchObject({ kind: "repeated" });
  });
}

interface Many {
  data?: (at: number) => string;
  given?: Partial<AcceptMessage>;
  names?: boolean;
}

function storing(prepare: Prepare): void {
  it("is nothing of no requests, and of a request without messages", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.accept([])).toEqual([]);
    expect(await accept(store, [])).toMatchObject({
      kind: "stored",
      counts: { added: 0, duplicates: 0, suppressed: 0 },
    });
    expect(await store.topics()).toEqual([]);
  });

  it.each([
    ["with values of their own", { data: (at: number) => `{"n":${Math.floor(at / 10)}}` }],
    ["without any", {}],
    ["that expire, due later", { given: { notBefore: 5_000_000, expiresIn: 60_000, priority: 10 } }],
    ["with names of their own", { names: true }],
    ["that were sent before", { given: { past: { state: "sent", sentAt: 1, sesMessageId: "ses-1" } as const } }],
  ])("is the same of a message with many addresses %s as of several with some of them", async (_, wanted) => {
    const { data = null, given = {}, names = false } = wanted as Many;
    // Every fifth is there twice in another case, every eleventh is suppressed, and every seventh name is that of the one before.
    const emails = Array.from({ length: 137 }, (_, at) => (at % 5 === 4 ? `A${at - 1}@x.example` : `a${at}@x.example`));
    const uuids = emails.map((_, at) => (at % 3 === 0 ? null : `u-${at % 7 === 5 ? at - 1 : at}`));
    const suppressed = emails.filter((_, at) => at % 11 === 7).map((address) => address.toLowerCase());
    const part = (from: number, to: number) =>
      message(emails.slice(from, to), {
        ...given,
        ...(data !== null && { data: emails.map((_, at) => data(at)).slice(from, to) }),
        ...(names && { topic: null, uuids: uuids.slice(from, to) }),
      });
    const dumpOf = async (messages: AcceptMessage[]) => {
      const { open, dump } = await prepare();
      const store = await open();
      await store.suppress(suppressed.map((address) => ({ address, reason: "bounce", source: "test" })));
      return { told: await accept(store, messages), kept: await dump() };
    };
    const parts = Array.from({ length: 14 }, (_, at) => part(at * 10, at * 10 + 10));
    const whole = await dumpOf([part(0, emails.length)]);
    expect(whole.told).toMatchObject({ kind: "stored", counts: { duplicates: names ? 32 : 27 } });
    expect(whole).toEqual(await dumpOf(parts));
  });

  it("is told with its counts, and again of a repeat; nothing of what is refused", async () => {
    const { open } = await prepare();
    const store = await open();
    await store.suppress([{ address: "c@x.example", reason: "bounce", source: "test" }]);
    await counts(store, ["z@x.example"], { topic: "gone" });
    await store.cancel("gone");
    const emails = ["a@x.example", "A@x.example", "b@x.example", "c@x.example"];
    const results = await store.accept([
      request([message(emails), message(["a@x.example"], { topic: "july" })], { repeat: REPEAT }),
      request([message(["a@x.example"], { topic: "gone" })]),
      request([message(emails), message(["a@x.example"], { topic: "july" })], { repeat: REPEAT }),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(["stored", "refused", "repeated"]);
    const told = { added: 3, duplicates: 1, suppressed: 1 };
    const ids = [2, 2, 3, 4, 5];
    expect(results[0]).toEqual({ kind: "stored", counts: told, ids });
    expect(results[2]).toEqual({ kind: "repeated", counts: told, ids, memo: "" });
  });

  it("is all of ten thousand addresses, each once", async () => {
    const { open } = await prepare();
    const store = await open();
    const emails = Array.from({ length: 10_000 }, (_, index) => `p${index % 9_000}@x.example`);
    expect(await counts(store, emails)).toEqual([9_000, 1_000, 0]);
    expect(await counts(await open(), emails)).toEqual([0, 10_000, 0]);
  });

  it("goes by priority, when due, with the topic's time when all of it is scheduled", async () => {
    const { open, clock } = await prepare();
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

  it.each([1, 5, 10])(
    "a topic whose mail of priority %i at once has left is due with the rest of any priority",
    async (priority) => {
      const { open, clock } = await prepare();
      const store = await open();
      const at = clock.now();
      await accept(store, [
        message(["now@x.example"], { topic: "plan", notBefore: 0, priority }),
        ...[1, 5, 10].map((each) =>
          message([`p${each}@x.example`], { topic: "plan", notBefore: at + 5_000 + each, priority: each }),
        ),
      ]);
      expect((await store.topic("plan"))?.notBefore).toBeNull();
      const { claims } = await turn(store, 9);
      expect(claims.map(({ email }) => email)).toEqual(["now@x.example"]);
      await settle(store, ...claims.map((claim) => sent(claim)));
      expect((await store.topic("plan"))?.notBefore).toBe(at + 5_001);
    },
  );

  it("a topic is due with the earliest of what waits, whatever is posted to it", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const at = clock.now();
    const post = (...afters: number[]) =>
      accept(
        store,
        afters.map((after) =>
          message([`p${after}@x.example`], { topic: "plan", notBefore: after === 0 ? 0 : at + after }),
        ),
      );
    const dueIn = async () => {
      const { notBefore = 0 } = (await store.topic("plan")) ?? {};
      return notBefore === null ? null : notBefore - at;
    };
    await post(9_000, 5_000, 7_000);
    expect(await dueIn(), "of the first request").toBe(5_000);
    await post(8_000);
    expect(await dueIn(), "of a later one").toBe(5_000);
    await post(5_000, 3_000);
    expect(await dueIn(), "of an earlier one").toBe(3_000);
    await post(3_000, 1_000, 0);
    expect(await dueIn(), "of one that goes at once").toBeNull();
    await post(2_000);
    expect(await dueIn()).toBeNull();
    clock.pass(9_000);
    await sendAll(store);
    await post(40_000);
    expect(await dueIn(), "when nothing waits for the old time").toBe(40_000);
  });

  it("suppressed addresses become suppressed messages, now and when they wait in any topic with any content", async () => {
    const { open } = await prepare();
    const store = await open();
    await store.suppress([{ address: "B@x.example", reason: "bounce", source: "test" }]);
    expect(await counts(store, ["a@x.example", "b@x.example", "b@x.example"])).toEqual([1, 1, 1]);
    await counts(store, ["A@x.example"], { content: content("code") });
    await counts(store, ["a@x.example", "c@x.example"], { topic: null });
    await store.suppress([{ address: "a@x.example", reason: "complaint", source: "test" }]);
    expect(await store.totals(null)).toMatchObject({ total: 5, pending: 1, suppressed: 4 });
  });

  it("is read, cancelled and moved like any list, also between messages of other topics", async () => {
    const { open, clock } = await prepare();
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
    for await (const page of store.messages("one", null)) fields.push(...page.map((each) => each.fields));
    expect(fields).toEqual([{}, {}, {}, { email: "a4@x.example" }, {}]);
    expect(await store.reschedule("two", { notBefore: clock.now() + 1, times: null })).toBe(3);
    expect(await store.cancel("one")).toEqual({ cancelled: 5, inFlight: 0 });
    const domains = await store.breakdown("two", new AbortController().signal, (lines) => lines.byDomain(5));
    expect(domains.rows).toMatchObject([{ domain: "x.example", total: 3 }]);
  });

  it("is there when it is answered: another handle has it at once", async () => {
    const { open } = await prepare();
    const other = await open();
    await counts(await open(), ["a@x.example"]);
    expect(await other.totals(null)).toMatchObject({ total: 1, pending: 1 });
    expect(await states(await open())).toEqual({ "a@x.example": "pending" });
  });
}
