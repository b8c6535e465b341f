import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { AwayError } from "../../src/errors.ts";
import { goDuration } from "../../src/serve/go-duration.ts";
import { API_KEY, testGateway } from "../support/gateway.ts";
import { ingest } from "../support/store-actions.ts";

const JSON_BODY = { "content-type": "application/json" };

test.each([
  ["GET", "/v2/messages"],
  ["PUT", "/v1/messages"],
  ["PUT", "/v1/topics/t"],
  ["POST", "/v1/topics"],
  ["GET", "/debug/pprof"],
  ["GET", "/v1/topics/a/b"],
  ["GET", "/.env"],
] as const)("nobody listens at %s %s", async (method, url) => {
  const { app } = await testGateway();
  const answer = await app.inject({ method, url });
  expect(answer.statusCode).toBe(404);
  expect(answer.json()).toEqual({ error: expect.stringMatching(/^there is nothing here; .*\/docs/) });
});

test.each(["/%zz", "/v1/topics/%E0%A4%A", "/v1/topics/%"])("the malformed path %s is 400", async (url) => {
  const { app } = await testGateway();
  const answer = await app.inject({ url });
  const error = "the path is not valid";
  expect([answer.statusCode, answer.json()]).toEqual([400, { error, problems: [{ path: "", message: error }] }]);
});

test.each([
  ['{"__proto__":{"admin":true},"messages":[]}', ["__proto__"]],
  ['{"messages":[{"__proto__":{"x":1}}]}', ["messages[0].__proto__"]],
  ['{"constructor":{"prototype":{"x":1}}}', ["constructor.prototype"]],
  ['{"messages":[{"to":[{"data":{"a":[1,{"__proto__":null}]}}]}]}', ["messages[0].to[0].data.a[1].__proto__"]],
  [
    String.raw`{"a":{"\u005f_proto__":1,"b":{"constructor":{"prototype":1}}}}`,
    ["a.__proto__", "a.b.constructor.prototype"],
  ],
])("%s: names that reach into prototypes are told with their paths", async (payload, paths) => {
  const { call } = await testGateway();
  const answer = await call({ method: "POST", url: "/v1/messages", headers: JSON_BODY, payload });
  const problems = paths.map((path) => ({ path, message: "a name that nobody may give" }));
  expect([answer.statusCode, answer.json()]).toMatchObject([400, { problems }]);
  expect(answer.json().error).toContain(`${paths[0]}: a name that nobody may give`);
});

test.each(['{"constructor":"Ltd"}', '{"constructor":{"name":"x"}}', '{"prototype":1}'])(
  "%s is taken for what it is",
  async (data) => {
    const { call } = await testGateway();
    const payload = `{"messages":[{"to":[{"email":"a@example.com","data":${data}}],"template":"nope"}]}`;
    const answer = await call({ method: "POST", url: "/v1/messages", headers: JSON_BODY, payload });
    expect(answer.json().problems).toEqual([
      { path: "messages[0].template", message: expect.stringContaining("no template") },
    ]);
  },
);

test.each<[name: string, payload: string]>([
  ["cut off", '{"messages":[{"emails":'],
  ["no JSON", "hello"],
  ["with a comma too many", '{"messages":[],}'],
])("a body that is %s is 400 with one sentence", async (_name, payload) => {
  const error = "the body is not valid JSON";
  const { call } = await testGateway();
  const answer = await call({ method: "POST", url: "/v1/messages", headers: JSON_BODY, payload });
  expect([answer.statusCode, answer.json()]).toEqual([400, { error, problems: [{ path: "", message: error }] }]);
});

test("a body that is not UTF-8 is 400: read in spite of that, names would go out with \ufffd in them", async () => {
  const { call, store } = await testGateway();
  const json = JSON.stringify({ messages: [{ emails: ["a@example.com"], subject: "??", content: "<p>Hello</p>" }] });
  // "가" in EUC-KR.
  const payload = Buffer.from(json.replace("??", "\u00b0\u00a1"), "latin1");
  for (const type of ["application/json", "application/json; charset=euc-kr", "text/plain"]) {
    const answer = await call({ method: "POST", url: "/v1/messages", headers: { "content-type": type }, payload });
    const error = "the body is not valid UTF-8";
    expect([type, answer.statusCode, answer.json()]).toEqual([
      type,
      400,
      { error, problems: [{ path: "", message: error }] },
    ]);
  }
  expect((await store.totals(null)).total).toBe(0);
});

test("a compressed body is 415 and is not unpacked", async () => {
  const { call } = await testGateway();
  const headers = { ...JSON_BODY, "content-encoding": "gzip" };
  const answer = await call({ method: "POST", url: "/v1/messages", headers, payload: gzipSync("{}") });
  expect([answer.statusCode, answer.json()]).toEqual([415, { error: "expected a body without content-encoding" }]);
});

test("a path that is too long is 414 and is not sent back", async () => {
  const { call } = await testGateway();
  const answer = await call({ url: `/v1/topics/${"x".repeat(5_000)}` });
  expect([answer.statusCode, answer.json()]).toEqual([414, { error: "the path is too long" }]);
});

test.each([undefined, "application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"])(
  "G: mail is taken in whatever its body is said to be (%s), as the older services did",
  async (type) => {
    const { call, store } = await testGateway();
    const headers = type === undefined ? {} : { "content-type": type };
    const message = { emails: ["ann@example.com"], subject: "Hello", content: "<p>Hello</p>" };
    const post = (payload: string) => call({ method: "POST", url: "/v1/messages", headers, payload });
    const answer = await post(JSON.stringify({ messages: [message] }));
    expect([answer.statusCode, answer.json()]).toMatchObject([200, { count: 1 }]);
    const wrong = await post("a=b");
    expect([wrong.statusCode, wrong.json()]).toMatchObject([400, { error: "the body is not valid JSON" }]);
    expect((await store.totals(null)).total).toBe(1);
  },
);

test.each<[method: "GET" | "POST", url: string, path: string, body?: string]>([
  ["GET", "/v1/events/counts/sent?hours=999", "hours"],
  ["GET", "/v1/topics?limit=x", "limit"],
  ["GET", "/v1/topics?after=%00", ""],
  ["GET", "/v1/dead?after=x", "after"],
  ["GET", "/v1/messages", ""],
  ["GET", "/v1/suppressions?scope=list", "scope"],
  ["POST", "/v1/suppressions", "", "null"],
  ["POST", "/v1/suppressions", "", "{"],
  ["POST", "/v1/suppressions", "x", '{"emails":["a@example.com"],"x":1}'],
  ["POST", "/v1/test", "", '{"to":"a@example.com"}'],
  ["POST", "/v1/messages", "", "[]"],
  ["POST", "/v1/messages", "messages", '{"messages":[]}'],
])("%s %s: a 400 has problems", async (method, url, path, body) => {
  const { call } = await testGateway();
  const headers = body === undefined ? {} : JSON_BODY;
  const answer = await call({ method, url, headers, ...(body !== undefined && { payload: body }) });
  expect(answer.statusCode).toBe(400);
  const { error, problems } = answer.json();
  expect({ error, problems }).toEqual({
    error: expect.stringMatching(/./),
    problems: [{ path: expect.any(String), message: expect.stringMatching(/./) }],
  });
  expect(problems[0].path).toBe(path);
});

test("anywhere else a body has to be JSON and say so", async () => {
  const { call } = await testGateway();
  const headers = { "content-type": "text/csv" };
  const answer = await call({ method: "POST", url: "/v1/suppressions", headers, payload: "a=b" });
  expect(answer.statusCode).toBe(415);
  expect(answer.json()).toEqual({ error: expect.stringContaining("application/json") });
});

test("health needs nothing but the process", async () => {
  const { app } = await testGateway({
    store: (store) => ({ ...store, ping: () => Promise.reject(new Error("gone")) }),
  });
  const answer = await app.inject({ url: "/health" });
  expect([answer.statusCode, answer.json()]).toEqual([
    200,
    { status: "ok", service: "ses-mail", time: expect.any(String) },
  ]);
});

test("ready asks the job file, and says so when it cannot be used", async () => {
  let works = true;
  const { app } = await testGateway({
    store: (store) => ({ ...store, ping: () => (works ? store.ping() : Promise.reject(new Error("/secret/path"))) }),
  });
  const ask = async () => {
    const answer = await app.inject({ url: "/ready" });
    return [answer.statusCode, answer.json<unknown>()];
  };
  expect(await ask()).toEqual([200, { status: "ok", db: "connected", sending: "ok", reason: null }]);
  works = false;
  const gone = { status: "unavailable", db: "disconnected", sending: "ok", reason: null };
  expect(await ask()).toEqual([503, gone]);
});

test("ready says when nothing gets through, and answers 200 all the same", async () => {
  const halted = { state: "halted", reason: "SES cannot be reached: connect ECONNREFUSED 127.0.0.1:9", hint: null };
  const { app, gateway, store } = await testGateway();
  await ingest(store, ["a@x.example"], { topic: "codes" });
  const { status } = gateway.sender;
  gateway.sender.status = () => ({ ...status(), ...halted }) as ReturnType<typeof status>;
  const ask = async (url: string) => {
    const answer = await app.inject({ url, headers: { "x-api-key": API_KEY } });
    return { code: answer.statusCode, ...answer.json<object>() };
  };
  expect(await ask("/ready")).toMatchObject({ code: 200, status: "ok", sending: "halted", reason: halted.reason });
  expect(await ask("/v1/topics/codes")).toMatchObject({ pending: 1, reason: halted.reason });
  expect(await ask("/v1/topics/nobody")).toMatchObject({ total: 0, reason: null });
  expect(await ask("/v1/overview")).toMatchObject({
    sender: { state: "halted", reason: halted.reason },
    topics: [{ topic: "codes", reason: halted.reason }],
  });
});

test("measures mail and requests in a bounded number of series", async () => {
  const { app, call, post } = await testGateway();
  await post({ messages: [{ topicId: "june-secret", emails: ["a@example.com"], subject: "S", content: "<p>x</p>" }] });
  for (let i = 0; i < 20; i++) await app.inject({ url: `/wp-admin-${i}` });
  for (let i = 0; i < 20; i++) await call({ url: `/v1/topics/topic-${i}` });
  const answer = await call({ url: "/metrics" });
  expect(answer.headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = answer.body.split("\n");
  expect(lines).toContain('ses_mail_messages{state="pending"} 1');
  expect(lines).toContain('ses_mail_messages{state="sent"} 0');
  expect(lines).toContain("ses_mail_sent_total 0");
  expect(lines).toContain("ses_mail_rate_per_second 14");
  expect(lines).toContain('ses_mail_http_requests_total{method="POST",route="/v1/messages",status="200"} 1');
  expect(lines).toContain('ses_mail_http_requests_total{method="none",route="none",status="404"} 20');
  expect(lines).toContain('ses_mail_http_requests_total{method="GET",route="/v1/topics/:id",status="200"} 20');
  expect(answer.body).toContain("process_cpu_seconds_total");
  expect(answer.body).not.toMatch(/june|wp-admin|topic-1/);
});

test("measures the turns of the store", async () => {
  const { call, post } = await testGateway({ sending: true });
  await post({ messages: [{ topicId: "june", emails: ["a@example.com"], subject: "S", content: "<p>x</p>" }] });
  const figure = async (name: string) =>
    Number(new RegExp(`^${name} (.+)$`, "m").exec((await call({ url: "/metrics" })).body)?.[1]);
  await expect.poll(() => figure("ses_mail_db_turns_total")).toBeGreaterThan(1);
  expect(await figure("ses_mail_db_turn_seconds_total")).toBeGreaterThan(0);
  expect(await figure("ses_mail_db_reconnects_total")).toBe(0);
});

test("measures what it can while the store is away", async () => {
  let isAway = false;
  const { call } = await testGateway({
    store: (store) => ({
      ...store,
      totals: (topic) => (isAway ? Promise.reject(new AwayError("cannot reach the database")) : store.totals(topic)),
    }),
  });
  expect((await call({ url: "/metrics" })).body).toContain('ses_mail_messages{state="pending"} 0');
  isAway = true;
  const { statusCode, body } = await call({ url: "/metrics" });
  expect(statusCode).toBe(200);
  expect(body).toContain("ses_mail_sender_halted 0");
  expect(body).not.toContain("ses_mail_messages{");
});

test("two servers in one process measure each its own", async () => {
  const [one, two] = [await testGateway(), await testGateway()];
  await one.get("/v1/topics");
  expect((await two.call({ url: "/metrics" })).body).not.toContain('route="/v1/topics"');
});

test("every answer says that nothing in it is to be run, framed or guessed", async () => {
  const { app, call } = await testGateway();
  for (const answer of [
    await app.inject({ url: "/health" }),
    await call({ url: "/v1/topics" }),
    await app.inject({ url: "/nothing" }),
  ]) {
    expect(answer.headers).toMatchObject({
      "content-security-policy": "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
    expect(answer.headers["x-powered-by"] ?? answer.headers["server"]).toBeUndefined();
  }
});

test("the picture in mails may be shown by other sites, nothing else may", async () => {
  const { app } = await testGateway();
  const policyOf = async (url: string) => (await app.inject({ url })).headers["cross-origin-resource-policy"];
  expect(await policyOf("/v1/events/open?request_id=x")).toBe("cross-origin");
  expect(await policyOf("/health")).toBe("same-origin");
});

test("browsers are told to keep to https only where the gateway is reached by it, and for no other host", async () => {
  const plain = await testGateway();
  expect((await plain.app.inject({ url: "/health" })).headers["strict-transport-security"]).toBeUndefined();
  const secure = await testGateway({ settings: { baseUrl: "https://mail.example.com" } });
  const header = (await secure.app.inject({ url: "/health" })).headers["strict-transport-security"];
  expect(header).toBe("max-age=31536000");
});

test("answers to a caller are not kept by caches", async () => {
  const { call } = await testGateway();
  expect((await call({ url: "/v1/topics" })).headers["cache-control"]).toBe("no-store");
});

test("a job file that cannot be read is 500 without internals", async () => {
  const broken = () => Promise.reject(new Error("SQLITE_IOERR /secret/path"));
  const { get } = await testGateway({ store: (store) => ({ ...store, topicPage: broken }) });
  const { status, json } = await get("/v1/topics");
  expect([status, json]).toEqual([
    500,
    { error: expect.stringMatching(/^internal error, request [0-9a-f]{10}-[0-9a-z]+$/) },
  ]);
});

test("requests are in the log at debug level only, one line each", async () => {
  const quiet = await testGateway({ server: { level: "info" } });
  await quiet.get("/v1/topics");
  expect(quiet.log()).toBe("");
  const talkative = await testGateway();
  await talkative.get("/v1/topics?x=1");
  expect(JSON.parse(talkative.log())).toMatchObject({
    method: "GET",
    path: "/v1/topics",
    status: 200,
    address: "127.0.0.1",
  });
});

test.each([
  [0, "0s"],
  [0.35, "350µs"],
  [1.2, "1.2ms"],
  [999.9994, "999.999ms"],
  [2_500, "2.5s"],
  [62_500, "1m2.5s"],
])("%s ms is %s to Go", (ms, text) => {
  expect(goDuration(ms)).toBe(text);
});

test("HEAD is answered like GET, without a body", async () => {
  const { app } = await testGateway();
  const answer = await app.inject({ method: "HEAD", url: "/v1/topics", headers: { "x-api-key": API_KEY } });
  expect([answer.statusCode, answer.body]).toEqual([200, ""]);
});
