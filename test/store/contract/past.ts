/** Mail of another program that goes on here: what it did with a message is kept. */
import { describe, expect, it } from "vitest";
import type { Past } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { bounce, delivery, sesId } from "../../feedback/events.ts";
import { EVERYTHING, messagesOf, refusalsOf, sent, settle, states, turn } from "../../support/store-actions.ts";
import { accept, content, counts, message, type Prepare, request } from "../bench.ts";
import { apply } from "./mail-events.ts";

const DAY_MS = 86_400_000;
const SENT = { state: "sent", sesMessageId: "ses-old", sentAt: 1_000 } as const;
const EVERY: readonly Past[] = [
  SENT,
  { state: "in_doubt", error: "it stopped in between" },
  { state: "failed", error: "Email address is not verified" },
  { state: "cancelled" },
];

const bring = (store: Store, email: string, past: Past, topic = "june") => counts(store, [email], { past, topic });

export function pasts(prepare: Prepare): void {
  describe("is refused", () => {
    refusing(prepare);
  });
  describe("is added", () => {
    adding(prepare);
  });
  describe("goes on:", () => {
    goingOn(prepare);
  });
}

function refusing(prepare: Prepare): void {
  it("when its topic is cancelled, and nothing of it is kept", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example"]);
    await store.cancel("june");
    const result = await accept(store, [message(["b@x.example"], { past: SENT })]);
    expect(refusalsOf(result)).toEqual([[0, "cancelled"]]);
    expect(await store.messagesTo("b@x.example", 9)).toEqual([]);
  });

  it("a rehearsal of a topic of which something was sent, also in the same batch", async () => {
    const { open } = await prepare();
    const store = await open();
    const [brought, rehearsal] = await store.accept([
      request([message(["a@x.example"], { past: SENT })]),
      request([message(["b@x.example"])], { endpoint: "sandbox" }),
    ]);
    expect(brought).toMatchObject({ kind: "stored", counts: { added: 1 } });
    expect(refusalsOf(rehearsal ?? { kind: "conflict" })).toEqual([[0, "sent-for-real"]]);
    const later = await accept(store, [message(["b@x.example"])], { endpoint: "sandbox" });
    expect(refusalsOf(later)).toEqual([[0, "sent-for-real"]]);
    expect(await store.topic("june")).toMatchObject({ endpoint: "ses", calledAt: 1_000 });
    await expect(
      store.startAfresh("june", { signal: new AbortController().signal, notBefore: null }),
    ).resolves.toBeNull();
  });

  it("as a duplicate, by its uuid or by its mail, and the first stays as it is", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example"], { uuid: "u-1" });
    expect(await counts(store, ["a@x.example"], { uuid: "u-1", past: SENT })).toEqual([0, 1, 0]);
    expect(await counts(store, ["A@x.example"], { uuid: "u-2", past: SENT })).toEqual([0, 1, 0]);
    expect(await states(store)).toEqual({ "a@x.example": "pending" });
    expect(await store.topic("june")).toMatchObject({ calledAt: null, endpoint: null, firstSentAt: null });
    expect(await bring(store, "b@x.example", SENT)).toEqual([1, 0, 0]);
    expect(await counts(store, ["b@x.example"])).toEqual([0, 1, 0]);
    expect((await turn(store, 9)).claims.map(({ email }) => email)).toEqual(["a@x.example"]);
  });
}

function adding(prepare: Prepare): void {
  it("in its state, with what became of it, and none of it is handed out", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const past of EVERY) expect(await bring(store, `${past.state}@x.example`, past)).toEqual([1, 0, 0]);
    const none = { sesMessageId: null, error: null, sentAt: null };
    expect(await messagesOf(store)).toMatchObject([
      { ...none, state: "sent", attempts: 1, sesMessageId: "ses-old", sentAt: 1_000 },
      { ...none, state: "in_doubt", attempts: 1, error: "it stopped in between" },
      { ...none, state: "failed", attempts: 1, error: "Email address is not verified" },
      { ...none, state: "cancelled", attempts: 0 },
    ]);
    expect((await turn(store, 9)).claims).toEqual([]);
    expect(await store.totals("june")).toMatchObject({ total: 4, sent: 1, in_doubt: 1, failed: 1, cancelled: 1 });
  });

  it("together with others of its topic, which go out", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const notBefore = clock.now() + DAY_MS;
    const result = await accept(store, [
      message(["a@x.example", "A@x.example", "b@x.example"], { past: SENT, uuids: ["u-a", null, "u-b"], uuid: null }),
      message(["c@x.example"], { notBefore }),
      message(["d@x.example"], { topic: "july", past: SENT, notBefore }),
    ]);
    expect(result).toMatchObject({ counts: { added: 4, duplicates: 1, suppressed: 0 } });
    expect(await store.topic("june")).toMatchObject({ sent: 2, pending: 1, notBefore, firstSentAt: 1_000 });
    expect(await store.accepted("u-b")).toEqual({ state: "sent", sesMessageId: "ses-old", error: null });
    clock.pass(DAY_MS);
    expect((await turn(store, 9)).claims.map(({ email }) => email)).toEqual(["c@x.example"]);
  });

  it("whether its address is suppressed or not: it happened", async () => {
    const { open } = await prepare();
    const store = await open();
    await store.suppress([{ address: "a@x.example", reason: "bounce", source: "test" }]);
    expect(await bring(store, "a@x.example", SENT)).toEqual([1, 0, 0]);
    expect(await bring(store, "a@x.example", { state: "cancelled" }, "july")).toEqual([1, 0, 0]);
    expect(await states(store)).toEqual({ "a@x.example": "sent" });
    expect(await states(store, "july")).toEqual({ "a@x.example": "cancelled" });
  });

  it("without a SES message id, and not later than now", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await bring(store, "a@x.example", { state: "sent", sesMessageId: null, sentAt: clock.now() + DAY_MS });
    expect(await messagesOf(store)).toMatchObject([{ state: "sent", sesMessageId: null, sentAt: clock.now() }]);
  });

  it("with texts that no column takes", async () => {
    const { open } = await prepare();
    const store = await open();
    await bring(store, "a@x.example", { state: "failed", error: "550 \0\ud800 no" });
    await bring(store, "b@x.example", { state: "sent", sesMessageId: "\ud800", sentAt: 1 });
    expect((await messagesOf(store)).map(({ state }) => state)).toEqual(["failed", "sent"]);
  });

  it("and counted when it was sent: in the topic, in the last hours, and against the cap of its recipient", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const now = clock.now();
    for (const [email, ago] of [
      ["a@x.example", 60_000],
      ["b@x.example", 2 * DAY_MS],
      ["c@x.example", 1_000],
    ] as const)
      await bring(store, email, { state: "sent", sesMessageId: null, sentAt: now - ago });
    expect(await store.topic("june")).toMatchObject({
      firstSentAt: now - 2 * DAY_MS,
      lastSentAt: now - 1_000,
      calledAt: now - 2 * DAY_MS,
    });
    expect(await store.countSentWithin(DAY_MS)).toBe(2);
    await counts(store, ["a@x.example", "b@x.example"], { topic: "july" });
    const scope = { ...EVERYTHING, recipientCap: { count: 1, windowMs: DAY_MS } };
    expect((await turn(store, 9, { scope })).claims.map(({ email }) => email)).toEqual(["b@x.example"]);
  });

  it("to the place of its request: what only the sandbox had makes room for the real thing", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["z@x.example"]);
    await accept(store, [message(["a@x.example"], { past: SENT })], { endpoint: "sandbox" });
    expect(await store.topic("june")).toMatchObject({ endpoint: "sandbox" });
    expect(await accept(store, [message(["a@x.example"], { past: SENT })])).toMatchObject({
      kind: "stored",
      setAside: [{ topic: "june", now: "june (rehearsal)" }],
    });
    expect(await store.topic("june")).toMatchObject({ endpoint: "ses", sent: 1 });
  });

  it("and leaves a topic open to either place when nothing of it left", async () => {
    const { open } = await prepare();
    const store = await open();
    await bring(store, "a@x.example", { state: "cancelled" });
    expect(await store.topic("june")).toMatchObject({ endpoint: null, calledAt: null });
    expect(await accept(store, [message(["b@x.example"])], { endpoint: "sandbox" })).toMatchObject({ kind: "stored" });
  });
}

function goingOn(prepare: Prepare): void {
  it("what failed, is in doubt or cancelled goes out when a person says so", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const past of EVERY) await bring(store, `${past.state}@x.example`, past);
    expect(await store.retry("june", ["failed", "cancelled", "in_doubt"])).toBe(3);
    const { claims } = await turn(store, 9);
    await settle(store, ...claims.map((claim) => sent(claim)));
    expect(await store.totals("june")).toMatchObject({ sent: 4, pending: 0 });
  });

  it("its events find it by its SES message id, also those that came before it did", async () => {
    const { open } = await prepare();
    const store = await open();
    // As another program sent them: without our tags.
    const [a, b] = [
      { id: 901, to: ["a@x.example"], legacy: true },
      { id: 902, to: ["b@x.example"], legacy: true },
    ];
    expect(await apply(store, bounce("Permanent", "General", a))).toMatchObject({ unmatched: 1 });
    await bring(store, "a@x.example", { ...SENT, sesMessageId: sesId(901) });
    expect(await store.matchKeptEvents()).toMatchObject({ applied: 1 });
    await bring(store, "b@x.example", { ...SENT, sesMessageId: sesId(902) });
    expect(await apply(store, delivery(b))).toMatchObject({ applied: 1 });
    expect(await store.topic("june")).toMatchObject({ sent: 2, delivered: 1, bounced_permanent: 1 });
  });

  it("who brought it hears how it stands", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const past of EVERY)
      await counts(store, [`${past.state}@x.example`], {
        past,
        reports: { via: "nats", name: past.state },
        content: content(past.state),
      });
    const told = await store.reports("nats", 9);
    expect(told.map(({ name, state, at }) => [name, state, at])).toEqual(
      EVERY.map(({ state }) => [state, state, state === "sent" ? 1_000 : null]),
    );
  });
}
