/** What is removed for good: people who are forgotten, and topics that are old. */
import { describe, expect, it } from "vitest";
import type { Claim } from "../../../src/deliver/source.ts";
import { InterruptedError } from "../../../src/errors.ts";
import { NO_TOPIC } from "../../../src/message.ts";
import type { Forgetting, NewDeadLetter } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { bounce, complaint, delivery } from "../../feedback/events.ts";
import {
  failed,
  ingest,
  messagesOf,
  putBack,
  refusalOf,
  refusalsOf,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import { accept, content, counts, message, type Prepare } from "../bench.ts";
import { accepted, apply, of } from "./mail-events.ts";

const DAY_MS = 86_400_000;
const calm = (): AbortSignal => new AbortController().signal;
const ended = (): AbortSignal => AbortSignal.abort();
const ANN = "ann@x.example";
const NOTHING: Forgetting = { kind: "forgotten", messages: 0, events: 0, suppressions: 0 };

/** Sends all that is due. */
async function sendAll(store: Store): Promise<Claim[]> {
  const { claims } = await turn(store, 1_000);
  await settle(store, ...claims.map(accepted));
  return claims;
}

const idOf = (claims: readonly Claim[], email: string): number => claims.find((each) => each.email === email)?.id ?? 0;

async function contentsLeft(store: Store, ids: readonly number[]): Promise<string[]> {
  const found = await Promise.all(ids.map((id) => store.content(id).catch(() => null)));
  return found.map((each) => each?.subject ?? "gone");
}

export function removal(prepare: Prepare): void {
  describe("of a person", () => {
    forgetting(prepare);
    afterForgetting(prepare);
  });
  describe("of what brokers brought", () => {
    brought(prepare);
  });
  describe("of what is old", () => {
    pruning(prepare);
    afterPruning(prepare);
  });
}

function forgetting(prepare: Prepare): void {
  it("who got tens of thousands of mails without a topic: what they cost together grows with their number", async () => {
    const { open } = await prepare();
    const store = await open();
    const code = content("Code");
    const posted = Array.from({ length: 5_000 }, () => message([ANN], { topic: null, content: code }));
    for (let batch = 0; batch < 4; batch++) await accept(store, posted);
    expect(await store.cancel(NO_TOPIC)).toMatchObject({ cancelled: 20_000 });
    expect(await store.forget(ANN, calm())).toEqual({ ...NOTHING, messages: 20_000 });
    expect(await store.messagesTo(ANN, 1)).toEqual([]);
  });

  it("takes all that is kept of him, and nothing of others", async () => {
    const { open, dump } = await prepare();
    const store = await open();
    await ingest(store, ["Ann@x.example", "b@x.example"]);
    await counts(store, [ANN, "b@x.example"], { topic: "codes", uuid: "both" });
    await counts(store, [ANN], { topic: null, uuid: "his", content: content("only his") });
    const claims = await sendAll(store);
    const mine = claims.filter(({ email }) => email.toLowerCase() === ANN);
    expect(mine).toHaveLength(3);
    for (const claim of mine) await apply(store, delivery(of(store, claim)));
    await store.applyVisits([
      { kind: "click", messageId: mine[0]?.id ?? 0, at: 5, machine: false, link: "https://x/" },
    ]);
    await apply(
      store,
      delivery({ to: ["Ann@x.example"], id: 77, legacy: true }),
      delivery({ to: ["c@x.example"], id: 78, legacy: true }),
    );
    await store.suppress([{ address: ANN, reason: "manual", source: "manual" }]);
    const before = await store.topics();

    expect(await store.forget("ANN@x.example", calm())).toEqual({
      kind: "forgotten",
      messages: 3,
      // Three deliveries, a click, and one that was kept.
      events: 5,
      suppressions: 1,
    });
    expect(await store.messagesTo(ANN, 9)).toEqual([]);
    expect((await store.messagesTo("b@x.example", 9)).map(({ uuid }) => uuid)).toEqual(["both", null]);
    expect(JSON.stringify(await dump())).not.toMatch(/ann@x|only his/i);
    expect(JSON.stringify(await dump())).toContain("c@x.example");
    expect(await store.knownUuids(["both", "his"])).toEqual(new Set(["both"]));
    const ids = claims.map(({ contentId }) => contentId);
    expect(await contentsLeft(store, ids)).toEqual(["Hello", "Hello", "Hello", "Hello", "gone"]);
    expect((await store.sampleParts(NO_TOPIC)).content.subject).toBe("(removed)");
    // The counters are as they were, and say how many are gone.
    const removedOf = new Map((await store.topics()).map(({ topic, removed }) => [topic, removed]));
    expect(await store.topics()).toEqual(before.map((row) => ({ ...row, removed: 1 })));
    expect(removedOf.size).toBe(3);
    expect(await store.totals(null)).toMatchObject({ total: 5, sent: 5 });
    expect(await store.forget(ANN, calm())).toEqual(NOTHING);
  });

  it("is refused while mail to him waits or is under way, and changes nothing then", async () => {
    const { open, dump } = await prepare();
    const store = await open();
    await store.suppress([{ address: "other@x.example", reason: "manual", source: "manual" }]);
    await ingest(store, [ANN], { topic: "june" });
    await counts(store, [ANN, "b@x.example"], { topic: "july" });
    const [claim] = (await turn(store, 1)).claims;
    const before = await dump();
    expect(await store.forget(ANN, calm())).toEqual({
      kind: "waiting",
      topics: [
        { topic: "june", pending: 0, sending: 1 },
        { topic: "july", pending: 1, sending: 0 },
      ],
    });
    expect(await dump()).toEqual(before);
    await settle(store, failed(claim));
    await store.cancel("july");
    expect(await store.forget(ANN, calm())).toMatchObject({ kind: "forgotten", messages: 2 });
    expect(await states(store, "july")).toEqual({ "b@x.example": "cancelled" });
  });

  it("begins with the hash, and goes on where it was interrupted", async () => {
    const { open } = await prepare();
    const store = await open();
    for (let n = 0; n < 40; n++) await counts(store, [ANN], { topic: null, content: content(`code ${n}`) });
    await sendAll(store);
    await expect(store.forget(ANN, ended())).rejects.toThrow(InterruptedError);
    expect(await store.messagesTo(ANN, 99)).toHaveLength(40);
    const other = await open();
    const [one, two] = await Promise.all([store.forget(ANN, calm()), other.forget(ANN, calm())]);
    if (one.kind !== "forgotten" || two.kind !== "forgotten") throw new Error("he is forgotten by both");
    expect(one.messages + two.messages).toBe(40);
    expect(await store.forget(ANN, calm())).toEqual(NOTHING);
    expect((await store.topic(NO_TOPIC))?.removed).toBe(40);
  });

  it("of whom nothing is kept is remembered all the same", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.forget("new@x.example", calm())).toEqual(NOTHING);
    expect(await store.countSuppressions()).toBe(1);
    expect(await store.forget("New@x.example", calm())).toEqual(NOTHING);
    expect(await store.countSuppressions()).toBe(1);
  });

  it("goes with thousands of contents, small and large, but not with those that others use", async () => {
    const { open } = await prepare();
    const store = await open();
    const many = 2_300;
    const text = (n: number) => (n % 500 === 7 ? "x".repeat(3_000_000) : "x");
    const own = (n: number) => ({ ...content(`code ${n}`), html: text(n) });
    const messages = Array.from({ length: many }, (_, n) => message([ANN], { topic: null, content: own(n) }));
    await accept(store, messages);
    // One is that of another person's mail, one that of a topic, and one that of a template.
    await counts(store, ["b@x.example"], { topic: null, content: own(1_507) });
    await counts(store, ["b@x.example"], { topic: "codes", content: own(1_508) });
    await store.putTemplate("code", own(2_299));
    const ids = new Map((await store.messagesTo(ANN, many)).map(({ id }) => [id, 0]));
    for (let left = many + 2; left > 0;) {
      const claims = await sendAll(store);
      for (const { id, contentId } of claims) if (ids.has(id)) ids.set(id, contentId);
      left -= claims.length;
    }
    expect(await store.forget(ANN, calm())).toMatchObject({ kind: "forgotten", messages: many });
    const left = await contentsLeft(store, [...ids.values()]);
    expect(left.filter((subject) => subject !== "gone").toSorted()).toEqual(["code 1507", "code 1508", "code 2299"]);
  });

  it("never gives an id or a content's id again, and keeps what others use", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["b@x.example"], { topic: null, content: content("shared") });
    await counts(store, [ANN], { topic: null, content: content("shared") });
    await counts(store, [ANN], { topic: null, content: content("last") });
    const claims = await sendAll(store);
    await store.forget(ANN, calm());
    await counts(store, ["c@x.example"], { topic: null, content: content("new") });
    const [next] = (await turn(store, 1)).claims;
    expect(next?.id).toBeGreaterThan(idOf(claims.slice(-1), ANN));
    expect(next?.contentId).toBeGreaterThan(claims.at(-1)?.contentId ?? 0);
    expect(
      await contentsLeft(
        store,
        claims.map(({ contentId }) => contentId),
      ),
    ).not.toContain("last");
    expect((await store.content(claims[0]?.contentId ?? 0)).subject).toBe("shared");
    await settle(store, sent(next));
  });
}

function afterForgetting(prepare: Prepare): void {
  it("events that come later are counted once, and bring nothing of him back", async () => {
    const { open, dump } = await prepare();
    const store = await open();
    await ingest(store, [ANN, "b@x.example"]);
    const [ann] = await sendAll(store);
    await store.forget(ANN, calm());
    const late = [
      delivery(of(store, ann)),
      complaint(of(store, ann)),
      bounce("Permanent", "General", { to: [ANN], id: 99, legacy: true }),
    ];
    expect(await apply(store, ...late)).toMatchObject({ applied: 0, unmatched: 3, suppressed: 0 });
    expect(await apply(store, ...late)).toMatchObject({ applied: 0, duplicates: 3, suppressed: 0 });
    expect(await store.matchKeptEvents()).toMatchObject({ applied: 0 });
    expect(JSON.stringify(await dump())).not.toMatch(/ann@x/i);
  });

  it("nobody writes to him again, whoever asks and however, until he is let in again", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, [ANN], { topic: "old" });
    await sendAll(store);
    await store.forget("Ann@x.example", calm());
    const transactional = { ...content("code"), kind: "transactional" } as const;
    await ingest(store, ["ANN@x.example", "b@x.example"]);
    expect(await counts(store, [ANN], { topic: "july" })).toEqual([0, 0, 1]);
    expect(await counts(store, [ANN], { topic: null, content: transactional, priority: 10 })).toEqual([0, 0, 1]);
    expect(await store.retry("july", ["suppressed"])).toBe(0);
    expect((await turn(store, 9)).claims.map(({ email }) => email)).toEqual(["b@x.example"]);
    await store.forget(ANN, calm());
    expect(await store.messagesTo(ANN, 9)).toEqual([]);
    expect(await store.unsuppress([ANN])).toBe(1);
    expect(await counts(store, [ANN], { topic: "august" })).toEqual([1, 0, 0]);
    const claims = await sendAll(store);
    await settle(store, ...claims.map(accepted));
  });

  it("no list, event or person brings his address back by suppressing it", async () => {
    const { open, dump } = await prepare();
    const store = await open();
    await store.forget(ANN, calm());
    const given = { reason: "bounce", detail: null };
    const entries = ["import", "ses", "manual"].map((source) => ({ ...given, address: "Ann@x.example", source }));
    expect(await store.suppress([...entries, { ...given, address: "b@x.example", source: "import" }])).toBe(1);
    expect(await store.suppressionsOf(ANN)).toMatchObject([{ list: "", reason: "forgotten", source: "manual" }]);
    expect(JSON.stringify(await dump())).not.toMatch(/ann@x/i);
  });

  it("his links do nothing, and do not fail", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, [ANN]);
    const [ann] = await sendAll(store);
    const messageId = ann?.id ?? 0;
    await store.forget(ANN, calm());
    expect(await store.applyVisits([{ kind: "open", messageId, at: 5, machine: false, link: null }])).toBe(0);
    expect(await store.unsubscribe([{ messageId, at: 5, from: "list" }])).toBe(0);
    expect(await store.resubscribe(messageId)).toBe(false);
    expect(await store.addressee(messageId)).toBeNull();
    expect(await store.message(messageId)).toBeNull();
    expect(await store.mailParts(messageId)).toBeNull();
  });

  it("of a rehearsal is not counted any more when the topic starts afresh", async () => {
    const { open } = await prepare();
    const store = await open();
    const scope = { topic: "june", endpoint: "sandbox", maxLateMs: null } as const;
    await ingest(store, [ANN, "b@x.example"]);
    const { claims } = await turn(store, 2, { scope });
    await settle(store, ...claims.map(accepted));
    await store.forget(ANN, calm());
    await store.startAfresh("june", { signal: calm(), notBefore: null });
    expect(await store.topic("june")).toMatchObject({ total: 1, pending: 1, sent: 0, removed: 0 });
  });
}

/** A topic that is sent, a day before now. */
async function oldTopic(store: Store, pass: (ms: number) => void, topic = "june"): Promise<Claim[]> {
  await ingest(store, [ANN, "b@x.example", "c@x.example"], { topic });
  const claims = await sendAll(store);
  pass(DAY_MS);
  return claims;
}

const plannedOf = (store: Store, olderThanMs: number) => store.prunable(olderThanMs, { named: 10, signal: calm() });

async function finishedOf(store: Store, olderThanMs: number): Promise<string[]> {
  return (await plannedOf(store, olderThanMs)).oldest.map(({ topic }) => topic);
}

function pruning(prepare: Prepare): void {
  it("takes the messages of topics that finished before, and leaves their totals", async () => {
    const { open, clock, dump } = await prepare();
    const store = await open();
    const old = await oldTopic(store, (ms) => clock.pass(ms));
    await apply(
      store,
      ...old.map((claim) => delivery(of(store, claim))),
      delivery({ to: ["q@x.example"], id: 7, legacy: true }),
    );
    await ingest(store, [ANN, "b@x.example"], { topic: "waits" });
    const waiting = (await turn(store, 1)).claims;
    clock.pass(DAY_MS);
    await ingest(store, [ANN], { topic: "young" });
    await settle(store, accepted(waiting[0]));
    const before = await store.topic("june");
    const plan = { topics: 1, oldest: [{ topic: "june", messages: 3 }], single: 0, messages: 3, events: 4 };
    expect(await plannedOf(store, DAY_MS / 2)).toEqual(plan);
    const kept = await dump();
    await plannedOf(store, DAY_MS / 2);
    expect(await dump()).toEqual(kept);
    const seen: number[] = [];
    const onProgress = ({ messages }: { messages: number }) => void seen.push(messages);
    expect(await store.prune(DAY_MS / 2, { signal: calm(), onProgress })).toEqual({
      topics: 1,
      messages: 3,
      events: 4,
    });
    expect(seen).toContain(3);
    expect(await store.topic("june")).toEqual({ ...before, removed: 3, prunedAt: clock.now() });
    expect(await messagesOf(store, "june")).toEqual([]);
    expect(await states(store, "waits")).toEqual({ [ANN]: "sent", "b@x.example": "pending" });
    expect(await messagesOf(store, "young")).toHaveLength(1);
    expect(await store.prune(DAY_MS / 2, { signal: calm() })).toEqual({ topics: 0, messages: 0, events: 0 });
    expect(await store.columns("june")).toEqual(["email"]);
    expect(await store.sampleParts("june")).toMatchObject({ topic: "june", email: null });
    await store.cancel("waits");
    await store.cancel("young");
  });

  it("goes by the last thing that happened to a topic", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    for (const topic of ["sent", "added", "posted", "cancelled", "failed", "idle", "due"])
      await ingest(store, ["a@x.example"], { topic, ...(topic === "due" && { at: clock.now() + 3 * DAY_MS }) });
    await store.pause("sent", null);
    await settle(store, ...(await turn(store, 9)).claims.map((claim) => failed(claim)));
    clock.pass(2 * DAY_MS);
    await store.resume("sent");
    await sendAll(store);
    await ingest(store, ["b@x.example"], { topic: "added" });
    await counts(store, ["b@x.example"], { topic: "posted" });
    await store.cancel("due");
    await store.cancel("cancelled");
    await settle(store, ...(await turn(store, 9)).claims.map((claim) => failed(claim)));
    expect(await finishedOf(store, DAY_MS)).toEqual(["failed", "idle"]);
    clock.pass(3 * DAY_MS);
    expect(await finishedOf(store, DAY_MS)).toEqual(["sent", "added", "posted", "cancelled", "failed", "idle", "due"]);
    expect(await finishedOf(store, 100 * DAY_MS)).toEqual([]);
  });

  it("counts all topics that have finished, names the oldest, and counts single mails apart", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const past = { state: "cancelled" } as const;
    await accept(store, [
      ...["june", "july", "august"].map((topic) => message(["p@x.example"], { topic, past })),
      message(["q@x.example", "r@x.example"], { topic: NO_TOPIC, past }),
    ]);
    clock.pass(DAY_MS);
    const oldest = ["june", "july"].map((topic) => ({ topic, messages: 1 }));
    const plan = { topics: 3, oldest, single: 2, messages: 5, events: 0 };
    expect(await store.prunable(DAY_MS / 2, { named: 2, signal: calm() })).toEqual(plan);
    expect(await store.prune(DAY_MS / 2, { signal: calm() })).toEqual({ topics: 3, messages: 5, events: 0 });
    expect(await plannedOf(store, DAY_MS / 2)).toMatchObject({ topics: 0, oldest: [], single: 0, messages: 0 });
  });

  it("takes mail without a topic message by message", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const post = (email: string, notBefore = 0) =>
      counts(store, [email], { topic: null, notBefore, uuid: email, content: content(email) });
    await post("a@x.example");
    await post("waits@x.example", clock.now() + 9 * DAY_MS);
    await counts(store, ["b@x.example"], { topic: "between" });
    await post("c@x.example");
    const claims = await sendAll(store);
    clock.pass(2 * DAY_MS);
    await post("young@x.example");
    await sendAll(store);
    expect(await store.prune(DAY_MS, { signal: calm() })).toEqual({ topics: 1, messages: 3, events: 0 });
    expect(Object.keys(await states(store, NO_TOPIC))).toEqual(["waits@x.example", "young@x.example"]);
    expect(await store.topic(NO_TOPIC)).toMatchObject({ total: 4, sent: 3, removed: 2, prunedAt: null });
    // It goes on, and a uuid that was used is known for good.
    expect(await post("a@x.example")).toEqual([0, 1, 0]);
    expect(await counts(store, ["a@x.example"], { topic: null })).toEqual([1, 0, 0]);
    expect(
      await contentsLeft(
        store,
        claims.map(({ contentId }) => contentId),
      ),
    ).toContain("gone");
    await sendAll(store);
  });

  it("gives no id again, and goes on when it was interrupted", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(
      store,
      Array.from({ length: 1_200 }, (_, n) => `p${n}@x.example`),
    );
    const claims = (await turn(store, 1_200)).claims;
    await settle(store, ...claims.map((claim) => sent(claim)));
    clock.pass(2 * DAY_MS);
    const stop = new AbortController();
    const pruning = store.prune(DAY_MS, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(pruning).rejects.toThrow(InterruptedError);
    const { removed = 0, prunedAt = null } = (await store.topic("june")) ?? {};
    expect(prunedAt).not.toBeNull();
    expect(removed).toBeGreaterThan(0);
    expect(removed).toBeLessThan(1_200);
    expect(await messagesOf(store)).toHaveLength(1_200 - removed);
    clock.pass(1_000);
    expect(await (await open()).prune(DAY_MS, { signal: calm() })).toMatchObject({
      topics: 1,
      messages: 1_200 - removed,
    });
    expect(await store.topic("june")).toMatchObject({ removed: 1_200, prunedAt, sent: 1_200 });
    await counts(store, ["new@x.example"], { topic: "july" });
    const [next] = (await turn(store, 1)).claims;
    expect(next?.id).toBeGreaterThan(claims.at(-1)?.id ?? 0);
    await settle(store, sent(next));
  });

  it("what was begun goes on, also when only older topics are asked for", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(
      store,
      Array.from({ length: 1_200 }, (_, n) => `p${n}@x.example`),
    );
    await settle(store, ...(await turn(store, 1_200)).claims.map((claim) => sent(claim)));
    clock.pass(2 * DAY_MS);
    const stop = new AbortController();
    const pruning = store.prune(DAY_MS, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(pruning).rejects.toThrow(InterruptedError);
    const left = (await messagesOf(store)).length;
    expect(await plannedOf(store, 100 * DAY_MS)).toMatchObject({ oldest: [{ messages: left }], messages: left });
    expect(await store.prune(100 * DAY_MS, { signal: calm() })).toMatchObject({ topics: 1, messages: left });
    expect(await messagesOf(store)).toEqual([]);
  });

  it("leaves what is put back to pending meanwhile", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example", "b@x.example"]);
    const [a, b] = (await turn(store, 2)).claims;
    await settle(store, failed(a), putBack(b));
    clock.pass(2 * DAY_MS);
    expect(await store.prune(DAY_MS, { signal: calm() })).toMatchObject({ topics: 0, messages: 0 });
    expect(await states(store)).toEqual({ "a@x.example": "failed", "b@x.example": "pending" });
  });
}

function afterPruning(prepare: Prepare): void {
  it("the topic takes nobody any more, and its messages cannot be retried", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await oldTopic(store, (ms) => clock.pass(ms));
    await ingest(store, ["z@x.example"], { topic: "off" });
    await store.cancel("off");
    clock.pass(DAY_MS);
    await store.prune(DAY_MS / 2, { signal: calm() });
    for (const topic of ["june", "off"]) {
      expect(await refusalOf(ingest(store, ["new@x.example"], { topic }))).toBe("pruned");
      expect(refusalsOf(await accept(store, [message(["new@x.example"], { topic })]))).toEqual([[0, "pruned"]]);
      expect(await refusalOf(store.retry(topic, ["failed", "cancelled"]))).toBe("pruned");
      expect(await refusalOf(store.pause(topic, null))).toBe("pruned");
    }
    expect(await store.retry(null, ["failed", "cancelled"])).toBe(0);
    expect(await store.cancel("june")).toEqual({ cancelled: 0, inFlight: 0 });
    expect((await turn(store, 9)).claims).toEqual([]);
  });

  it("a rehearsal gives its name and its uuids up", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await counts(store, [ANN], { topic: "codes", uuid: "one" });
    const { claims } = await turn(store, 1, { scope: { topic: "codes", endpoint: "sandbox", maxLateMs: null } });
    await settle(store, ...claims.map(accepted));
    clock.pass(2 * DAY_MS);
    await store.prune(DAY_MS, { signal: calm() });
    expect(await refusalOf(store.startAfresh("codes", { signal: calm(), notBefore: null }))).toBe("pruned");
    expect(await accept(store, [message([ANN], { topic: "codes", uuid: "one" })])).toMatchObject({
      kind: "stored",
      counts: { added: 1 },
      setAside: [{ topic: "codes", now: "codes (rehearsal)" }],
    });
    await sendAll(store);
  });

  it("events that come later are counted once, and suppress", async () => {
    const { open, clock, dump } = await prepare();
    const store = await open();
    const [ann] = await oldTopic(store, (ms) => clock.pass(ms));
    await store.prune(DAY_MS / 2, { signal: calm() });
    const late = [delivery(of(store, ann)), complaint(of(store, ann))];
    expect(await apply(store, ...late)).toMatchObject({ applied: 0, unmatched: 2, suppressed: 1 });
    expect(JSON.stringify(((await dump()) as Record<string, unknown>)["unmatched"])).not.toContain("ann@x");
    await store.unsuppress([ANN]);
    expect(await apply(store, ...late)).toMatchObject({ duplicates: 2, suppressed: 0 });
    expect(
      await store.applyVisits([{ kind: "open", messageId: ann?.id ?? 0, at: 5, machine: false, link: null }]),
    ).toBe(0);
  });
}

function brought(prepare: Prepare): void {
  const letter = (origin: string, body: string, extras: string | null = null): NewDeadLetter => ({
    source: "nats",
    origin,
    reason: "test",
    body: Buffer.from(body),
    extras,
  });
  const originsOf = async (store: Store) =>
    (await store.deadLetters({ before: null, limit: 100 })).map(({ origin }) => origin).toReversed();

  it("no dead letter is removed of a person to whom mail is waiting, or because it is old", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await store.keepDead([letter("1", `to ${ANN}`)]);
    await counts(store, [ANN]);
    expect(await store.forget(ANN, calm())).toMatchObject({ kind: "waiting" });
    await sendAll(store);
    clock.pass(100 * DAY_MS);
    expect(await store.prune(DAY_MS, { signal: calm() })).toMatchObject({ messages: 1 });
    expect(await originsOf(store)).toEqual(["1"]);
  });

  it("the dead letters that name a person go with him, and those of others stay", async () => {
    const { open } = await prepare();
    const store = await open();
    const inBase64 = Buffer.from(`{"reply_to":"${ANN.toUpperCase()}"}`).toString("base64url");
    await store.keepDead([
      letter("his", `{"to":"${ANN}"}`),
      letter("another's", `{"to":"jo${ANN}"}`),
      letter("in capitals", `Ann <${ANN.toUpperCase()}>`),
      letter("in its extras", "no text", inBase64),
      letter("of no one", "\ud83c no text", "!"),
    ]);
    await expect(store.forget(ANN, ended())).rejects.toThrow(InterruptedError);
    expect(await store.countDead()).toBe(5);
    expect(await store.forget("Ann@X.example", calm())).toEqual(NOTHING);
    expect(await originsOf(store)).toEqual(["another's", "of no one"]);
  });

  it("many and large ones, in parts", async () => {
    const { open } = await prepare();
    const store = await open();
    const text = (at: number) =>
      `${at % 3 === 0 ? ANN : "bob@x.example"} ${" ".repeat(at % 100 === 0 ? 3_000_000 : 10)}`;
    await store.keepDead(Array.from({ length: 450 }, (_, at) => letter(`${at}`, text(at))));
    await store.forget(ANN, calm());
    expect(await store.countDead()).toBe(300);
  });

  it("nothing is reported of messages that are gone", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    for (const [email, via] of [
      [ANN, "redis"],
      ["bob@x.example", "nats"],
      ["cy@x.example", "redis"],
    ] as const)
      await counts(store, [email], { reports: { via, name: email }, topic: email });
    await sendAll(store);
    await store.forget(ANN, calm());
    expect((await store.reports("redis", 9)).map(({ name }) => name)).toEqual(["cy@x.example"]);
    clock.pass(100 * DAY_MS);
    await store.prune(DAY_MS, { signal: calm() });
    expect([...(await store.reports("redis", 9)), ...(await store.reports("nats", 9))]).toEqual([]);
  });
}
