/** What every store promises, whatever it is made of. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.ts";
import { STATES, type Totals } from "../../src/message.ts";
import type { Store } from "../../src/store/store.ts";
import { ManualClock } from "../support/manual-clock.ts";
import {
  CONTENT,
  EVERYTHING,
  failed,
  inDoubt,
  ingest,
  putBack,
  sent,
  settle,
  states,
  turn,
} from "../support/store-actions.ts";

export interface Bench {
  clock: ManualClock;
  /** Another handle on the same job, as another process has. Closed with the test. */
  open(): Promise<Store & { recovered: number }>;
}

const PEOPLE = ["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"];
const LEASE_OVER_MS = 61_000;

export function storeContract(name: string, prepare: () => Promise<Bench>): void {
  describe(`${name}: refusals change nothing`, () => {
    it("names the topics there are when asked for one there is not", async () => {
      const { open } = await prepare();
      const store = await open();
      await expect(store.totals("june")).rejects.toThrow(UserError);
      await ingest(store, PEOPLE, { topic: "may" });
      for (const ask of [
        () => store.totals("june"),
        () => store.cancel("june"),
        () => store.retry("june", ["failed"]),
      ]) {
        await expect(ask()).rejects.toMatchObject({ hint: expect.stringContaining("may") });
      }
      await expect(store.messages("june", null).next()).rejects.toThrow(UserError);
      await expect(store.reschedule("june", { notBefore: 1, instantOf: null })).rejects.toThrow(UserError);
    });

    it("takes no other content for a topic, unless told to replace it", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE.slice(0, 2));
      const other = { ...CONTENT, subject: "Other" };
      const refused = { name: "TopicRefusedError", refused: { topic: "june", refusal: "other-content" } };
      await expect(ingest(store, PEOPLE, { content: other })).rejects.toMatchObject(refused);
      await expect(store.checkList({ topic: "june", content: other, replaceContent: false })).rejects.toMatchObject(
        refused,
      );
      expect((await store.totals("june")).total).toBe(2);

      const [first] = (await turn(store, 1)).claims;
      await settle(store, sent(first));
      await ingest(store, PEOPLE, { content: other, replaceContent: true });
      const rest = (await turn(store, 10)).claims;
      expect(rest).toHaveLength(4);
      for (const claim of rest) expect((await store.content(claim.contentId)).subject).toBe("Other");
    });

    it("takes nobody into a cancelled topic until it is reopened", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE.slice(0, 2));
      await store.cancel("june");
      await expect(ingest(store, PEOPLE)).rejects.toMatchObject({ refused: { topic: "june", refusal: "cancelled" } });
      await store.retry("june", ["cancelled"]);
      expect(await ingest(store, PEOPLE)).toEqual({ added: 3, duplicates: 2, suppressed: 0 });
    });
  });

  describe(`${name}: a list goes in at once`, () => {
    it("adds nobody twice, comparing addresses without regard to case", async () => {
      const { open } = await prepare();
      const store = await open();
      expect(await ingest(store, ["Ann@x.example", "ann@x.example", "b@x.example"])).toMatchObject({
        added: 2,
        duplicates: 1,
      });
      expect(await ingest(store, ["ANN@x.example", "b@x.example"])).toMatchObject({ added: 0, duplicates: 2 });
      expect(await ingest(store, ["ann@x.example"], { topic: "july" })).toMatchObject({ added: 1 });
      expect(await states(store)).toEqual({ "Ann@x.example": "pending", "b@x.example": "pending" });
    });

    it("shows nothing of it before the commit, and nothing at all after a discard", async () => {
      const { open } = await prepare();
      const store = await open();
      const staging = await store.stage();
      await staging.add([{ email: "a@x.example", fields: "[]", notBefore: 0 }]);
      expect(await (await open()).topics()).toEqual([]);
      await staging.discard();
      await staging.discard();
      expect(await store.topics()).toEqual([]);
    });

    it("counts a rehearsal like the real thing and keeps nothing of it", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE.slice(0, 2));
      expect(await ingest(store, PEOPLE, { rehearse: true })).toEqual({ added: 3, duplicates: 2, suppressed: 0 });
      expect((await store.totals("june")).total).toBe(2);
      expect(await ingest(store, PEOPLE)).toEqual({ added: 3, duplicates: 2, suppressed: 0 });
    });

    it("a list that ends in duplicates shares no message with the next one", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example", "b@x.example", "A@x.example"]);
      const staging = await store.stage();
      await staging.add([{ email: "c@x.example", fields: '["Seoul","c@x.example"]', notBefore: 0 }]);
      const target = { topic: "june", content: CONTENT, file: "2.csv", columns: ["city", "email"], priority: 5 };
      await staging.commit({ ...target, notBefore: null, replaceContent: false, rehearse: false });
      const rows = [];
      for await (const message of store.messages("june", null)) rows.push(message.fields);
      expect(rows).toEqual([
        { email: "a@x.example" },
        { email: "b@x.example" },
        { city: "Seoul", email: "c@x.example" },
      ]);
      const seen: unknown[] = [];
      const instantOf = (fields: Record<string, string>) => (seen.push(fields["city"]), clock.now());
      expect(await store.reschedule("june", { notBefore: clock.now(), instantOf })).toBe(3);
      expect(seen).toEqual([undefined, undefined, "Seoul"]);
    });

    it("keeps suppressed addresses as suppressed messages", async () => {
      const { open } = await prepare();
      const store = await open();
      await store.suppress([{ address: "B@x.example", reason: "bounce", source: "test" }]);
      expect(await ingest(store, PEOPLE)).toEqual({ added: 4, duplicates: 0, suppressed: 1 });
      expect(await store.totals("june")).toMatchObject({ total: 5, pending: 4, suppressed: 1 });
    });

    it("keeps columns and fields for every list of a topic", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"], { columns: ["email"] });
      const staging = await store.stage();
      await staging.add([{ email: "b@x.example", fields: '["b@x.example","Bo"]', notBefore: 0 }]);
      const target = { topic: "june", content: CONTENT, file: "2.csv", columns: ["mail", "name"], priority: 5 };
      await staging.commit({ ...target, notBefore: null, replaceContent: false, rehearse: false });
      expect(await store.columns("june")).toEqual(["email", "mail", "name"]);
      const fields = [];
      for await (const message of store.messages("june", null)) fields.push(message.fields);
      expect(fields).toEqual([{ email: "a@x.example" }, { mail: "b@x.example", name: "Bo" }]);
      const claims = (await turn(store, 10)).claims;
      expect(await Promise.all(claims.map((claim) => store.listColumns(claim.ingestId)))).toEqual([
        ["email"],
        ["mail", "name"],
      ]);
    });
  });

  describe(`${name}: claims`, () => {
    it("hands a message to one process only", async () => {
      const { open } = await prepare();
      const [one, two] = [await open(), await open()];
      await ingest(one, PEOPLE);
      const first = (await turn(one, 3)).claims.map((claim) => claim.email);
      const second = (await turn(two, 3)).claims.map((claim) => claim.email);
      expect([...first, ...second].sort()).toEqual(PEOPLE);
      expect((await turn(one, 3)).claims).toEqual([]);
      expect(await two.totals("june")).toMatchObject({ pending: 0, sending: 5 });
    });

    it("says when nothing is left, and when only the rate is in the way", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      expect(await turn(store, 5)).toMatchObject({ claims: [], drained: true, rateWaitMs: null });
      await ingest(store, PEOPLE);
      const limited = await turn(store, 5, { perSecond: 1 });
      expect(limited.claims).toHaveLength(1);
      expect(limited.drained).toBe(false);
      expect(limited.rateWaitMs).toBeGreaterThan(1000);
      clock.pass(limited.rateWaitMs ?? 0);
      expect((await turn(store, 5, { perSecond: 1 })).claims).toHaveLength(1);
      expect(await turn(store, 0)).toMatchObject({ claims: [], drained: false, rateWaitMs: null });
    });

    it("shares one rate over all processes", async () => {
      const { open } = await prepare();
      const [one, two] = [await open(), await open()];
      await ingest(one, PEOPLE);
      expect((await turn(one, 5, { perSecond: 1 })).claims).toHaveLength(1);
      expect((await turn(two, 5, { perSecond: 1 })).claims).toHaveLength(0);
    });

    it("keeps what is not due, of another topic, or of another endpoint", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["later@x.example"], { topic: "later", at: clock.now() + 1000 });
      await ingest(store, ["now@x.example"], { topic: "now" });
      const of = async (scope: Partial<typeof EVERYTHING>) =>
        (await turn(store, 9, { scope: { ...EVERYTHING, ...scope } })).claims.map((claim) => claim.email);
      expect(await of({ topic: "later" })).toEqual([]);
      expect(await of({})).toEqual(["now@x.example"]);
      await ingest(store, ["more@x.example"], { topic: "now" });
      expect(await of({ endpoint: "sandbox" })).toEqual([]);
      clock.pass(1000);
      expect(await of({ topic: "later" })).toEqual(["later@x.example"]);
      expect(await of({})).toEqual(["more@x.example"]);
    });

    it("goes by priority, then topic, then order of arrival", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, ["1@x.example", "2@x.example"], { topic: "a" });
      await ingest(store, ["3@x.example"], { topic: "b" });
      await ingest(store, ["4@x.example"], { topic: "c", priority: 10 });
      const claims = (await turn(store, 9)).claims.map((claim) => claim.email);
      expect(claims).toEqual(["4@x.example", "1@x.example", "2@x.example", "3@x.example"]);
    });

    it("tells how many are due and when the next will be", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      expect(await store.outlook(EVERYTHING)).toEqual({ due: 0, late: 0, nextDueInMs: null });
      expect(await store.nextDueInMs(EVERYTHING)).toBeNull();
      const [soon, later] = [clock.now() + 1000, clock.now() + 9000];
      await ingest(store, PEOPLE.slice(0, 2));
      await ingest(store, PEOPLE.slice(2, 3), { at: soon });
      await ingest(store, PEOPLE.slice(3), { topic: "july", at: later });
      expect(await store.outlook(EVERYTHING)).toEqual({ due: 2, late: 0, nextDueInMs: 1000 });
      expect(await store.nextDueInMs(EVERYTHING)).toBe(0);
      const july = { ...EVERYTHING, topic: "july" };
      expect(await store.outlook(july)).toEqual({ due: 0, late: 0, nextDueInMs: 9000 });
      expect(await store.nextDueInMs(july)).toBe(9000);
      clock.pass(1000);
      expect(await store.outlook(EVERYTHING)).toEqual({ due: 3, late: 0, nextDueInMs: 8000 });
      await store.cancel("june");
      expect(await store.outlook(EVERYTHING)).toEqual({ due: 0, late: 0, nextDueInMs: 8000 });
      expect(await store.nextDueInMs(EVERYTHING)).toBe(8000);
    });

    it("leaves alone what is overdue by more than the limit, and counts it", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["late@x.example"], { at: clock.now() + 1000 });
      await ingest(store, ["atonce@x.example"]);
      clock.pass(3_601_001);
      const scope = { ...EVERYTHING, maxLateMs: 3_600_000 };
      expect((await turn(store, 9, { scope })).claims.map((claim) => claim.email)).toEqual(["atonce@x.example"]);
      expect(await store.outlook(scope)).toEqual({ due: 0, late: 1, nextDueInMs: null });
      expect(await store.nextDueInMs(scope)).toBeNull();
      expect(await store.outlook({ ...scope, maxLateMs: 7_200_000 })).toMatchObject({ due: 1, late: 0 });
      expect((await turn(store, 9)).claims.map((claim) => claim.email)).toEqual(["late@x.example"]);
    });
  });

  describe(`${name}: answers`, () => {
    it("moves each message where its answer says, with what is known", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE);
      const [a, b, c, d, e] = (await turn(store, 5)).claims;
      await settle(store, sent(a), failed(b), inDoubt(c), putBack(d), putBack(e, 2000, true));
      const rows = [];
      for await (const message of store.messages("june", null)) rows.push(message);
      expect(rows.map(({ state, attempts, sesMessageId, error }) => [state, attempts, sesMessageId, error])).toEqual([
        ["sent", 1, `ses-${a?.id}`, null],
        ["failed", 1, null, "refused"],
        ["in_doubt", 1, null, "no answer"],
        ["pending", 0, null, "later"],
        ["pending", 1, null, "later"],
      ]);
      expect(rows[0]?.sentAt).toBe(clock.now());
      expect((await turn(store, 5)).claims.map((claim) => claim.id)).toEqual([d?.id]);
      clock.pass(2000);
      expect((await turn(store, 5)).claims).toMatchObject([{ id: e?.id, attempts: 1 }]);
    });

    it("nothing leaves sent, whatever comes afterwards", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"]);
      const [claim] = (await turn(store, 1)).claims;
      await settle(store, sent(claim));
      await settle(store, failed(claim), inDoubt(claim), putBack(claim));
      await store.cancel("june");
      expect(await store.retry("june", ["failed", "in_doubt", "cancelled", "suppressed"])).toBe(0);
      await store.suppress([{ address: "a@x.example", reason: "bounce", source: "test" }]);
      expect(await states(store)).toEqual({ "a@x.example": "sent" });
      expect((await turn(store, 1)).claims).toEqual([]);
    });

    it("takes an answer from the process that holds the message only", async () => {
      const { open } = await prepare();
      const [one, two] = [await open(), await open()];
      await ingest(one, ["a@x.example"]);
      const [claim] = (await turn(one, 1)).claims;
      await turn(two, 1);
      await settle(two, putBack(claim));
      await settle(two, sent(claim));
      expect(await states(two)).toEqual({ "a@x.example": "sending" });
      await settle(one, sent(claim));
      expect(await states(two)).toEqual({ "a@x.example": "sent" });
    });

    it("a message that is unknown is no reason to lose the other answers", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"]);
      const [claim] = (await turn(store, 1)).claims;
      await settle(store, sent({ id: 999, topicId: 1 }), sent(claim));
      expect(await states(store)).toEqual({ "a@x.example": "sent" });
    });
  });

  describe(`${name}: processes that die`, () => {
    it("R3 G2 N1: what a dead process had in flight is in doubt, not pending", async () => {
      const { open, clock } = await prepare();
      const dead = await open();
      await ingest(dead, PEOPLE);
      await turn(dead, 2);
      clock.pass(LEASE_OVER_MS);
      const next = await open();
      expect(next.recovered).toBe(2);
      expect(await next.totals("june")).toMatchObject({ pending: 3, sending: 0, in_doubt: 2 });
      expect((await turn(next, 9)).claims).toHaveLength(3);
      expect(await next.recover()).toBe(0);
    });

    it("a process that renews its lease is not taken for dead, however long its calls take", async () => {
      const { open, clock } = await prepare();
      const slow = await open();
      await ingest(slow, PEOPLE);
      const [claim] = (await turn(slow, 1)).claims;
      for (let seconds = 0; seconds < 300; seconds += 10) {
        clock.pass(10_000);
        await turn(slow, 0);
        expect((await open()).recovered).toBe(0);
      }
      await settle(slow, sent(claim));
      expect(await slow.totals("june")).toMatchObject({ sent: 1, in_doubt: 0 });
    });

    it("an answer that comes after all settles what was put in doubt, and counts one attempt", async () => {
      const { open, clock } = await prepare();
      const slow = await open();
      await ingest(slow, PEOPLE.slice(0, 3));
      const [a, b, c] = (await turn(slow, 3)).claims;
      clock.pass(LEASE_OVER_MS);
      await open();
      await settle(slow, sent(a), failed(b), putBack(c));
      const rows = [];
      for await (const message of slow.messages("june", null)) rows.push([message.state, message.attempts]);
      // To put it back would be to say it was not sent: nobody knows that any more.
      expect(rows).toEqual([
        ["sent", 1],
        ["failed", 1],
        ["in_doubt", 1],
      ]);
      expect(await slow.totals("june")).toMatchObject({ total: 3, sent: 1, failed: 1, in_doubt: 1 });
    });

    it("setting the clock forward kills nobody", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE);
      const [claim] = (await turn(store, 1)).claims;
      clock.setForward(3_600_000);
      expect((await open()).recovered).toBe(0);
      await settle(store, sent(claim));
      expect(await store.totals("june")).toMatchObject({ sent: 1, in_doubt: 0 });
    });

    it("a process taken for dead while it was stopped goes on, and its later answers are written", async () => {
      const { open, clock } = await prepare();
      const sleeper = await open();
      await ingest(sleeper, PEOPLE);
      const [before] = (await turn(sleeper, 1)).claims;
      clock.pass(LEASE_OVER_MS);
      expect((await open()).recovered).toBe(1);
      const [after] = (await turn(sleeper, 1)).claims;
      clock.pass(6_000);
      await settle(sleeper, sent(before), sent(after));
      expect(await sleeper.totals("june")).toMatchObject({ pending: 3, sending: 0, sent: 2, in_doubt: 0 });
    });

    it("a process that leaves with nothing in flight leaves nothing behind", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE);
      const [claim] = (await turn(store, 1)).claims;
      await settle(store, sent(claim));
      await store.close();
      clock.pass(LEASE_OVER_MS);
      expect((await open()).recovered).toBe(0);
    });
  });

  describe(`${name}: what a person does`, () => {
    it("R14 G10 P11: cancel takes everything that was not handed to SES, scheduled or not", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE.slice(0, 3));
      await ingest(store, PEOPLE.slice(3), { at: clock.now() + 60_000 });
      const [a, b] = (await turn(store, 2)).claims;
      expect(await store.cancel("june")).toEqual({ cancelled: 3, inFlight: 2 });
      expect((await turn(store, 9)).claims).toEqual([]);
      await settle(store, sent(a), putBack(b));
      expect(await store.totals("june")).toMatchObject({ total: 5, sent: 1, cancelled: 4, sending: 0, pending: 0 });
      expect(await store.cancel("june")).toEqual({ cancelled: 0, inFlight: 0 });
    });

    it("retry puts back the states asked for, from the first attempt, and no others", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE);
      const [a, b, c] = (await turn(store, 3)).claims;
      await settle(store, sent(a), failed(b), inDoubt(c));
      expect(await store.retry("june", ["failed"])).toBe(1);
      expect(await states(store)).toMatchObject({ "b@x.example": "pending", "c@x.example": "in_doubt" });
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

    it("a retry of all topics leaves cancelled ones alone", async () => {
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
      const all = PEOPLE.slice(0, 3).map((address) => ({ address, reason: "complaint", source: "test" }));
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
  });

  describe(`${name}: counts`, () => {
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

    it("are kept for what was sent lately", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE);
      const [a, b] = (await turn(store, 2)).claims;
      const start = clock.now();
      await settle(store, sent(a));
      clock.pass(1000);
      await settle(store, sent(b));
      expect((await store.sentWithin(1000)).get("june")).toMatchObject({ sent: 2, first: start, last: start + 1000 });
      expect((await store.sentWithin(999)).get("june")).toMatchObject({ sent: 1 });
      expect((await store.topics())[0]).toMatchObject({ firstSentAt: start, lastSentAt: start + 1000 });
      clock.pass(1000);
      expect((await store.sentWithin(999)).size).toBe(0);
    });

    it("come back the same after everything was closed and opened again", async () => {
      const { open } = await prepare();
      const first = await open();
      await ingest(first, PEOPLE);
      const [claim] = (await turn(first, 1)).claims;
      await settle(first, sent(claim));
      const before = await first.totals("june");
      const { jobId } = first;
      await first.close();
      const second = await open();
      expect(await second.totals("june")).toEqual(before);
      expect(second.jobId).toBe(jobId);
      expect(jobId).toMatch(/^[A-Za-z0-9_-]{1,256}$/);
    });

    it("streams more messages than fit into a page, in order and by state", async () => {
      const { open } = await prepare();
      const store = await open();
      const many = Array.from({ length: 2500 }, (_, index) => `p${index}@x.example`);
      await ingest(store, many);
      expect(Object.keys(await states(store))).toEqual(many);
      const [claim] = (await turn(store, 1)).claims;
      await settle(store, sent(claim));
      const pending = [];
      for await (const message of store.messages("june", ["pending"])) pending.push(message.email);
      expect(pending).toEqual(many.slice(1));
    });
  });
}
