/** After it has expired a message is never handed out, and is cancelled wherever it waits. */
import { describe, expect, it } from "vitest";
import { EXPIRE_PART } from "../../../src/store/rules/expiry.ts";
import type { Store } from "../../../src/store/store.ts";
import {
  addList,
  EVERYTHING,
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
import { counts, type Prepare } from "../bench.ts";

const HOUR = 3_600_000;
const SANDBOX = { ...EVERYTHING, endpoint: "sandbox" as const };

const errors = async (store: Store, topic = "june") =>
  (await messagesOf(store, topic)).map(({ state, error }) => `${state} ${error}`);

async function expiresAt(store: Store, topic = "june"): Promise<(number | null)[]> {
  const emails = (await messagesOf(store, topic)).map(({ email }) => email);
  const found = await Promise.all(emails.map((email) => store.messagesTo(email, 9)));
  return found.map((records) => records.find((record) => record.topic === topic)?.expiresAt ?? null);
}

export function expiry(prepare: Prepare): void {
  describe("when a list expires", () => {
    it("is a span after it was added, or after each message is due", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const now = clock.now();
      const row = (email: string, notBefore: number) => ({ email, fields: "[]", notBefore });
      await addList(store, [row("a@x.example", 0), row("b@x.example", now + 5_000)], { expiresInMs: HOUR });
      await ingest(store, ["c@x.example"], { topic: "july" });
      expect(await expiresAt(store)).toEqual([now + HOUR, now + 5_000 + HOUR]);
      expect(await expiresAt(store, "july")).toEqual([null]);
    });

    it("a claim tells how long it may still leave", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"], { expiresInMs: HOUR });
      await ingest(store, ["b@x.example"], { topic: "july" });
      clock.pass(1_000);
      expect((await store.peek(EVERYTHING))?.expiresInMs).toBe(HOUR - 1_000);
      const { claims } = await turn(store, 9);
      expect(claims.map(({ expiresInMs }) => expiresInMs)).toEqual([HOUR - 1_000, null]);
    });
  });

  describe("what has expired", () => {
    it("is not handed out, from the very instant on, and is cancelled by the turn that would", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example", "b@x.example"], { expiresInMs: HOUR });
      clock.pass(HOUR - 1);
      expect((await turn(store, 1)).claims).toHaveLength(1);
      clock.pass(1);
      expect(await store.peek(EVERYTHING)).toBeNull();
      expect(await store.outlook(EVERYTHING)).toEqual({ due: 0, late: 0, nextDueInMs: null });
      expect(await turn(store, 9)).toMatchObject({ claims: [], drained: true, expired: 1 });
      expect(await errors(store)).toEqual(["sending null", "cancelled expired"]);
      expect(await turn(store, 9)).toMatchObject({ expired: 0 });
      expect(await store.totals("june")).toMatchObject({ sending: 1, cancelled: 1, pending: 0 });
    });

    it("is cancelled in topics that are paused, held, scheduled, or elsewhere, and by `recover` and `expire`, too", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const list = { expiresInMs: HOUR };
      await ingest(store, ["a@x.example"], { ...list, topic: "paused" });
      await ingest(store, ["b@x.example"], { ...list, topic: "held" });
      await ingest(store, ["c@x.example", "d@x.example"], { ...list, topic: "elsewhere" });
      await store.pause("paused", null);
      await turn(store, 1, { scope: { ...SANDBOX, topic: "elsewhere" } });
      clock.pass(HOUR);
      expect(await turn(store, 0, { scope: { ...EVERYTHING, held: new Set(["held"]) } })).toMatchObject({ expired: 3 });
      for (const topic of ["paused", "held"]) expect(await errors(store, topic)).toEqual(["cancelled expired"]);
      expect(await errors(store, "elsewhere")).toEqual(["sending null", "cancelled expired"]);

      await ingest(store, ["e@x.example"], { ...list, topic: "recovered" });
      clock.pass(HOUR);
      // Who only opens the store must not be the only one to know.
      await open();
      expect(await errors(store, "recovered")).toEqual(["pending null"]);
      await store.recover();
      expect(await errors(store, "recovered")).toEqual(["cancelled expired"]);
      // The next turn tells of it, to whom it concerns.
      expect(await turn(store, 0, { scope: { ...EVERYTHING, topic: "held" } })).toMatchObject({ expired: 0 });

      await ingest(store, ["f@x.example"], { ...list, topic: "swept" });
      clock.pass(HOUR);
      expect(await store.expire("swept")).toEqual({ expired: 1, more: false });
      expect(await store.expire(null)).toEqual({ expired: 0, more: false });
    });

    it("is not put back, but cancelled; an answer counts all the same", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const people = ["a", "b", "c", "d", "e"].map((name) => `${name}@x.example`);
      await ingest(store, people, { expiresInMs: HOUR });
      const [a, b, c, d, e] = (await turn(store, 9)).claims;
      clock.pass(HOUR);
      const { expired } = await settle(
        store,
        putBack(a),
        putBackFor(b, 1_000),
        sent(c),
        failed(d, "refused"),
        inDoubt(e, "no answer"),
      );
      expect(expired).toBe(2);
      expect(await errors(store)).toEqual([
        "cancelled expired",
        "cancelled expired",
        "sent null",
        "failed refused",
        "in_doubt no answer",
      ]);
    });

    it("hides nothing that is due behind it, however much it is, and every turn cancels a part", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      const many = Array.from({ length: 2 * EXPIRE_PART + 5 }, (_, at) => `p${at}@x.example`);
      await ingest(store, many, { topic: "old", expiresInMs: HOUR });
      await ingest(store, ["due@x.example"], { topic: "new" });
      clock.pass(HOUR);
      const request = {
        settlements: [],
        room: 5,
        perSecond: 1e9,
        withinMs: 0,
        scope: EVERYTHING,
        departed: [],
        throttledAgoMs: null,
      };
      const first = await store.turn(request);
      expect(first.claims.map(({ email }) => email)).toEqual(["due@x.example"]);
      expect(first).toMatchObject({ expired: EXPIRE_PART, drained: false });
      expect(await store.turn(request)).toMatchObject({ expired: EXPIRE_PART, drained: false });
      expect(await store.turn(request)).toMatchObject({ expired: 5, drained: true });
      expect(await store.totals("old")).toMatchObject({ pending: 0, cancelled: many.length });
    });

    it("is told of the topic that is sent alone", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"], { expiresInMs: HOUR });
      await ingest(store, ["b@x.example", "c@x.example"], { topic: "july", expiresInMs: HOUR });
      clock.pass(HOUR);
      expect(await turn(store, 9, { scope: { ...EVERYTHING, topic: "july" } })).toMatchObject({ expired: 2 });
      expect(await errors(store)).toEqual(["cancelled expired"]);
    });
  });

  describe("what a person does", () => {
    it("retry leaves what has expired, and `countExpired` says how many that are", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example", "b@x.example", "c@x.example"], { expiresInMs: HOUR });
      await ingest(store, ["d@x.example"]);
      const [a, b, , d] = (await turn(store, 9)).claims;
      await settle(store, failed(a), inDoubt(b), failed(d));
      clock.pass(HOUR);
      expect(await store.countExpired("june", ["failed", "in_doubt", "cancelled"])).toBe(2);
      expect(await store.retry("june", ["failed", "in_doubt", "cancelled"])).toBe(1);
      expect(Object.values(await states(store))).toEqual(["failed", "in_doubt", "sending", "pending"]);
      await store.cancel("june");
      await store.expire(null);
      expect(await store.retry(null, ["cancelled"])).toBe(0);
      expect(await store.retry("june", ["cancelled"])).toBe(1);
    });

    it("reschedule moves the expiry of a span with the message, and revives nothing", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example"], { expiresInMs: HOUR });
      await ingest(store, ["b@x.example"], { topic: "july" });
      const at = clock.now() + 10 * HOUR;
      expect(await store.reschedule("june", { notBefore: at, times: null })).toBe(1);
      expect(await expiresAt(store)).toEqual([at + HOUR]);
      await store.reschedule("june", { notBefore: at, times: { column: "email", at: { "a@x.example": at + 7 } } });
      expect(await expiresAt(store)).toEqual([at + 7 + HOUR]);
      expect(await store.reschedule("july", { notBefore: at, times: null })).toBe(1);
      expect(await expiresAt(store, "july")).toEqual([null]);
      await store.reschedule("june", { notBefore: 0, times: null });
      expect(await expiresAt(store)).toEqual([clock.now() + HOUR]);
      clock.pass(HOUR);
      expect(await store.reschedule("june", { notBefore: at, times: null })).toBe(0);
      expect(await turn(store, 9)).toMatchObject({ claims: [], expired: 1 });
    });

    it.each([
      ["when it is swept meanwhile", true],
      ["when it is not", false],
    ])("what expires while its topic is half moved is cancelled, and gets no new span, %s", async (_name, isSwept) => {
      for (const each of [null, (at: number) => ({ column: "email", at: { "a@x.example": at + 5 } })]) {
        const { open, leaveMoving, clock } = await prepare();
        const store = await open();
        await ingest(store, ["a@x.example", "b@x.example"], { expiresInMs: HOUR });
        await ingest(store, ["c@x.example"], { expiresInMs: 3 * HOUR });
        const posted = { topic: "june", expiresAt: clock.now() + HOUR };
        expect(await counts(store, ["d@x.example"], posted)).toEqual([1, 0, 0]);
        expect(await counts(store, ["e@x.example"], { ...posted, expiresAt: clock.now() + 20 * HOUR })).toEqual([
          1, 0, 0,
        ]);
        const at = clock.now() + 10 * HOUR;
        const time = { notBefore: at, times: each?.(at) ?? null, last: 1_000_000, begunAt: clock.now() };
        await leaveMoving({ time, content: null });
        clock.pass(HOUR);
        const before = isSwept ? await turn(store, 9) : null;
        await store.finishOthersWork(new AbortController().signal);
        expect(await store.moving()).toEqual([]);
        const after = await turn(store, 9);
        expect([before?.expired ?? 0, after.expired]).toEqual(isSwept ? [3, 0] : [0, 3]);
        expect([...(before?.claims ?? []), ...after.claims]).toEqual([]);
        const [gone, waits] = ["cancelled expired", "pending null"];
        expect(await errors(store)).toEqual([gone, gone, waits, gone, waits]);
        expect((await expiresAt(store)).slice(2)).toEqual([at + 3 * HOUR, clock.now(), clock.now() + 19 * HOUR]);
        clock.pass(at - clock.now());
        expect((await turn(store, 9)).claims.map(({ email }) => email)).toEqual(["c@x.example", "e@x.example"]);
      }
    });

    it("a rehearsal that is removed gives all of the span again, also to what expired in it", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example", "b@x.example", "c@x.example"], { expiresInMs: HOUR, endpoint: "sandbox" });
      const [a] = (await turn(store, 1, { scope: SANDBOX })).claims;
      await settle(store, sent(a));
      clock.pass(HOUR);
      expect(await turn(store, 9, { scope: SANDBOX })).toMatchObject({ claims: [], expired: 2 });
      await store.startAfresh("june", { signal: new AbortController().signal, notBefore: null });
      expect(Object.values(await states(store))).toEqual(["pending", "pending", "pending"]);
      const now = clock.now();
      expect(await expiresAt(store)).toEqual([now + HOUR, now + HOUR, now + HOUR]);
      expect((await turn(store, 9)).claims).toHaveLength(3);
    });

    it("a rehearsal without expiry gets the one it is sent for real with", async () => {
      const { open, clock } = await prepare();
      const store = await open();
      await ingest(store, ["a@x.example", "b@x.example"], { endpoint: "sandbox" });
      await turn(store, 1, { scope: SANDBOX }).then(({ claims }) => settle(store, sent(claims[0])));
      const given = { signal: new AbortController().signal, notBefore: clock.now() + 1_000, expiresInMs: HOUR };
      await store.startAfresh("june", given);
      const at = clock.now() + 1_000 + HOUR;
      expect(await expiresAt(store)).toEqual([at, at]);
    });
  });
}
