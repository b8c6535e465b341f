/** What becomes of a message when its answer is written, whoever writes it and however often. */
import { expect, it } from "vitest";
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
import { LEASE_OVER_MS, PEOPLE } from "./people.ts";

/** No store gives this id in so short a test. */
const UNKNOWN = { id: 999_999_999, topicId: 1 };

export function answers(prepare: Prepare): void {
  it("a message that is unknown is no reason to lose the other answers", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    const [claim] = (await turn(store, 1)).claims;
    const { id } = UNKNOWN;
    const unknown = [failed({ id, topicId: 0 }), inDoubt({ id, topicId: 0 }), putBack({ id, topicId: 0 })];
    await settle(store, sent({ id, topicId: claim?.topicId ?? 0 }), ...unknown, sent(claim));
    expect(await states(store)).toEqual({ "a@x.example": "sent" });
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

  it("the same answer twice, in one turn or in two, is one", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 3));
    const [a, b, c] = (await turn(store, 3)).claims;
    await settle(store, sent(a), sent(a, "another"), failed(b), failed(b, "again"), inDoubt(c), inDoubt(c));
    const before = await everything(store);
    await settle(store, sent(a, "another"), failed(b, "again"), inDoubt(c, "again"));
    expect(await everything(store)).toEqual(before);
    expect((await messagesOf(store)).map(({ state, attempts, error }) => [state, attempts, error])).toEqual([
      ["sent", 1, null],
      ["failed", 1, "refused"],
      ["in_doubt", 1, "no answer"],
    ]);
  });

  it("the first of several answers to one call counts", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 3));
    const [a, b, c] = (await turn(store, 3)).claims;
    await settle(store, failed(a), sent(a), putBack(b), failed(b), sent(c), putBack(c));
    expect(Object.values(await states(store))).toEqual(["failed", "pending", "sent"]);
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

  it("settles no message that is not in flight", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE.slice(0, 3));
    const [a, b, c] = (await turn(store, 3)).claims;
    await settle(store, putBack(a), putBack(b), putBack(c));
    await settle(store, sent(a), failed(b), inDoubt(c));
    expect(await store.totals("june")).toMatchObject({ pending: 3, sent: 0 });
    expect((await messagesOf(store)).map(({ attempts }) => attempts)).toEqual([0, 0, 0]);
  });

  it("moves each message where its answer says, with what is known", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const [a, b, c, d, e] = (await turn(store, 5)).claims;
    await settle(store, sent(a), failed(b), inDoubt(c), putBack(d), putBackFor(e, 2000));
    const rows = await messagesOf(store);
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

  it("counts the calls of a message over all its tries, and forgets what went wrong when it is sent", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    for (const attempts of [0, 1, 2]) {
      const [claim] = (await turn(store, 1)).claims;
      expect(claim?.attempts).toBe(attempts);
      await settle(store, putBackFor(claim, 1_000));
      clock.pass(999);
      expect((await turn(store, 1)).claims).toEqual([]);
      clock.pass(1);
    }
    const [again] = (await turn(store, 1)).claims;
    await settle(store, putBack(again, { attempted: true, error: null }));
    const [last] = (await turn(store, 1)).claims;
    expect(last?.attempts).toBe(4);
    await settle(store, sent(last));
    expect(await messagesOf(store)).toMatchObject([{ state: "sent", attempts: 5, error: null }]);
    expect(await store.countSentWithin(0)).toBe(1);
  });

  it("what was scheduled and is put back is due as it was", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"], { at: clock.now() + 10 });
    clock.pass(10);
    const [claim] = (await turn(store, 1)).claims;
    await settle(store, putBack(claim));
    expect((await turn(store, 1)).claims).toMatchObject([{ id: claim?.id, attempts: 0 }]);
  });

  it("an answer that comes after all settles what was put in doubt, and counts one attempt", async () => {
    const { open, clock } = await prepare();
    const slow = await open();
    await ingest(slow, PEOPLE.slice(0, 3));
    const [a, b, c] = (await turn(slow, 3)).claims;
    clock.pass(LEASE_OVER_MS);
    await open();
    await settle(slow, sent(a), failed(b), putBack(c));
    // To put it back would be to say it was not sent: nobody knows that any more.
    expect((await messagesOf(slow)).map(({ state, attempts }) => [state, attempts])).toEqual([
      ["sent", 1],
      ["failed", 1],
      ["in_doubt", 1],
    ]);
    expect(await slow.totals("june")).toMatchObject({ total: 3, sent: 1, failed: 1, in_doubt: 1 });
  });

  it("a person who retries what is in doubt comes before an answer that comes after all", async () => {
    const { open, clock } = await prepare();
    const slow = await open();
    await ingest(slow, ["a@x.example"]);
    const [claim] = (await turn(slow, 1)).claims;
    clock.pass(LEASE_OVER_MS);
    const other = await open();
    expect(await other.retry("june", ["in_doubt"])).toBe(1);
    await settle(slow, failed(claim));
    expect(await states(other)).toEqual({ "a@x.example": "pending" });
  });
}
