import { expect, test } from "vitest";
import type { Scope, Settlement } from "../../src/deliver/source.ts";
import { readEvent, type SesEvent } from "../../src/feedback/ses-event.ts";
import type { Store } from "../../src/store/store.ts";
import { delivery, open, sesId } from "../feedback/events.ts";
import { ManualClock } from "../support/manual-clock.ts";
import type { Json } from "../support/run.ts";
import { type TestGateway, testGateway } from "../support/gateway.ts";
import { EVERYTHING, turn } from "../support/store-actions.ts";

const CONTENT = { subject: "Hello", content: "<p>Hello</p>" };

async function mail({ post }: TestGateway, topic: string | null, emails: string[], more = {}): Promise<void> {
  expect((await post({ messages: [{ topic_id: topic, emails, ...CONTENT, ...more }] })).status).toBe(200);
}

const SANDBOX: Scope = { ...EVERYTHING, endpoint: "sandbox" };

/** Claims one message and answers it. Returns its id. */
async function settle(store: Store, kind: "sent" | "failed" | "in_doubt" | "sending"): Promise<number> {
  const [claim] = (await turn(store, 1, { scope: SANDBOX })).claims;
  if (claim === undefined) throw new Error("nothing is due");
  const { id, topicId } = claim;
  const settlements: Record<typeof kind, Settlement[]> = {
    sent: [{ kind: "sent", id, topicId, sesMessageId: sesId(id) }],
    failed: [{ kind: "failed", id, error: "refused" }],
    in_doubt: [{ kind: "in_doubt", id, error: "lost" }],
    sending: [],
  };
  await turn(store, 0, { scope: SANDBOX, settlements: settlements[kind] });
  return id;
}

const ZEROS = { Created: 0, Processed: 0, Sent: 0, Failed: 0, Stopped: 0 };

test("G14: the counts of both dialects add up to the total, with a message in every state", async () => {
  const gateway = await testGateway();
  const { store, get } = gateway;
  await store.suppress([{ address: "p0@example.com", reason: "bounce", source: "manual" }]);
  await mail(gateway, "t", ["p0@example.com", "p1@example.com"], { scheduled_at: "2099-01-01T00:00:00Z" });
  await mail(gateway, "t", ["p2@example.com", "p3@example.com", "p4@example.com", "p5@example.com"]);
  for (const kind of ["sent", "failed", "in_doubt", "sending"] as const) await settle(store, kind);
  const { status, json } = await get("/v1/topics/t");
  expect(status).toBe(200);
  expect(json).toMatchObject({
    topic: "t",
    total: 6,
    pending: 1,
    sending: 1,
    sent: 1,
    in_doubt: 1,
    failed: 1,
    suppressed: 1,
  });
  expect(json.request_counts).toEqual({ Created: 1, Processed: 2, Sent: 1, Failed: 1, Stopped: 1 });
  expect(json.request).toEqual({ total: 6, created: 3, sent: 1, failed: 1, stopped: 1 });
  const sum = (counts: Json): number => Object.values<number>(counts).reduce((a, b) => a + b, 0);
  expect(sum(json.request_counts)).toBe(6);
  expect(sum(json.request) - json.request.total).toBe(6);
});

test("what came back is counted by message, for clients of every service", async () => {
  const gateway = await testGateway();
  const { store, get } = gateway;
  await mail(gateway, "t", ["ann@example.net", "bob@example.net"]);
  const id = await settle(store, "sent");
  await settle(store, "sent");
  const options = { id, job: store.jobId };
  const opens = [open(options), { ...open(options), open: { timestamp: "2026-03-02T10:00:00.000Z" } }];
  const events = [delivery(options), ...opens].map((json) => readEvent(json) as SesEvent);
  expect((await store.applyEvents(events)).applied).toBe(3);
  const { json } = await get("/v1/topics/t");
  const expected = { Delivery: 1, Bounce: 0, Complaint: 0, Open: 1, Click: 0, Reject: 0, DeliveryDelay: 0 };
  expect(json.result_counts).toEqual(expected);
  expect(json.result).toEqual({ total: 2, statuses: expected });
  expect(json).toMatchObject({ delivered: 1, opened: 1, delivery_rate: 0.5, open_rate: 0.5, bounce_rate: 0 });
});

test("messages that were removed are told beside the counts that keep them", async () => {
  const gateway = await testGateway();
  const { store, get } = gateway;
  await mail(gateway, "t", ["ann@example.net", "bob@example.net"]);
  for (let left = 2; left > 0; left--) await settle(store, "sent");
  expect((await get("/v1/topics/t")).json).toMatchObject({ total: 2, removed: 0 });
  await store.forget("ann@example.net", new AbortController().signal);
  expect((await get("/v1/topics/t")).json).toMatchObject({ total: 2, sent: 2, removed: 1 });
  expect((await get("/v1/overview")).json.topics).toMatchObject([{ topic: "t", total: 2, removed: 1 }]);
});

test("a topic nobody used is all zeros, as clients expect it, and is not made up by asking", async () => {
  const { get, store } = await testGateway();
  const { status, json } = await get("/v1/topics/never%20used");
  expect(status).toBe(200);
  expect(json).toMatchObject({
    topic: "never used",
    total: 0,
    first_sent_at: null,
    delivery_rate: null,
    request_counts: ZEROS,
    request: { total: 0, created: 0, sent: 0, failed: 0, stopped: 0 },
    result: { total: 0, statuses: { Delivery: 0 } },
  });
  expect(await store.topics()).toEqual([]);
});

test.each(["뉴스레터 1월", "a?b#c", "100 %", "a\\b", "한".repeat(100)])(
  "the topic %j is found under its name, percent-encoded",
  async (topic) => {
    const gateway = await testGateway();
    await mail(gateway, topic, ["ann@example.com"]);
    const path = `/v1/topics/${encodeURIComponent(topic)}`;
    expect((await gateway.get(path)).json).toMatchObject({ topic, total: 1, pending: 1 });
    const cancelled = await gateway.call({ method: "DELETE", url: path });
    expect(cancelled.json()).toEqual({ status: "ok", topic, cancelled: 1, in_flight: 0 });
  },
);

test("lists every topic with the same fields", async () => {
  const gateway = await testGateway();
  await mail(gateway, "one", ["ann@example.com"]);
  await mail(gateway, "two", ["ann@example.com", "bob@example.com"]);
  const { json } = await gateway.get("/v1/topics");
  expect(json.topics.map(({ topic, total }: Json) => [topic, total]).sort()).toEqual([
    ["one", 1],
    ["two", 2],
  ]);
  expect(json.topics.find(({ topic }: Json) => topic === "two")).toEqual((await gateway.get("/v1/topics/two")).json);
});

test("DELETE takes back what was not handed to SES, now and scheduled, and says what was", async () => {
  const gateway = await testGateway();
  const { store, call, get } = gateway;
  await mail(gateway, "t", ["a@example.com", "b@example.com"]);
  await mail(gateway, "t", ["c@example.com"], { scheduledAt: "2099-01-01T00:00:00Z" });
  await settle(store, "sending");
  const answer = await call({ method: "DELETE", url: "/v1/topics/t" });
  expect(answer.json()).toEqual({ status: "ok", topic: "t", cancelled: 2, in_flight: 1 });
  expect((await get("/v1/topics/t")).json.request_counts).toEqual({ ...ZEROS, Processed: 1, Stopped: 2 });
});

test("DELETE of a topic nobody used cancels nothing and does not keep mail from it later", async () => {
  const gateway = await testGateway();
  const answer = await gateway.call({ method: "DELETE", url: "/v1/topics/later" });
  expect([answer.statusCode, answer.json()]).toEqual([
    200,
    { status: "ok", topic: "later", cancelled: 0, in_flight: 0 },
  ]);
  await mail(gateway, "later", ["ann@example.com"]);
});

test("DELETE with a content type and no body is fine, as some clients send it", async () => {
  const { call } = await testGateway();
  const headers = { "content-type": "application/json" };
  expect((await call({ method: "DELETE", url: "/v1/topics/t", headers })).statusCode).toBe(200);
});

test("R16: what was scheduled long ago and left now counts as sent now", async () => {
  const clock = new ManualClock();
  const gateway = await testGateway({ clock });
  await mail(gateway, "t", ["ann@example.com"], { scheduledAt: "2026-10-03T00:00:00Z" });
  clock.pass(49 * 3_600_000);
  await settle(gateway.store, "sent");
  clock.pass(30 * 60_000);
  const { json } = await gateway.get("/v1/events/counts/sent?hours=1");
  expect(json).toEqual({ count: 1, hours: 1, since: "2026-10-03T00:30:00.000Z" });
  clock.pass(3_600_000);
  expect((await gateway.get("/v1/events/counts/sent?hours=1")).json.count).toBe(0);
  expect((await gateway.get("/v1/events/counts/sent")).json).toMatchObject({ count: 1, hours: 24 });
  expect((await gateway.get("/v1/events/counts/sent?hours=168")).json).toMatchObject({ count: 1, hours: 168 });
});

test.each(["0", "-1", "169", "1.5", "abc", "", "1e400", "24h", "null"])(
  "R16: hours=%s is refused, not taken for zero",
  async (hours) => {
    const { get } = await testGateway();
    const error = "hours must be between 1 and 168";
    expect(await get(`/v1/events/counts/sent?hours=${hours}`)).toEqual({
      status: 400,
      json: { error, problems: [{ path: "hours", message: error }] },
    });
  },
);

test("a topic is the same in both forms of Unicode, and one with something invisible is refused", async () => {
  const gateway = await testGateway();
  const [nfc, nfd] = ["\u00e9t\u00e9", "e\u0301te\u0301"];
  await mail(gateway, nfd, ["p0@example.com"]);
  await mail(gateway, nfc, ["p0@example.com", "p1@example.com"]);
  for (const name of [nfc, nfd]) {
    const { json } = await gateway.get(`/v1/topics/${encodeURIComponent(name)}`);
    expect(json).toMatchObject({ topic: nfc, total: 2 });
  }
  const refused = await gateway.post({
    messages: [{ topic_id: "ju\u200bne", emails: ["p0@example.com"], ...CONTENT }],
  });
  expect(refused.status).toBe(400);
  expect(refused.json.problems[0]).toMatchObject({
    path: "messages[0].topic_id",
    message: expect.stringContaining("U+200B"),
  });
});
