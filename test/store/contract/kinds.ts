/** Lists and kinds of mail: which suppression stops which mail, on every way by which mail waits to be sent. */
import { describe, expect, it } from "vitest";
import type { Claim } from "../../../src/deliver/source.ts";
import type { Content } from "../../../src/message.ts";
import type { NewSuppression, Suppression, Unsubscription } from "../../../src/store/rows.ts";
import { forgottenAddress, forgottenSuppression } from "../../../src/store/rules/forgotten.ts";
import { ALL_BULK, EVERYTHING_LIST } from "../../../src/store/rules/suppress.ts";
import type { Store } from "../../../src/store/store.ts";
import { bounce, complaint, type Json, simple } from "../../feedback/events.ts";
import {
  EVERYTHING,
  failed,
  ingest,
  messagesOf,
  putBack,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import { content, counts, type Prepare } from "../bench.ts";
import { accepted, apply, of } from "./mail-events.ts";

/** One address for each suppression that there may be, and one without any. */
const SUPPRESSIONS = {
  bounced: { list: EVERYTHING_LIST, reason: "bounce", source: "event" },
  everything: { list: EVERYTHING_LIST, reason: "unsubscribe", source: "import" },
  bulk: { list: ALL_BULK, reason: "unsubscribe", source: "link" },
  bulkByHand: { list: ALL_BULK, reason: "manual", source: "manual" },
  weekly: { list: "weekly", reason: "unsubscribe", source: "link" },
  weeklyByHand: { list: "weekly", reason: "manual", source: "manual" },
} as const;
type Who = keyof typeof SUPPRESSIONS | "forgotten";

const WHO = [...(Object.keys(SUPPRESSIONS) as (keyof typeof SUPPRESSIONS)[]), "forgotten"] as const;
const address = (who: string) => `${who}@x.example`.toLowerCase();
const EMAILS = [...WHO, "free"].map((who) => `${who}@x.example`);

/** Each kind of mail, and who must not get it. */
const MAILS: Record<string, { mail: Pick<Content, "list" | "kind">; stopped: Who[] }> = {
  "bulk mail of no list": { mail: {}, stopped: ["bounced", "everything", "bulk", "bulkByHand", "forgotten"] },
  "a list": {
    mail: { list: "weekly" },
    stopped: ["bounced", "everything", "bulk", "bulkByHand", "weekly", "weeklyByHand", "forgotten"],
  },
  "another list": { mail: { list: "daily" }, stopped: ["bounced", "everything", "bulk", "bulkByHand", "forgotten"] },
  "transactional mail": { mail: { kind: "transactional" }, stopped: ["bounced", "forgotten"] },
  "transactional mail of a list": {
    mail: { list: "weekly", kind: "transactional" },
    stopped: ["bounced", "weeklyByHand", "forgotten"],
  },
};

const contentOf = (mail: Pick<Content, "list" | "kind">, subject = "Hello"): Content => ({
  ...content(subject),
  ...mail,
});
const TRANSACTIONAL = contentOf({ kind: "transactional" }, "Before");

const entries = (given: Partial<NewSuppression> = {}): NewSuppression[] =>
  Object.entries(SUPPRESSIONS).map(([who, cause]) => ({ address: address(who), ...cause, ...given }));

/** Suppresses everybody, and forgets one. */
async function suppressAll(store: Store): Promise<void> {
  await store.suppress([...entries(), forgottenSuppression(store.jobId, "Forgotten@X.example")]);
}

/** The addresses of the topic that are suppressed, without the domain. */
async function stoppedIn(store: Store, topic: string): Promise<string[]> {
  const all = await messagesOf(store, topic, ["suppressed"]);
  return all.map(({ email }) => email.replace("@x.example", "")).toSorted();
}

const SANDBOX = { scope: { ...EVERYTHING, endpoint: "sandbox" } } as const;

export function kinds(prepare: Prepare): void {
  describe("which mail a suppression stops", () => {
    stopping(prepare);
  });
  describe("suppressions of one address", () => {
    several(prepare);
  });
  describe("readers who leave a list", () => {
    leaving(prepare);
  });
  describe("events", () => {
    reporting(prepare);
  });
  describe("somebody who was forgotten", () => {
    forgetting(prepare);
  });
  describe("priority", () => {
    hurrying(prepare);
  });
}

function stopping(prepare: Prepare): void {
  const cases = Object.entries(MAILS).map(
    ([name, { mail, stopped }]) => [name, { mail: contentOf(mail), stopped: stopped.toSorted() }] as const,
  );
  const named = (stopped: readonly string[]) => stopped.filter((who) => who !== "forgotten");

  it("a list that comes in, and its forecast", async () => {
    const { open } = await prepare();
    const store = await open();
    await suppressAll(store);
    for (const [topic, { mail, stopped }] of cases) {
      const staging = await store.stage();
      await staging.add(EMAILS.map((email) => ({ email, fields: "[]", notBefore: 0 })));
      const foreseen = { added: EMAILS.length - stopped.length, suppressed: stopped.length, known: 0, repeated: 0 };
      expect([topic, await staging.forecast(topic, mail)]).toMatchObject([topic, foreseen]);
      await staging.discard();
      expect([topic, await ingest(store, EMAILS, { topic, content: mail })]).toMatchObject([
        topic,
        {
          suppressed: stopped.length,
        },
      ]);
      expect([topic, await stoppedIn(store, topic)]).toEqual([topic, stopped]);
    }
  });

  it("requests, also in one batch", async () => {
    const { open } = await prepare();
    const store = await open();
    await suppressAll(store);
    const messages = cases.map(([topic, { mail }]) => ({ ...REQUEST, topic, content: mail, emails: EMAILS }));
    const results = await store.accept([
      { messages, endpoint: "ses", repeat: null, memo: "" },
      { messages: messages.map((each) => ({ ...each, topic: null })), endpoint: "ses", repeat: null, memo: "" },
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(["stored", "stored"]);
    for (const [topic, { stopped }] of cases) expect([topic, await stoppedIn(store, topic)]).toEqual([topic, stopped]);
    expect(await stoppedIn(store, "no-topic")).toEqual(cases.flatMap(([, { stopped }]) => stopped).toSorted());
  });

  it("messages that wait when it comes", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const [topic, { mail }] of cases) await ingest(store, EMAILS, { topic, content: mail });
    await suppressAll(store);
    // Nobody is forgotten while mail to him waits.
    for (const [topic, { stopped }] of cases)
      expect([topic, await stoppedIn(store, topic)]).toEqual([topic, named(stopped)]);
  });

  it("messages that are put back, and those that are retried", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const [topic, { mail }] of cases) await ingest(store, EMAILS, { topic, content: mail });
    const half = EMAILS.length * cases.length;
    const claims = (await turn(store, half)).claims;
    expect(claims).toHaveLength(half);
    await suppressAll(store);
    await settle(store, ...claims.map((claim) => putBack(claim)));
    for (const [topic, { stopped }] of cases) expect([topic, await stoppedIn(store, topic)]).toEqual([topic, stopped]);
    await store.unsuppress(EMAILS);
    expect(await store.retry(null, ["suppressed"])).toBe(
      cases.reduce((sum, [, { stopped }]) => sum + stopped.length, 0),
    );
    const again = (await turn(store, half)).claims;
    await suppressAll(store);
    await settle(store, ...again.map((claim) => failed(claim)));
    await store.retry(null, ["failed"]);
    for (const [topic, { stopped }] of cases) expect([topic, await stoppedIn(store, topic)]).toEqual([topic, stopped]);
  });

  it("messages whose topic gets another content", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const [topic] of cases) await ingest(store, EMAILS, { topic, content: TRANSACTIONAL });
    await suppressAll(store);
    for (const [topic, { mail, stopped }] of cases) {
      expect([topic, await stoppedIn(store, topic)]).toEqual([topic, ["bounced"]]);
      await ingest(store, [], { topic, content: mail, replaceContent: true });
      const now = mail.kind === "transactional" && mail.list === undefined ? ["bounced"] : stopped;
      expect([topic, await stoppedIn(store, topic)]).toEqual([topic, now]);
    }
  });

  it("rehearsals, when a rehearsal made it", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const [topic, { mail }] of cases) await ingest(store, EMAILS, { topic, content: mail });
    await store.suppress(entries({ rehearsal: true }));
    for (const [topic] of cases) expect([topic, await stoppedIn(store, topic)]).toEqual([topic, []]);
    await turn(store, EMAILS.length * cases.length, SANDBOX);
    for (const [topic, { stopped }] of cases)
      expect([topic, await stoppedIn(store, topic)]).toEqual([topic, named(stopped)]);
    const staging = await store.stage();
    await staging.add(EMAILS.map((email) => ({ email, fields: "[]", notBefore: 0 })));
    for (const [topic, { mail, stopped }] of cases) {
      const rehearsed = { suppressed: named(stopped).length };
      expect([topic, await staging.forecast("new", { ...mail, endpoint: "sandbox" })]).toMatchObject([
        topic,
        rehearsed,
      ]);
      expect([topic, await staging.forecast("new", { ...mail, endpoint: "ses" })]).toMatchObject([
        topic,
        { suppressed: 0 },
      ]);
    }
    await staging.discard();
  });

  it("what was rehearsed, when it is sent for real, by its topic's own content", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const [topic] of cases) await ingest(store, EMAILS, { topic, content: TRANSACTIONAL });
    const { claims } = await turn(store, EMAILS.length * cases.length, SANDBOX);
    await turn(store, 0, { ...SANDBOX, settlements: claims.map((claim) => sent(claim)) });
    for (const [topic, { mail }] of cases) await ingest(store, [], { topic, content: mail, replaceContent: true });
    await suppressAll(store);
    for (const [topic, { stopped }] of cases) {
      expect([topic, await store.staySuppressed(topic)]).toEqual([topic, stopped.length]);
      await store.startAfresh(topic, { signal: new AbortController().signal, notBefore: null });
      expect([topic, await stoppedIn(store, topic)]).toEqual([topic, stopped]);
    }
  });
}

const REQUEST = { priority: 5, notBefore: 0, uuid: null, expiresAt: null, expiresIn: null };

async function all(store: Store): Promise<Suppression[]> {
  const found: Suppression[] = [];
  for await (const each of store.suppressions()) found.push(each);
  return found;
}

const placesOf = (rows: readonly Suppression[]) => rows.map((row) => `${row.address} ${row.list}`);

function several(prepare: Prepare): void {
  const ann = (list: string, given: Partial<NewSuppression> = {}) => ({
    address: "Ann@x.example",
    list,
    reason: "manual",
    source: "test",
    ...given,
  });

  it("are kept once for each list, each with its own cause, and counted so", async () => {
    const { open } = await prepare();
    const [one, two] = [await open(), await open()];
    expect(await one.suppress([ann("weekly"), ann(""), ann(ALL_BULK), ann("weekly"), ann("daily")])).toBe(4);
    expect(await two.suppress([ann("weekly", { reason: "other" }), ann("Weekly")])).toBe(1);
    const lists = ["", ALL_BULK, "Weekly", "daily", "weekly"];
    expect((await one.suppressionsOf("ANN@x.example")).map(({ list }) => list)).toEqual(lists);
    expect(await one.suppressionsOf("ann@x.example")).toEqual(await all(two));
    expect(await two.countSuppressions()).toBe(5);
    // A bounce takes the place of an unsubscription of the same list only.
    await one.suppress([ann("weekly", { source: "link", reason: "unsubscribe" }), ann("", { source: "event" })]);
    expect((await all(one)).map(({ source }) => source)).toEqual(Array(5).fill("test"));
  });

  it("that stop transactional mail, too, are kept instead of an unsubscription", async () => {
    const { open } = await prepare();
    const store = await open();
    await store.suppress([ann("", { reason: "unsubscribe", source: "import" })]);
    expect(await counts(store, ["ann@x.example"], { content: contentOf({ kind: "transactional" }) })).toEqual([
      1, 0, 0,
    ]);
    expect(await store.suppress([ann("", { reason: "bounce", source: "event" })])).toBe(0);
    expect(await store.totals("june")).toMatchObject({ pending: 0, suppressed: 1 });
    expect(await store.suppressionsOf("ann@x.example")).toMatchObject([{ reason: "bounce", source: "event" }]);
    await store.suppress([ann("", { reason: "unsubscribe", source: "import" })]);
    expect(await store.suppressionsOf("ann@x.example")).toMatchObject([{ reason: "bounce", source: "event" }]);
  });

  it("are removed one by one, or all together", async () => {
    const { open } = await prepare();
    const store = await open();
    const lists = ["", ALL_BULK, "weekly", "daily"];
    const others = lists.map((list) => ({ ...ann(list), address: "bob@x.example" }));
    await store.suppress([...lists.map((list) => ann(list)), ...others]);
    expect(await store.unsuppress(["ANN@x.example", "nobody@x.example", "ann@x.example"], "weekly")).toBe(1);
    expect(await store.unsuppress(["ann@x.example", "bob@x.example"], ALL_BULK)).toBe(2);
    expect(await store.unsuppress(["ann@x.example"], "monthly")).toBe(0);
    expect(await store.unsuppress(["ann@x.example"], "")).toBe(1);
    expect(placesOf(await all(store))).toEqual([
      "ann@x.example daily",
      "bob@x.example ",
      "bob@x.example daily",
      "bob@x.example weekly",
    ]);
    expect(await store.unsuppress(["Bob@x.example"])).toBe(1);
    expect(placesOf(await all(store))).toEqual(["ann@x.example daily"]);
    expect(await store.countSuppressions()).toBe(1);
  });

  it("are streamed and paged each once, although their address and time are the same", async () => {
    const { open } = await prepare();
    const store = await open();
    const lists = ["", ALL_BULK, "a b", "weekly", "1 2"];
    const people = ["ann", "bob 2 c", "cy"].map((name) => `${name}@x.example`);
    const rows = people.flatMap((email) => lists.map((list) => ann(list, { address: email, createdAt: 5 })));
    await store.suppress(rows);
    const wanted = rows.map((row) => `${row.address} ${row.list}`).toSorted();
    expect(placesOf(await all(store)).toSorted()).toEqual(wanted);
    for (const limit of [1, 2, 4, 15]) {
      const found: Suppression[] = [];
      let after: string | null = null;
      do {
        const page = await store.searchSuppressions({ text: "", after, limit });
        found.push(...page.rows);
        after = page.next;
      } while (after !== null);
      expect(placesOf(found).toSorted()).toEqual(wanted);
    }
    const page = async (list: string, text = "", after: string | null = null) =>
      store.searchSuppressions({ text, list, after, limit: 2 });
    for (const list of lists) {
      const first = await page(list);
      const rest = await page(list, "", first.next);
      const ofList = rows.filter((row) => row.list === list).map((row) => `${row.address} ${row.list}`);
      expect(placesOf([...first.rows, ...rest.rows]).toSorted()).toEqual(ofList.toSorted());
      expect(placesOf((await page(list, people[0])).rows)).toEqual([`${people[0]} ${list}`]);
    }
    expect(await page("no such list")).toEqual({ rows: [], next: null });
    await expect(store.searchSuppressions({ text: "", after: "5 ann@x.example", limit: 1 })).rejects.toThrow("no page");
  });
}

/** One message to Ann, sent. */
async function sentToAnn(
  store: Store,
  mail: Pick<Content, "list" | "kind">,
  topic = "june",
): Promise<Claim | undefined> {
  await ingest(store, ["Ann@x.example"], { topic, content: contentOf(mail) });
  const { claims } = await turn(store, 1, { scope: { ...EVERYTHING, topic } });
  await settle(store, ...claims.map(accepted));
  return claims[0];
}

const leave = (claim: Claim | undefined, from: Unsubscription["from"] = "list"): Unsubscription => ({
  messageId: claim?.id ?? 0,
  at: 1,
  from,
});

async function waitingForAnn(store: Store): Promise<void> {
  for (const [topic, { mail }] of Object.entries(MAILS))
    await ingest(store, ["Ann@x.example"], { topic, content: contentOf(mail) });
}

/** Which of the mails that wait for Ann are stopped. */
async function stoppedForAnn(store: Store): Promise<string[]> {
  const found: string[] = [];
  for (const topic of Object.keys(MAILS))
    if ((await states(store, topic))["Ann@x.example"] === "suppressed") found.push(topic);
  return found;
}

function leaving(prepare: Prepare): void {
  it.each([
    [{ list: "weekly" }, "list", "weekly", ["a list"]],
    [{ list: "weekly" }, "everything", ALL_BULK, ["bulk mail of no list", "a list", "another list"]],
    [{}, "list", ALL_BULK, ["bulk mail of no list", "a list", "another list"]],
    [{}, "everything", ALL_BULK, ["bulk mail of no list", "a list", "another list"]],
    [{ list: "other", kind: "transactional" }, "list", "other", []],
  ] as const)("by mail %j, from the %s: %s", async (mail, from, list, stopped) => {
    const { open } = await prepare();
    const store = await open();
    const claim = await sentToAnn(store, mail);
    await waitingForAnn(store);
    expect(await store.unsubscribe([leave(claim, from)])).toBe(1);
    expect(await store.suppressionsOf("ann@x.example")).toMatchObject([
      { list, reason: "unsubscribe", source: "link" },
    ]);
    expect(await stoppedForAnn(store)).toEqual(stopped);
    expect((await store.topic("june"))?.unsubscribed).toBe(1);
    expect(await store.resubscribe(claim?.id ?? 0)).toBe(true);
    expect(await store.suppressionsOf("ann@x.example")).toEqual([]);
    expect((await store.topic("june"))?.unsubscribed).toBe(0);
  });

  it("of one message, first the list and then everything: both are taken back, and what other lists lost is not", async () => {
    const { open } = await prepare();
    const store = await open();
    const weekly = await sentToAnn(store, { list: "weekly" });
    const daily = await sentToAnn(store, { list: "daily" }, "july");
    expect(await store.unsubscribe([leave(weekly), leave(weekly, "everything"), leave(daily)])).toBe(2);
    const lists = async () => (await store.suppressionsOf("ann@x.example")).map(({ list }) => list);
    expect(await lists()).toEqual([ALL_BULK, "daily", "weekly"]);
    expect(await store.resubscribe(weekly?.id ?? 0)).toBe(true);
    expect(await lists()).toEqual(["daily"]);
    expect((await store.topics()).map(({ unsubscribed }) => unsubscribed)).toEqual([0, 1]);
  });

  it("stay away when something else stops mail of the list, whatever stops other mail", async () => {
    const { open } = await prepare();
    const store = await open();
    const [weekly, plain] = [await sentToAnn(store, { list: "weekly" }), await sentToAnn(store, {}, "july")];
    const byHand = { address: "ann@x.example", reason: "asked", source: "manual" };
    await store.suppress([{ ...byHand, list: "weekly" }]);
    await store.unsubscribe([leave(weekly, "everything"), leave(plain)]);
    expect(await store.resubscribe(weekly?.id ?? 0)).toBe(false);
    expect(await store.resubscribe(plain?.id ?? 0)).toBe(true);
    expect(await store.suppressionsOf("ann@x.example")).toMatchObject([{ list: "weekly", reason: "asked" }]);
    // What only a rehearsal suppressed is nothing to a reader.
    await store.unsuppress(["ann@x.example"]);
    await store.suppress([{ ...byHand, list: ALL_BULK, rehearsal: true }]);
    await store.unsubscribe([leave(weekly)]);
    expect(await store.resubscribe(weekly?.id ?? 0)).toBe(true);
  });

  it("of whom an event said more are stopped by that again when they come back", async () => {
    const { open } = await prepare();
    const store = await open();
    const claim = await sentToAnn(store, { list: "weekly" });
    await apply(store, bounce("Permanent", "General", of(store, claim)));
    await store.unsuppress(["ann@x.example"]);
    await waitingForAnn(store);
    await store.unsubscribe([leave(claim)]);
    expect(await store.resubscribe(claim?.id ?? 0)).toBe(false);
    expect(await store.suppressionsOf("ann@x.example")).toMatchObject([
      { list: "", reason: "bounce", source: "event" },
    ]);
    expect(await stoppedForAnn(store)).toEqual(Object.keys(MAILS));
  });

  it("are told of by their message", async () => {
    const { open } = await prepare();
    const store = await open();
    const claim = await sentToAnn(store, { list: "weekly", kind: "transactional" });
    expect(await store.addressee(claim?.id ?? 0)).toMatchObject({ list: "weekly", kind: "transactional" });
  });
}

/** A reader changes what he gets of the SES contact list `main`: each topic was as the first letter says, and is as the second does. */
function preferences(changes: Record<string, "in-in" | "in-out" | "out-out" | "out-in">, unsubscribeAll = false): Json {
  const status = (at: 0 | 1) =>
    Object.entries(changes).map(([topicName, change]) => ({
      topicName,
      subscriptionStatus: change.split("-")[at] === "in" ? "OptIn" : "OptOut",
    }));
  return {
    contactList: "main",
    timestamp: "2026-03-02T09:01:06.650Z",
    source: "UnsubscribeHeader",
    newTopicPreferences: { unsubscribeAll, topicSubscriptionStatus: status(1) },
    oldTopicPreferences: { unsubscribeAll: false, topicSubscriptionStatus: status(0) },
  };
}

function reporting(prepare: Prepare): void {
  const leaves = (store: Store, claim: Claim | undefined, detail: Json) =>
    apply(store, simple("Subscription", "subscription", detail, of(store, claim)));
  const lists = async (store: Store) => (await store.suppressionsOf("ann@x.example")).map(({ list }) => list);

  it("of bounces and complaints stop everything, whatever the list of their mail", async () => {
    const { open } = await prepare();
    const store = await open();
    const claim = await sentToAnn(store, { list: "weekly" });
    await apply(store, bounce("Permanent", "General", of(store, claim)), complaint(of(store, claim)));
    expect(await lists(store)).toEqual([EVERYTHING_LIST]);
  });

  it.each([
    [{ list: "weekly" }, "weekly"],
    [{}, ALL_BULK],
  ])("of mail %j that SES did not send, because its reader had left: %s", async (mail, list) => {
    const { open } = await prepare();
    const store = await open();
    const claim = await sentToAnn(store, mail);
    await apply(store, bounce("Permanent", "UnsubscribedRecipient", of(store, claim)));
    expect(await store.suppressionsOf("ann@x.example")).toMatchObject([
      { list, reason: "unsubscribe", source: "event" },
    ]);
  });

  it("of mail of others that SES did not send stop all bulk mail", async () => {
    const { open } = await prepare();
    const store = await open();
    await apply(store, bounce("Permanent", "UnsubscribedRecipient", { id: 9, to: ["ann@x.example"] }));
    expect(await lists(store)).toEqual([ALL_BULK]);
  });

  it("of a contact list that was left stop all bulk mail, or the list that has its name and its topics", async () => {
    const { open } = await prepare();
    const store = await open();
    const claim = await sentToAnn(store, { list: "weekly" });
    const change = preferences({ weekly: "in-out", offers: "out-out" }, true);
    expect(await leaves(store, claim, change)).toMatchObject({ suppressed: 1 });
    expect(await lists(store)).toEqual([ALL_BULK]);
    await store.unsuppress(["ann@x.example"]);
    await ingest(store, ["bob@x.example"], { topic: "july", content: contentOf({ list: "main" }) });
    const later = { ...change, timestamp: "2026-03-02T09:02:06.650Z" };
    expect(await leaves(store, claim, later)).toMatchObject({ suppressed: 3 });
    expect(await lists(store)).toEqual(["main", "offers", "weekly"]);
    expect((await store.topic("june"))?.unsubscribed).toBe(1);
  });

  it("of topics stop the lists with their names, also one that comes later, and nothing that was left before", async () => {
    const { open } = await prepare();
    const store = await open();
    const claim = await sentToAnn(store, {});
    const change = preferences({ weekly: "in-out", news: "in-in", offers: "out-out", monthly: "out-in" });
    expect(await leaves(store, claim, change)).toMatchObject({ applied: 1, suppressed: 1 });
    expect(await store.suppressionsOf("ann@x.example")).toMatchObject([
      { list: "weekly", detail: "UnsubscribeHeader, contact list main, topic weekly" },
    ]);
    expect((await store.topic("june"))?.unsubscribed).toBe(1);
    await waitingForAnn(store);
    expect(await stoppedForAnn(store)).toEqual(["a list"]);
  });

  it("of names that no list has stop nothing by them", async () => {
    const { open } = await prepare();
    const store = await open();
    const claim = await sentToAnn(store, {});
    const odd = preferences({ "": "in-out", "/bulk": "in-out", "a/b": "in-out", [`x${"y".repeat(200)}`]: "in-out" });
    expect(await leaves(store, claim, odd)).toMatchObject({ applied: 1, suppressed: 0 });
    expect((await store.topic("june"))?.unsubscribed).toBe(0);
  });
}

function forgetting(prepare: Prepare): void {
  it("is shown with his address and not by searching for it, and is let in again like others", async () => {
    const { open } = await prepare();
    const store = await open();
    const hash = forgottenAddress(store.jobId, "ann@x.example");
    expect(hash).toMatch(/^forgotten:[0-9a-f]{64}$/);
    await store.suppress([
      { address: "ann@x.example", list: "weekly", reason: "asked", source: "manual" },
      forgottenSuppression(store.jobId, "ANN@x.example"),
    ]);
    // Nothing brings his address back.
    await store.suppress([{ address: "ann@x.example", list: "daily", reason: "asked", source: "manual" }]);
    expect(await store.suppressionsOf("Ann@x.example")).toMatchObject([
      { address: hash, list: "", reason: "forgotten", source: "manual" },
      { address: "ann@x.example", list: "weekly" },
    ]);
    expect(await store.suppressionsOf("bob@x.example")).toEqual([]);
    const found = await store.searchSuppressions({ text: "ann@", after: null, limit: 9 });
    expect(found.rows.map(({ list }) => list)).toEqual(["weekly"]);
    expect(await store.unsuppress(["ann@x.example"], "weekly")).toBe(1);
    expect(await counts(store, ["ann@x.example"])).toEqual([0, 0, 1]);
    expect(await store.unsuppress(["ANN@x.example", "bob@x.example"])).toBe(1);
    expect(await all(store)).toEqual([]);
    expect(await counts(store, ["ann@x.example"], { content: content("Again") })).toEqual([1, 0, 0]);
  });

  it("is told by a hash that belongs to the job", () => {
    const [one, two] = ["one", "two"].map((jobId) => forgottenAddress(jobId, "ann@x.example"));
    expect(one).not.toBe(two);
    // echo -n 'one:ann@x.example' | sha256sum
    expect(one).toBe("forgotten:742858bca5041b36297e07e1a16a0b1de84f52ff1c077a2831ef6dbfef93ff0b");
  });
}

function hurrying(prepare: Prepare): void {
  it("of transactional mail is above all bulk mail that is not high, by a list and by a request", async () => {
    const { open } = await prepare();
    const store = await open();
    const asked = [
      ["bulk", {}],
      ["code", { kind: "transactional" }],
    ] as const;
    for (const priority of [1, 5, 10])
      for (const [name, mail] of asked) {
        const target = { content: contentOf(mail, `${name} ${priority}`), priority };
        await ingest(store, [`${name}${priority}@list.example`], { topic: `${name}${priority}`, ...target });
        await counts(store, [`${name}${priority}@post.example`], { topic: `${name}${priority}`, ...target });
      }
    const names = (await turn(store, 12)).claims.map(({ email }) => email.replace(/@.*/, ""));
    const order = ["bulk10", "code10", "code5", "code1", "bulk5", "bulk1"];
    expect(names).toEqual(order.flatMap((name) => [name, name]));
  });

  it("goes with the content that a topic gets instead, also after its rehearsal", async () => {
    const { open } = await prepare();
    const store = await open();
    const [bulk, code] = [contentOf({}, "bulk"), contentOf({ kind: "transactional" }, "code")];
    for (const [topic, given] of Object.entries({ first: bulk, second: bulk, third: code }))
      await ingest(store, [`${topic}@x.example`], { topic, content: given });
    await ingest(store, [], { topic: "second", content: code, replaceContent: true });
    await ingest(store, [], { topic: "third", content: bulk, replaceContent: true });
    const { claims } = await turn(store, 3, SANDBOX);
    expect(claims.map(({ email }) => email)).toEqual(["second@x.example", "first@x.example", "third@x.example"]);
    await turn(store, 0, { ...SANDBOX, settlements: claims.map((claim) => sent(claim)) });
    await ingest(store, [], { topic: "third", content: code, replaceContent: true });
    for (const topic of ["first", "second", "third"])
      await store.startAfresh(topic, { signal: new AbortController().signal, notBefore: null });
    const real = (await turn(store, 3)).claims.map(({ email }) => email);
    expect(real).toEqual(["second@x.example", "third@x.example", "first@x.example"]);
  });
}
