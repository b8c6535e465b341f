/** Events: each counts once, whatever the order, before or after its message is known. */
import { join } from "node:path";
import { Database } from "../../../src/store/sqlite/driver.ts";
import fc from "../../support/properties.ts";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Settlement } from "../../../src/deliver/source.ts";
import { readEvent, type SesEvent } from "../../../src/feedback/ses-event.ts";
import { openStore } from "../../../src/store/sqlite/store.ts";
import type { Store } from "../../../src/store/store.ts";
import {
  bounce,
  click,
  complaint,
  delivery,
  deliveryDelay,
  type Json,
  type MailOptions,
  open,
  renderingFailure,
  sesId,
  simple,
  subscription,
} from "../../feedback/events.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { workFolder } from "../../support/run.ts";
import { failed, inDoubt, ingest, putBack, settle, states, turn } from "../../support/store-actions.ts";

const MAILED_AT = Date.parse("2026-03-02T09:00:00.000Z");
const PEOPLE = ["one", "two", "three", "four", "five", "six"].map((name) => `${name}@x.example`);

type TestStore = Store & { path: string };

async function openJob(clock = new ManualClock()): Promise<TestStore> {
  const path = join(await workFolder(), "job.db");
  return openAgain(path, clock);
}

async function openAgain(path: string, clock: ManualClock): Promise<TestStore> {
  const store = await openStore(path, clock);
  onTestFinished(() => {
    try {
      store.close();
    } catch {
      // Closed by the test already.
    }
  });
  return Object.assign(store, { path });
}

function eventOf(json: Json): SesEvent {
  const event = readEvent(json);
  if ("malformed" in event) throw new Error(event.malformed);
  return event;
}

/** `to` and `job` as the store has them for its n-th message. */
const of = (store: Store, id: number, options: MailOptions = {}): MailOptions => ({
  id,
  to: [PEOPLE[(id - 1) % PEOPLE.length] ?? ""],
  job: store.jobId,
  ...options,
});

const sentAs = (id: number, topicId = 1): Settlement => ({ kind: "sent", id, topicId, sesMessageId: sesId(id) });

const apply = (store: Store, ...events: Json[]) => store.applyEvents(events.map(eventOf));

/** Every table that says what became of the messages. */
function dump(path: string): Record<string, unknown[]> {
  const db = new Database(path, { readonly: true });
  const tables = ["topic", "message", "feedback", "event", "unmatched", "suppression"];
  const found = Object.fromEntries(tables.map((table) => [table, db.prepare(`select * from ${table}`).all()]));
  db.close();
  return found;
}

describe("events that are nobody's", () => {
  it("of another job file, of an id there is not, of another program: kept as unmatched, once", async () => {
    const store = await openJob();
    await ingest(store, PEOPLE);
    const foreign = [
      delivery({ id: 1, job: "another" }),
      delivery({ id: 999, job: store.jobId }),
      delivery({ id: 77, legacy: true }),
    ];
    expect(await apply(store, ...foreign)).toMatchObject({ applied: 0, duplicates: 0, unmatched: 3, settled: 0 });
    expect(await apply(store, ...foreign)).toMatchObject({ applied: 0, duplicates: 3, unmatched: 0 });
    expect(await store.totals("june")).toMatchObject({ pending: 6, sent: 0 });
  });

  it("of a message whose id belongs to somebody else now (a job file from a backup) proves nothing", async () => {
    const store = await openJob();
    await ingest(store, PEOPLE);
    const before = delivery(of(store, 2, { to: ["lost@x.example"] }));
    expect(await apply(store, before)).toMatchObject({ applied: 0, unmatched: 1 });
    expect((await turn(store, 9)).claims).toHaveLength(6);
  });

  it("suppress the address all the same", async () => {
    const store = await openJob();
    await ingest(store, PEOPLE);
    const result = await apply(store, bounce("Permanent", "General", { id: 5, to: ["ONE@x.example"], legacy: true }));
    expect(result).toMatchObject({ unmatched: 1, suppressed: 1 });
    expect(await states(store)).toMatchObject({ "one@x.example": "suppressed", "two@x.example": "pending" });
  });

  it("are looked for among what was sent since, when that is all that can be new", async () => {
    const store = await openJob();
    await ingest(store, PEOPLE);
    await turn(store, 1);
    await apply(store, delivery(of(store, 1, { legacy: true })));
    await settle(store, sentAs(1));
    const sentAt = (await store.topics())[0]?.lastSentAt ?? 0;
    expect(await store.matchKeptEvents(sentAt + 1)).toMatchObject({ applied: 0 });
    expect(await store.matchKeptEvents(sentAt)).toMatchObject({ applied: 1 });
    expect((await store.topics())[0]).toMatchObject({ sent: 1, delivered: 1 });
  });

  it("count once a message that comes later, when its answer brings the SES id", async () => {
    const store = await openJob();
    await ingest(store, PEOPLE);
    await turn(store, 1);
    await apply(store, delivery(of(store, 1, { legacy: true })));
    expect(await store.matchKeptEvents()).toMatchObject({ applied: 0 });
    await settle(store, sentAs(1));
    expect(await store.matchKeptEvents()).toMatchObject({ applied: 1, duplicates: 0 });
    expect(await store.matchKeptEvents()).toMatchObject({ applied: 0 });
    expect((await store.topics())[0]).toMatchObject({ sent: 1, delivered: 1 });
    expect(await apply(store, delivery(of(store, 1, { legacy: true })))).toMatchObject({ duplicates: 1 });
  });
});

describe("an event proves that SES took the message in", () => {
  it("whatever we believed: in doubt, failed, pending again, cancelled, suppressed", async () => {
    const clock = new ManualClock();
    const store = await openJob(clock);
    await ingest(store, PEOPLE);
    const [one, two, three] = (await turn(store, 3)).claims;
    await settle(store, inDoubt(one), failed(two), putBack(three, clock.now() + 1e6, true));
    await store.suppress([{ address: "four@x.example", reason: "manual", source: "manual" }]);
    await store.cancel("june");
    const events = [1, 2, 3, 4, 5].map((id) => delivery(of(store, id)));
    expect(await apply(store, ...events)).toMatchObject({ applied: 5, settled: 1 });
    expect(await states(store)).toEqual({
      ...Object.fromEntries(PEOPLE.slice(0, 5).map((address) => [address, "sent"])),
      "six@x.example": "cancelled",
    });
    const rows = [];
    for await (const row of store.messages("june", ["sent"])) rows.push(row);
    expect(rows.map(({ sesMessageId }) => sesMessageId)).toEqual([1, 2, 3, 4, 5].map(sesId));
    expect(new Set(rows.map(({ sentAt, error, attempts }) => `${sentAt} ${error} ${attempts}`))).toEqual(
      new Set([`${MAILED_AT} null 1`]),
    );
    expect((await turn(store, 9)).claims).toEqual([]);
  });

  it("before the answer: the lost answer, the failure and the death of the process no longer matter", async () => {
    const clock = new ManualClock();
    const store = await openJob(clock);
    await ingest(store, PEOPLE);
    const [one, two, three, four, five] = (await turn(store, 5)).claims;
    const other = await openAgain(store.path, clock);
    await apply(other, ...[1, 2, 3, 4].map((id) => simple("Send", "send", {}, of(store, id))));
    expect(await store.totals("june")).toMatchObject({ sending: 5 });
    await settle(store, inDoubt(one), failed(two), putBack(three, null, true), inDoubt(five));
    expect(await store.totals("june")).toMatchObject({ sending: 1, sent: 3, in_doubt: 1 });
    clock.pass(61_000);
    expect(await other.recover()).toBe(0);
    expect(await store.totals("june")).toMatchObject({ sending: 0, sent: 4, in_doubt: 1 });
    // The answer that comes after all changes nothing.
    await settle(store, { kind: "sent", id: 4, topicId: 1, sesMessageId: "late" });
    expect(four?.id).toBe(4);
    const sent = [];
    for await (const row of store.messages("june", ["sent"])) sent.push(row.sesMessageId);
    expect(sent).toEqual([1, 2, 3, 4].map(sesId));
  });

  it("also to a process that has the message queued: it is not claimed any more", async () => {
    const clock = new ManualClock();
    const running = await openJob(clock);
    const ingesting = await openAgain(running.path, clock);
    await ingest(running, PEOPLE);
    await ingest(running, PEOPLE, { topic: "july" });
    expect((await turn(running, 1)).claims).toHaveLength(1);
    const bad = complaint(of(running, 1));
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
});

describe("suppressions", () => {
  it("an address let in again is not shut out by a copy of the old event", async () => {
    const store = await openJob();
    await ingest(store, PEOPLE);
    await turn(store, 1);
    await settle(store, sentAs(1));
    const event = bounce("Permanent", "General", of(store, 1));
    expect(await apply(store, event)).toMatchObject({ suppressed: 1 });
    expect(await store.unsuppress(["one@x.example"])).toBe(1);
    expect(await apply(store, event)).toMatchObject({ duplicates: 1, suppressed: 0 });
    expect(await ingest(store, ["one@x.example"], { topic: "july" })).toMatchObject({ added: 1, suppressed: 0 });
  });

  it("what somebody wrote by hand stays, whatever events say", async () => {
    const store = await openJob();
    await store.suppress([{ address: "one@x.example", reason: "vip", source: "manual", detail: "asked by phone" }]);
    expect(await apply(store, complaint({ id: 9, to: ["one@x.example"] }))).toMatchObject({ suppressed: 0 });
    expect((await store.suppressions().next()).value).toMatchObject({
      reason: "vip",
      source: "manual",
      detail: "asked by phone",
    });
  });

  it("a transaction that fails leaves nothing behind, in the file or in the counts", async () => {
    const store = await openJob();
    await ingest(store, PEOPLE);
    const good = delivery(of(store, 1));
    // Not what readEvent makes: SQLite refuses it in the middle of the batch.
    const broken = { ...eventOf(delivery(of(store, 2))), type: null } as unknown as SesEvent;
    await expect(store.applyEvents([eventOf(good), broken])).rejects.toThrow("NOT NULL");
    expect((await store.topics())[0]).toMatchObject({ pending: 6, sent: 0, delivered: 0 });
    expect(await apply(store, good)).toMatchObject({ applied: 1 });
    expect((await store.topics())[0]).toMatchObject({ pending: 5, sent: 1, delivered: 1 });
  });
});

// Any events, in any order, in any number of copies ------------------------------------------------------------------

interface Spec {
  id: number;
  kind: keyof typeof MAKERS;
  minute: number;
  legacy: boolean;
}

const time = (minute: number) => new Date(MAILED_AT + minute * 60_000).toISOString();

/** Everything an event says follows from its kind, message and minute: two with the same are copies of one. */
const MAKERS = {
  send: ({ options }) => simple("Send", "send", {}, options),
  delivery: ({ options, minute }) => stamped(delivery(options), "delivery", minute),
  hard: ({ options, minute }) => bounced("Permanent", minute % 2 ? "General" : "NoEmail", options, minute),
  soft: ({ options, minute }) => bounced("Transient", minute % 2 ? "MailboxFull" : "General", options, minute),
  undetermined: ({ options, minute }) => bounced("Undetermined", "Undetermined", options, minute),
  complaint: ({ options, minute }) =>
    complaint(options, { feedbackId: `c-${options.id}-${minute}`, timestamp: time(minute) }),
  notSpam: ({ options, minute }) =>
    complaint(options, {
      feedbackId: `n-${options.id}-${minute}`,
      timestamp: time(minute),
      complaintFeedbackType: "not-spam",
    }),
  open: ({ options, minute }) => stamped(open(options), "open", minute),
  click: ({ options, minute }) => stamped(click(options), "click", minute),
  reject: ({ options }) => simple("Reject", "reject", { reason: "Bad content" }, options),
  rendering: ({ options }) => renderingFailure(options),
  delay: ({ options, minute }) => stamped(deliveryDelay(options), "deliveryDelay", minute),
  unsubscribe: ({ options, minute }) => stamped(subscription(true, options), "subscription", minute),
} satisfies Record<string, (given: { options: MailOptions; minute: number }) => Json>;

/** SES sends the legacy notifications for these only. */
const LEGACY = new Set<string>(["delivery", "hard", "soft", "undetermined", "complaint", "notSpam"]);

function stamped(event: Json, member: string, minute: number): Json {
  return { ...event, [member]: { ...(event[member] as Json), timestamp: time(minute) } };
}

function bounced(type: string, subType: string, options: MailOptions, minute: number): Json {
  const event = stamped(bounce(type, subType, options), "bounce", minute);
  const detail = { ...(event["bounce"] as Json), feedbackId: `b-${options.id}-${type}-${minute}` };
  return { ...event, bounce: detail };
}

const specs: fc.Arbitrary<Spec> = fc.record({
  // Most of them to few messages, so that events of one message meet.
  id: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(1, 3) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 12 }) },
  ),
  kind: fc.constantFrom(...(Object.keys(MAKERS) as (keyof typeof MAKERS)[])),
  minute: fc.integer({ min: 1, max: 4 }),
  legacy: fc.boolean(),
});

/** Messages 1–6 in june: sent, sent, in doubt, failed, in flight, pending; 7–12, the same people in july: sent, then pending. */
async function prepareJob(): Promise<TestStore> {
  const store = await openJob();
  await ingest(store, PEOPLE);
  await ingest(store, PEOPLE, { topic: "july" });
  const scope = (topic: string) => ({ scope: { topic, endpoint: "ses" as const, maxLateMs: null } });
  const claims = (await turn(store, 5, scope("june"))).claims;
  await settle(store, sentAs(1), sentAs(2), inDoubt(claims[2]), failed(claims[3]));
  await turn(store, 1, scope("july"));
  await settle(store, sentAs(7, 2));
  return store;
}

/** Applies them in these batches, then lets the answer of message 5 be lost. */
async function outcomeOf(batches: Spec[][]) {
  const store = await prepareJob();
  for (const batch of batches) {
    const events = batch.map(({ id, kind, minute, legacy }) =>
      MAKERS[kind]({ options: of(store, id, { legacy: legacy && LEGACY.has(kind) }), minute }),
    );
    await apply(store, ...events);
  }
  await settle(store, { kind: "in_doubt", id: 5, error: "no answer" });
  await store.matchKeptEvents();
  const topics = await store.topics();
  store.close();
  return { topics, state: dump(store.path) };
}

/** What the counters must say, computed from the state of each message and from the events alone. */
function countsOf(events: Spec[], state: Record<string, unknown[]>) {
  const messages = state["message"] as { id: number; topic_id: number; state: string; ses_message_id: string | null }[];
  // A legacy notification finds its message by the SES id, so only when that is known in the end.
  const known = new Set(messages.filter((row) => row.ses_message_id !== null).map((row) => row.id));
  const matched = events.filter(({ id, kind, legacy }) => known.has(id) || !(legacy && LEGACY.has(kind)));
  return [1, 2].map((topic) => {
    const own = messages.filter((row) => row.topic_id === topic);
    const ids = new Set(own.map(({ id }) => id));
    const having = (...kinds: Spec["kind"][]) =>
      new Set(matched.filter(({ id, kind }) => ids.has(id) && kinds.includes(kind)).map(({ id }) => id)).size;
    return {
      total: own.length,
      ...Object.fromEntries(
        ["pending", "sending", "sent", "in_doubt", "failed", "cancelled", "suppressed"].map((name) => [
          name,
          own.filter((row) => row.state === name).length,
        ]),
      ),
      delivered: having("delivery"),
      bounced_permanent: having("hard"),
      bounced_transient: having("soft", "undetermined"),
      complained: having("complaint"),
      opened: having("open"),
      clicked: having("click"),
      rejected: having("reject", "rendering"),
      delayed: having("delay"),
    };
  });
}

function cut<T>(items: T[], pieces: number): T[][] {
  const size = Math.ceil(items.length / pieces);
  return Array.from({ length: pieces }, (_, piece) => items.slice(piece * size, (piece + 1) * size));
}

it("R11 G7: any order and any copies of any events give the same file, and counters that are counts", async () => {
  const history = fc.array(specs, { minLength: 1, maxLength: 40, size: "max" });
  const shuffledWithCopies = history.chain((events) =>
    fc.record({
      events: fc.constant(events),
      copies: fc.integer({ min: 1, max: 3 }).chain((times) => {
        const all = Array.from({ length: times }, () => events).flat();
        return fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length });
      }),
      pieces: fc.integer({ min: 1, max: 4 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(shuffledWithCopies, async ({ events, copies, pieces }) => {
      const straight = await outcomeOf([events]);
      const shuffled = await outcomeOf(cut(copies, pieces));
      expect(shuffled.state).toEqual(straight.state);
      expect(straight.topics).toMatchObject(countsOf(events, straight.state));
    }),
    { numRuns: 60 },
  );
}, 180_000);
