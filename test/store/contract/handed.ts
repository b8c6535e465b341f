/** Messages that were handed over to a broker, for others to send. */
import { describe, expect, it } from "vitest";
import type { Claim } from "../../../src/deliver/source.ts";
import type { HandedResult } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { outletUuid } from "../../../src/store/rules/outlet-uuid.ts";
import { delivery, type Json, sesId, simple } from "../../feedback/events.ts";
import {
  EVERYTHING,
  handedOver,
  inDoubt,
  ingest,
  messagesOf,
  putBack,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import { accept, message, type Prepare } from "../bench.ts";
import { everything } from "../sound.ts";
import { accepted, apply, of } from "./mail-events.ts";
import { LEASE_OVER_MS, PEOPLE } from "./people.ts";

type Given = Pick<HandedResult, "state"> & Partial<HandedResult>;

const of1 = (claim: Pick<Claim, "id"> | undefined, given: Given): HandedResult => ({
  messageId: claim?.id ?? Number.NaN,
  sesMessageId: null,
  error: null,
  at: null,
  ...given,
});

/** These people's messages, handed over. */
async function handOver(store: Store, people: readonly string[] = ["a@x.example"]): Promise<Claim[]> {
  await ingest(store, [...people]);
  const { claims } = await turn(store, people.length);
  await settle(store, ...claims.map((claim) => handedOver(claim)));
  return claims;
}

const facts = async (store: Store) =>
  (await messagesOf(store)).map(({ state, attempts, sesMessageId, error }) => [state, attempts, sesMessageId, error]);

const RESULTS: readonly Given[] = [
  { state: "sent", sesMessageId: "ses-9" },
  { state: "failed", error: "no such mailbox" },
  { state: "in_doubt", error: "the answer was lost" },
  { state: "suppressed" },
  { state: "cancelled" },
];

interface Foreign {
  to: string;
  /** Tells mails apart: SES gives each an id. */
  mail: number;
  at: number;
  subject?: string;
  tag?: string;
  header?: string;
}

/** A delivery of a mail that another program sent. */
function deliveryOf({ to, mail: id, at, subject = "Hello", tag, header }: Foreign) {
  const event = delivery({ to: [to], id });
  const mailed = event["mail"] as Json;
  return {
    ...event,
    mail: {
      ...mailed,
      timestamp: new Date(at).toISOString(),
      tags: tag === undefined ? {} : { request_id: [tag] },
      headers: header === undefined ? [] : [{ name: "x-request-id", value: header }],
      commonHeaders: { subject },
    },
  };
}

/** The steps of the only message: what, and the detail. */
async function stepsOf(store: Store, id: number): Promise<(string | null)[][]> {
  const history = (await store.histories([id])).get(id);
  return (history?.events ?? []).map(({ type, detail }) => [type, detail]);
}

function steps(prepare: Prepare): void {
  it("keeps under which name a message was handed over, and which results were heeded", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const [claim] = await handOver(store);
    const id = claim?.id ?? 0;
    const over = ["handover", `name-of-${id}`];
    expect(await stepsOf(store, id)).toEqual([over]);
    clock.pass(1_000);
    await store.settleHanded([of1(claim, { state: "failed" }), of1(claim, { state: "failed" })]);
    clock.pass(1_000);
    await store.settleHanded([of1(claim, { state: "sent" })]);
    expect(await stepsOf(store, id)).toEqual([over, ["result", "failed"], ["result", "sent"]]);
    // It is nothing that SES told of the topic.
    expect(await store.topic("june")).toMatchObject({ delivered: 0, opened: 0, reportedAt: null });
  });

  it("keeps that a message was refused here, and under which name it may have been handed over", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 3));
    const [a, b, c] = (await turn(store, 3)).claims;
    const refused = { kind: "failed", id: a?.id ?? 0, error: "no files", isOurs: true } as const;
    const doubted = { kind: "in_doubt", id: b?.id ?? 0, error: "no answer", name: "there" } as const;
    await settle(store, refused, doubted, inDoubt(c));
    expect(await stepsOf(store, a?.id ?? 0)).toEqual([["refusal", "no files"]]);
    expect(await stepsOf(store, b?.id ?? 0)).toEqual([["handover", "there"]]);
    expect(await stepsOf(store, c?.id ?? 0)).toEqual([]);
  });

  it("keeps who brought a message, however they take turns", async () => {
    const { open } = await prepare();
    const store = await open();
    const ways = [undefined, "nats", "nats", "redis", undefined, "adopt"] as const;
    const brought = ways.map((via, n) => message([`p${n}@x.example`], via && { via }));
    const parts = [brought.slice(0, 3), ...brought.slice(3).map((one) => [one])];
    const ids: number[] = [];
    for (const part of parts) {
      const result = await accept(store, part);
      if (result.kind === "stored") ids.push(...(result.ids ?? []).filter((id) => id !== null));
    }
    const histories = await store.histories(ids);
    expect(ids.map((id) => histories.get(id)?.via)).toEqual([null, "nats", "nats", "redis", null, "adopt"]);
  });
}

function foreign(prepare: Prepare): void {
  it.each(["tag", "header"] as const)(
    "finds its message by the uuid that it was handed over under: %s",
    async (where) => {
      const { open, clock } = await prepare();
      const store = await open();
      const [claim] = await handOver(store);
      const uuid = outletUuid(store.jobId, claim?.id ?? 0, 1_000);
      const of = { to: "a@x.example", mail: 7, at: clock.now(), subject: "Another" };
      await apply(store, deliveryOf({ ...of, [where]: outletUuid("ffffffffffffffff", claim?.id ?? 0, 1_000) }));
      expect(await states(store)).toEqual({ "a@x.example": "sending" });
      await apply(store, deliveryOf({ ...of, mail: 8, [where]: where === "tag" ? uuid : uuid.toUpperCase() }));
      expect(await facts(store)).toEqual([["sent", 1, sesId(8), null]]);
      expect(await store.countHanded()).toBe(0);
      // It is not the mail of somebody else, whoever says so.
      await apply(store, deliveryOf({ ...of, to: "b@x.example", mail: 9, [where]: uuid }));
      expect((await store.topic("june"))?.delivered).toBe(1);
    },
  );

  it("finds it by the uuid also when it comes before its process wrote anything, and when it is in doubt", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 2));
    const [a, b] = (await turn(store, 2)).claims;
    const tagged = (claim: Claim | undefined, mail: number) =>
      deliveryOf({
        to: claim?.email ?? "",
        mail,
        at: clock.now(),
        tag: outletUuid(store.jobId, claim?.id ?? 0, 1_000),
      });
    await apply(store, tagged(a, 1));
    await settle(store, handedOver(a), handedOver(b));
    clock.pass(61_000);
    await store.doubtHanded(60_000);
    await apply(store, tagged(b, 2));
    expect(Object.values(await states(store))).toEqual(["sent", "sent"]);
  });

  it("finds the only message that was handed over to that address with that subject, and only once", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await handOver(store, PEOPLE.slice(0, 2));
    const of = { to: "a@x.example", at: clock.now() };
    await apply(store, deliveryOf({ ...of, mail: 1, subject: "Another" }));
    expect(Object.values(await states(store))).toEqual(["sending", "sending"]);
    const [first, again] = [deliveryOf({ ...of, mail: 2, subject: " Hello " }), deliveryOf({ ...of, mail: 3 })];
    const opened = simple("Open", "open", { timestamp: new Date(clock.now()).toISOString() }, { to: [of.to], id: 2 });
    await apply(store, first, opened, again);
    expect(await facts(store)).toEqual([
      ["sent", 1, sesId(2), null],
      ["sending", 1, null, null],
    ]);
    // The other mail is of somebody else.
    expect(await store.topic("june")).toMatchObject({ delivered: 1, opened: 1 });
    await apply(store, first, again, deliveryOf({ ...of, mail: 4 }));
    expect(await store.topic("june")).toMatchObject({ delivered: 1, sending: 1 });
  });

  it("finds none when two could be meant, or the mail is older than the hand-over", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const [june] = await handOver(store);
    await apply(store, deliveryOf({ to: "a@x.example", mail: 1, at: clock.now() - 600_000 }));
    expect(await states(store)).toEqual({ "a@x.example": "sending" });
    await ingest(store, ["a@x.example"], { topic: "july" });
    const [july] = (await turn(store, 1)).claims;
    await settle(store, handedOver(july));
    const of = { to: "a@x.example", at: clock.now() };
    await apply(store, deliveryOf({ ...of, mail: 2 }));
    expect(await store.countHanded()).toBe(2);
    // One of the two was sent, and nobody knows under which id: the event may still be of either.
    await store.settleHanded([of1(june, { state: "sent" })]);
    await apply(store, deliveryOf({ ...of, mail: 3 }));
    expect(await states(store, "july")).toEqual({ "a@x.example": "sending" });
    await store.settleHanded([of1(june, { state: "sent", sesMessageId: sesId(2) })]);
    await apply(store, deliveryOf({ ...of, mail: 4 }));
    expect(await states(store, "july")).toEqual({ "a@x.example": "sent" });
  });

  it("finds none while another message to the address is in doubt", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"], { topic: "july" });
    const [july] = (await turn(store, 1)).claims;
    await settle(store, inDoubt(july));
    await handOver(store);
    await apply(store, deliveryOf({ to: "a@x.example", mail: 1, at: clock.now() }));
    expect(await states(store)).toEqual({ "a@x.example": "sending" });
  });

  it("of the job that sent the mail for us is applied when its result has named the id of SES", async () => {
    const { open } = await prepare();
    const store = await open();
    const [claim] = await handOver(store);
    const theirs = delivery({ to: ["a@x.example"], id: 77, job: "ffffffffffffffff" });
    await apply(store, theirs);
    expect(await states(store)).toEqual({ "a@x.example": "sending" });
    await store.settleHanded([of1(claim, { state: "sent", sesMessageId: sesId(77) })]);
    await store.matchKeptEvents();
    expect((await store.topic("june"))?.delivered).toBe(1);
    await apply(store, theirs);
    expect((await store.topic("june"))?.delivered).toBe(1);
  });
}

export function handed(prepare: Prepare): void {
  describe("what is kept of its way", () => {
    steps(prepare);
  });
  describe("a message that was handed over", () => {
    it("is in flight and counted, held by nobody who could be found dead, and claimed by nobody", async () => {
      const { open, clock } = await prepare();
      const [store, other] = [await open(), await open()];
      await handOver(store);
      expect(await facts(store)).toEqual([["sending", 1, null, null]]);
      expect(await store.countHanded()).toBe(1);
      const [message] = await store.messagesTo("a@x.example", 1);
      const history = (await store.histories([message?.id ?? 0])).get(message?.id ?? 0);
      expect(clock.now() - (history?.handedAt ?? 0)).toBeLessThan(1_000);
      expect((await store.workers()).workers.map(({ sending }) => sending)).toEqual([0]);
      clock.pass(10 * LEASE_OVER_MS);
      expect(await other.recover()).toBe(0);
      expect((await turn(other, 1)).claims).toEqual([]);
      expect(await states(store)).toEqual({ "a@x.example": "sending" });
    });

    it("can no longer be stopped, retried, or put back by whoever handed it over", async () => {
      const { open } = await prepare();
      const store = await open();
      const [claim] = await handOver(store);
      expect(await store.cancel("june")).toEqual({ cancelled: 0, inFlight: 1 });
      expect(await store.retry("june", ["failed", "in_doubt", "cancelled", "suppressed"])).toBe(0);
      const before = await everything(store);
      await settle(store, putBack(claim), sent(claim), inDoubt(claim), handedOver(claim));
      expect(await everything(store)).toEqual(before);
      expect(await states(store)).toEqual({ "a@x.example": "sending" });
    });

    it("takes its place of the quota, and of the cap of its recipient", async () => {
      const { open } = await prepare();
      const store = await open();
      await handOver(store, PEOPLE.slice(0, 2));
      await ingest(store, PEOPLE, { topic: "july" });
      const july = { ...EVERYTHING, topic: "july" };
      const kept = await turn(store, 9, { scope: { ...july, reserve: { keep: 1, left: 4, ageMs: 0 } } });
      expect(kept.claims).toHaveLength(1);
      await settle(store, ...kept.claims.map((claim) => putBack(claim)));
      const capped = await turn(store, 9, { scope: { ...july, recipientCap: { count: 1, windowMs: 60_000 } } });
      expect(capped.claims.map(({ email }) => email).sort()).toEqual(PEOPLE.slice(2));
    });

    it("is not forgotten and not pruned while nobody knows what became of it", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const [claim] = await handOver(store);
      const { signal } = new AbortController();
      expect(await store.forget("a@x.example", signal)).toMatchObject({ kind: "waiting" });
      clock.pass(1_000_000);
      expect(await store.prune(1_000, { signal })).toMatchObject({ messages: 0 });
      expect(await store.settleHanded([of1(claim, { state: "sent" })])).toEqual(["applied"]);
    });

    it("is in doubt when its process died before it could write that, and its result still comes", async () => {
      const { open, clock } = await prepare();
      const [store, other] = [await open(), await open()];
      await ingest(store, ["a@x.example"]);
      const [claim] = (await turn(store, 1)).claims;
      clock.pass(LEASE_OVER_MS);
      expect(await other.recover()).toBe(1);
      // It was only asleep, and is too late.
      await settle(store, handedOver(claim));
      expect(await states(store)).toEqual({ "a@x.example": "in_doubt" });
      expect(await store.countHanded()).toBe(0);
      expect(await other.settleHanded([of1(claim, { state: "sent", sesMessageId: "ses-9" })])).toEqual(["applied"]);
      expect(await facts(store)).toEqual([["sent", 1, "ses-9", null]]);
    });
  });

  describe("a result", () => {
    it.each(RESULTS)("settles it, once: $state", async (result) => {
      const { open } = await prepare();
      const [store, other] = [await open(), await open()];
      const [claim] = await handOver(store);
      expect(await other.settleHanded([of1(claim, result)])).toEqual(["applied"]);
      expect(await facts(store)).toEqual([[result.state, 1, result.sesMessageId ?? null, result.error ?? null]]);
      expect(await store.countHanded()).toBe(0);
      const before = await everything(store);
      expect(await store.settleHanded([of1(claim, result), of1(claim, result)])).toEqual(["known", "known"]);
      expect(await everything(store)).toEqual(before);
    });

    it.each(["failed", "in_doubt"] as const)("that does not say why, says so: %s", async (state) => {
      const { open } = await prepare();
      const store = await open();
      const [claim] = await handOver(store);
      await store.settleHanded([of1(claim, { state })]);
      expect((await messagesOf(store))[0]?.error).toMatch(/^whoever took it from the broker/);
    });

    it("says when it was sent, as far as that can be true", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const begun = clock.now();
      const claims = await handOver(store, PEOPLE.slice(0, 4));
      clock.pass(10_000);
      const times = [begun + 4_000, begun - 86_400_000, begun + 86_400_000, null];
      await store.settleHanded(claims.map((claim, at) => of1(claim, { state: "sent", at: times[at] ?? null })));
      const sentAt = (await messagesOf(store)).map((message) => (message.sentAt ?? 0) - begun);
      expect(sentAt[0]).toBe(4_000);
      expect(sentAt[1]).toBeLessThan(1_000);
      expect(sentAt.slice(2).map((ms) => ms >= 10_000 && ms < 20_000)).toEqual([true, true]);
    });

    it("of each message of a batch is applied, whatever is wrong with the others", async () => {
      const { open } = await prepare();
      const store = await open();
      const [a, b] = await handOver(store, PEOPLE.slice(0, 2));
      await ingest(store, ["waits@x.example"], { topic: "july" });
      const [waits] = await store.messagesTo("waits@x.example", 1);
      const outcomes = await store.settleHanded([
        of1({ id: 999_999_999 }, { state: "sent" }),
        of1(a, { state: "sent", sesMessageId: "ses-a" }),
        of1(waits, { state: "sent" }),
        of1(a, { state: "failed" }),
        of1(b, { state: "failed", error: "\0 \ud800 refused" }),
        of1(b, { state: "sent", sesMessageId: "ses-b" }),
      ]);
      expect(outcomes).toEqual(["unknown", "applied", "unknown", "known", "applied", "applied"]);
      expect((await messagesOf(store)).map(({ state, sesMessageId }) => [state, sesMessageId])).toEqual([
        ["sent", "ses-a"],
        ["sent", "ses-b"],
      ]);
      expect(await states(store, "july")).toEqual({ "waits@x.example": "pending" });
      expect(await store.settleHanded([])).toEqual([]);
    });

    it("that comes before its process wrote that it handed it over has to come again", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"]);
      const [claim] = (await turn(store, 1)).claims;
      const result = of1(claim, { state: "failed", error: "refused" });
      expect(await store.settleHanded([result])).toEqual(["early"]);
      expect(await states(store)).toEqual({ "a@x.example": "sending" });
      await settle(store, handedOver(claim));
      expect(await store.settleHanded([result])).toEqual(["applied"]);
      expect(await facts(store)).toEqual([["failed", 1, null, "refused"]]);
    });

    it.each(RESULTS)("$state, and then that it was sent after all", async (result) => {
      const { open } = await prepare();
      const store = await open();
      const [claim] = await handOver(store);
      await store.settleHanded([of1(claim, result)]);
      const again = await store.settleHanded([of1(claim, { state: "sent", sesMessageId: "ses-9" })]);
      expect(again).toEqual([result.state === "sent" ? "known" : "applied"]);
      expect(await facts(store)).toEqual([["sent", 1, "ses-9", null]]);
    });

    it("of a message that was retried since is nobody's", async () => {
      const { open } = await prepare();
      const store = await open();
      const [claim] = await handOver(store);
      await store.settleHanded([of1(claim, { state: "failed", error: "refused" })]);
      expect(await store.retry("june", ["failed"])).toBe(1);
      expect(await store.settleHanded([of1(claim, { state: "failed" })])).toEqual(["unknown"]);
      expect(await facts(store)).toEqual([["pending", 0, null, null]]);
      // It may be handed over again.
      const [again] = (await turn(store, 1)).claims;
      await settle(store, handedOver(again));
      expect(await store.settleHanded([of1(claim, { state: "sent" })])).toEqual(["applied"]);
      expect(await states(store)).toEqual({ "a@x.example": "sent" });
    });
  });

  describe("an event", () => {
    it("proves that it was sent, before its result or after it", async () => {
      const { open } = await prepare();
      const store = await open();
      const [a, b] = await handOver(store, PEOPLE.slice(0, 2));
      await apply(store, delivery(of(store, a)));
      expect(await store.countHanded()).toBe(1);
      const results = [of1(a, { state: "in_doubt" }), of1(b, { state: "failed", error: "lost" })];
      expect(await store.settleHanded(results)).toEqual(["known", "applied"]);
      await apply(store, delivery(of(store, b)));
      expect((await messagesOf(store)).map(({ state, attempts, error }) => [state, attempts, error])).toEqual([
        ["sent", 1, null],
        ["sent", 1, null],
      ]);
      expect(await store.countHanded()).toBe(0);
    });

    it("that came while it was being handed over proves it then", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"]);
      const [claim] = (await turn(store, 1)).claims;
      await apply(store, delivery(of(store, claim)));
      expect(await states(store)).toEqual({ "a@x.example": "sending" });
      await settle(store, handedOver(claim));
      expect((await messagesOf(store)).map(({ state, attempts }) => [state, attempts])).toEqual([["sent", 1]]);
      expect(await store.countHanded()).toBe(0);
    });

    it("and a visit: its reader follows a link of the mail; the id of SES comes later", async () => {
      const { open } = await prepare();
      const store = await open();
      const [claim] = await handOver(store);
      const visit = { messageId: claim?.id ?? 0, at: 1_000, machine: false };
      await store.applyVisits([{ ...visit, kind: "click", link: "https://x.example/" }]);
      expect(await facts(store)).toEqual([["sent", 1, null, null]]);
      expect(await store.countHanded()).toBe(0);
      expect(await store.settleHanded([of1(claim, { state: "sent", sesMessageId: "ses-9" })])).toEqual(["applied"]);
      expect(await facts(store)).toEqual([["sent", 1, "ses-9", null]]);
    });

    it("of an unsubscription does, too", async () => {
      const { open } = await prepare();
      const store = await open();
      const [claim] = await handOver(store);
      expect(await store.unsubscribe([{ messageId: claim?.id ?? 0, at: 1_000, from: "list" }])).toBe(1);
      expect(await states(store)).toEqual({ "a@x.example": "sent" });
    });
  });

  describe("an event of a sender that has no tags of ours", () => {
    foreign(prepare);
  });

  describe("without a result", () => {
    it("a message is in doubt after some time, and what was settled is not", async () => {
      const { open, clock } = await prepare();
      const [store, other] = [await open(), await open()];
      const [a] = await handOver(store, PEOPLE.slice(0, 3));
      clock.pass(61_000);
      await ingest(store, ["late@x.example"]);
      const [late] = (await turn(store, 1)).claims;
      await settle(store, handedOver(late));
      await store.settleHanded([of1(a, { state: "sent" })]);
      expect(await other.doubtHanded(60_000)).toBe(2);
      expect(await other.doubtHanded(60_000)).toBe(0);
      expect((await messagesOf(store)).map(({ state, attempts }) => [state, attempts])).toEqual([
        ["sent", 1],
        ["in_doubt", 1],
        ["in_doubt", 1],
        ["sending", 1],
      ]);
      expect((await messagesOf(store))[1]?.error).toContain("nobody said in time what became of it");
      expect(await store.countHanded()).toBe(1);
    });

    it.each(RESULTS)("a late one still settles it: $state", async (result) => {
      const { open, clock } = await prepare();
      const store = await open();
      const [claim] = await handOver(store);
      clock.pass(61_000);
      await store.doubtHanded(60_000);
      const outcome = result.state === "in_doubt" ? "known" : "applied";
      expect(await store.settleHanded([of1(claim, result)])).toEqual([outcome]);
      expect(await states(store)).toEqual({ "a@x.example": result.state });
    });

    it("a person may retry it, and it goes out again", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const [claim] = await handOver(store);
      clock.pass(61_000);
      await store.doubtHanded(60_000);
      expect(await store.retry("june", ["in_doubt"])).toBe(1);
      const [again] = (await turn(store, 1)).claims;
      expect(again).toMatchObject({ id: claim?.id, attempts: 0 });
      await settle(store, accepted(again));
      expect(await states(store)).toEqual({ "a@x.example": "sent" });
    });

    it("more than one transaction takes are put in doubt", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await handOver(
        store,
        Array.from({ length: 2_100 }, (_, at) => `p${at}@x.example`),
      );
      clock.pass(61_000);
      expect(await store.doubtHanded(60_000)).toBe(2_100);
      expect(await store.totals("june")).toMatchObject({ sending: 0, in_doubt: 2_100 });
    });
  });
}
