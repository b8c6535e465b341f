/** Opens and clicks through our own links. */
import { describe, expect, it } from "vitest";
import type { SesEvent } from "../../../src/feedback/ses-event.ts";
import type { Store, Visit } from "../../../src/store/store.ts";
import { failed, inDoubt, ingest, putBack, sent, settle, states, turn } from "../../support/store-actions.ts";
import { bench, expectSound, rows } from "../bench.ts";

const open = (messageId: number, given: Partial<Visit> = {}): Visit => ({
  kind: "open",
  messageId,
  at: 1_000,
  machine: false,
  link: null,
  ...given,
});
const click = (messageId: number, link: string, given: Partial<Visit> = {}): Visit =>
  open(messageId, { kind: "click", link, ...given });

/** Messages 1, 2, … of topic june, sent. */
async function sentTo(store: Store, count: number): Promise<void> {
  await ingest(
    store,
    Array.from({ length: count }, (_, index) => `p${index + 1}@x.example`),
  );
  await settle(store, ...(await turn(store, count)).claims.map(sent));
}

const feedback = (path: string, id: number) =>
  rows(
    path,
    `select opened_at, reader_opened_at, clicked_at, opens, machine_opens, clicks from feedback where message_id = ?`,
    id,
  )[0];

describe("changes nothing", () => {
  it("for messages that do not exist, or were never handed out", async () => {
    const { open: handle, path } = await bench();
    const store = await handle();
    await ingest(store, ["failed@x.example", "pending@x.example", "gone@x.example"]);
    const [claim] = (await turn(store, 1)).claims;
    await settle(store, failed(claim));
    await store.suppress([{ address: "gone@x.example", reason: "bounce", source: "test" }]);
    await ingest(store, ["taken@x.example"], { topic: "july" });
    await store.cancel("july");
    const ids = [0, -1, 1, 2, 3, 4, 5, 999, 2 ** 53, 1.5, Number.NaN];
    expect(await store.applyVisits(ids.flatMap((id) => [open(id), click(id, "https://x.example/")]))).toBe(0);
    for (const table of ["feedback", "event"]) expect(rows(path, `select * from ${table}`)).toEqual([]);
    expect(Object.values(await states(store))).toEqual(["failed", "pending", "suppressed"]);
    expect((await store.topics()).map(({ opened, clicked }) => opened + clicked)).toEqual([0, 0]);
  });

  it("of a batch that fails: all of it, or nothing", async () => {
    const { open: handle, path } = await bench();
    const store = await handle();
    await sentTo(store, 2);
    const bad = open(2, { at: 0.5 });
    await expect(store.applyVisits([open(1), bad])).rejects.toThrow("INTEGER");
    expect(rows(path, "select * from feedback")).toEqual([]);
    expect(await store.applyVisits([open(1)])).toBe(1);
    expect(await store.topic("june")).toMatchObject({ opened: 1 });
    expectSound(path);
  });
});

describe("counts", () => {
  it("a message once, the visits all, and machines apart", async () => {
    const { open: handle, path } = await bench();
    const store = await handle();
    await sentTo(store, 3);
    const visits = [
      open(1, { at: 50, machine: true }),
      open(1, { at: 70 }),
      open(1, { at: 60 }),
      open(2, { at: 80, machine: true }),
      open(2, { at: 90, machine: true }),
    ];
    expect(await store.applyVisits(visits)).toBe(2);
    expect(
      await store.applyVisits([open(2, { at: 99, machine: true }), click(3, "https://x.example/", { at: 5 })]),
    ).toBe(1);
    expect(feedback(path, 1)).toMatchObject({ opened_at: 50, reader_opened_at: 60, opens: 2, machine_opens: 1 });
    expect(feedback(path, 2)).toMatchObject({ opened_at: 80, reader_opened_at: null, opens: 0, machine_opens: 3 });
    expect(feedback(path, 3)).toMatchObject({ opened_at: null, clicked_at: 5, clicks: 1 });
    expect(await store.topic("june")).toMatchObject({ opened: 2, clicked: 1 });
    expect(await store.topic("june")).toMatchObject({ readerOpens: 2, machineOpens: 4, clicks: 1 });
    const opens = await store.breakdown("june", new AbortController().signal, (lines) => lines.opens());
    expect(opens).toEqual({ opened: 2, opened_by_reader: 1 });
    expectSound(path);
  });

  it("clicks by link, each visit, with one row however often the same one comes", async () => {
    const { open: handle, path } = await bench();
    const store = await handle();
    await sentTo(store, 2);
    const [shop, blog] = ["https://x.example/shop", "https://x.example/blog"];
    for (let n = 0; n < 100; n++) {
      await store.applyVisits([click(1, shop), click(1, shop, { machine: true }), click(2, shop), click(2, blog)]);
      await store.applyVisits([open(1), open(1, { machine: true })]);
    }
    expect(rows(path, "select count(*) as n from event")).toEqual([{ n: 4 }]);
    expect(rows(path, "select count(*) as n from feedback")).toEqual([{ n: 2 }]);
    const links = await store.breakdown("june", new AbortController().signal, (lines) => lines.links(9));
    expect(links.rows).toEqual([
      { link: shop, messages: 2, clicks: 300, machine_clicks: 100 },
      { link: blog, messages: 1, clicks: 100, machine_clicks: 0 },
    ]);
    expect(feedback(path, 1)).toMatchObject({ opens: 100, machine_opens: 100, clicks: 200 });
    expectSound(path);
  });

  it("a message that SES told of, too, once", async () => {
    const { open: handle, path } = await bench();
    const store = await handle();
    await sentTo(store, 1);
    await store.applyEvents([event(store, { type: "open", at: 40 })]);
    await store.applyVisits([open(1, { at: 30 })]);
    await store.applyEvents([event(store, { type: "open", at: 20, key: "later" })]);
    expect(await store.topic("june")).toMatchObject({ opened: 1 });
    expect(feedback(path, 1)).toMatchObject({ opened_at: 20, opens: 1 });
    expectSound(path);
  });
});

describe("proves", () => {
  it("that a message in doubt was sent, at that time; nobody learns a SES message id from it", async () => {
    const { open: handle, path, clock } = await bench();
    const store = await handle();
    await ingest(store, ["a@x.example", "b@x.example"]);
    const [a, b] = (await turn(store, 2)).claims;
    await settle(store, inDoubt(a), inDoubt(b));
    await store.applyVisits([click(a?.id ?? 0, "https://x.example/", { at: clock.now() + 7, machine: true })]);
    expect(await store.totals("june")).toMatchObject({ sent: 1, in_doubt: 1 });
    expect(
      rows(path, "select state, sent_at, ses_message_id, error, attempts from message where id = ?", a?.id),
    ).toEqual([{ state: "sent", sent_at: clock.now() + 7, ses_message_id: null, error: null, attempts: 1 }]);
    expect(await store.topic("june")).toMatchObject({ firstSentAt: clock.now() + 7, lastSentAt: clock.now() + 7 });
    expect(await store.retry("june", ["in_doubt"])).toBe(1);
    expectSound(path);
  });

  it("the same of a message whose answer is still to come, or is lost with its process", async () => {
    const { open: handle, path, clock } = await bench();
    const store = await handle();
    await ingest(store, ["a@x.example", "b@x.example", "c@x.example"]);
    const [a, b, c] = (await turn(store, 3)).claims;
    await store.applyVisits([a, b, c].map((claim) => open(claim?.id ?? 0)));
    expect(await store.totals("june")).toMatchObject({ sending: 3 });
    await settle(store, sent(a), putBack(b));
    clock.pass(61_000);
    await handle();
    expect(rows(path, "select state, ses_message_id from message order by id")).toEqual([
      { state: "sent", ses_message_id: `ses-${a?.id}` },
      { state: "sent", ses_message_id: null },
      { state: "sent", ses_message_id: null },
    ]);
    expectSound(path);
  });

  it("nothing against a later event: it still brings the SES message id and when SES took the mail in", async () => {
    const { open: handle, path } = await bench();
    const store = await handle();
    await sentTo(store, 1);
    await store.applyVisits([open(1)]);
    await store.applyEvents([event(store, { type: "delivery", at: 900, mailedAt: 400 })]);
    expect(rows(path, "select ses_message_id, mailed_at, delivered_at, opened_at from feedback")).toEqual([
      { ses_message_id: "ses-1", mailed_at: 400, delivered_at: 900, opened_at: 1_000 },
    ]);
    const times = await store.breakdown("june", new AbortController().signal, (lines) => lines.deliveryTimes(1));
    expect(times).toMatchObject({ delivered: 1, p50: 500 });
  });
});

/** An event of message 1. */
function event(store: Store, given: Partial<SesEvent>): SesEvent {
  return {
    key: "one",
    type: "open",
    rawType: "Open",
    sesMessageId: "ses-1",
    jobId: store.jobId,
    messageId: 1,
    at: null,
    mailedAt: null,
    destination: ["p1@x.example"],
    recipients: [],
    feedbackId: null,
    userAgent: null,
    ipAddress: null,
    machine: false,
    link: null,
    reason: null,
    bounceType: null,
    bounceSubType: null,
    complaintType: null,
    suppressions: [],
    ...given,
  };
}
