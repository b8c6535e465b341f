/** What an inlet does with batches: stores that fail, bugs, refused topics, and bytes of any kind. */
import { ManualClock } from "../../support/manual-clock.ts";
import { encode } from "@msgpack/msgpack";
import { describe, expect, it, test } from "vitest";
import { AwayError, InterruptedError, LostError, StoppedError, UserError } from "../../../src/errors.ts";
import type { InletParts } from "../../../src/intake/broker/inlet.ts";
import type { TakenMail } from "../../../src/intake/broker/taking.ts";
import { createRequestInbox } from "../../../src/intake/inbox.ts";
import type { Delivery } from "../../../src/queue/queue.ts";
import type { NewDeadLetter } from "../../../src/store/rows.ts";
import { templateContent } from "../../support/templates.ts";
import fc from "../../support/properties.ts";
import { ADDED, dead, job, mail, natsInlet, raw, redisInlet } from "./bench.ts";

const many = (count: number) =>
  Array.from({ length: count }, (_, index) => mail({ uuid: `u${index}`, email: `r${index}@example.com` }));

describe("a batch", () => {
  it("is stored with one commit, except for what is dead", async () => {
    let commits = 0;
    const { take, store, counts, letters } = await natsInlet((_parts, real) => ({
      inbox: createRequestInbox({
        store: { ...real, accept: (requests) => (commits++, real.accept(requests)) },
        endpoint: "ses",
        wake: () => undefined,
      }),
    }));
    await store.suppress([{ address: "r3@example.com", reason: "bounce", source: "event" }]);
    const batch = many(200);
    batch[7] = mail({ uuid: "bad", email: "nobody" });
    batch[11] = raw(Buffer.from("junk"));
    const outcomes = await take(...batch);
    expect(commits).toBe(1);
    expect(outcomes.filter((each) => each === "done")).toHaveLength(198);
    expect(outcomes[7]).toMatch(/^email: /);
    expect(counts).toEqual({
      accepted: 197,
      duplicates: 0,
      suppressed: 1,
      dead: dead({ unreadable: 1, invalid: 1 }),
    });
    expect((await letters()).map(({ origin }) => origin).sort()).toEqual([batch[7].id, batch[11].id].sort());
    expect(await store.totals(null)).toMatchObject({ total: 198, pending: 197, suppressed: 1 });
  });

  it("that comes again after a crash adds nothing", async () => {
    const { take, store, counts } = await natsInlet();
    const batch = many(50);
    await take(...batch);
    await take(...batch);
    expect(counts).toMatchObject({ accepted: 50, duplicates: 50 });
    expect(await store.totals(null)).toMatchObject({ total: 50 });
  });

  it("with a dead letter that comes again counts that once more", async () => {
    const { take, letters, told } = await natsInlet();
    const bad = mail({ email: "nobody" });
    await take(bad);
    await take(bad);
    expect(await letters()).toMatchObject([{ origin: bad.id, times: 2 }]);
    expect(told).toEqual([1, 2].map(() => expect.stringContaining(`${bad.id}: email: invalid`)));
  });

  it("with a dead letter of 20 MB keeps its beginning, and says so", async () => {
    const { take, store, letters } = await natsInlet();
    await take(raw(Buffer.alloc(20 * 1024 * 1024, "x")));
    const [letter] = await letters();
    expect(letter).toMatchObject({ bytes: 16 * 1024 * 1024 });
    expect(letter?.reason).toMatch(/ \(only the first 16 MB of 20971520 bytes are kept\)$/);
    expect((await store.deadLetter(letter?.id ?? 0))?.body).toHaveLength(16 * 1024 * 1024);
  });

  it("is refused by a topic that is cancelled, with the reason", async () => {
    const { take, store, counts } = await redisInlet();
    await store.putTemplate("news", templateContent({ html: "<p>Hi</p>" }));
    await take(job({ templateData: { issueId: 1 } }));
    await store.cancel("issue-1");
    const outcomes = await take(job({ to: "bo@example.com", templateData: { issueId: 1 } }), job());
    expect(outcomes).toEqual([expect.stringMatching(/^topic "issue-1" is cancelled/), "done"]);
    expect(counts.dead).toEqual(dead({ refused: 1 }));
  });

  it("tells what is stored before it is acknowledged, and does not wait for who is told", async () => {
    const told: TakenMail[] = [];
    const { take, store } = await natsInlet(() => ({
      async onStored(taken) {
        told.push(...taken);
        expect(await store.messagesNamed("u1", 1)).toHaveLength(1);
        throw new StoppedError("Redis is away");
      },
    }));
    expect(await take(mail(), mail({ uuid: "u2", email: "nobody" }))).toMatchObject(["done", /email/]);
    await take(mail());
    expect(told.map(({ asked, outcome }) => [asked.uuid, outcome])).toEqual([
      ["u1", "accepted"],
      ["u1", "duplicate"],
    ]);
  });

  it("needs a sender", async () => {
    const { handle } = await natsInlet(({ surroundings }) => ({
      surroundings: () => ({ ...surroundings(), envelope: null }),
    }));
    await expect(handle([mail()])).rejects.toThrow(UserError);
  });
});

describe("a store that is away", () => {
  test.each([new AwayError("connection refused"), new StoppedError("the disk is full")])(
    "is waited for, and nothing is counted twice: %s",
    async (trouble) => {
      let failures = 3;
      const heard: (string | null)[] = [];
      const { take, counts, store } = await natsInlet((_parts, real) => ({
        inbox: createRequestInbox({
          store: { ...real, accept: async (all) => (failures-- > 0 ? Promise.reject(trouble) : real.accept(all)) },
          endpoint: "ses",
          wake: () => undefined,
        }),
        onTrouble: (reason) => void heard.push(reason),
      }));
      expect(await take(...many(3), mail({ uuid: "bad", email: "nobody" }))).toHaveLength(4);
      expect(heard).toEqual([trouble.message, null]);
      expect(counts).toMatchObject({ accepted: 3, duplicates: 0, dead: dead({ invalid: 1 }) });
      expect(await store.totals(null)).toMatchObject({ total: 3 });
    },
  );

  it("is told at once, and again every three minutes", async () => {
    let failures = 40;
    const heard: (string | null)[] = [];
    const clock = new ManualClock();
    const startedAt = clock.monotonic();
    const { take } = await natsInlet((_parts, { ...store }) => ({
      store: {
        ...store,
        keepDead: async (dead) => (failures-- > 0 ? Promise.reject(new AwayError("away")) : store.keepDead(dead)),
      },
      clock,
      onTrouble: (reason) => void heard.push(reason),
    }));
    await take(mail({ email: "nobody" }));
    const minutes = (clock.monotonic() - startedAt) / 60_000;
    expect(minutes).toBeGreaterThan(6);
    expect(minutes).toBeLessThan(9);
    expect(heard).toEqual(["away", "away", "away", null]);
  });

  it("when dead letters are kept, is waited for, and what was accepted counts as that", async () => {
    let failures = 2;
    const { take, counts, told, letters } = await natsInlet(({ store }) => ({
      store: {
        ...store,
        keepDead: async (dead) => (failures-- > 0 ? Promise.reject(new AwayError("away")) : store.keepDead(dead)),
      },
    }));
    const outcomes = await take(mail(), mail({ uuid: "bad", email: "nobody" }));
    expect(outcomes[0]).toBe("done");
    expect(counts).toMatchObject({ accepted: 1, duplicates: 0, dead: dead({ invalid: 1 }) });
    expect(await letters()).toMatchObject([{ times: 1 }]);
    expect(told).toHaveLength(1);
  });

  it("is waited for until the signal: then nothing is acknowledged", async () => {
    const ended = new AbortController();
    const { handle, counts } = await natsInlet(() => ({
      inbox: { take: () => Promise.reject(new AwayError("away")) },
      signal: ended.signal,
      clock: { sleep: async () => ended.abort() },
    }));
    await expect(handle([mail()])).rejects.toThrow(InterruptedError);
    expect(counts).toMatchObject({ accepted: 0 });
  });

  it("is not waited for when it lost what it had answered", async () => {
    const { handle } = await natsInlet(() => ({ inbox: { take: () => Promise.reject(new LostError("restored")) } }));
    await expect(handle([mail()])).rejects.toThrow(LostError);
  });
});

describe("a bug", () => {
  it("makes a dead letter of the one message that it fails for, and the others are stored", async () => {
    const { take, store, counts } = await natsInlet(({ inbox }) => ({
      inbox: {
        take: (request) =>
          request.messages[0]?.uuid === "u5" ? Promise.reject(new TypeError("x is\nundefined")) : inbox.take(request),
      },
    }));
    const outcomes = await take(...many(10));
    expect(outcomes).toEqual(
      many(10).map((_, index) => (index === 5 ? String.raw`ses-mail failed: x is\nundefined` : "done")),
    );
    expect(counts).toMatchObject({ accepted: 9, dead: dead({ bug: 1 }) });
    expect(await store.totals(null)).toMatchObject({ total: 9 });
  });

  it("of the reading, too", async () => {
    const { take } = await natsInlet(({ read }) => ({
      read: (delivery) => {
        if (delivery.extras === "bug") throw new TypeError("no");
        return read(delivery);
      },
    }));
    expect(await take(mail({}, "bug"), mail())).toEqual(["ses-mail failed: no", "done"]);
  });

  it("when dead letters are kept is an error of the inlet, and nothing is acknowledged", async () => {
    const { handle } = await natsInlet(({ store }) => ({
      store: { ...store, keepDead: () => Promise.reject(new TypeError("no")) },
    }));
    await expect(handle([mail({ email: "nobody" })])).rejects.toThrow("no");
  });
});

/** Notes the dead letters that are really kept. */
function watched() {
  const reasons = new Map<string, string>();
  const change = ({ store }: Pick<InletParts<Delivery>, "store">) => ({
    store: {
      ...store,
      async keepDead(letters: readonly NewDeadLetter[]) {
        for (const { origin, reason } of letters) reasons.set(origin, reason);
        return store.keepDead(letters);
      },
    },
  });
  return { reasons, change };
}

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom("ann@example.com", "u1", "Hello", "", "\u0000", "{{ x", "\ud800", "a\r\nBcc: b@example.com"),
);
const bytes = fc.uint8Array({ maxLength: 60 });
const payload = fc.oneof(
  bytes,
  fc.tuple(text, text, text, text).map((texts) => encode(texts)),
  fc.anything({ maxDepth: 2 }).map((value) => Buffer.from(JSON.stringify(value) ?? "")),
);
const extras = fc.oneof(
  fc.constant(null),
  text,
  fc
    .dictionary(fc.constantFrom("text", "reply_to", "headers", "list", "kind", "expires_at", "cc"), fc.jsonValue())
    .map((value) => Buffer.from(JSON.stringify(value)).toString("base64url")),
);
const field = (values: fc.Arbitrary<unknown>) => fc.option(values, { nil: undefined });
const jobs = fc.record({
  id: field(fc.oneof(text, fc.integer(), fc.jsonValue())),
  to: field(fc.oneof(text, fc.constant("ann@example.com"))),
  type: field(fc.oneof(text, fc.constant("VERIFICATION_CODE"))),
  subject: field(text),
  template: field(fc.oneof(text, fc.constant("news"))),
  templateData: field(fc.oneof(fc.jsonValue(), fc.dictionary(text, fc.jsonValue()))),
  priority: field(fc.oneof(fc.integer(), fc.double(), text)),
  delay: field(fc.oneof(fc.integer(), fc.double(), text)),
});

describe("whatever comes", () => {
  it("from NATS is taken in or dead, each one, with a reason of one line", async () => {
    const { reasons, change } = watched();
    const { handle } = await natsInlet(change);
    const deliveries = fc.array(fc.tuple(payload, extras), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(deliveries, async (given) => {
        const batch = given.map(([body, header]) => raw(body, header));
        const verdicts = await handle(batch);
        expect(verdicts).toHaveLength(batch.length);
        for (const [index, verdict] of verdicts.entries()) {
          const reason = reasons.get(batch[index]!.id);
          expect(verdict).toEqual(reason === undefined ? { kind: "done" } : { kind: "refused", reason });
          expect(reason ?? "fine").toMatch(/^[^\p{Cc}\p{Cs}]{1,501}$/u);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("from Redis is taken in or dead, each one, with a reason of one line", async () => {
    const { reasons, change } = watched();
    const { handle, store } = await redisInlet({}, change);
    await store.putTemplate("news", templateContent({ html: "<p>{{ name | default: 'you' }}</p>" }));
    const body = fc.oneof(
      payload,
      jobs.map((given) => Buffer.from(JSON.stringify(given))),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 5 }), fc.integer(), async (given, at) => {
        const batch = given.map((each) => ({ ...raw(each), at: ADDED + at }));
        const verdicts = await handle(batch);
        expect(verdicts).toHaveLength(batch.length);
        for (const [index, verdict] of verdicts.entries()) {
          const reason = reasons.get(batch[index]!.id);
          expect(verdict).toEqual(reason === undefined ? { kind: "done" } : { kind: "refused", reason });
          expect(reason ?? "fine").toMatch(/^[^\p{Cc}\p{Cs}]{1,501}$/u);
        }
      }),
      { numRuns: 300 },
    );
  });
});
