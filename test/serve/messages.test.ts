import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { AcceptRequest, Repeat } from "../../src/store/rows.ts";
import type { Store } from "../../src/store/store.ts";
import type { Claim } from "../../src/deliver/source.ts";
import { StoppedError } from "../../src/errors.ts";
import { ManualClock } from "../support/manual-clock.ts";
import type { Json } from "../support/run.ts";
import { testGateway } from "../support/gateway.ts";
import { EVERYTHING, turn } from "../support/store-actions.ts";
import { inJob } from "../support/job.ts";

const HELLO = { emails: ["ann@example.com"], subject: "Hello", content: "<p>Hello</p>" };

/** `fields` over a message that is fine. */
function request(...messages: Record<string, unknown>[]): { messages: Record<string, unknown>[] } {
  return { messages: messages.map((fields) => ({ ...HELLO, ...fields })) };
}

/** What may leave at this instant, in the order it would. */
async function claims(store: Store): Promise<Claim[]> {
  return (await turn(store, 100, { scope: { ...EVERYTHING, endpoint: "sandbox" } })).claims;
}

async function nothingStored(store: Store): Promise<void> {
  expect(await store.totals(null)).toMatchObject({ total: 0 });
  expect(await store.topics()).toEqual([]);
}

function pathsOf(json: Json): string[] {
  return json.problems.map(({ path }: { path: string }) => path);
}

// Requests of the older services, as their documentation writes them ---------------------------------------------------

test("answers the request of the Rust and SQLite service with everything its clients read", async () => {
  const { post, get } = await testGateway({ clock: new ManualClock() });
  const answer = await post({
    messages: [
      {
        topic_id: "newsletter-2027",
        emails: ["user1@example.com", "user2@example.com"],
        subject: "Newsletter",
        content: "<h1>Hello!</h1>",
      },
    ],
    scheduled_at: "2027-01-15 12:00:00",
  });
  expect(answer).toMatchObject({
    status: 200,
    json: { total: 2, success: 2, errors: 0, duration_ms: expect.any(Number), scheduled: true },
  });
  // Read in Asia/Seoul, as that service did.
  expect(answer.json.scheduled_at).toBe("2027-01-15T03:00:00.000Z");
  expect((await get("/v1/topics/newsletter-2027")).json).toMatchObject({
    request_counts: { Created: 2, Processed: 0, Sent: 0, Failed: 0, Stopped: 0 },
    result_counts: {},
  });
});

test("answers the request of the Go service with everything its clients read", async () => {
  const { post, get } = await testGateway({ clock: new ManualClock() });
  const answer = await post({
    messages: [
      {
        topicId: "promotion-event-2027",
        emails: ["user1@example.com", " user2@example.com "],
        subject: "Event",
        content: "<p>Now</p>",
        scheduledAt: "2027-12-25T09:00:00+09:00",
      },
      { topicId: "", emails: ["user3@example.com"], subject: "Event", content: "<p>Now</p>" },
    ],
  });
  expect(answer).toMatchObject({ status: 200, json: { count: 3, scheduled_at: "2027-12-25T00:00:00.000Z" } });
  expect(answer.json.elapsed).toMatch(/^(\d+m)?\d+(\.\d+)?(µs|ms|s)$/);
  expect((await get("/v1/topics/promotion-event-2027")).json).toMatchObject({
    request: { total: 2, created: 2, sent: 0, failed: 0, stopped: 0 },
    result: { total: 2, statuses: {} },
  });
});

test("P1: a client that follows the README of the PostgreSQL gateway gets its topic and its time, not mail at once", async () => {
  const { post, store } = await testGateway({ clock: new ManualClock() });
  const { status, json } = await post({
    messages: [
      {
        topic_id: "notice",
        emails: ["user@example.com"],
        subject: "Notice",
        content: "<p>Notice</p>",
        scheduled_at: "2026-12-25T10:00:00",
      },
    ],
  });
  expect({ status, scheduled: json.scheduled, at: json.scheduled_at }).toEqual({
    status: 200,
    scheduled: true,
    at: "2026-12-25T01:00:00.000Z",
  });
  expect(await claims(store)).toEqual([]);
  expect(await store.topic("notice")).toMatchObject({ pending: 1, notBefore: Date.UTC(2026, 11, 25, 1) });
});

test("the time of a message beats that of its request", async () => {
  const { post, store } = await testGateway({ clock: new ManualClock() });
  const body = {
    ...request({ topicId: "own", scheduledAt: "2026-11-01T00:00:00Z" }, { topicId: "usual" }),
    scheduledAt: "2026-12-01T00:00:00Z",
  };
  expect((await post(body)).json).toMatchObject({ scheduled: true, scheduled_at: "2026-11-01T00:00:00.000Z" });
  expect((await store.topic("own"))?.notBefore).toBe(Date.UTC(2026, 10, 1));
  expect((await store.topic("usual"))?.notBefore).toBe(Date.UTC(2026, 11, 1));
});

test("a header that is no text is one problem", async () => {
  const { post } = await testGateway();
  const { json } = await post(request({ headers: { "X-Order": 4711 } }));
  expect(json.problems).toEqual([{ path: "messages[0].headers.X-Order", message: "expected text" }]);
});

test("null is the same as not given", async () => {
  const { post } = await testGateway();
  const nothing = { topic_id: null, topicId: null, scheduled_at: null, scheduledAt: null, priority: null, uuid: null };
  const body = { ...request(nothing), scheduled_at: null, scheduledAt: null };
  expect(await post(body)).toMatchObject({ status: 200, json: { count: 1, scheduled: false, scheduled_at: null } });
});

test("the content goes out as it came: braces are no variables", async () => {
  const { post, ses, store } = await testGateway({ sending: true });
  await post(request({ topicId: "t", subject: "{{ name }} & 100 %", content: "<p>{{ name }} {% if %}</p>" }));
  await expect.poll(async () => (await store.topic("t"))?.sent).toBe(1);
  const [mail] = ses?.calls() ?? [];
  expect(mail?.to).toEqual(["ann@example.com"]);
});

test("what is stored has the sender of the gateway, its tracking, and no template in it", async () => {
  const tracking = { baseUrl: "https://mail.example.com", opens: true, clicks: false, unsubscribe: true };
  const { post, store } = await testGateway({ settings: { tracking } });
  await post(request({ subject: " {{ x }} " }));
  const [claim] = await claims(store);
  expect(await store.content(claim?.contentId ?? 0)).toMatchObject({
    from: "News <news@example.com>",
    subject: "{{ x }}",
    html: "<p>Hello</p>",
    text: "",
    literal: true,
    tracking,
  });
});

test("K4: a mail of high priority leaves before one of medium, and that before one of low", async () => {
  const { post, store } = await testGateway();
  const priorities = ["low", "medium", null, "high"];
  for (const priority of priorities) await post(request({ priority, emails: [`${String(priority)}@example.com`] }));
  expect((await claims(store)).map(({ email }) => email)).toEqual([
    "high@example.com",
    "medium@example.com",
    "null@example.com",
    "low@example.com",
  ]);
});

test("the sender is woken when something was stored, and only then", async () => {
  const { post, wakes } = await testGateway();
  await post({ messages: [] });
  expect(wakes()).toBe(0);
  await post(request({}));
  expect(wakes()).toBe(1);
});

test("R17: addresses are trimmed, written to once, and suppressed ones are counted", async () => {
  const { post, store } = await testGateway();
  await store.suppress([{ address: "gone@example.com", reason: "bounce", source: "manual" }]);
  const emails = ["ann@example.com", " ANN@EXAMPLE.COM ", "gone@example.com", "bob@bücher.example"];
  const { json } = await post(request({ topicId: "t", emails }));
  expect(json).toMatchObject({ total: 4, success: 3, count: 3, errors: 0, duplicates: 1, suppressed: 1 });
  expect((await claims(store)).map(({ email }) => email)).toEqual(["ann@example.com", "bob@xn--bcher-kva.example"]);
});

test("the same request without any key adds nobody twice to a topic", async () => {
  const { post, store } = await testGateway();
  await post(request({ topicId: "t" }));
  expect((await post(request({ topicId: "t" }))).json).toMatchObject({ total: 1, success: 0, duplicates: 1 });
  expect((await store.totals("t")).total).toBe(1);
});

// Refused ---------------------------------------------------------------------------------------------------------------

const REFUSED: [name: string, body: unknown, path: string, message: RegExp][] = [
  ["no subject", request({ subject: undefined }), "messages[0].subject", /missing/],
  ["an empty subject", request({ subject: "" }), "messages[0].subject", /cannot be empty/],
  ["a blank subject", request({ subject: " \u3000" }), "messages[0].subject", /blank/],
  ["a subject of two lines", request({ subject: "Hi\r\nBcc: x@example.com" }), "messages[0].subject", /line breaks/],
  ["a subject that ends with a line break", request({ subject: "Hi\n" }), "messages[0].subject", /line breaks/],
  ["a subject with half a character", request({ subject: "Hi \ud83d" }), "messages[0].subject", /surrogate/],
  ["a subject of 999 characters", request({ subject: "x".repeat(999) }), "messages[0].subject", /at most 998/],
  ["a subject that is a number", request({ subject: 5 }), "messages[0].subject", /expected text/],
  ["no content", request({ content: undefined }), "messages[0].content", /missing/],
  ["an empty content", request({ content: "" }), "messages[0].content", /cannot be empty/],
  ["a blank content", request({ content: "\n " }), "messages[0].content", /blank/],
  ["a content with half a character", request({ content: "<p>\udc00</p>" }), "messages[0].content", /surrogate/],
  ["no emails", request({ emails: undefined }), "messages[0].emails", /missing/],
  ["emails that are null", request({ emails: null }), "messages[0].emails", /a list/],
  ["empty emails", request({ emails: [] }), "messages[0].emails", /cannot be empty/],
  ["emails that are text", request({ emails: "ann@example.com" }), "messages[0].emails", /a list/],
  ["an email that is null", request({ emails: [null] }), "messages[0].emails[0]", /expected text/],
  ["an address without @", request({ emails: ["a@example.com", "ann"] }), "messages[0].emails[1]", /invalid email/],
  [
    "an address with a line break",
    request({ emails: ["a@example.com\nb@example.com"] }),
    "messages[0].emails[0]",
    /control/,
  ],
  ["an address with a name", request({ emails: ["Ann <a@example.com>"] }), "messages[0].emails[0]", /bare address/],
  ["an empty address", request({ emails: [" "] }), "messages[0].emails[0]", /no address/],
  ["an unknown field", request({ cc: ["x@example.com"] }), "messages[0].cc", /unknown field/],
  ["an unknown field of the request", { ...request({}), from: "x@example.com" }, "from", /unknown field/],
  ["a topic with a slash", request({ topicId: "a/b" }), "messages[0].topicId", /topic name/],
  ["a blank topic", request({ topic_id: " " }), "messages[0].topic_id", /topic name/],
  ["a topic of 101 characters", request({ topic_id: "x".repeat(101) }), "messages[0].topic_id", /101 characters/],
  ["a topic that is a number", request({ topic_id: 7 }), "messages[0].topic_id", /expected text/],
  ["two different topics", request({ topic_id: "a", topicId: "b" }), "messages[0].topicId", /something else/],
  [
    "two different times",
    request({ scheduled_at: "2027-01-01 09:00", scheduledAt: "2027-01-01 10:00" }),
    "messages[0].scheduledAt",
    /something else/,
  ],
  ["an unknown priority", request({ priority: "urgent" }), "messages[0].priority", /high, medium, low/],
  ["a priority that is a number", request({ priority: 10 }), "messages[0].priority", /expected/],
  ["an empty uuid", request({ uuid: "" }), "messages[0].uuid", /1–100/],
  ["a uuid of 101 characters", request({ uuid: "x".repeat(101) }), "messages[0].uuid", /1–100/],
  ["a uuid with a control character", request({ uuid: "a\u0000" }), "messages[0].uuid", /printable/],
  ["a uuid given twice", request({ uuid: "u" }, { uuid: "u" }), "messages[1].uuid", /messages\[0\]/],
  ["a message that is text", { messages: ["hello"] }, "messages[0]", /an object/],
  ["messages that are an object", { messages: {} }, "messages", /a list/],
  [
    "a time of the request that nobody can read",
    { ...request({}), scheduled_at: "tomorrow" },
    "scheduled_at",
    /expected a time/,
  ],
  [
    "a time of the request that is past",
    { ...request({}), scheduledAt: "2026-09-30T23:59:59Z" },
    "scheduledAt",
    /future/,
  ],
  [
    "a time of the request that no message needs, but is past",
    { ...request({ scheduledAt: "2027-01-01T00:00:00Z" }), scheduledAt: "2020-01-01T00:00:00Z" },
    "scheduledAt",
    /future/,
  ],
];

test.each(REFUSED)("refuses %s, names the place, and stores nothing", async (_name, body, path, message) => {
  const { post, store, wakes } = await testGateway({ clock: new ManualClock() });
  const { status, json } = await post(body);
  expect(status).toBe(400);
  expect(json.problems).toContainEqual({ path, message: expect.stringMatching(message) });
  expect(json.error).toBeTypeOf("string");
  await nothingStored(store);
  expect(wakes()).toBe(0);
});

const UNREADABLE = [
  "",
  " ",
  "now",
  "+1h",
  "+abc",
  "2027-01-15",
  "15.01.2027 12:00",
  "2027-02-30 12:00:00",
  "2027-01-15T25:00:00Z",
  "1770000000",
  "2027-01-15 12:00:00 KST",
  "2027-01-15T12:00:00+99:00",
];

test.each(UNREADABLE)("R2: mail for an unreadable time (%j) never leaves now", async (text) => {
  const { post, store } = await testGateway({ clock: new ManualClock() });
  for (const body of [request({ scheduledAt: text }), { ...request({}), scheduled_at: text }]) {
    const { status, json } = await post(body);
    expect({ status, problems: json.problems.length }).toEqual({ status: 400, problems: 1 });
    expect(json.problems[0].message).not.toContain("+2h");
  }
  await nothingStored(store);
});

test.each([
  ["now", "2026-10-01T00:00:00Z"],
  ["a second ago", "2026-09-30T23:59:59Z"],
  ["a second ago in Seoul", "2026-10-01 08:59:59"],
  ["an hour ago", "2026-10-01T00:00:00+01:00"],
])("G7: mail for %s is refused aloud, not dropped with a 200", async (_name, at) => {
  const { post, store } = await testGateway({ clock: new ManualClock() });
  const { status, json } = await post(request({}, { scheduledAt: at }));
  expect(status).toBe(400);
  expect(json.problems).toEqual([
    { path: "messages[1].scheduledAt", message: expect.stringContaining("in the future") },
  ]);
  await nothingStored(store);
});

test("a time the clocks skip is refused, one they show twice means the first", async () => {
  const { post, store } = await testGateway({ clock: new ManualClock(), settings: { zone: "Europe/Berlin" } });
  const skipped = await post(request({ scheduledAt: "2027-03-28 02:30:00" }));
  expect(skipped).toMatchObject({ status: 400, json: { error: expect.stringContaining("the clocks skip") } });
  await nothingStored(store);
  const twice = await post(request({ scheduledAt: "2026-10-25 02:30" }));
  expect(twice.json.scheduled_at).toBe("2026-10-25T00:30:00.000Z");
});

test("P4, G6: one bad address in the last message, and nothing of the request is stored", async () => {
  const { post, store } = await testGateway();
  const messages = Array.from({ length: 50 }, (_, index) => ({
    emails: [`p${index}@example.com`],
    topicId: `t${index}`,
  }));
  const { status, json } = await post(request(...messages, { emails: ["a@example.com", "@", "b@@example.com"] }));
  expect(status).toBe(400);
  expect(pathsOf(json)).toEqual(["messages[50].emails[1]", "messages[50].emails[2]"]);
  await nothingStored(store);
});

test("names every problem of a request at once", async () => {
  const { post } = await testGateway({ clock: new ManualClock() });
  const { json } = await post({
    messages: [
      { emails: ["x"], subject: "", content: " ", topic_id: "a/b" },
      { emails: ["ann@example.com"], content: "<p>Hi</p>", scheduled_at: "2020-01-01T00:00:00Z", cc: 1 },
    ],
    extra: true,
  });
  expect(pathsOf(json).sort()).toEqual([
    "extra",
    "messages[0].content",
    "messages[0].emails[0]",
    "messages[0].subject",
    "messages[0].topic_id",
    "messages[1].cc",
    "messages[1].scheduled_at",
    "messages[1].subject",
  ]);
  expect(json.error).toContain("8 problems");
});

test("an answer names a thousand problems and counts the others", async () => {
  const { post } = await testGateway();
  const { json } = await post(request({ emails: Array.from({ length: 10_000 }, () => "nobody") }));
  expect(json.problems).toHaveLength(1_001);
  expect(json.problems.at(-1)).toEqual({ path: "", message: "and 9000 more problems" });
  const mixed = await post(request({ emails: Array.from({ length: 5_000 }, (_, i) => (i % 2 ? "nobody" : i)) }));
  expect(mixed.json.problems.at(-1)).toEqual({ path: "", message: "and more problems" });
  expect(mixed.json.error).toContain("more than 1000 problems");
});

test.each([
  ["no messages", { messages: [] }],
  ["messages that are null", { messages: null }],
  ["nothing", {}],
])("says what clients of the Rust service know when there are %s", async (_name, body) => {
  const { post } = await testGateway();
  expect(await post(body)).toMatchObject({ status: 400, json: { error: "No messages provided" } });
});

test.each([[[]], ["text"], [5], [null]])("refuses %j for a body", async (body) => {
  const { post } = await testGateway();
  expect(await post(body === null ? "" : JSON.stringify(body))).toMatchObject({
    status: 400,
    json: { error: expect.stringContaining("object") },
  });
});

test("R18: 10,001 addresses are refused before anything is stored, 10,000 are taken in", async () => {
  const { post, store } = await testGateway();
  const emails = (count: number, from = 0) =>
    Array.from({ length: count }, (_, index) => `p${from + index}@example.com`);
  const tooMany = request({ emails: emails(9_000) }, { emails: emails(1_001, 9_000), subject: "Other" });
  expect(await post(tooMany)).toMatchObject({ status: 400, json: { error: "Max 10000 emails per request" } });
  await nothingStored(store);
  expect((await post(request({ emails: emails(10_000) }))).json).toMatchObject({ total: 10_000, success: 10_000 });
  expect((await store.totals(null)).pending).toBe(10_000);
});

test("many fields nobody knows are refused without naming each", async () => {
  const { post } = await testGateway();
  const fields = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`f${index}`, 1]));
  expect((await post(request({}, fields))).json.problems).toEqual([
    { path: "messages[1]", message: "too many unknown fields" },
  ]);
});

test("a gateway without a sender takes nothing in and says how to give it one", async () => {
  const { post, store } = await testGateway({ settings: { envelope: null } });
  expect(await post(request({}))).toMatchObject({ status: 503, json: { error: expect.stringContaining("--from") } });
  await nothingStored(store);
});

test("a cancelled topic takes nobody in, and neither does the rest of the request", async () => {
  const { post, store } = await testGateway();
  await post(request({ topicId: "over" }));
  await store.cancel("over");
  const { status, json } = await post(request({ topicId: "other" }, { topicId: "over", emails: ["bob@example.com"] }));
  expect({ status, paths: pathsOf(json) }).toEqual({ status: 400, paths: ["messages[1]"] });
  expect(json.error).toContain("cancelled");
  expect(await store.topic("other")).toBeNull();
});

// Repeats ---------------------------------------------------------------------------------------------------------------

const KEY = { "idempotency-key": "order-4711" };

test("a repeat with the same Idempotency-Key is answered the same, letter for letter, and adds nothing", async () => {
  const { call, store, wakes } = await testGateway();
  const once = () =>
    call({
      method: "POST",
      url: "/v1/messages",
      headers: { ...KEY, "content-type": "application/json" },
      payload: JSON.stringify(request({})),
    });
  const first = await once();
  const again = await once();
  expect(first.headers["idempotency-replayed"]).toBeUndefined();
  expect(again.headers["idempotency-replayed"]).toBe("true");
  expect({ status: again.statusCode, body: again.body }).toEqual({ status: 200, body: first.body });
  expect((await store.totals(null)).total).toBe(1);
  expect(wakes()).toBe(1);
});

test("a repeat of what version 0.1.0 answered gets the text that version kept", async () => {
  const { call, post, db, store, wakes } = await testGateway();
  await post(request({}), KEY);
  const kept =
    '{"total":3,"success":2,"errors":0,"duration_ms":12,"scheduled":true,"count":2,"elapsed":"11.5ms","duplicates":1,' +
    '"suppressed":1,"scheduled_at":"2027-01-15T03:00:00.000Z"}';
  await inJob(db, `update sm.answer set body = '${kept}'`);
  const again = await call({ method: "POST", url: "/v1/messages", headers: KEY, payload: request({}) });
  expect(again.headers["idempotency-replayed"]).toBe("true");
  expect({ status: again.statusCode, body: again.body }).toEqual({ status: 200, body: kept });
  expect((await store.totals(null)).total).toBe(1);
  expect(wakes()).toBe(1);
});

test("a repeat is known although its keys are written in another order, and although its time is past by then", async () => {
  const clock = new ManualClock();
  const { post, store } = await testGateway({ clock });
  const at = "2026-10-01T01:00:00Z";
  const first = await post({ messages: [{ ...HELLO, scheduledAt: at }] }, KEY);
  clock.pass(3 * 3_600_000);
  const again = await post(
    { messages: [{ scheduledAt: at, content: HELLO.content, subject: HELLO.subject, emails: HELLO.emails }] },
    KEY,
  );
  expect(again).toEqual(first);
  expect((await post({ messages: [{ ...HELLO, scheduledAt: at }] })).status).toBe(400);
  expect((await store.totals(null)).total).toBe(1);
});

test("an Idempotency-Key used for another request is a conflict, whatever is wrong with the other", async () => {
  const { post, store } = await testGateway();
  await post(request({}), KEY);
  for (const other of [request({ subject: "Other" }), request({ subject: "" }), { messages: [] }]) {
    expect(await post(other, KEY)).toMatchObject({
      status: 409,
      json: { error: expect.stringContaining("Idempotency-Key") },
    });
  }
  expect((await store.totals(null)).total).toBe(1);
});

test("a long list counts to its last address: for the answer, for what is wrong with it, and for an Idempotency-Key", async () => {
  const { post, store } = await testGateway();
  const to = Array.from({ length: 150 }, (_, at) => ({ email: `r${at}@example.com` }));
  const ending = (email: string) => ({
    messages: [{ to: [...to, { email }], subject: "Hello", content: "<p>Hello</p>", topic_id: "june" }],
  });
  expect(await post(ending("ann@example.com"))).toMatchObject({ status: 200, json: { success: 151 } });
  const wrong = await post(ending("ann@"));
  expect(wrong.status).toBe(400);
  expect(pathsOf(wrong.json)).toEqual(["messages[0].to[150].email"]);
  expect(await post(ending("ann@example.com"), KEY)).toMatchObject({ status: 200, json: { duplicates: 151 } });
  expect(await post(ending("bob@example.com"), KEY)).toMatchObject({ status: 409 });
  expect(await post(ending("bob@example.com"))).toMatchObject({ json: { success: 1, duplicates: 150 } });
  expect((await store.totals(null)).total).toBe(152);
});

test("a refused request does not use up its Idempotency-Key", async () => {
  const { post } = await testGateway();
  expect((await post(request({ emails: ["ann"] }), KEY)).status).toBe(400);
  expect((await post(request({}), KEY)).status).toBe(200);
});

test("repeats at the same time store once and are answered the same", async () => {
  const { post, store } = await testGateway();
  const answers = await Promise.all(Array.from({ length: 10 }, () => post(request({}), KEY)));
  expect(new Set(answers.map(({ json }) => JSON.stringify(json))).size).toBe(1);
  expect((await store.totals(null)).total).toBe(1);
});

test("each API key has Idempotency-Keys of its own", async () => {
  const { post, store } = await testGateway();
  await store.addKey({
    name: "shop",
    digest: createHash("sha256").update("key-of-the-shop").digest(),
    scopes: ["send"],
  });
  await post(request({}), KEY);
  expect((await post(request({ subject: "Other" }), { ...KEY, "x-api-key": "key-of-the-shop" })).status).toBe(200);
  expect((await store.totals(null)).total).toBe(2);
});

test.each([[""], [" "], ["x".repeat(256)], ["caf\u00e9"]])("refuses the Idempotency-Key %j", async (key) => {
  const { post, store } = await testGateway();
  expect(await post(request({}), { "idempotency-key": key })).toMatchObject({
    status: 400,
    json: { error: expect.stringContaining("Idempotency-Key") },
  });
  await nothingStored(store);
});

test("a body of any depth has a fingerprint", async () => {
  const { post } = await testGateway();
  const deep = `{"messages":[${"[".repeat(50_000)}${"]".repeat(50_000)}]}`;
  expect((await post(deep, KEY)).status).toBe(400);
});

test("a uuid given again adds nothing, even when its time is past by then", async () => {
  const clock = new ManualClock();
  const { post, store } = await testGateway({ clock });
  const scheduled = { uuid: "u-1", scheduledAt: "2026-10-01T01:00:00Z" };
  await post(request(scheduled));
  clock.pass(7_200_000);
  const again = await post(request(scheduled, { uuid: "u-2" }));
  expect(again).toMatchObject({ status: 200, json: { total: 2, success: 1, duplicates: 1 } });
  expect((await store.totals(null)).total).toBe(2);
  const past = await post(request(scheduled, { ...scheduled, uuid: "u-3" }));
  expect({ status: past.status, paths: pathsOf(past.json) }).toEqual({
    status: 400,
    paths: ["messages[1].scheduledAt"],
  });
});

test("the time of a request may be past when all messages that need it are known", async () => {
  const clock = new ManualClock();
  const { post } = await testGateway({ clock });
  const body = {
    ...request({ uuid: "u-1" }, { uuid: "u-2", emails: ["bob@example.com"] }),
    scheduledAt: "2026-10-01T01:00:00Z",
  };
  await post(body);
  clock.pass(7_200_000);
  expect(await post(body)).toMatchObject({ status: 200, json: { success: 0, duplicates: 2 } });
  expect((await post({ ...body, messages: [...body.messages, HELLO] })).status).toBe(400);
});

// The job file cannot ---------------------------------------------------------------------------------------------------

test("R17: a job file that is full or locked is no 200 but 503 with a time to try again, and says nothing of the inside", async () => {
  const full = async () => {
    throw new StoppedError("no space left on the disk of /var/lib/secret/ses-mail.db", "free some");
  };
  const { call } = await testGateway({ store: (store) => ({ ...store, accept: full }) });
  const answer = await call({ method: "POST", url: "/v1/messages", payload: request({}) });
  expect(answer.statusCode).toBe(503);
  expect(answer.headers["retry-after"]).toBe("5");
  expect(answer.json()).toEqual({ error: expect.stringContaining("try again") });
  expect(answer.body).not.toContain("secret");
});

test("a bug is 500 with the request's id; the stack is in the log only", async () => {
  const broken = async () => {
    throw new TypeError("secret of the inside");
  };
  const { call, log } = await testGateway({
    store: (store) => ({ ...store, accept: broken }),
    server: { level: "error" },
  });
  const answer = await call({ method: "POST", url: "/v1/messages", payload: request({}) });
  expect(answer.statusCode).toBe(500);
  const [, id = "-"] = /^internal error, request ([\w-]+)$/.exec(answer.json<{ error: string }>().error) ?? [];
  const lines = log()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toEqual([
    expect.objectContaining({
      reqId: id,
      err: expect.objectContaining({ stack: expect.stringContaining("secret of the inside") }),
    }),
  ]);
});

test("requests that come together share a commit, and each gets its own counts", async () => {
  const groups: number[] = [];
  let come = 0;
  let allCame: () => void = () => undefined;
  const others = new Promise<void>((resolve) => (allCame = resolve));
  const { listen } = await testGateway({
    store: (store) => ({
      ...store,
      // Each request with a key asks whether it came before, and then joins a group.
      earlier: async (repeat: Repeat) => {
        if (++come === 40) allCame();
        return store.earlier(repeat);
      },
      accept: async (requests: readonly AcceptRequest[]) => {
        groups.push(requests.length);
        // The first commit takes as long as the others need to come.
        await others;
        return store.accept(requests);
      },
    }),
  });
  const url = await listen();
  const send = async (index: number) => {
    const emails = Array.from({ length: index + 1 }, (_, each) => `p${index}-${each}@example.com`);
    const response = await fetch(`${url}/v1/messages`, {
      method: "POST",
      headers: {
        "x-api-key": "a-key-for-the-tests-only",
        "content-type": "application/json",
        "idempotency-key": `key ${index}`,
      },
      body: JSON.stringify(request({ emails })),
    });
    return ((await response.json()) as Json).count;
  };
  const counts = await Promise.all(Array.from({ length: 40 }, (_, index) => send(index)));
  expect(counts).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  expect(groups.reduce((sum, size) => sum + size, 0)).toBe(40);
  expect(groups.length).toBeLessThan(40);
});
