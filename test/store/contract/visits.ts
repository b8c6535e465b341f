/** Opens and clicks through our own links. */
import { describe, expect, it } from "vitest";
import type { Claim } from "../../../src/deliver/source.ts";
import type { SesEvent } from "../../../src/feedback/ses-event.ts";
import type { Visit } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { delivery, open as opened } from "../../feedback/events.ts";
import {
  failed,
  inDoubt,
  ingest,
  messagesOf,
  putBack,
  sent,
  settle,
  states,
  turn,
} from "../../support/store-actions.ts";
import type { Prepare } from "../bench.ts";
import { everything } from "../sound.ts";
import { eventOf, of } from "./mail-events.ts";
import { LEASE_OVER_MS } from "./people.ts";

type Visited = Pick<Claim, "id"> | number | undefined;

const open = (message: Visited, given: Partial<Visit> = {}): Visit => ({
  kind: "open",
  messageId: typeof message === "number" ? message : (message?.id ?? Number.NaN),
  at: 1_000,
  machine: false,
  link: null,
  ...given,
});
const click = (message: Visited, link: string, given: Partial<Visit> = {}): Visit =>
  open(message, { kind: "click", link, ...given });

const calm = () => new AbortController().signal;

/** So many messages, handed out. */
async function claimed(store: Store, count: number, topic = "june"): Promise<Claim[]> {
  await ingest(
    store,
    Array.from({ length: count }, (_, index) => `p${index + 1}@x.example`),
    { topic },
  );
  return (await turn(store, count)).claims;
}

/** So many messages, sent. */
async function sentTo(store: Store, count: number, topic = "june"): Promise<Claim[]> {
  const claims = await claimed(store, count, topic);
  await settle(store, ...claims.map((claim) => sent(claim)));
  return claims;
}

/** When readers opened, as far as reports can tell: each instant once. */
const readerOpens = (store: Store, topic = "june") =>
  store.breakdown(topic, calm(), async (lines) =>
    (await lines.byTime(1)).filter((span) => span.opened_by_reader > 0).map(({ at }) => at),
  );

/** Events of a message that was sent with the SES message id of `sent`. */
const openEvent = (store: Store, claim: Claim | undefined, given: Partial<SesEvent>): SesEvent => ({
  ...eventOf(opened(of(store, claim))),
  sesMessageId: `ses-${claim?.id}`,
  machine: false,
  ...given,
});
const deliveryEvent = (store: Store, claim: Claim | undefined): SesEvent => ({
  ...eventOf(delivery(of(store, claim))),
  sesMessageId: `ses-${claim?.id}`,
  at: 900,
  mailedAt: 400,
});

export function visits(prepare: Prepare): void {
  describe("changes nothing", () => {
    nothing(prepare);
  });
  describe("counts", () => {
    counting(prepare);
  });
  describe("proves", () => {
    proving(prepare);
  });
}

function nothing(prepare: Prepare): void {
  it("for messages that do not exist, or were never handed out", async () => {
    const { open: handle } = await prepare();
    const store = await handle();
    await ingest(store, ["failed@x.example", "pending@x.example", "gone@x.example"]);
    const { claims } = await turn(store, 3);
    const [refused, ...others] = claims;
    await settle(store, failed(refused), ...others.map((claim) => putBack(claim)));
    await store.suppress([{ address: "gone@x.example", reason: "bounce", source: "test" }]);
    await ingest(store, ["taken@x.example"], { topic: "july" });
    const [taken] = (await turn(store, 1, { scope: { topic: "july", endpoint: "ses", maxLateMs: null } })).claims;
    await settle(store, putBack(taken));
    await store.cancel("july");
    const before = await everything(store);
    const ids = [0, -1, ...[...claims, taken].map((claim) => claim?.id ?? 0), 999_999_999, 2 ** 53, 1.5, Number.NaN];
    expect(await store.applyVisits(ids.flatMap((id) => [open(id), click(id, "https://x.example/")]))).toBe(0);
    expect(await everything(store)).toEqual(before);
    expect(Object.values(await states(store))).toEqual(["failed", "pending", "suppressed"]);
    expect((await store.topics()).map(({ opened, clicked }) => opened + clicked)).toEqual([0, 0]);
    // Nor does it come back when such a message is sent after all.
    await settle(store, ...(await turn(store, 9)).claims.map((claim) => sent(claim)));
    expect(await store.topic("june")).toMatchObject({ sent: 1, opened: 0, readerOpens: 0, clicks: 0 });
  });

  it("of a batch that is empty", async () => {
    const { open: handle } = await prepare();
    const store = await handle();
    await sentTo(store, 1);
    const before = await everything(store);
    expect(await store.applyVisits([])).toBe(0);
    expect(await everything(store)).toEqual(before);
  });

  it("of a batch that fails: all of it, or nothing", async () => {
    const { open: handle } = await prepare();
    const store = await handle();
    const [a, b] = await sentTo(store, 2);
    const before = await everything(store);
    await expect(store.applyVisits([open(a), open(b, { at: 0.5 })])).rejects.toThrow(/integer|bigint/i);
    expect(await everything(store)).toEqual(before);
    expect(await store.applyVisits([open(a)])).toBe(1);
    expect(await store.topic("june")).toMatchObject({ opened: 1 });
  });
}

function counting(prepare: Prepare): void {
  it("a message once, the visits all, and machines apart", async () => {
    const { open: handle } = await prepare();
    const store = await handle();
    const [a, b, c] = await sentTo(store, 3);
    const visits = [
      open(a, { at: 50, machine: true }),
      open(a, { at: 70 }),
      open(a, { at: 60 }),
      open(b, { at: 80, machine: true }),
      open(b, { at: 90, machine: true }),
    ];
    expect(await store.applyVisits(visits)).toBe(2);
    expect(
      await store.applyVisits([open(b, { at: 99, machine: true }), click(c, "https://x.example/", { at: 5 })]),
    ).toBe(1);
    expect((await messagesOf(store)).map(({ openedAt, clickedAt }) => [openedAt, clickedAt])).toEqual([
      [50, null],
      [80, null],
      [null, 5],
    ]);
    expect(await readerOpens(store)).toEqual([60]);
    expect(await store.topic("june")).toMatchObject({ opened: 2, clicked: 1 });
    expect(await store.topic("june")).toMatchObject({ readerOpens: 2, machineOpens: 4, clicks: 1 });
    const opens = await store.breakdown("june", calm(), (lines) => lines.opens());
    expect(opens).toEqual({ opened: 2, opened_by_reader: 1 });
  });

  it("all visits of each message on its own topic", async () => {
    const { open: handle } = await prepare();
    const store = await handle();
    const [[a], [b], [c]] = [await sentTo(store, 1, "a"), await sentTo(store, 1, "b"), await sentTo(store, 1, "c")];
    await store.applyVisits([open(a, { machine: true }), open(a), open(a), click(c, "https://x.example/")]);
    await store.applyVisits([open(b, { machine: true }), open(b, { machine: true }), open(b, { machine: true })]);
    const found = (await store.topics()).map((row) => [row.readerOpens, row.machineOpens, row.clicks]);
    expect(found).toEqual([
      [2, 1, 0],
      [0, 3, 0],
      [0, 0, 1],
    ]);
  });

  it("clicks by link, each visit", async () => {
    const { open: handle } = await prepare();
    const store = await handle();
    const [a, b] = await sentTo(store, 2);
    const [shop, blog] = ["https://x.example/shop", "https://x.example/blog"];
    for (let n = 0; n < 100; n++) {
      await store.applyVisits([click(a, shop), click(a, shop, { machine: true }), click(b, shop), click(b, blog)]);
      await store.applyVisits([open(a), open(a, { machine: true })]);
    }
    const links = await store.breakdown("june", calm(), (lines) => lines.links(9));
    expect(links.rows).toEqual([
      { link: shop, messages: 2, clicks: 300, machine_clicks: 100 },
      { link: blog, messages: 1, clicks: 100, machine_clicks: 0 },
    ]);
    expect(await store.topic("june")).toMatchObject({ readerOpens: 100, machineOpens: 100, clicks: 400 });
  });

  it("the same in whatever order they come, and by however many processes", async () => {
    const { open: handle } = await prepare();
    const [one, two] = [await handle(), await handle()];
    const [a, b] = await sentTo(one, 2, "straight");
    const [c, d] = await sentTo(one, 2, "crossed");
    const story = (first: Visited, second: Visited) => [
      open(first, { at: 30, machine: true }),
      click(first, "https://x.example/", { at: 35 }),
      open(second, { at: 20 }),
      open(first, { at: 10 }),
      click(first, "https://x.example/", { at: 15, machine: true }),
      click(second, "https://x.example/", { at: 5 }),
    ];
    await one.applyVisits(story(a, b));
    await Promise.all(
      story(c, d)
        .toReversed()
        .map((visit, n) => (n % 2 === 0 ? one : two).applyVisits([visit])),
    );
    const shown = async (topic: string) => {
      const { topic: _, ...row } = (await one.topic(topic)) ?? { topic };
      const messages = (await messagesOf(one, topic)).map(({ openedAt, clickedAt }) => [openedAt, clickedAt]);
      return { row, messages, readers: await readerOpens(one, topic) };
    };
    expect(await shown("crossed")).toEqual(await shown("straight"));
    expect(await shown("straight")).toMatchObject({
      messages: [
        [10, 15],
        [20, 5],
      ],
      readers: [10, 20],
    });
  });

  it("a message that SES told of, too, once", async () => {
    const { open: handle } = await prepare();
    const store = await handle();
    const [a] = await sentTo(store, 1);
    await store.applyEvents([openEvent(store, a, { at: 40 })]);
    await store.applyVisits([open(a, { at: 30 })]);
    await store.applyEvents([openEvent(store, a, { at: 20, key: "later" })]);
    expect(await store.topic("june")).toMatchObject({ opened: 1, readerOpens: 1 });
    expect((await messagesOf(store))[0]?.openedAt).toBe(20);
  });
}

function proving(prepare: Prepare): void {
  it("that a message in doubt was sent, at that time; nobody learns a SES message id from it", async () => {
    const { open: handle, clock } = await prepare();
    const store = await handle();
    await ingest(store, ["a@x.example", "b@x.example"]);
    const [a, b] = (await turn(store, 2)).claims;
    await settle(store, inDoubt(a), inDoubt(b));
    await store.applyVisits([click(a, "https://x.example/", { at: clock.now() + 7, machine: true })]);
    expect(await store.totals("june")).toMatchObject({ sent: 1, in_doubt: 1 });
    expect((await messagesOf(store))[0]).toMatchObject({
      state: "sent",
      sentAt: clock.now() + 7,
      sesMessageId: null,
      error: null,
      attempts: 1,
    });
    expect(await store.topic("june")).toMatchObject({ firstSentAt: clock.now() + 7, lastSentAt: clock.now() + 7 });
    expect(await store.retry("june", ["in_doubt"])).toBe(1);
  });

  it("the same of a message whose answer is still to come, or is lost with its process", async () => {
    const { open: handle, clock } = await prepare();
    const store = await handle();
    const [a, b, c] = await claimed(store, 3);
    await store.applyVisits([a, b, c].map((claim) => open(claim)));
    expect(await store.totals("june")).toMatchObject({ sending: 3 });
    await settle(store, sent(a), putBack(b));
    clock.pass(LEASE_OVER_MS);
    expect((await handle()).recovered).toBe(0);
    expect((await messagesOf(store)).map(({ state, sesMessageId }) => [state, sesMessageId])).toEqual([
      ["sent", `ses-${a?.id}`],
      ["sent", null],
      ["sent", null],
    ]);
  });

  it("nothing against a later event: it still brings the SES message id and when SES took the mail in", async () => {
    const { open: handle } = await prepare();
    const store = await handle();
    const [a] = await sentTo(store, 1);
    await store.applyVisits([open(a)]);
    await store.applyEvents([deliveryEvent(store, a)]);
    expect(await messagesOf(store)).toMatchObject([{ deliveredAt: 900, openedAt: 1_000 }]);
    const times = await store.breakdown("june", calm(), (lines) => lines.deliveryTimes(1));
    expect(times).toMatchObject({ delivered: 1, p50: 500 });
  });

  it("nothing against a later event of a message in flight: its SES message id is known though its answer is lost", async () => {
    const { open: handle, clock } = await prepare();
    const store = await handle();
    const [a, b] = await claimed(store, 2);
    await store.applyVisits([open(a), open(b)]);
    await store.applyEvents([a, b].map((claim) => deliveryEvent(store, claim)));
    await settle(store, inDoubt(a));
    clock.pass(LEASE_OVER_MS);
    expect((await handle()).recovered).toBe(0);
    const shown = { state: "sent", sentAt: 400, attempts: 1, error: null };
    expect(await messagesOf(store)).toMatchObject([
      { ...shown, sesMessageId: `ses-${a?.id}` },
      { ...shown, sesMessageId: `ses-${b?.id}` },
    ]);
  });
}
