/** Another content for a topic of many messages, what others do meanwhile, and what a dead process leaves of it. */
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Claim } from "../../../src/deliver/source.ts";
import { FEW } from "../../../src/store/move.ts";
import type { Store } from "../../../src/store/store.ts";
import {
  EVERYTHING,
  failed,
  handedOver,
  inDoubt,
  ingest,
  putBack,
  refusalOf,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import { type Bench, content, counts, type Prepare } from "../bench.ts";
import { expectSound } from "../sound.ts";

/** More than is given another content at once. */
const MANY = FEW + 1_500;
/** A process that does something in parts has said nothing for so long. */
const SILENT_MS = 30_001;
const LATER_MS = 60_000;

const A = content("a");
const B = content("b");
const C = content("c");

const addresses = (count: number): string[] => Array.from({ length: count }, (_, index) => `p${index}@x.example`);
const JUNE = { ...EVERYTHING, topic: "june" };

/** The subjects of the mails that are claimed, by address; several of one address one after the other. */
async function subjectsOf(store: Store, claims: readonly Claim[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { email, contentId } of claims)
    found[email] = (found[email] ?? "") + (await store.content(contentId)).subject;
  return found;
}

const everyB = (emails: readonly string[]) => Object.fromEntries(emails.map((email) => [email, "b"]));

export function newContent(prepare: Prepare): void {
  whole(prepare);
  describe("when the process died that gave it", () => {
    dead(prepare);
  });
  describe("when something else is done with the topic as well", () => {
    beside(prepare);
  });
}

function whole(prepare: Prepare): void {
  it("what was not sent gets it, and nothing else does", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const emails = addresses(MANY);
    await ingest(store, emails, { content: A });
    await counts(store, emails.slice(10, 13), { content: C });
    const { claims } = await turn(store, 5, { scope: JUNE });
    const [isSent, isInDoubt, isSending, hasFailed, isBack] = claims;
    await settle(store, sent(isSent), inDoubt(isInDoubt), failed(hasFailed), failed(isBack));
    const late = ["late@x.example"];
    expect(await ingest(store, [...late, ...emails], { content: B, replaceContent: true })).toEqual({
      added: 1,
      duplicates: MANY,
      suppressed: 0,
    });
    expect(await store.moving()).toEqual([]);
    expect(await store.topic("june")).toMatchObject({ moving: null, pending: MANY - 5 + 3 + 1 });
    await settle(store, failed(isSending));
    expect(await store.retry("june", ["failed", "in_doubt"])).toBe(4);
    const subjects = await subjectsOf(store, (await turn(store, 2 * MANY)).claims);
    expect(subjects).toEqual({
      ...everyB([...emails, ...late]),
      [isSent?.email ?? ""]: undefined,
      // It may have arrived.
      [isInDoubt?.email ?? ""]: "a",
      ...Object.fromEntries(emails.slice(10, 13).map((email) => [email, "bc"])),
    });
    await expectSound(store, clock);
  });

  it("what comes back unsent from a call that was under way gets it, unless its address may not get that", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const emails = addresses(4);
    await ingest(store, emails, { content: A });
    await counts(store, ["p3@x.example"], { content: C });
    const { claims } = await turn(store, 9);
    const [throttled, refused, barred] = claims;
    await ingest(store, [], { content: { ...B, list: "new" }, replaceContent: true });
    await store.suppress([{ address: barred?.email ?? "", list: "new", reason: "manual", source: "manual" }]);
    await settle(store, ...claims.map((claim) => (claim === refused ? failed(claim) : putBack(claim))));
    expect(await states(store)).toMatchObject({
      [barred?.email ?? ""]: "suppressed",
      [refused?.email ?? ""]: "failed",
    });
    await store.retry("june", ["failed"]);
    const again = (await turn(store, 9)).claims;
    expect(await subjectsOf(store, again)).toEqual({
      [throttled?.email ?? ""]: "b",
      [refused?.email ?? ""]: "b",
      "p3@x.example": "bc",
    });
    await expectSound(store, clock);
  });

  it("what was handed over to a broker meanwhile, and was not sent, gets it", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, addresses(6), { content: A });
    await counts(store, ["p0@x.example"], { content: C });
    const { claims } = await turn(store, 9);
    await settle(store, ...claims.map((claim) => handedOver(claim)));
    await ingest(store, [], { content: B, replaceContent: true });
    const results = ["failed", "suppressed", "cancelled", "in_doubt", "sent", "in_doubt", "failed"] as const;
    const told = claims.map(({ id }, at) => ({
      messageId: id,
      state: results[at] ?? "sent",
      sesMessageId: null,
      error: null,
      at: null,
    }));
    await store.settleHanded(told);
    // Somebody finds out later that it was not sent.
    await store.settleHanded(told.slice(5, 6).map((result) => ({ ...result, state: "failed" as const })));
    await store.retry("june", ["failed", "suppressed", "cancelled", "in_doubt"]);
    expect(await subjectsOf(store, (await turn(store, 9)).claims)).toEqual({
      ...everyB(["p1@x.example", "p2@x.example", "p5@x.example"]),
      "p0@x.example": "bc",
      "p3@x.example": "a",
    });
    await expectSound(store, clock);
  });

  it("cancelled mail gets it, too, and a topic that has the content is left alone", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, addresses(MANY), { content: A });
    const cancelling = store.cancel("june");
    expect(await refusalOf(ingest(store, [], { content: B, replaceContent: true }))).toMatch(/^(taken|cancelled)$/);
    await cancelling;
    await store.retry("june", ["cancelled"]);
    await ingest(store, [], { content: B, replaceContent: true });
    await ingest(store, [], { content: B, replaceContent: true });
    expect(Object.values(await subjectsOf(store, (await turn(store, MANY)).claims))).toEqual(
      Array.from({ length: MANY }, () => "b"),
    );
  });

  it("whoever left the list of the new content is kept from it, and who is suppressed meanwhile as well", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const emails = addresses(MANY);
    await ingest(store, emails, { content: { ...A, list: "old" } });
    const entry = (address: string) => ({ address, list: "new", reason: "manual", source: "test" });
    const [before = "", meanwhile = "", other = ""] = [emails[7], emails[MANY - 2], emails[MANY - 1]];
    await store.suppress([entry(before)]);
    const giving = ingest(store, [], { content: { ...B, list: "new" }, replaceContent: true });
    while ((await store.topic("june"))?.moving !== "content" && (await store.totals("june")).suppressed === 0)
      await setImmediate();
    await (await open()).suppress([entry(meanwhile)]);
    await giving;
    const found = await states(store);
    expect([before, meanwhile, other].map((email) => found[email])).toEqual(["suppressed", "suppressed", "pending"]);
    expect(await store.totals("june")).toMatchObject({ pending: MANY - 2, suppressed: 2 });
    await expectSound(store, clock);
  });

  it("nothing leaves with the former content while it is given", async () => {
    const { open } = await prepare();
    const store = await open();
    const sender = await open();
    await ingest(store, addresses(MANY), { content: A });
    const giving = ingest(store, [], { content: B, replaceContent: true });
    while ((await sender.topic("june"))?.moving !== "content") await setImmediate();
    let claims: Claim[] = [];
    let waits = 0;
    while (claims.length === 0) {
      const taken = await sender.turn({
        settlements: [],
        room: 50,
        perSecond: 1e9,
        withinMs: 0,
        scope: JUNE,
        departed: [],
        throttledAgoMs: null,
      });
      ({ claims } = taken);
      if (taken.isMoving) waits++;
      await setImmediate();
    }
    await giving;
    expect(waits).toBeGreaterThan(0);
    expect(new Set(Object.values(await subjectsOf(store, claims)))).toEqual(new Set(["b"]));
  });
}

/** A content that is begun for topic june of six, of which one is sent and one in doubt, and nothing of it is done. */
async function begun(
  prepare: Prepare,
  isPosted = false,
): Promise<{ bench: Bench; store: Store; waiting: string[]; id: number }> {
  const bench = await prepare();
  const store = await bench.open();
  const emails = addresses(6);
  if (isPosted) await counts(store, emails, { content: A });
  else await ingest(store, emails, { content: A });
  await ingest(store, ["x@x.example"], { topic: "spare", content: B });
  const { claims } = await turn(store, 2, { scope: JUNE });
  await settle(store, sent(claims[0]), inDoubt(claims[1]));
  const [spare] = (await turn(store, 1, { scope: { ...EVERYTHING, topic: "spare" } })).claims;
  await settle(store, sent(spare));
  const id = spare?.contentId ?? 0;
  await bench.leaveMoving({
    time: null,
    content: { id, sifts: false, last: 1_000_000, begunAt: bench.clock.now() },
  });
  return { bench, store, waiting: emails.slice(2), id };
}

function dead(prepare: Prepare): void {
  it("nothing is claimed, and the next opening gives it to the rest", async () => {
    const { bench, store, waiting } = await begun(prepare);
    expect(await turn(store, 9)).toMatchObject({ claims: [], drained: true, isMoving: true });
    expect(await store.moving()).toEqual([await store.topic("june")]);
    expect(await store.topic("june")).toMatchObject({ moving: "content" });
    // It may be at work just now.
    await bench.openToWork();
    expect((await turn(store, 9)).claims).toEqual([]);
    bench.clock.pass(SILENT_MS);
    await bench.openToWork();
    const after = await turn(store, 9);
    expect(await subjectsOf(store, after.claims)).toEqual(everyB(waiting));
    expect((await turn(store, 9)).isMoving).toBe(false);
    await expectSound(store, bench.clock);
  });

  it("a service that goes on for weeks gives it to the rest", async () => {
    const { bench, store, waiting } = await begun(prepare);
    const { signal } = new AbortController();
    await store.finishOthersWork(signal);
    expect((await turn(store, 9)).claims).toEqual([]);
    bench.clock.pass(SILENT_MS);
    await store.finishOthersWork(signal);
    expect(await store.moving()).toEqual([]);
    expect(await subjectsOf(store, (await turn(store, 9)).claims)).toEqual(everyB(waiting));
  });

  it("the same command again gives it to the rest at once, and one with yet another content gives that", async () => {
    const { store, waiting } = await begun(prepare);
    await ingest(store, waiting, { content: B, replaceContent: true });
    expect(await store.moving()).toEqual([]);
    const again = await begun(prepare);
    await ingest(again.store, ["new@x.example"], { content: C, replaceContent: true });
    expect(await again.store.moving()).toEqual([]);
    const { claims } = await turn(again.store, 9);
    expect(new Set(Object.values(await subjectsOf(again.store, claims)))).toEqual(new Set(["c"]));
    expect(claims).toHaveLength(5);
    expect(await subjectsOf(store, (await turn(store, 9)).claims)).toEqual(everyB(waiting));
  });

  it("no run waits for it that could not send the topic then", async () => {
    const { store } = await begun(prepare);
    const isMoving = async (scope = EVERYTHING) => (await turn(store, 9, { scope })).isMoving;
    expect(await isMoving()).toBe(true);
    expect(await isMoving({ ...EVERYTHING, topic: "spare" })).toBe(false);
    expect(await isMoving({ ...EVERYTHING, endpoint: "sandbox" })).toBe(false);
    expect(await isMoving({ ...EVERYTHING, held: new Set(["june"]) })).toBe(false);
    await store.pause("june", null);
    expect(await isMoving()).toBe(false);
    await store.resume("june");
    expect(await isMoving(JUNE)).toBe(true);
    await store.cancel("june");
    expect(await isMoving()).toBe(false);
  });
}

function beside(prepare: Prepare): void {
  const bothHold = async ({ bench, store, waiting }: Awaited<ReturnType<typeof begun>>, notBefore: number) => {
    expect(await store.moving()).toEqual([]);
    expect((await turn(store, 9)).claims).toEqual([]);
    bench.clock.pass(notBefore - bench.clock.now());
    expect(await subjectsOf(store, (await turn(store, 9)).claims)).toEqual(everyB(waiting));
  };

  it("another time: who gives it gives the content, too", async () => {
    const found = await begun(prepare);
    const notBefore = found.bench.clock.now() + LATER_MS;
    expect(await found.store.reschedule("june", { notBefore, times: null })).toBe(4);
    await bothHold(found, notBefore);
  });

  it("another time: who finishes the one finishes the other", async () => {
    const found = await begun(prepare);
    const { bench, id } = found;
    const [now, last] = [bench.clock.now(), 1_000_000];
    const notBefore = now + LATER_MS;
    const time = { notBefore, times: null, last, begunAt: now };
    await bench.leaveMoving({ time, content: { id, sifts: false, last, begunAt: now } });
    expect(await found.store.topic("june")).toMatchObject({ moving: "content", notBefore });
    bench.clock.pass(SILENT_MS);
    await bench.openToWork();
    await bothHold(found, notBefore);
  });

  it("a content after another time: what the time concerns moves, and nothing that came later", async () => {
    const { bench, store, waiting } = await begun(prepare);
    const { clock } = bench;
    const notBefore = clock.now() + LATER_MS;
    const last = (await store.messagesTo(waiting.at(-1) ?? "", 1))[0]?.id ?? 0;
    await bench.leaveMoving({ time: { notBefore, times: null, last, begunAt: clock.now() }, content: null });
    await ingest(store, ["late@x.example"], { content: C, replaceContent: true });
    expect(await store.moving()).toEqual([]);
    expect(await subjectsOf(store, (await turn(store, 9)).claims)).toEqual({ "late@x.example": "c" });
    clock.pass(LATER_MS);
    expect(await subjectsOf(store, (await turn(store, 9)).claims)).toEqual(
      Object.fromEntries(waiting.map((email) => [email, "c"])),
    );
  });

  it("a cancel does not wait for it, and what is put back later has it", async () => {
    const { bench, store, waiting } = await begun(prepare);
    expect(await store.cancel("june")).toEqual({ cancelled: 4, inFlight: 0 });
    expect(await store.topic("june")).toMatchObject({ moving: "content" });
    expect(await store.retry("june", ["cancelled"])).toBe(4);
    expect(await store.moving()).toEqual([]);
    expect(await subjectsOf(store, (await turn(store, 9)).claims)).toEqual(everyB(waiting));
    await expectSound(store, bench.clock);
  });

  it("what is in doubt keeps its content, whenever it is put back", async () => {
    for (const topic of ["june", null]) {
      const { store, waiting } = await begun(prepare);
      expect(await store.retry(topic, ["in_doubt"])).toBe(1);
      expect(await subjectsOf(store, (await turn(store, 9)).claims)).toEqual({
        ...everyB(waiting),
        "p1@x.example": "a",
      });
    }
  });

  it("mail that is posted: the topic's content is the new one", async () => {
    const { bench, store, waiting } = await begun(prepare);
    expect(await counts(store, ["p2@x.example", "post@x.example"], { content: B })).toEqual([1, 1, 0]);
    // As if it had come before the new content: whoever waits with it has it, and whoever came later does not.
    expect(await counts(store, ["p3@x.example", "post@x.example"], { content: A })).toEqual([1, 1, 0]);
    bench.clock.pass(SILENT_MS);
    await bench.openToWork();
    expect(await subjectsOf(store, (await turn(store, 9)).claims)).toEqual({
      ...everyB(waiting),
      "post@x.example": "ba",
    });
  });

  it("a removal of what nobody uses: neither the topic nor its mail loses the content", async () => {
    const { bench, store, waiting } = await begun(prepare, true);
    const { signal } = new AbortController();
    // From here on no message has the content, and some mail of the topic is gone.
    for (const email of ["x@x.example", "p0@x.example"]) await store.forget(email, signal);
    bench.clock.pass(SILENT_MS);
    await bench.openToWork();
    expect(await counts(store, waiting, { content: B })).toEqual([0, waiting.length, 0]);
    expect(await subjectsOf(store, (await turn(store, 9)).claims)).toEqual(everyB(waiting));
  });
}
