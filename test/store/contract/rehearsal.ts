/** Rehearsals: what only went to the sandbox never stands in the way of the real thing, and never leaves by itself. */
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Claim, Settlement, TurnRequest } from "../../../src/deliver/source.ts";
import { InterruptedError, UserError } from "../../../src/errors.ts";
import { NO_TOPIC } from "../../../src/message.ts";
import type { Suppression } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { bounce as bounceOf, delivery } from "../../feedback/events.ts";
import {
  EVERYTHING,
  failed,
  inDoubt,
  ingest,
  messagesOf,
  putBack,
  putBackFor,
  refusalOf,
  refusalsOf,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import { accept, content, counts, message, type Prepare } from "../bench.ts";
import { everything } from "../sound.ts";
import { accepted, apply, of } from "./mail-events.ts";
import { LEASE_OVER_MS, PEOPLE } from "./people.ts";

const NEVER = new AbortController().signal;
const SANDBOX: Partial<TurnRequest> = { scope: { ...EVERYTHING, endpoint: "sandbox" } };

const rehearse = async (store: Store, room = 9): Promise<Claim[]> => (await turn(store, room, SANDBOX)).claims;
const real = async (store: Store, room = 9): Promise<string[]> =>
  (await turn(store, room)).claims.map((claim) => claim.email);
const answer = (store: Store, ...settlements: Settlement[]) => turn(store, 0, { ...SANDBOX, settlements });
const afresh = (store: Store, topic = "june") => store.startAfresh(topic, { signal: NEVER, notBefore: null });
const manual = (address: string, rehearsal = false) => ({ address, reason: "manual", source: "test", rehearsal });

async function all(store: Store): Promise<Suppression[]> {
  const found: Suppression[] = [];
  for await (const each of store.suppressions()) found.push(each);
  return found;
}

export function rehearsal(prepare: Prepare): void {
  describe("started afresh", () => {
    startingAfresh(prepare);
  });
  describe("told from the real thing", () => {
    telling(prepare);
  });
  describe("in the way of a request", () => {
    settingAside(prepare);
  });
  describe("suppress", () => {
    suppressing(prepare);
  });
}

function startingAfresh(prepare: Prepare): void {
  it("everything that the sandbox had waits again, as on the first day", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, [...PEOPLE, "f@x.example", "g@x.example"]);
    await store.suppress([manual("f@x.example", true)]);
    const before = await messagesOf(store);
    const [a, b, c, d, e] = await rehearse(store, 5);
    await answer(store, accepted(a), failed(b), inDoubt(c), putBackFor(d, 5_000), putBack(e));
    await apply(store, delivery(of(store, a)));
    await store.applyVisits([{ kind: "open", messageId: a?.id ?? 0, at: clock.now(), machine: false, link: null }]);
    expect(await store.topic("june")).toMatchObject({ endpoint: "sandbox", delivered: 1, opened: 1, suppressed: 1 });
    expect(await afresh(store)).toMatchObject({ sent: 1, failed: 1, in_doubt: 1, delivered: 1, opened: 1, clicked: 0 });
    expect(await store.topic("june")).toMatchObject({
      endpoint: null,
      calledAt: null,
      afreshAt: null,
      firstSentAt: null,
      lastSentAt: null,
      readerOpens: 0,
      delivered: 0,
      opened: 0,
      total: 7,
      pending: 7,
    });
    expect(await messagesOf(store)).toEqual(before);
    expect(await store.countSentWithin(clock.now())).toBe(0);
    expect(await real(store)).toEqual([...PEOPLE, "f@x.example", "g@x.example"]);
  });

  it("leaves out who is really suppressed, whatever the rehearsal knew, and who was taken back", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const [a, b, c] = await rehearse(store, 3);
    await answer(store, sent(a), failed(b), inDoubt(c));
    await store.cancel("june");
    await store.retry("june", ["failed"]);
    await store.suppress([manual("A@x.example"), manual("c@x.example", true), manual("e@x.example")]);
    expect(await store.staySuppressed("june")).toBe(1);
    await afresh(store);
    expect(Object.values(await states(store))).toEqual(["suppressed", "pending", "pending", "cancelled", "cancelled"]);
  });

  it("gives everybody the topic's own content, also those who were rehearsed with an earlier one", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 2));
    await answer(store, ...(await rehearse(store)).map((claim) => sent(claim)));
    await ingest(store, PEOPLE, { content: content("Corrected"), replaceContent: true });
    await afresh(store);
    const { claims } = await turn(store, 9);
    expect(claims).toHaveLength(5);
    for (const claim of claims) expect((await store.content(claim.contentId)).subject).toBe("Corrected");
  });

  it("is due when it is to be sent, and not a moment before", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const [a, b] = await rehearse(store, 2);
    await answer(store, sent(a), failed(b));
    const notBefore = clock.now() + 60_000;
    await store.startAfresh("june", { signal: NEVER, notBefore });
    expect(await store.topic("june")).toMatchObject({ notBefore, pending: 5 });
    expect(await store.nextDueInMs(EVERYTHING)).toBe(60_000);
    expect(await real(store)).toEqual([]);
    clock.pass(60_000);
    expect(await real(store)).toEqual(PEOPLE);
  });

  it("says that there is nothing to be removed, and changes nothing, where nothing was rehearsed", async () => {
    const { open } = await prepare();
    const store = await open();
    await expect(afresh(store)).rejects.toThrow(UserError);
    await ingest(store, PEOPLE);
    const before = await everything(store);
    expect(await afresh(store)).toBeNull();
    expect(await everything(store)).toEqual(before);
    await settle(store, sent((await turn(store, 1)).claims[0]));
    const really = await everything(store);
    expect(await afresh(store)).toBeNull();
    expect(await everything(store)).toEqual(really);
  });

  it("does not touch a topic that is cancelled, until it is reopened", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    await answer(store, sent((await rehearse(store, 1))[0]));
    await store.cancel("june");
    const before = await everything(store);
    expect(await refusalOf(afresh(store))).toBe("cancelled");
    expect(await everything(store)).toEqual(before);
    await store.retry("june", ["cancelled"]);
    expect(await afresh(store)).toMatchObject({ sent: 1 });
  });

  it("refuses while a live process rehearses, and says who; what a dead one left is no obstacle", async () => {
    const { open, clock } = await prepare();
    const [running, store] = [await open(), await open()];
    await ingest(store, PEOPLE);
    await rehearse(running, 2);
    const before = await everything(store);
    expect(await refusalOf(afresh(store))).toBe("rehearsing");
    expect(await store.senders("june")).toEqual([{ host: expect.any(String), pid: expect.any(Number) }]);
    expect(await everything(store)).toEqual(before);
    clock.pass(LEASE_OVER_MS);
    expect(await afresh(store)).toMatchObject({ in_doubt: 2 });
    expect(await store.senders("june")).toEqual([]);
    expect(await store.totals("june")).toMatchObject({ pending: 5 });
  });

  it("goes on after a signal; nobody sends the topic meanwhile, in neither way", async () => {
    const { open } = await prepare();
    const [store, other] = [await open(), await open()];
    await ingest(store, PEOPLE);
    await answer(store, sent((await rehearse(store, 1))[0]));
    await expect(store.startAfresh("june", { signal: AbortSignal.abort(), notBefore: null })).rejects.toThrow(
      InterruptedError,
    );
    expect((await store.topic("june"))?.afreshAt).not.toBeNull();
    expect([await rehearse(other), await real(other)]).toEqual([[], []]);
    const stray = { ...of(store, { id: 1 } as Claim), to: ["a@x.example"] };
    expect(await apply(other, delivery({ ...stray }))).toMatchObject({ applied: 0, unmatched: 1 });
    expect(await afresh(other)).toMatchObject({ sent: 1 });
    expect(await real(other)).toEqual(PEOPLE);
  });

  it("of two at once, one removes it, and what is real by then stays", async () => {
    const { open } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, PEOPLE);
    await answer(one, ...(await rehearse(one)).map((claim) => sent(claim)));
    await Promise.all([
      afresh(one).then(async () => settle(one, sent((await turn(one, 1)).claims[0], "real"))),
      afresh(two),
    ]);
    expect(await one.totals("june")).toMatchObject({ pending: 4, sent: 1 });
    expect((await messagesOf(one))[0]).toMatchObject({ sesMessageId: "real" });
  });

  it("stops when the topic is cancelled meanwhile, of which nothing waits then, and goes on when it is opened again", async () => {
    const { open, clock } = await prepare();
    const [store, other] = [await open(), await open()];
    const later = Array.from({ length: 41_000 }, (_, index) => `p${index}@x.example`);
    await ingest(store, later, { at: clock.now() + 60_000 });
    await ingest(store, PEOPLE);
    await answer(store, ...(await rehearse(store)).map((claim) => sent(claim)));
    const removal = refusalOf(afresh(store));
    while ((await other.topic("june"))?.afreshAt == null) await setImmediate();
    const { cancelled } = await other.cancel("june");
    expect(["taken", "cancelled"]).toContain(await removal);
    expect(await store.topic("june")).toMatchObject({ cancelled, pending: 0, cancelledAt: clock.now() });
    await store.retry("june", ["cancelled"]);
    await afresh(store);
    expect(await store.topic("june")).toMatchObject({ endpoint: null, afreshAt: null, sent: 0, pending: 41_005 });
  });

  it("a late event of the rehearsal counts for nothing, and suppresses nobody", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const [a] = await rehearse(store, 1);
    await answer(store, sent(a));
    await afresh(store);
    const tagged = of(store, a, { rehearsal: true });
    const late = [delivery(tagged), bounceOf("Permanent", "General", tagged)];
    expect(await apply(store, ...late)).toMatchObject({ applied: 0, settled: 0, suppressed: 0, unmatched: 2 });
    expect(await real(store)).toEqual(PEOPLE);
    expect(await all(store)).toEqual([]);
  });

  it("many messages, and many small requests", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const topic of ["june", "july", "june", "july", "june"])
      await counts(store, [`${Math.random()}@x.example`], { topic });
    await ingest(
      store,
      Array.from({ length: 45_000 }, (_, index) => `p${index}@x.example`),
    );
    const { claims: july } = await turn(store, 9, { scope: { ...EVERYTHING, topic: "july", endpoint: "sandbox" } });
    const claims = await rehearse(store, 700);
    await answer(store, ...[...july, ...claims].map((claim) => sent(claim)));
    expect(await afresh(store)).toMatchObject({ sent: 700 });
    expect(await store.topics()).toMatchObject([
      { topic: "june", endpoint: null, pending: 45_003, sent: 0 },
      { topic: "july", endpoint: "sandbox", sent: 2 },
    ]);
  });
}

function telling(prepare: Prepare): void {
  it("real sending leaves what was rehearsed alone, and rehearsing what was sent", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 2));
    await ingest(store, PEOPLE.slice(0, 2), { topic: "july" });
    await answer(
      store,
      sent((await turn(store, 1, { scope: { ...EVERYTHING, topic: "june", endpoint: "sandbox" } })).claims[0]),
    );
    expect(await real(store)).toEqual(PEOPLE.slice(0, 2));
    expect(await store.topics()).toMatchObject([{ sent: 1, pending: 1 }, { sending: 2 }]);
    expect((await rehearse(store)).map(({ email }) => email)).toEqual(["b@x.example"]);
  });

  it.each<[string, (claim: Claim | undefined) => Settlement, boolean]>([
    ["was refused by the account", (claim) => putBack(claim), false],
    ["could not be reached", (claim) => putBackFor(claim, 0, { attempted: false }), false],
    ["answered with a passing error", (claim) => putBackFor(claim, 0), true],
    ["sent it", (claim) => sent(claim), true],
    ["refused it", (claim) => failed(claim), true],
    ["did not answer", (claim) => inDoubt(claim), true],
  ])(
    "a topic can be rehearsed after a try for real, unless a call may have left: SES %s",
    async (_name, settlementOf, called) => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE.slice(0, 2));
      const [claim] = (await turn(store, 1)).claims;
      expect(await rehearse(store), "while the call is under way").toEqual([]);
      await settle(store, settlementOf(claim));
      const topic = await store.topic("june");
      expect([topic?.endpoint, topic?.calledAt != null]).toEqual(["ses", called]);
      expect(await rehearse(store)).toHaveLength(called ? 0 : 2);
      expect((await store.topic("june"))?.endpoint).toBe(called ? "ses" : "sandbox");
    },
  );

  it("a dead process may have called; a retry does not make it undone", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 1));
    await turn(store, 1);
    clock.pass(LEASE_OVER_MS);
    expect(await store.recover()).toBe(0);
    const other = await open();
    expect(await other.totals("june")).toMatchObject({ in_doubt: 1 });
    await other.retry("june", ["in_doubt"]);
    expect(await rehearse(other)).toEqual([]);
    expect(await real(other)).toEqual(["a@x.example"]);
  });

  it("the first call is when the topic went out", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const [a, b] = (await turn(store, 2)).claims;
    await settle(store, putBack(a));
    expect((await store.topic("june"))?.calledAt).toBeNull();
    await settle(store, failed(b));
    const first = clock.now();
    clock.pass(50);
    await settle(store, sent((await turn(store, 1)).claims[0]));
    expect((await store.topic("june"))?.calledAt).toBe(first);
  });
}

function settingAside(prepare: Prepare): void {
  it("makes room for it under another name, and nothing of it leaves", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const topic of ["june", null]) {
      await accept(store, [message(["a@x.example", "b@x.example"], { topic, uuid: `of ${topic}` })], {
        endpoint: "sandbox",
      });
    }
    await answer(store, ...(await rehearse(store, 2)).map((claim) => sent(claim)));
    await answer(store, sent((await rehearse(store, 1))[0]));
    const posted = await accept(store, [
      message(["a@x.example"], { uuid: "of june" }),
      message(["a@x.example"], { topic: null }),
    ]);
    expect(posted).toEqual({
      kind: "stored",
      counts: { added: 2, duplicates: 0, suppressed: 0 },
      ids: [5, 6],
      setAside: [
        { topic: "june", now: "june (rehearsal)" },
        { topic: NO_TOPIC, now: `${NO_TOPIC} (rehearsal)` },
      ],
    });
    expect(await real(store)).toEqual(["a@x.example", "a@x.example"]);
    expect((await store.topics()).map(({ topic, endpoint, total }) => [topic, endpoint, total])).toEqual([
      ["june (rehearsal)", "sandbox", 2],
      [`${NO_TOPIC} (rehearsal)`, "sandbox", 2],
      ["june", "ses", 1],
      [NO_TOPIC, "ses", 1],
    ]);
    // Now it is real, and the uuid is taken.
    expect(await accept(store, [message(["c@x.example"], { uuid: "of june" })])).toMatchObject({
      counts: { added: 0, duplicates: 1 },
    });
  });

  it("under a name that is free, and not longer than a name may be", async () => {
    const { open } = await prepare();
    const store = await open();
    const long = "한".repeat(100);
    const taken = `${"한".repeat(88)} (rehearsal)`;
    await ingest(store, PEOPLE, { topic: taken });
    await accept(store, [message(["a@x.example"], { topic: long })], { endpoint: "sandbox" });
    const { claims } = await turn(store, 1, { scope: { ...EVERYTHING, topic: long, endpoint: "sandbox" } });
    await answer(store, sent(claims[0]));
    const result = await accept(store, [message(["a@x.example"], { topic: long })]);
    const now = `${"한".repeat(86)} (rehearsal 2)`;
    expect(result).toMatchObject({ kind: "stored", setAside: [{ topic: long, now }] });
    expect(Array.from(now)).toHaveLength(100);
  });

  it("but not while it runs, and not when it is cancelled", async () => {
    const { open } = await prepare();
    const store = await open();
    await accept(store, [message(["a@x.example"])], { endpoint: "sandbox" });
    const [claim] = await rehearse(store);
    expect(refusalsOf(await accept(store, [message(["a@x.example"])]))).toEqual([[0, "rehearsing"]]);
    await answer(store, sent(claim));
    await store.cancel("june");
    expect(refusalsOf(await accept(store, [message(["a@x.example"])]))).toEqual([[0, "cancelled"]]);
  });
}

function suppressing(prepare: Prepare): void {
  it("by an event of a rehearsal stops rehearsals, and nobody's real mail", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    await ingest(store, ["a@x.example"], { topic: "waits" });
    const [claim] = await rehearse(store, 1);
    await answer(store, sent(claim));
    expect(await apply(store, bounceOf("Permanent", "General", of(store, claim)))).toMatchObject({ suppressed: 1 });
    expect(await all(store)).toMatchObject([{ address: "a@x.example", reason: "bounce", rehearsal: true }]);
    expect(await store.countSuppressions()).toBe(0);
    expect((await store.searchSuppressions({ text: "a@", after: null, limit: 9 })).rows[0]).toMatchObject({
      rehearsal: true,
    });
    // A topic that is not rehearsed takes and keeps everybody, also by request, and after a retry.
    expect(await store.totals("waits")).toMatchObject({ pending: 1, suppressed: 0 });
    expect(await ingest(store, ["a@x.example"], { topic: "real", endpoint: "ses" })).toMatchObject({ added: 1 });
    expect(await counts(store, ["a@x.example"], { topic: "posted" })).toEqual([1, 0, 0]);
    const [real] = (await turn(store, 1, { scope: { ...EVERYTHING, topic: "real" } })).claims;
    await settle(store, failed(real));
    expect(await store.retry("real", ["failed"])).toBe(1);
    // One that is rehearsed does not.
    expect(await ingest(store, ["a@x.example"], { topic: "again", endpoint: "sandbox" })).toMatchObject({
      suppressed: 1,
    });
    expect(
      await accept(store, [message(["a@x.example"], { topic: "again", content: content("x") })], {
        endpoint: "sandbox",
      }),
    ).toMatchObject({
      counts: { suppressed: 1 },
    });
    expect(await turn(store, 9, { scope: { ...EVERYTHING, topic: "waits", endpoint: "sandbox" } })).toMatchObject({
      claims: [],
    });
    expect(await store.totals("waits")).toMatchObject({ pending: 0, suppressed: 1 });
    await afresh(store, "waits");
    expect(await store.totals("waits")).toMatchObject({ pending: 1, suppressed: 0 });
  });

  it("really takes the place of a rehearsal's, and is never weakened by one", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example", "b@x.example"]);
    expect(await store.suppress([manual("a@x.example", true)])).toBe(1);
    expect(await store.suppress([manual("a@x.example", true)])).toBe(0);
    expect(await store.totals("june")).toMatchObject({ pending: 2 });
    expect(await store.suppress([{ ...manual("A@x.example"), reason: "complaint", source: "ses" }])).toBe(1);
    expect(await store.totals("june")).toMatchObject({ pending: 1, suppressed: 1 });
    expect(await store.suppress([{ ...manual("a@x.example", true), source: "event", reason: "complaint" }])).toBe(0);
    expect(await all(store)).toMatchObject([{ reason: "complaint", source: "ses", rehearsal: false }]);
    expect(await store.countSuppressions()).toBe(1);
    await store.suppress([manual("b@x.example", true)]);
    expect(await store.unsuppress(["a@x.example", "b@x.example"])).toBe(2);
    expect(await all(store)).toEqual([]);
  });

  it("keeps back what is put back, in a rehearsal only", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 1));
    await ingest(store, PEOPLE.slice(0, 1), { topic: "real" });
    const [played] = (await turn(store, 1, { scope: { ...EVERYTHING, topic: "june", endpoint: "sandbox" } })).claims;
    const [mailed] = (await turn(store, 1, { scope: { ...EVERYTHING, topic: "real" } })).claims;
    await store.suppress([manual("a@x.example", true)]);
    await settle(store, putBack(played), putBack(mailed));
    expect([await states(store), await states(store, "real")]).toEqual([
      { "a@x.example": "suppressed" },
      { "a@x.example": "pending" },
    ]);
  });
}
