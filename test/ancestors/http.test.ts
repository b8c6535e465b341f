/** Clients of the three programs with an HTTP API, as their documentation has them: only the address is another one. */
import { expect, it, vi } from "vitest";
import { API_KEY, serve, type Served } from "../support/serve.ts";
import { type Json, workFolder } from "../support/run.ts";

/** What each of the three reads, and adds to it. */
interface Client {
  call(method: string, path: string, body?: unknown): Promise<{ status: number; json: Json; headers: Headers }>;
}

/** Their header, in their spelling. */
function client({ url }: Served, header: string): Client {
  return {
    async call(method, path, body) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { [header]: API_KEY, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        json: text.startsWith("{") ? JSON.parse(text) : text,
        headers: response.headers,
      };
    },
  };
}

async function started(): Promise<Served> {
  return serve(await workFolder(), ["--sandbox", "--tz", "Asia/Seoul", "--rate", "100"]);
}

const untilTopic = (of: Client, topic: string, wanted: object) =>
  vi.waitFor(async () => expect((await of.call("GET", `/v1/topics/${topic}`)).json).toMatchObject(wanted), 20_000);

/** Opens are counted for signed ids only, and the picture always comes. */
async function picture(of: Client, path: string): Promise<void> {
  const { status, headers } = await of.call("GET", path);
  expect({ status, type: headers.get("content-type") }).toMatchObject({ status: 200, type: "image/gif" });
  expect(headers.get("cache-control")).toContain("no-store");
}

it("aws-ses-sender (Rust): snake_case, and one scheduled_at for all, in Korean time", { timeout: 60_000 }, async () => {
  const served = await started();
  const rust = client(served, "X-API-KEY");
  const newsletter = {
    topic_id: "newsletter_2024_01",
    emails: ["user1@example.com", "bounce@simulator.amazonses.com"],
    subject: "1월 뉴스레터",
    content: "<h1>안녕하세요!</h1><p>...</p>",
  };
  expect((await rust.call("POST", "/v1/messages", { messages: [newsletter] })).json).toMatchObject({
    total: 2,
    success: 2,
    errors: 0,
    duration_ms: expect.any(Number),
    scheduled: false,
  });
  await untilTopic(rust, "newsletter_2024_01", {
    request_counts: { Created: 0, Processed: 0, Sent: 2, Failed: 0, Stopped: 0 },
    result_counts: { Delivery: 1, Bounce: 1 },
  });
  const later = { ...newsletter, topic_id: "later", emails: ["user1@example.com", "user2@example.com"] };
  const planned = await rust.call("POST", "/v1/messages", { messages: [later], scheduled_at: "2099-01-01 09:00:00" });
  // It kept nine in Seoul as midnight UTC.
  expect(planned.json).toMatchObject({ total: 2, scheduled: true, scheduled_at: "2099-01-01T00:00:00.000Z" });
  expect((await rust.call("DELETE", "/v1/topics/later")).json).toMatchObject({ status: "ok" });
  expect((await rust.call("GET", "/v1/topics/later")).json.request_counts).toMatchObject({ Created: 0, Stopped: 2 });
  expect((await rust.call("GET", "/v1/events/counts/sent?hours=24")).json).toMatchObject({ count: 2 });
  await picture(rust, "/v1/events/open?request_id=17");
  expect((await rust.call("GET", "/health")).json).toMatchObject({ status: "ok" });
  expect((await rust.call("GET", "/ready")).json).toMatchObject({ status: "ok", db: "connected" });
  expect(await rust.call("POST", "/v1/messages", { messages: [] })).toMatchObject({
    status: 400,
    json: { error: "No messages provided" },
  });
  const many = { ...newsletter, emails: Array.from({ length: 10_001 }, (_, n) => `p${n}@example.com`) };
  expect(await rust.call("POST", "/v1/messages", { messages: [many] })).toMatchObject({ status: 400 });
  // It sent at once what had a time that it could not read.
  const unreadable = { messages: [newsletter], scheduled_at: "tomorrow" };
  expect(await rust.call("POST", "/v1/messages", unreadable)).toMatchObject({ status: 400 });
});

it("aws-ses-sender (Rust): the same three refusals without a good key", { timeout: 60_000 }, async () => {
  const { url } = await started();
  const refusal = async (headers: Record<string, string>) => {
    const response = await fetch(`${url}/v1/topics/x`, { headers });
    return { status: response.status, ...((await response.json()) as object) };
  };
  expect(await refusal({})).toEqual({ status: 401, error: "Missing X-API-KEY header" });
  expect(await refusal({ "X-API-KEY": "wrong" })).toEqual({ status: 401, error: "Invalid API Key" });
});

it("aws-ses-sender-go: camelCase, and RFC 3339 in each message", { timeout: 60_000 }, async () => {
  const served = await started();
  const go = client(served, "x-api-key");
  const promotion = {
    topicId: "promotion-event-2024",
    emails: ["recipient1@example.com", " recipient2@example.com "],
    subject: "특별 프로모션 안내",
    content: "<h1>안녕하세요!</h1><p>특별 프로모션 내용을 확인하세요.</p>",
  };
  expect((await go.call("POST", "/v1/messages", { messages: [promotion] })).json).toMatchObject({
    count: 2,
    elapsed: expect.stringMatching(/^[\d.]+(?:µs|ms|s)$/),
  });
  await untilTopic(go, "promotion-event-2024", {
    request: { total: 2, created: 0, sent: 2, failed: 0, stopped: 0 },
    result: { statuses: { Delivery: 2 } },
  });
  const later = { ...promotion, topicId: "later", scheduledAt: "2099-12-25T10:00:00+09:00" };
  expect((await go.call("POST", "/v1/messages", { messages: [later] })).json).toMatchObject({
    count: 2,
    scheduled_at: "2099-12-25T01:00:00.000Z",
  });
  expect((await go.call("GET", "/v1/topics/later")).json.request).toMatchObject({ total: 2, created: 2 });
  expect((await go.call("GET", "/v1/topics/nobody")).json).toMatchObject({
    request: { total: 0, created: 0, sent: 0, failed: 0, stopped: 0 },
    result: { total: 0 },
  });
  expect((await go.call("GET", "/v1/events/counts/sent")).json).toMatchObject({
    count: 2,
    hours: 24,
    since: expect.any(String),
  });
  expect(await go.call("GET", "/v1/events/counts/sent?hours=169")).toMatchObject({
    status: 400,
    json: { error: "hours must be between 1 and 168" },
  });
  await picture(go, "/v1/events/open?requestId=17");
  expect((await go.call("GET", "/health")).json).toMatchObject({
    status: "ok",
    service: "ses-mail",
    time: expect.any(String),
  });
  // It passed over what was late, and answered 200.
  const past = { ...promotion, topicId: "past", scheduledAt: "2024-12-25T10:00:00+09:00" };
  expect(await go.call("POST", "/v1/messages", { messages: [past] })).toMatchObject({ status: 400 });
  // It stored the first message before it refused the second.
  const half = {
    messages: [
      { ...promotion, topicId: "half" },
      { ...promotion, topicId: "half", subject: " " },
    ],
  };
  expect(await go.call("POST", "/v1/messages", half)).toMatchObject({ status: 400 });
  expect((await go.call("GET", "/v1/topics/half")).json.request.total).toBe(0);
});

it("messages-api-gateway: the fields of its code, and those of its README", { timeout: 60_000 }, async () => {
  const served = await started();
  const gateway = client(served, "x-api-key");
  const welcome = { emails: ["user@example.com"], subject: "Welcome!", content: "<h1>Hello World</h1>" };
  // The README, which its own code did not understand: it sent at once, and without a topic.
  const written = { ...welcome, topic_id: "newsletter-2024", scheduled_at: "2099-12-25T10:00:00" };
  expect((await gateway.call("POST", "/v1/messages", { messages: [written] })).json).toMatchObject({
    count: 1,
    elapsed: expect.any(String),
    scheduled_at: "2099-12-25T01:00:00.000Z",
  });
  expect((await gateway.call("GET", "/v1/topics/newsletter-2024")).json.request).toMatchObject({
    total: 1,
    created: 1,
  });
  const coded = { ...welcome, topicId: "code", scheduledAt: null };
  expect((await gateway.call("POST", "/v1/messages", { messages: [coded] })).json).toMatchObject({ count: 1 });
  // Sent means that SES took it: there it meant that NATS did.
  await untilTopic(gateway, "code", { request: { total: 1, sent: 1 }, result: { statuses: { Delivery: 1 } } });
  expect((await gateway.call("GET", "/v1/events/counts/sent?hours=24")).json).toMatchObject({ count: 1 });
  await picture(gateway, "/v1/events/open?requestId=01940000-0000-7000-8000-000000000001");
  expect((await gateway.call("GET", "/health")).status).toBe(200);
});
