/** Topics as a whole, and what a person does to one. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/errors.ts";
import { STATES, type Totals } from "../../../src/message.ts";
import { NO_TOPIC } from "../../../src/message.ts";
import type { Page, TopicFilter, TopicRow } from "../../../src/store/rows.ts";
import {
  CONTENT,
  EVERYTHING,
  failed,
  inDoubt,
  ingest,
  messagesOf,
  putBack,
  putBackFor,
  refusalOf,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import { counts, type Prepare } from "../bench.ts";
import { bounce, delivery } from "../../feedback/events.ts";
import { everything } from "../sound.ts";
import { apply, of } from "./mail-events.ts";
import { PEOPLE } from "./people.ts";

const suppression = (address: string) => ({ address, reason: "complaint", source: "test" });

export function topics(prepare: Prepare): void {
  unknownTopics(prepare);
  describe("cancel", () => {
    cancelling(prepare);
  });
  describe("retry", () => {
    retrying(prepare);
  });
  describe("reschedule", () => {
    rescheduling(prepare);
  });
  describe("counts", () => {
    counting(prepare);
  });
  describe("knows", () => {
    knowing(prepare);
  });
  describe("pages", () => {
    paging(prepare);
  });
}

function knowing(prepare: Prepare): void {
  it("whether some of its mail tells of opens and clicks through our own links", async () => {
    const { open } = await prepare();
    const store = await open();
    const tracking = { baseUrl: "https://mail.example.com", opens: true, clicks: false, unsubscribe: false };
    const tracked = (change: Partial<typeof tracking>) => ({ ...CONTENT, tracking: { ...tracking, ...change } });
    await ingest(store, PEOPLE, { topic: "nothing" });
    await ingest(store, PEOPLE, { topic: "opens", content: tracked({}) });
    await ingest(store, PEOPLE, { topic: "replaced" });
    await ingest(store, [], {
      topic: "replaced",
      content: tracked({ opens: false, clicks: true }),
      replaceContent: true,
    });
    await counts(store, PEOPLE, { topic: "posted", content: tracked({ opens: false, unsubscribe: true }) });
    await counts(store, PEOPLE, { topic: "posted twice", content: tracked({ opens: false, clicks: true }) });
    await counts(store, PEOPLE, { topic: "posted twice", content: tracked({}) });
    const known = (await store.topics()).map((row) => [row.topic, row.tracksOpens, row.tracksClicks]);
    expect(known).toEqual([
      ["nothing", false, false],
      ["opens", true, false],
      ["replaced", false, true],
      ["posted", false, false],
      ["posted twice", true, true],
    ]);
  });
}

function paging(prepare: Prepare): void {
  it("shows every topic once, in either order, whatever the size of a page, with all that `topics` tells", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.topicPage({ order: "oldest first", after: null, limit: 5 })).toEqual({ rows: [], next: null });
    expect(await store.countTopics()).toBe(0);
    const names = Array.from({ length: 7 }, (_, index) => `t${(index * 5) % 7}`);
    for (const topic of names) await counts(store, ["a@x.example"], { topic });
    await settle(store, sent((await turn(store, 1)).claims[0]));
    const all = await store.topics();
    for (const order of ["oldest first", "newest first"] as const)
      for (const limit of [1, 2, 6, 7, 8]) {
        const rows = [];
        for (let after: string | null = null; ;) {
          const page: Awaited<ReturnType<typeof store.topicPage>> = await store.topicPage({ order, after, limit });
          rows.push(...page.rows);
          if (page.next === null) break;
          expect(page.rows).toHaveLength(limit);
          after = page.next;
        }
        expect(rows).toEqual(order === "oldest first" ? all : all.toReversed());
      }
    expect(await store.countTopics()).toBe(7);
    await expect(store.topicPage({ order: "oldest first", after: "no cursor", limit: 5 })).rejects.toThrow(UserError);
  });

  it("goes on where it was when topics are added meanwhile", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const topic of ["a", "b", "c"]) await counts(store, ["a@x.example"], { topic });
    const { next } = await store.topicPage({ order: "newest first", after: null, limit: 2 });
    await counts(store, ["a@x.example"], { topic: "d" });
    const { rows } = await store.topicPage({ order: "newest first", after: next, limit: 9 });
    expect(rows.map(({ topic }) => topic)).toEqual(["a"]);
  });

  it("shows only those that a filter means, page by page, in either order", async () => {
    const { open } = await prepare();
    const store = await open();
    const names = ["June", "june 100%", "100 % July", "ÜBER UNS", "über alles", "Июнь", "news_1", "newsX1"];
    for (const topic of names) await counts(store, ["a@x.example"], { topic });
    const ses = { scope: { ...EVERYTHING, topic: "June" } };
    await settle(store, inDoubt((await turn(store, 1, ses)).claims[0]));
    const rehearsed = { scope: { ...EVERYTHING, endpoint: "sandbox", topic: "news_1" } } as const;
    await settle(store, sent((await turn(store, 1, rehearsed)).claims[0]));
    const found = async (only: TopicFilter, order: "oldest first" | "newest first" = "oldest first") => {
      const topics: string[] = [];
      for (let after: string | null = null; ;) {
        const page: Page<TopicRow> = await store.topicPage({ order, after, limit: 2, only });
        topics.push(...page.rows.map(({ topic }) => topic));
        if (page.next === null) return topics;
        after = page.next;
      }
    };
    expect(await found({})).toEqual(names);
    expect(await found({ named: "jUNE" })).toEqual(["June", "june 100%"]);
    expect(await found({ named: "%" })).toEqual(["june 100%", "100 % July"]);
    expect(await found({ named: "s_1" })).toEqual(["news_1"]);
    expect(await found({ named: "Über" })).toEqual(["ÜBER UNS", "über alles"]);
    expect(await found({ named: "über" })).toEqual(["ÜBER UNS", "über alles"]);
    expect(await found({ named: "июнь" })).toEqual(["Июнь"]);
    expect(await found({ named: "u\u0308ber" }, "newest first")).toEqual(["über alles", "ÜBER UNS"]);
    expect(await found({ named: "nobody's\0" })).toEqual([]);
    expect(await found({ endpoint: "ses" })).toEqual(["June"]);
    expect(await found({ endpoint: "sandbox" })).toEqual(["news_1"]);
    expect(await found({ inDoubt: true })).toEqual(["June"]);
    expect(await found({ waits: true }, "newest first")).toEqual(
      names.filter((name) => name !== "June" && name !== "news_1").toReversed(),
    );
    expect(await found({ waits: true, named: "news" })).toEqual(["newsX1"]);
  });

  it("finds the topics that wait and have so many answers, and no others", async () => {
    const { open } = await prepare();
    const store = await open();
    const people = (topic: string, length: number) =>
      Array.from({ length }, (_, index) => `${topic}${index}@x.example`);
    for (const topic of ["many", "few"]) await ingest(store, people(topic, 6), { topic });
    await ingest(store, people("over", 3), { topic: "over" });
    for (const [topic, count] of [
      ["many", 3],
      ["few", 2],
      ["over", 3],
    ] as const) {
      const { claims } = await turn(store, count, { scope: { ...EVERYTHING, topic } });
      await settle(store, ...claims.map((claim) => sent(claim)));
      for (const claim of claims.slice(1)) await apply(store, delivery(of(store, claim)));
      await apply(store, bounce("Permanent", "General", of(store, claims[0])));
    }
    const found = async (answers: number) => (await store.topicsWithAnswers(answers)).map(({ topic }) => topic);
    expect(await found(3)).toEqual(["many"]);
    expect(await found(2)).toEqual(["many", "few"]);
    expect(await found(4)).toEqual([]);
    expect(await store.topicsWithAnswers(3)).toEqual([await store.topic("many")]);
    // 500 is what the send loop asks for.
    expect(await found(500)).toEqual([]);
  });
}

function unknownTopics(prepare: Prepare): void {
  it("names the topics there are when asked for one there is not", async () => {
    const { open } = await prepare();
    const store = await open();
    await expect(store.totals("june")).rejects.toThrow(UserError);
    await ingest(store, PEOPLE, { topic: "may" });
    const before = await everything(store);
    for (const ask of [
      () => store.totals("june"),
      () => store.cancel("june"),
      () => store.retry("june", ["failed"]),
      () => store.reschedule("june", { notBefore: 1, instantOf: null }),
      () => store.pause("june", null),
      () => store.resume("june"),
      () => store.columns("june"),
      () => store.messages("june", null).next(),
      () => store.failedMessages("june", 9),
    ]) {
      await expect(ask()).rejects.toThrow(UserError);
      await expect(ask()).rejects.toMatchObject({ hint: expect.stringContaining("may") });
    }
    expect(await store.topic("june")).toBeNull();
    // A name is a name: neither its case nor a part of it is enough.
    for (const name of ["MAY", "ma", "may ", ""]) await expect(store.totals(name)).rejects.toThrow(UserError);
    expect(await everything(store)).toEqual(before);
  });
}

function cancelling(prepare: Prepare): void {
  it("R14 G10 P11: takes everything that was not handed to SES, scheduled or not", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 3));
    await ingest(store, PEOPLE.slice(3), { at: clock.now() + 60_000 });
    const [a, b] = (await turn(store, 2)).claims;
    expect(await store.cancel("june")).toEqual({ cancelled: 3, inFlight: 2 });
    expect((await store.topic("june"))?.cancelledAt).toBe(clock.now());
    expect((await turn(store, 9)).claims).toEqual([]);
    await settle(store, sent(a), putBack(b));
    expect(await store.totals("june")).toMatchObject({ total: 5, sent: 1, cancelled: 4, sending: 0, pending: 0 });
    clock.pass(5);
    expect(await store.cancel("june")).toEqual({ cancelled: 0, inFlight: 0 });
    expect((await store.topic("june"))?.cancelledAt).toBe(clock.now() - 5);
  });

  it("is heard by a process that has the topic in hand", async () => {
    const { open } = await prepare();
    const [running, other] = [await open(), await open()];
    await ingest(running, PEOPLE);
    expect((await turn(running, 1)).claims).toHaveLength(1);
    await other.cancel("june");
    expect((await turn(running, 9)).claims).toEqual([]);
    expect(await running.totals("june")).toMatchObject({ sending: 1, cancelled: 4 });
  });

  it("leaves failed, in doubt and suppressed as they are, and other topics alone", async () => {
    const { open } = await prepare();
    const store = await open();
    await store.suppress([suppression("c@x.example")]);
    await ingest(store, PEOPLE);
    const [a, b] = (await turn(store, 2)).claims;
    await settle(store, failed(a), inDoubt(b));
    await ingest(store, PEOPLE, { topic: "july" });
    expect(await store.cancel("june")).toEqual({ cancelled: 2, inFlight: 0 });
    expect(Object.values(await states(store))).toEqual(["failed", "in_doubt", "suppressed", "cancelled", "cancelled"]);
    expect(await store.totals("july")).toMatchObject({ pending: 4, suppressed: 1 });
  });

  it("of mail without a topic takes back what waits; what comes later goes", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, PEOPLE, { topic: null });
    expect(await store.cancel(NO_TOPIC)).toEqual({ cancelled: 5, inFlight: 0 });
    expect((await store.topic(NO_TOPIC))?.cancelledAt).toBeNull();
    expect(await counts(store, ["a@x.example"], { topic: null })).toEqual([1, 0, 0]);
    expect((await turn(store, 9)).claims).toHaveLength(1);
  });
}

function retrying(prepare: Prepare): void {
  it("never touches what is sent or in flight, whatever states are asked for", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 2));
    const [a] = (await turn(store, 2)).claims;
    await settle(store, sent(a));
    const before = await everything(store);
    for (const state of ["sent", "sending"] as const)
      expect(await store.retry("june", [state]).catch(() => 0), `of ${state}`).toBe(0);
    expect(await store.retry("june", [])).toBe(0);
    expect(await store.retry(null, ["failed", "in_doubt", "cancelled", "suppressed"])).toBe(0);
    expect(await everything(store)).toEqual(before);
  });

  it("puts back the states asked for, from the first attempt, and no others", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const [a, b, c] = (await turn(store, 3)).claims;
    await settle(store, sent(a), failed(b), inDoubt(c));
    expect(await store.retry("june", ["failed"])).toBe(1);
    expect(await states(store)).toMatchObject({ "b@x.example": "pending", "c@x.example": "in_doubt" });
    expect((await messagesOf(store))[1]).toMatchObject({ attempts: 0, error: null });
    expect((await turn(store, 1)).claims).toMatchObject([{ id: b?.id, attempts: 0 }]);
    expect(await store.retry(null, ["in_doubt"])).toBe(1);
    expect(await store.totals("june")).toMatchObject({ sent: 1, in_doubt: 0 });
  });

  it("what is retried in a cancelled topic can be sent: the topic is open again", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 2));
    const [a] = (await turn(store, 1)).claims;
    await settle(store, failed(a));
    await store.cancel("june");
    expect(await store.retry("june", ["failed"])).toBe(1);
    expect((await turn(store, 9)).claims.map((claim) => claim.email)).toEqual(["a@x.example"]);
    expect(await store.totals("june")).toMatchObject({ cancelled: 1, sending: 1 });
  });

  it("that finds nobody leaves a cancelled topic closed, unless it was asked for what is cancelled", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 1));
    const [a] = (await turn(store, 1)).claims;
    await settle(store, sent(a));
    await store.cancel("june");
    expect(await store.retry("june", ["failed", "in_doubt", "suppressed"])).toBe(0);
    expect(await refusalOf(ingest(store, PEOPLE))).toBe("cancelled");
    expect(await store.retry("june", ["cancelled"])).toBe(0);
    expect(await refusalOf(ingest(store, PEOPLE))).toBe("taken");
  });

  it("of all topics leaves cancelled ones alone", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 2));
    const [a] = (await turn(store, 1)).claims;
    await settle(store, inDoubt(a));
    await store.cancel("june");
    expect(await store.retry(null, ["in_doubt"])).toBe(0);
    expect(await store.totals("june")).toMatchObject({ in_doubt: 1, cancelled: 1, pending: 0 });
  });

  it("R13: a suppressed address is not written to: pending, retried and put back alike", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 3));
    const [a, b] = (await turn(store, 2)).claims;
    const all = PEOPLE.slice(0, 3).map(suppression);
    expect(await store.suppress(all)).toBe(3);
    expect(await store.suppress(all)).toBe(0);
    await settle(store, putBack(a), failed(b));
    expect(await states(store)).toEqual({
      "a@x.example": "suppressed",
      "b@x.example": "failed",
      "c@x.example": "suppressed",
    });
    expect(await store.retry("june", ["failed"])).toBe(0);
    expect(await store.totals("june")).toMatchObject({ total: 3, suppressed: 3, pending: 0 });
  });
}

function rescheduling(prepare: Prepare): void {
  it("moves what is pending to another time, and nothing else", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const [claim] = (await turn(store, 1)).claims;
    const later = clock.now() + 5000;
    expect(await store.reschedule("june", { notBefore: later, instantOf: null })).toBe(4);
    await settle(store, sent(claim));
    expect((await turn(store, 9)).claims).toEqual([]);
    expect((await store.topics())[0]?.notBefore).toBe(later);
    const instantOf = (fields: Record<string, string>) => later + (fields["email"] === "b@x.example" ? 1000 : 0);
    expect(await store.reschedule("june", { notBefore: later, instantOf })).toBe(4);
    clock.pass(5000);
    expect((await turn(store, 9)).claims.map((each) => each.email)).toEqual(PEOPLE.slice(2));
    clock.pass(1000);
    expect((await turn(store, 9)).claims.map((each) => each.email)).toEqual(["b@x.example"]);
  });

  it("to 0 sends at once what was scheduled or put back", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    const [claim] = (await turn(store, 1)).claims;
    await settle(store, putBackFor(claim, 60_000));
    await ingest(store, ["b@x.example"], { at: clock.now() + 60_000 });
    expect(await store.outlook(EVERYTHING)).toMatchObject({ due: 0, nextDueInMs: 60_000 });
    expect(await store.reschedule("june", { notBefore: 0, instantOf: null })).toBe(2);
    expect((await store.topic("june"))?.notBefore).toBeNull();
    expect(await store.outlook(EVERYTHING)).toEqual({ due: 2, late: 0, nextDueInMs: null });
  });

  it("of nothing pending moves nobody, and opens no cancelled topic", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    await store.cancel("june");
    expect(await store.reschedule("june", { notBefore: clock.now(), instantOf: null })).toBe(0);
    expect(await store.totals("june")).toMatchObject({ cancelled: 5 });
    expect((await turn(store, 9)).claims).toEqual([]);
  });

  it("that fails for one recipient moves none", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE, { at: clock.now() + 1_000 });
    const before = await everything(store);
    const instantOf = ({ email }: Record<string, string>) => {
      if (email === "c@x.example") throw new Error("no such zone");
      return clock.now() + 9_000;
    };
    await expect(store.reschedule("june", { notBefore: clock.now() + 9_000, instantOf })).rejects.toThrow("zone");
    expect(await everything(store)).toEqual(before);
    expect(await store.outlook(EVERYTHING)).toEqual({ due: 0, late: 0, nextDueInMs: 1_000 });
  });
}

function counting(prepare: Prepare): void {
  it("are 0 where there is nothing", async () => {
    const { open } = await prepare();
    const store = await open();
    expect(await store.topics()).toEqual([]);
    expect(await store.totals(null)).toEqual({ total: 0, ...Object.fromEntries(STATES.map((state) => [state, 0])) });
  });

  it("are the same by topic, together, and message by message", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    await ingest(store, PEOPLE.slice(0, 2), { topic: "july" });
    const [a, b] = (await turn(store, 2)).claims;
    await settle(store, sent(a), failed(b));
    const june = await store.totals("june");
    const july = await store.totals("july");
    const all = await store.totals(null);
    for (const key of ["total", ...STATES] as (keyof Totals)[]) expect(all[key]).toBe(june[key] + july[key]);
    expect((await store.topics()).map((row) => [row.topic, row.total, row.sent])).toEqual([
      ["june", 5, 1],
      ["july", 2, 0],
    ]);
  });

  it("of one topic are those in the list of all", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example"]);
    await counts(store, ["b@x.example"], { topic: "뉴스레터 1월" });
    expect(await store.topic("none")).toBeNull();
    for (const row of await store.topics()) expect(await store.topic(row.topic)).toEqual(row);
  });

  it("tell when the first and the last of a topic were sent", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 2));
    const [a, b] = (await turn(store, 2)).claims;
    expect(await store.topic("june")).toMatchObject({ firstSentAt: null, lastSentAt: null });
    const start = clock.now();
    await settle(store, sent(a));
    clock.pass(1_000);
    await settle(store, sent(b));
    expect(await store.topic("june")).toMatchObject({ firstSentAt: start, lastSentAt: start + 1_000 });
  });

  it("tell nothing of answers that were not taken", async () => {
    const { open } = await prepare();
    const [store, other] = [await open(), await open()];
    await ingest(store, ["a@x.example"]);
    const [claim] = (await turn(store, 1)).claims;
    await turn(other, 0);
    await settle(other, sent(claim));
    expect(await store.topic("june")).toMatchObject({ sending: 1, firstSentAt: null, lastSentAt: null });
  });
}
