/** Lists of recipients go in at once or not at all, and nobody twice. */
import { describe, expect, it } from "vitest";
import {
  foresee,
  addList,
  checkList,
  commit,
  CONTENT,
  inDoubt,
  ingest,
  messagesOf,
  putBackFor,
  refusalOf,
  sendAll,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import { content, counts, type Prepare } from "../bench.ts";
import { everything } from "../sound.ts";
import { PEOPLE } from "./people.ts";

const row = (email: string, fields: string[] = [email]) => ({ email, fields: JSON.stringify(fields), notBefore: 0 });

export function lists(prepare: Prepare): void {
  describe("refusals change nothing", () => {
    it("takes no other content for a topic, unless told to replace it", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE.slice(0, 2));
      const before = await everything(store);
      const other = content("Other");
      expect(await refusalOf(ingest(store, PEOPLE, { content: other }))).toBe("other-content");
      expect(await refusalOf(checkList(store, { content: other }))).toBe("other-content");
      expect((await store.totals("june")).total).toBe(2);
      expect(await everything(store)).toEqual(before);

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
      const before = await everything(store);
      expect(await refusalOf(ingest(store, PEOPLE))).toBe("cancelled");
      expect(await refusalOf(ingest(store, PEOPLE, { content: content("Other"), replaceContent: true }))).toBe(
        "cancelled",
      );
      expect(await refusalOf(checkList(store))).toBe("cancelled");
      expect(await everything(store)).toEqual(before);
      await store.retry("june", ["cancelled"]);
      expect(await ingest(store, PEOPLE)).toEqual({ added: 3, duplicates: 2, suppressed: 0 });
    });

    it("takes as the topic's content none that some of it got through the gateway", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE.slice(0, 2));
      await counts(store, ["c@x.example"], { content: content("code") });
      const before = await everything(store);
      const target = { content: content("code"), replaceContent: true };
      expect(await refusalOf(ingest(store, PEOPLE, target))).toBe("sent-as-variant");
      expect(await refusalOf(checkList(store, target))).toBe("sent-as-variant");
      expect(await everything(store)).toEqual(before);
    });

    it("is refused when the topic was cancelled while the list was staged", async () => {
      const { open } = await prepare();
      const [one, two] = [await open(), await open()];
      await ingest(one, PEOPLE.slice(0, 1));
      const staging = await one.stage();
      await staging.add(PEOPLE.map((email) => row(email)));
      await two.cancel("june");
      expect(await refusalOf(commit(staging))).toBe("cancelled");
      await staging.discard();
      expect(await one.totals("june")).toMatchObject({ total: 1, cancelled: 1 });
      expect(await ingest(one, PEOPLE, { topic: "july" })).toMatchObject({ added: 5 });
    });

    it("lets a check pass where the list would be taken, and makes no topic by it", async () => {
      const { open } = await prepare();
      const store = await open();
      await checkList(store);
      expect(await store.topics()).toEqual([]);
      await ingest(store, PEOPLE);
      await checkList(store);
      await checkList(store, { content: content("Other"), replaceContent: true });
      expect((await store.content((await turn(store, 1)).claims[0]?.contentId ?? 0)).subject).toBe("Hello");
    });
  });

  describe("before the commit, and without one", () => {
    it("shows nothing of it before the commit, and nothing at all after a discard", async () => {
      const { open } = await prepare();
      const store = await open();
      const staging = await store.stage();
      await staging.add([row("a@x.example", [])]);
      expect(await (await open()).topics()).toEqual([]);
      await staging.discard();
      await staging.discard();
      expect(await store.topics()).toEqual([]);
    });

    it("may be discarded after the commit, which stands, and the next one staged", async () => {
      const { open } = await prepare();
      const store = await open();
      for (const email of PEOPLE) {
        const staging = await store.stage();
        await staging.add([row(email)]);
        expect(await commit(staging)).toMatchObject({ added: 1 });
        await staging.discard();
        await staging.discard();
      }
      expect(Object.keys(await states(store))).toEqual(PEOPLE);
    });

    it("foresees what it will come to and keeps nothing of it", async () => {
      const { open } = await prepare();
      const store = await open();
      expect(await foresee(store, PEOPLE)).toEqual({ added: 5, duplicates: 0, suppressed: 0 });
      expect(await store.topics()).toEqual([]);
      await ingest(store, PEOPLE.slice(0, 2));
      const before = await everything(store);
      expect(await foresee(store, PEOPLE)).toEqual({ added: 3, duplicates: 2, suppressed: 0 });
      expect((await store.totals("june")).total).toBe(2);
      expect(await everything(store)).toEqual(before);
      expect(await ingest(store, PEOPLE)).toEqual({ added: 3, duplicates: 2, suppressed: 0 });
    });

    it("is forecast as it will be, with the first who will get mail, and nothing changes by that", async () => {
      const { open } = await prepare();
      const store = await open();
      await store.suppress([{ address: "S@x.example", reason: "bounce", source: "test" }]);
      await ingest(store, ["a@x.example", "b@x.example"]);
      await ingest(store, ["c@x.example"], { topic: "july" });
      const before = await everything(store);
      const staging = await store.stage();
      const emails = [
        "A@x.example",
        "a@x.example",
        "s@x.example",
        "S@x.example",
        "C@x.example",
        "d@x.example",
        "D@x.example",
      ];
      await staging.add(emails.map((email) => row(email)));
      const first = { email: "C@x.example", fields: '["C@x.example"]' };
      const expected = { added: 2, known: 2, repeated: 2, suppressed: 1, first };
      expect(await staging.forecast("june")).toEqual(expected);
      expect(await staging.forecast("june")).toEqual(expected);
      expect(await everything(store)).toEqual(before);
      expect(await commit(staging)).toEqual({ added: 2, duplicates: 4, suppressed: 1 });
      await staging.discard();
    });

    it("is forecast for a topic there is not yet, and when nobody would get mail", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE);
      const staging = await store.stage();
      const nothing = { added: 0, known: 0, repeated: 0, suppressed: 0, first: null };
      expect(await staging.forecast("june")).toEqual(nothing);
      await staging.add(PEOPLE.map((email) => row(email)));
      expect(await staging.forecast("june")).toEqual({ ...nothing, known: 5 });
      expect(await staging.forecast("may")).toMatchObject({ added: 5, known: 0, first: { email: PEOPLE[0] } });
      expect(await store.topic("may")).toBeNull();
      await staging.discard();
    });

    it("is forecast for a rehearsal with those whom rehearsals suppressed, and for the real thing without them", async () => {
      const { open } = await prepare();
      const store = await open();
      await store.suppress([{ address: "a@x.example", reason: "bounce", source: "test", rehearsal: true }]);
      const staging = await store.stage();
      await staging.add(["a@x.example", "b@x.example"].map((email) => row(email)));
      for (const mail of [undefined, {}, { endpoint: "ses" }] as const)
        expect(await staging.forecast("june", mail)).toMatchObject({ added: 2, suppressed: 0 });
      expect(await staging.forecast("june", { endpoint: "sandbox" })).toMatchObject({ added: 1, suppressed: 1 });
      await staging.discard();
    });

    it("is forecast without regard to what the gateway put into the topic with another content", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"]);
      await counts(store, ["b@x.example"], { content: content("code") });
      const staging = await store.stage();
      await staging.add([row("a@x.example"), row("b@x.example")]);
      expect(await staging.forecast("june")).toMatchObject({ added: 1, known: 1 });
      expect(await commit(staging)).toMatchObject({ added: 1, duplicates: 1 });
      await staging.discard();
    });

    it("with nobody on it adds nobody", async () => {
      const { open } = await prepare();
      const store = await open();
      const staging = await store.stage();
      await staging.add([]);
      expect(await commit(staging)).toEqual({ added: 0, duplicates: 0, suppressed: 0 });
      await staging.discard();
      expect(await store.totals(null)).toMatchObject({ total: 0 });
    });

    it("staged in several parts and by several processes at once goes in whole, nobody twice", async () => {
      const { open } = await prepare();
      const [one, two] = [await open(), await open()];
      const [first, second] = [await one.stage(), await two.stage()];
      const people = Array.from({ length: 400 }, (_, index) => `p${index}@x.example`);
      for (let from = 0; from < 300; from += 60) {
        await first.add(people.slice(from, from + 60).map((email) => row(email)));
        await second.add(people.slice(from + 100, from + 160).map((email) => row(email.toUpperCase())));
      }
      const results = await Promise.all([commit(first), commit(second)]);
      expect(results.map(({ added, duplicates }) => added + duplicates)).toEqual([300, 300]);
      expect(results.reduce((sum, { added }) => sum + added, 0)).toBe(400);
      await first.discard();
      await second.discard();
      const stored = (await messagesOf(one)).map(({ email }) => email.toLowerCase());
      expect(stored.toSorted()).toEqual(people.toSorted());
    });
  });

  describe("what goes in", () => {
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

    it("a list that ends in duplicates shares no message with the next one", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example", "b@x.example", "A@x.example"]);
      await addList(store, [row("c@x.example", ["Seoul", "c@x.example"])], { columns: ["city", "email"] });
      expect((await messagesOf(store)).map(({ fields }) => fields)).toEqual([
        { email: "a@x.example" },
        { email: "b@x.example" },
        { city: "Seoul", email: "c@x.example" },
      ]);
      const notBefore = clock.now();
      const times = { column: "city", at: { Seoul: notBefore + 5 } };
      expect(await store.reschedule("june", { notBefore, times })).toBe(3);
      expect((await turn(store, 9)).claims.map(({ email }) => email)).toEqual(["a@x.example", "b@x.example"]);
      clock.pass(5);
      expect((await turn(store, 9)).claims.map(({ email }) => email)).toEqual(["c@x.example"]);
    });

    it("keeps suppressed addresses as suppressed messages", async () => {
      const { open } = await prepare();
      const store = await open();
      await store.suppress([{ address: "B@x.example", reason: "bounce", source: "test" }]);
      expect(await ingest(store, PEOPLE)).toEqual({ added: 4, duplicates: 0, suppressed: 1 });
      expect(await store.totals("june")).toMatchObject({ total: 5, pending: 4, suppressed: 1 });
      expect(await ingest(store, ["b@x.example", "f@x.example"])).toEqual({ added: 1, duplicates: 1, suppressed: 0 });
    });

    it("keeps columns and fields for every list of a topic", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"], { columns: ["email"] });
      await addList(store, [row("b@x.example", ["b@x.example", "Bo"])], { columns: ["mail", "name"] });
      expect(await store.columns("june")).toEqual(["email", "mail", "name"]);
      expect((await messagesOf(store)).map(({ fields }) => fields)).toEqual([
        { email: "a@x.example" },
        { mail: "b@x.example", name: "Bo" },
      ]);
      const claims = (await turn(store, 10)).claims;
      expect(await Promise.all(claims.map((claim) => store.listColumns(claim.ingestId)))).toEqual([
        ["email"],
        ["mail", "name"],
      ]);
    });

    it("schedules each recipient by itself, and the topic as told", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const at = clock.now();
      const rows = [5_000, 1_000, 3_000].map((after, n) => ({ ...row(`p${n}@x.example`), notBefore: at + after }));
      await addList(store, rows, { notBefore: at + 1_000 });
      expect((await store.topic("june"))?.notBefore).toBe(at + 1_000);
      for (const email of ["p1@x.example", "p2@x.example", "p0@x.example"]) {
        clock.pass(email === "p1@x.example" ? 1_000 : 2_000);
        expect((await turn(store, 9)).claims.map((claim) => claim.email)).toEqual([email]);
      }
    });

    it("a topic is due with the earliest of what waits, whatever lists come", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const at = clock.now();
      const add = (email: string, after: number | null) =>
        addList(store, [{ ...row(email), notBefore: after === null ? 0 : at + after }], {
          notBefore: after === null ? null : at + after,
        });
      const dueIn = async () => {
        const { notBefore = 0 } = (await store.topic("june")) ?? {};
        return notBefore === null ? null : notBefore - at;
      };
      await add("ann@x.example", 5_000);
      await add("ann@x.example", 1_000);
      expect(await dueIn(), "of a list that adds nobody").toBe(5_000);
      await add("bob@x.example", 9_000);
      expect(await dueIn(), "of a later one").toBe(5_000);
      await add("eve@x.example", 3_000);
      expect(await dueIn(), "of an earlier one").toBe(3_000);
      await add("dan@x.example", null);
      expect(await dueIn(), "of one that goes at once").toBeNull();
      await add("joe@x.example", 3_000);
      expect(await dueIn()).toBeNull();
      await store.suppress([{ address: "sue@x.example", reason: "bounce", source: "test" }]);
      clock.pass(9_000);
      await sendAll(store);
      await add("sue@x.example", 20_000);
      expect(await dueIn(), "of somebody who is suppressed").toBeNull();
      await add("kim@x.example", 20_000);
      expect(await dueIn(), "when nothing waits for the old time").toBe(20_000);
    });

    it("a topic of which the earliest mail has left is due with the rest", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const at = clock.now();
      const rows = [0, 5_000, 9_000].map((after, n) => ({ ...row(`p${n}@x.example`), notBefore: after && at + after }));
      await addList(store, rows, { notBefore: null });
      await ingest(store, ["z@x.example"], { topic: "other", notBefore: at + 1_000 });
      const dueIn = async () => {
        const page = await store.topicPage({ order: "newest first", after: null, limit: 9, only: { waits: true } });
        const times = [await store.topic("june"), ...(await store.topics()), ...page.rows]
          .filter((found) => found?.topic === "june")
          .map((found) => (found?.notBefore == null ? null : found.notBefore - at));
        expect(new Set(times).size, "the same everywhere").toBe(1);
        return times[0];
      };
      expect(await dueIn()).toBeNull();
      const { claims } = await turn(store, 9);
      await settle(store, ...claims.map((claim) => putBackFor(claim, 2_000)));
      expect(await dueIn(), "while one of them is to be tried again").toBeNull();
      clock.pass(2_000);
      await sendAll(store);
      expect(await dueIn()).toBe(5_000);
      await store.reschedule("june", { notBefore: at + 7_000, times: null });
      expect(await dueIn(), "of a new time").toBe(7_000);
      clock.pass(5_000);
      expect(await dueIn(), "that has come").toBe(7_000);
      await addList(store, [{ ...row("q@x.example"), notBefore: at + 20_000 }], { notBefore: at + 20_000 });
      expect(await dueIn(), "of what is due now").toBe(7_000);
      await sendAll(store);
      expect(await dueIn(), "of the rest").toBe(20_000);
    });

    it("a new content is for what was not sent: what may have arrived keeps the one it was sent with", async () => {
      const { open } = await prepare();
      const store = await open();
      await ingest(store, PEOPLE.slice(0, 3));
      const [doubtful] = (await turn(store, 1)).claims;
      await settle(store, inDoubt(doubtful));
      await ingest(store, PEOPLE, { content: content("Other"), replaceContent: true });
      await store.retry("june", ["in_doubt"]);
      const { claims } = await turn(store, 9);
      const subjects = claims.map(async ({ contentId }) => (await store.content(contentId)).subject);
      expect(await Promise.all(subjects)).toEqual(["Hello", "Other", "Other", "Other", "Other"]);
      expect(await refusalOf(ingest(store, PEOPLE, { content: CONTENT }))).toBe("other-content");
      expect(await refusalOf(ingest(store, PEOPLE, { content: content("Other") }))).toBe("taken");
    });
  });
}
