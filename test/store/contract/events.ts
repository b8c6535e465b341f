/** Events: each counts once, whatever the order, before or after its message is known. */
import { describe, expect, it } from "vitest";
import type { SesEvent } from "../../../src/feedback/ses-event.ts";
import type { EventCounts } from "../../../src/store/rules/event-counters.ts";
import {
  bounce,
  click,
  complaint,
  delivery,
  deliveryDelay,
  type Json,
  type MailOptions,
  open as opened,
  renderingFailure,
  sesId,
  simple,
  subscription,
} from "../../feedback/events.ts";
import {
  failed,
  inDoubt,
  ingest,
  messagesOf,
  putBack,
  putBackFor,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import type { Prepare } from "../bench.ts";
import { everything } from "../sound.ts";
import { accepted, apply, claimPeople, eventOf, MAILED_AT, of, PEOPLE, waitingPeople } from "./mail-events.ts";
import { LEASE_OVER_MS } from "./people.ts";

const NOTHING = { applied: 0, duplicates: 0, unmatched: 0, settled: 0, suppressed: 0 };
/** An id that is nobody's. */
const UNKNOWN = 999_999_999;

export function events(prepare: Prepare): void {
  describe("that are nobody's", () => {
    unmatched(prepare);
  });
  describe("count", () => {
    counting(prepare);
  });
  describe("prove that SES took the message in", () => {
    proving(prepare);
  });
  describe("suppress", () => {
    suppressing(prepare);
  });
}

function unmatched(prepare: Prepare): void {
  it("of another job, of an id there is not, of another program: kept as unmatched, once", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const foreign = [
      delivery({ id: 1, job: "another" }),
      delivery({ id: UNKNOWN, job: store.jobId }),
      delivery({ id: 77, legacy: true }),
    ];
    expect(await apply(store, ...foreign)).toEqual({ ...NOTHING, unmatched: 3 });
    expect(await apply(store, ...foreign)).toEqual({ ...NOTHING, duplicates: 3 });
    expect(await apply(await open(), ...foreign)).toEqual({ ...NOTHING, duplicates: 3 });
    expect(await store.totals("june")).toMatchObject({ pending: 6, sent: 0 });
    expect((await store.topic("june"))?.delivered).toBe(0);
  });

  it("of a message whose id belongs to somebody else now (a job put back from a backup) proves nothing", async () => {
    const { open } = await prepare();
    const store = await open();
    const [, two] = await waitingPeople(store);
    const before = delivery(of(store, two, { to: ["lost@x.example"] }));
    expect(await apply(store, before)).toMatchObject({ applied: 0, unmatched: 1 });
    expect((await turn(store, 9)).claims).toHaveLength(6);
  });

  it("suppress the address all the same", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const result = await apply(store, bounce("Permanent", "General", { id: 5, to: ["ONE@x.example"], legacy: true }));
    expect(result).toMatchObject({ unmatched: 1, suppressed: 1 });
    expect(await states(store)).toMatchObject({ "one@x.example": "suppressed", "two@x.example": "pending" });
  });

  it("are looked for among what was sent since, when that is all that can be new", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const [one] = await claimPeople(store);
    await apply(store, delivery(of(store, one, { legacy: true })));
    await settle(store, accepted(one));
    clock.pass(10);
    // Time that was measured has fractions.
    expect(await store.matchKeptEvents(9.5)).toMatchObject({ applied: 0 });
    expect(await store.matchKeptEvents(10.25)).toMatchObject({ applied: 1 });
    expect((await store.topics())[0]).toMatchObject({ sent: 1, delivered: 1 });
  });

  it("count once a message that comes later, when its answer brings the SES id", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.matchKeptEvents()).toEqual(NOTHING);
    const [one] = await claimPeople(store);
    await apply(store, delivery(of(store, one, { legacy: true })));
    expect(await store.matchKeptEvents()).toMatchObject({ applied: 0 });
    await settle(store, accepted(one));
    expect(await store.matchKeptEvents()).toMatchObject({ applied: 1, duplicates: 0 });
    expect(await store.matchKeptEvents()).toEqual(NOTHING);
    expect((await store.topics())[0]).toMatchObject({ sent: 1, delivered: 1 });
    expect(await apply(store, delivery(of(store, one, { legacy: true })))).toMatchObject({ duplicates: 1 });
  });

  it("count once also when two processes look for them at once", async () => {
    const { open } = await prepare();
    const [store, other] = [await open(), await open()];
    const claims = await claimPeople(store);
    const kept = claims.flatMap((claim) => {
      const options = of(store, claim, { legacy: true });
      return [delivery(options), complaint(options)];
    });
    expect(await apply(store, ...kept)).toMatchObject({ unmatched: 12 });
    await settle(store, ...claims.map(accepted));
    const results = await Promise.all([store.matchKeptEvents(), other.matchKeptEvents()]);
    expect(results.reduce((sum, { applied }) => sum + applied, 0)).toBe(12);
    expect(await store.topic("june")).toMatchObject({ delivered: 6, complained: 6 });
  });
}

/** What each kind of event counts as; nothing else changes. */
const COUNTED: [kind: string, make: (options: MailOptions) => Json, counts: Partial<EventCounts>][] = [
  ["Send", (options) => simple("Send", "send", {}, options), {}],
  ["Delivery", delivery, { delivered: 1 }],
  ["a permanent Bounce", (options) => bounce("Permanent", "General", options), { bounced_permanent: 1 }],
  ["a transient Bounce", (options) => bounce("Transient", "MailboxFull", options), { bounced_transient: 1 }],
  ["an undetermined Bounce", (options) => bounce("Undetermined", "Undetermined", options), { bounced_transient: 1 }],
  ["Complaint", complaint, { complained: 1 }],
  ["Complaint that is none", (options) => complaint(options, { complaintFeedbackType: "not-spam" }), {}],
  ["Open", opened, { opened: 1 }],
  ["Click", click, { clicked: 1 }],
  ["Reject", (options) => simple("Reject", "reject", { reason: "Bad content" }, options), { rejected: 1 }],
  ["Rendering Failure", renderingFailure, { rejected: 1 }],
  ["DeliveryDelay", deliveryDelay, { delayed: 1 }],
  ["Subscription that leaves the whole list", (options) => subscription(true, options), { unsubscribed: 1 }],
  ["Subscription that leaves one topic of it", (options) => subscription(false, options), {}],
  ["a type nobody knows", (options) => simple("Teleport", "teleport", {}, options), {}],
];

const NO_EVENTS: EventCounts = {
  delivered: 0,
  bounced_permanent: 0,
  bounced_transient: 0,
  complained: 0,
  opened: 0,
  clicked: 0,
  rejected: 0,
  delayed: 0,
  unsubscribed: 0,
};

function counting(prepare: Prepare): void {
  it("nothing of an empty batch", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.applyEvents([])).toEqual(NOTHING);
    expect(await store.topics()).toEqual([]);
  });

  it("when SES reported of the topic for the first time, by whatever event", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const [one, two] = await claimPeople(store);
    await claimPeople(store, "july");
    await settle(store, accepted(one), accepted(two));
    await store.applyVisits([{ kind: "open", messageId: one?.id ?? 0, at: 1, machine: false, link: null }]);
    await store.unsubscribe([{ messageId: one?.id ?? 0, at: 1, from: "list" }]);
    await apply(store, delivery({ id: 999_999, job: store.jobId }));
    expect((await store.topics()).map(({ reportedAt }) => reportedAt)).toEqual([null, null]);
    const first = clock.now();
    await apply(store, simple("Send", "send", {}, of(store, one)), delivery(of(store, two)));
    clock.pass(1_000);
    await apply(store, delivery(of(store, one)));
    expect((await store.topics()).map(({ reportedAt }) => reportedAt)).toEqual([first, null]);
  });

  it("nothing of a batch that fails: all of it, or nothing", async () => {
    const { open } = await prepare();
    const store = await open();
    const [one, two] = await waitingPeople(store);
    const before = await everything(store);
    const good = delivery(of(store, one));
    // Not what readEvent makes: the database refuses it in the middle of the batch.
    const broken = { ...eventOf(delivery(of(store, two))), type: null } as unknown as SesEvent;
    await expect(store.applyEvents([eventOf(good), broken])).rejects.toThrow(/null/i);
    expect(await everything(store)).toEqual(before);
    expect((await store.topics())[0]).toMatchObject({ pending: 6, sent: 0, delivered: 0 });
    expect(await apply(store, good)).toMatchObject({ applied: 1 });
    expect((await store.topics())[0]).toMatchObject({ pending: 5, sent: 1, delivered: 1 });
  });

  it.each(COUNTED)("a message once: %s", async (_kind, make, counts) => {
    const { open } = await prepare();
    const [store, other] = [await open(), await open()];
    const [one] = await claimPeople(store);
    await settle(store, accepted(one));
    const event = make(of(store, one));
    expect(await apply(store, event, event)).toMatchObject({ applied: 1, duplicates: 1, unmatched: 0, settled: 0 });
    expect(await apply(other, event)).toMatchObject({ applied: 0, duplicates: 1, suppressed: 0 });
    expect(await store.topic("june")).toMatchObject({ ...NO_EVENTS, ...counts, sent: 1 });
  });

  it("once what two processes apply at once", async () => {
    const { open } = await prepare();
    const stores = [await open(), await open()] as const;
    const claims = await claimPeople(stores[0]);
    await settle(stores[0], ...claims.map(accepted));
    const batch = claims.flatMap((claim) => [delivery(of(stores[0], claim)), opened(of(stores[0], claim))]);
    const results = await Promise.all(batch.flatMap((event) => stores.map((store) => apply(store, event))));
    expect(results.filter(({ applied }) => applied === 1)).toHaveLength(12);
    expect(await stores[0].topic("june")).toMatchObject({ delivered: 6, opened: 6 });
  });

  it("once several of a kind, each shown at its earliest; of bounces the permanent one is the verdict", async () => {
    const { open } = await prepare();
    const store = await open();
    const [one, two] = await claimPeople(store);
    await settle(store, accepted(one), accepted(two));
    const at = (minute: number) => new Date(MAILED_AT + minute * 60_000).toISOString();
    const soft = (claim: typeof one, minute: number) => {
      const event = bounce("Transient", "MailboxFull", of(store, claim));
      return {
        ...event,
        bounce: { ...(event["bounce"] as Json), timestamp: at(minute), feedbackId: `soft-${minute}` },
      };
    };
    const open2 = { ...opened(of(store, one)), open: { timestamp: at(9), userAgent: "Mozilla/5.0 (X11)" } };
    const open3 = { ...opened(of(store, one)), open: { timestamp: at(4), userAgent: "Mozilla/5.0 (X11)" } };
    const hard = bounce("Permanent", "NoEmail", of(store, one));
    await apply(store, open2, open3, hard, soft(one, 1), soft(two, 7), soft(two, 3));
    expect(await store.topic("june")).toMatchObject({ opened: 1, bounced_permanent: 1, bounced_transient: 2 });
    expect((await messagesOf(store)).slice(0, 2)).toMatchObject([
      { openedAt: Date.parse(at(4)), bounceType: "Permanent", bounceSubtype: "NoEmail" },
      { bouncedAt: Date.parse(at(3)), bounceType: "Transient", bounceSubtype: "MailboxFull" },
    ]);
  });
}

function proving(prepare: Prepare): void {
  it("whatever we believed: in doubt, failed, pending again, cancelled, suppressed", async () => {
    const { open } = await prepare();
    const store = await open();
    const claims = await claimPeople(store);
    const [one, two, three, ...others] = claims;
    await settle(store, inDoubt(one), failed(two), putBackFor(three, 1e6));
    await settle(store, ...others.map((claim) => putBack(claim, { error: null })));
    await store.suppress([{ address: "four@x.example", reason: "manual", source: "manual" }]);
    await store.cancel("june");
    const proven = claims.slice(0, 5);
    const batch = proven.map((claim) => delivery(of(store, claim)));
    expect(await apply(store, ...batch)).toMatchObject({ applied: 5, settled: 1 });
    expect(await states(store)).toEqual({
      ...Object.fromEntries(PEOPLE.slice(0, 5).map((address) => [address, "sent"])),
      "six@x.example": "cancelled",
    });
    const rows = await messagesOf(store, "june", ["sent"]);
    expect(rows.map(({ sesMessageId }) => sesMessageId)).toEqual(proven.map(({ id }) => sesId(id)));
    expect(new Set(rows.map(({ sentAt, error, attempts }) => `${sentAt} ${error} ${attempts}`))).toEqual(
      new Set([`${MAILED_AT} null 1`]),
    );
    expect((await turn(store, 9)).claims).toEqual([]);
  });

  it("before the answer: the lost answer, the failure and the death of the process no longer matter", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const [one, two, three, four, five, six] = await claimPeople(store);
    const other = await open();
    const known = [one, two, three, four];
    await apply(other, ...known.map((claim) => simple("Send", "send", {}, of(store, claim))));
    expect(await store.totals("june")).toMatchObject({ sending: 6 });
    await settle(store, inDoubt(one), failed(two), putBack(three, { attempted: true }), inDoubt(five), putBack(six));
    expect(await store.totals("june")).toMatchObject({ sending: 1, sent: 3, in_doubt: 1, pending: 1 });
    clock.pass(LEASE_OVER_MS);
    expect(await other.recover()).toBe(0);
    expect(await store.totals("june")).toMatchObject({ sending: 0, sent: 4, in_doubt: 1 });
    // The answer that comes after all changes nothing.
    await settle(store, sent(four, "late"));
    const shown = (await messagesOf(store, "june", ["sent"])).map(({ sesMessageId }) => sesMessageId);
    expect(shown).toEqual(known.map((claim) => sesId(claim?.id ?? 0)));
  });

  it("also to a process that has the message queued: it is not claimed any more", async () => {
    const { open } = await prepare();
    const running = await open();
    const ingesting = await open();
    await ingest(running, PEOPLE);
    await ingest(running, PEOPLE, { topic: "july" });
    const { claims } = await turn(running, 1);
    expect(claims).toHaveLength(1);
    const bad = complaint(of(running, claims[0]));
    expect(await apply(ingesting, bad, subscription(true, { id: 50, to: ["three@x.example"] }))).toMatchObject({
      suppressed: 2,
    });
    expect(await states(running, "june")).toMatchObject({
      "one@x.example": "sending",
      "three@x.example": "suppressed",
    });
    expect(await states(running, "july")).toMatchObject({
      "one@x.example": "suppressed",
      "three@x.example": "suppressed",
    });
    const rest = (await turn(running, 20)).claims.map((claim) => claim.email);
    expect(rest).toHaveLength(4 + 4);
    expect(rest).not.toContain("three@x.example");
  });
}

function suppressing(prepare: Prepare): void {
  it("nobody by a copy of an event: an address let in again is not shut out by it", async () => {
    const { open } = await prepare();
    const store = await open();
    const [one] = await claimPeople(store);
    await settle(store, accepted(one));
    const event = bounce("Permanent", "General", of(store, one));
    expect(await apply(store, event)).toMatchObject({ suppressed: 1 });
    expect(await store.unsuppress(["one@x.example"])).toBe(1);
    expect(await apply(store, event)).toMatchObject({ duplicates: 1, suppressed: 0 });
    expect(await ingest(store, ["one@x.example"], { topic: "july" })).toMatchObject({ added: 1, suppressed: 0 });
  });

  it("with the reason that weighs most, whatever came first", async () => {
    const bounced = bounce("Permanent", "General", { id: 8, to: ["one@x.example"] });
    const complained = complaint({ id: 9, to: ["one@x.example"] });
    const reasonAfter = async (...batch: Json[]) => {
      const store = await (await prepare()).open();
      expect(await apply(store, ...batch)).toMatchObject({ unmatched: 2, suppressed: 1 });
      return (await store.searchSuppressions({ text: "one@", after: null, limit: 9 })).rows.map(
        ({ createdAt: _createdAt, ...each }) => each,
      );
    };
    const found = await reasonAfter(bounced, complained);
    expect(found).toMatchObject([{ reason: "complaint", source: "event" }]);
    expect(await reasonAfter(complained, bounced)).toEqual(found);
  });

  it("no more than what somebody wrote by hand, which stays, whatever events say", async () => {
    const { open } = await prepare();
    const store = await open();
    await store.suppress([{ address: "one@x.example", reason: "vip", source: "manual", detail: "asked by phone" }]);
    expect(await apply(store, complaint({ id: 9, to: ["one@x.example"] }))).toMatchObject({ suppressed: 0 });
    expect((await store.suppressions().next()).value).toMatchObject({
      reason: "vip",
      source: "manual",
      detail: "asked by phone",
    });
  });
}
