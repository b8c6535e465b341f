/** Requests into a real store, beside each other, with repeats, and into a store that cannot. */
import { describe, expect, it } from "vitest";
import { StoppedError } from "../../src/errors.ts";
import { createRequestInbox, type InboxParts, type MailRequest } from "../../src/intake/inbox.ts";
import { repeatOf } from "../../src/intake/repeat.ts";
import type { Store } from "../../src/store/store.ts";
import { message } from "../store/bench.ts";
import { prepareSqlite } from "../store/sqlite/bench.ts";

const one = { added: 1, duplicates: 0, suppressed: 0 };
const REPEAT = repeatOf({ caller: "shop", key: "order-1", body: { messages: [] } });

async function inboxOf(change: (store: Store) => InboxParts["store"] = (store) => store) {
  const store = await (await prepareSqlite()).open();
  let wakes = 0;
  const inbox = createRequestInbox({ store: change(store), endpoint: "ses", wake: () => void wakes++ });
  const take = (...emails: string[]) => inbox.take(request(emails));
  return { store, inbox, take, wakes: () => wakes };
}

function request(emails: string[], given: Partial<MailRequest> = {}): MailRequest {
  return { messages: [message(emails)], repeat: null, memo: "", ...given };
}

describe("a store that cannot", () => {
  it("is an error of everybody in that commit, wakes nobody, and takes the next one", async () => {
    let full = true;
    const { take, store, wakes } = await inboxOf((real) => ({
      ...real,
      accept: (requests) => (full ? Promise.reject(new StoppedError("disk full")) : real.accept(requests)),
    }));
    const results = await Promise.allSettled([take("a@x.example"), take("b@x.example")]);
    expect(results).toMatchObject([{ reason: { message: "disk full" } }, { reason: { message: "disk full" } }]);
    expect(wakes()).toBe(0);
    full = false;
    expect(await take("a@x.example")).toEqual({ kind: "stored", counts: one, ids: [1] });
    expect(await store.totals(null)).toMatchObject({ total: 1 });
  });
});

describe("a request that is refused", () => {
  it("stores nothing, names its messages, wakes nobody, and the others of its commit are stored", async () => {
    const { inbox, take, store, wakes } = await inboxOf();
    await take("a@x.example");
    await store.cancel("june");
    const before = wakes();
    const mixed = [message(["b@x.example"], { topic: "july" }), message(["b@x.example"])];
    const [refused, stored] = await Promise.all([
      inbox.take(request([], { messages: mixed })),
      inbox.take(request([], { messages: [message(["c@x.example"], { topic: "july" })] })),
    ]);
    const reason = expect.stringContaining("cancelled");
    expect(refused).toEqual({ kind: "invalid", reason, problems: [{ path: "messages[1]", message: reason }] });
    expect(stored).toEqual({ kind: "stored", counts: one, ids: [2] });
    expect(wakes()).toBe(before + 1);
    expect(await store.totals("july")).toMatchObject({ total: 1 });
  });
});

describe("a repeat", () => {
  it("comes to what it came to, with its memo, and wakes nobody", async () => {
    const { inbox, store, wakes } = await inboxOf();
    const first = request(["a@x.example"], { repeat: REPEAT, memo: "first" });
    expect(await inbox.earlier(REPEAT)).toBeNull();
    expect(await inbox.take(first)).toEqual({ kind: "stored", counts: one, ids: [1] });
    const repeated = { kind: "repeated", counts: one, ids: [1], memo: "first" };
    expect(await inbox.earlier(REPEAT)).toEqual(repeated);
    expect(await inbox.take({ ...first, memo: "second" })).toEqual(repeated);
    expect(wakes()).toBe(1);
    expect(await store.totals(null)).toMatchObject({ total: 1 });
  });

  it("of the same key with another body is a conflict, of another caller a new request", async () => {
    const { inbox } = await inboxOf();
    await inbox.take(request(["a@x.example"], { repeat: REPEAT }));
    const other = repeatOf({ caller: "shop", key: "order-1", body: { messages: [1] } });
    expect(await inbox.earlier(other)).toEqual({ kind: "conflict" });
    expect(await inbox.take(request(["b@x.example"], { repeat: other }))).toEqual({ kind: "conflict" });
    const elsewhere = request(["b@x.example"], { repeat: { ...other, caller: "blog" } });
    expect(await inbox.take(elsewhere)).toEqual({ kind: "stored", counts: one, ids: [2] });
  });

  it("of a request that was refused is a new one", async () => {
    const { inbox, take, store } = await inboxOf();
    await take("a@x.example");
    await store.cancel("june");
    const asked = request(["b@x.example"], { repeat: REPEAT });
    expect(await inbox.take(asked)).toMatchObject({ kind: "invalid" });
    await store.retry("june", ["cancelled"]);
    expect(await inbox.take(asked)).toEqual({ kind: "stored", counts: one, ids: [2] });
  });
});

describe("requests that come together", () => {
  it("share a commit, each with its own counts, and each wakes the sender", async () => {
    const groups: number[] = [];
    const { take, wakes, inbox } = await inboxOf((real) => ({
      ...real,
      accept: (requests) => (groups.push(requests.length), real.accept(requests)),
    }));
    const emails = (index: number) => Array.from({ length: index + 1 }, (_, each) => `p${index}-${each}@x.example`);
    const taken = Promise.all(Array.from({ length: 20 }, (_, index) => take(...emails(index))));
    await inbox.drain();
    expect(await taken).toEqual(
      Array.from({ length: 20 }, (_, index) => ({
        kind: "stored",
        counts: { ...one, added: index + 1 },
        ids: Array.from({ length: index + 1 }, (_, each) => (index * (index + 1)) / 2 + each + 1),
      })),
    );
    expect(groups.length).toBeLessThan(20);
    expect(wakes()).toBe(20);
  });
});

it("finds a topic in either form of Unicode, and changes nothing of the messages it is given", async () => {
  const { inbox, store } = await inboxOf();
  const [composed, decomposed] = ["caf\u00e9", "cafe\u0301"];
  const messages = [message(["a@x.example"], { topic: decomposed })];
  await inbox.take(request([], { messages }));
  await inbox.take(request([], { messages: [message(["b@x.example"], { topic: composed })] }));
  expect((await store.topics()).map(({ topic, total }) => [topic, total])).toEqual([[composed, 2]]);
  expect(messages[0]?.topic).toBe(decomposed);
});
