/** The admin API: what it tells, what it does, what it refuses, and that no other page can do it in somebody's name. */
import { createHash } from "node:crypto";
import type { InjectOptions } from "fastify";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Account } from "../../src/aws/ses.ts";
import type { KeyScope } from "../../src/store/rows.ts";
import { deadLetter } from "../support/dead-letters.ts";
import { API_KEY, type TestGateway, testGateway } from "../support/gateway.ts";
import type { Json } from "../support/run.ts";
import { failed, inDoubt, ingest, sent, settle, states, turn } from "../support/store-actions.ts";

const ACCOUNT: Account = {
  perSecond: 14,
  quota: null,
  sentLast24Hours: 0,
  sendingEnabled: true,
  productionAccess: true,
  enforcement: "HEALTHY",
};
const SANDBOX = { topic: null, endpoint: "sandbox", maxLateMs: null } as const;

/** Six messages of topic `june`: two sent, two failed, one in doubt, one pending. */
async function troubled(topic = "june"): Promise<TestGateway> {
  const gateway = await testGateway();
  await ingest(
    gateway.store,
    ["a", "b", "c", "d", "e", "f"].map((name) => `${name}@example.com`),
    { topic },
  );
  const { claims } = await turn(gateway.store, 5, { scope: SANDBOX });
  const [a, b, c, d, e] = claims;
  await settle(gateway.store, sent(a), sent(b), failed(c), failed(d), inDoubt(e));
  return gateway;
}

async function ask(gateway: TestGateway, request: InjectOptions): Promise<{ status: number; json: Json }> {
  const answer = await gateway.call(request);
  return { status: answer.statusCode, json: answer.json() };
}

const post = (gateway: TestGateway, url: string, payload: object) => ask(gateway, { method: "POST", url, payload });

describe("GET /v1/overview", () => {
  test("tells of the sender, the rate, the quota and every topic, newest first", async () => {
    const gateway = await troubled();
    await ingest(gateway.store, ["x@example.com"], { topic: "july", at: Date.UTC(2030, 0, 1) });
    await gateway.store.suppress([{ address: "gone@example.com", reason: "manual", source: "manual" }]);
    await gateway.store.keepDead([deadLetter("x")]);
    const dead = new Map(Object.entries({ "no MessagePack": 1, "no address": 2 }));
    const counts = { accepted: 5, duplicates: 1, dead };
    gateway.gateway.inlets = () => [{ kind: "nats", name: "nats messages/email-processor", isConnected: true, counts }];
    gateway.gateway.account = () => ({
      ...ACCOUNT,
      quota: 1_000,
      sentLast24Hours: 250,
    });
    const { status, json } = await gateway.get("/v1/overview");
    expect(status).toBe(200);
    expect(json).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      endpoint: "sandbox",
      sender: { state: "idle", reason: null, hint: null, per_second: 14, per_second_now: 0.4 },
      account: { quota: 1_000, used: 250, left: 750 },
      totals: { total: 7, pending: 2, sent: 2, failed: 2, in_doubt: 1 },
      suppressions: 1,
      dead: 1,
      inlets: [
        { kind: "nats", name: "nats messages/email-processor", connected: true, accepted: 5, duplicates: 1, dead: 3 },
      ],
      topic_count: 2,
    });
    expect(json.topics.map(({ topic }: Json) => topic)).toEqual(["july", "june"]);
    expect(json.topics[0]).toMatchObject({
      not_before: "2030-01-01T00:00:00.000Z",
      cancelled_at: null,
      endpoint: null,
    });
    expect(json.topics[1]).toMatchObject({ total: 6, delivered: null, bounce_rate: null, endpoint: "sandbox" });
  });

  test("shows which topics are held", async () => {
    const gateway = await testGateway();
    await ingest(gateway.store, ["a@example.com"], { topic: "good" });
    await ingest(gateway.store, ["a@example.com"], { topic: "bad" });
    gateway.gateway.held = () => new Set(["bad"]);
    const { json } = await gateway.get("/v1/overview");
    expect(json.topics.map(({ topic, held }: Json) => [topic, held])).toEqual([
      ["bad", true],
      ["good", false],
    ]);
  });

  test("says that an account could not be read, or has no limit", async () => {
    const gateway = await testGateway();
    expect((await gateway.get("/v1/overview")).json.account).toBeNull();
    gateway.gateway.account = () => ({
      ...ACCOUNT,
      quota: null,
      sentLast24Hours: 3,
    });
    expect((await gateway.get("/v1/overview")).json.account).toEqual({ quota: null, used: 3, left: null });
  });

  test("lists no more than the newest 50, and any other by name", async () => {
    const gateway = await withTopics(53);
    const { json } = await gateway.get("/v1/overview");
    expect(json.topic_count).toBe(53);
    expect(json.topics).toHaveLength(50);
    expect([json.topics[0].topic, json.topics[49].topic]).toEqual(["t52", "t3"]);
    expect((await gateway.get("/v1/topics/t0/overview")).json).toMatchObject({ topic: "t0", total: 1, pending: 1 });
    expect((await gateway.get("/v1/topics/nobody/overview")).status).toBe(404);
  });
});

/** A gateway with topics `t0`, `t1` and so on, of one message each. */
async function withTopics(count: number): Promise<TestGateway> {
  const gateway = await testGateway();
  const messages = Array.from({ length: count }, (_, index) => ({
    topic_id: `t${index}`,
    emails: ["a@example.com"],
    subject: "News",
    content: "<p>Hello</p>",
  }));
  expect((await gateway.post({ messages })).status).toBe(200);
  return gateway;
}

describe("GET /v1/overview/topics", () => {
  const names = ({ json }: { json: Json }): string[] => json.topics.map(({ topic }: { topic: string }) => topic);

  test("lists every topic, newest first, page by page, as the overview shows it", async () => {
    const gateway = await withTopics(7);
    const first = await gateway.get("/v1/overview/topics?limit=4");
    expect(names(first)).toEqual(["t6", "t5", "t4", "t3"]);
    const second = await gateway.get(`/v1/overview/topics?limit=4&after=${encodeURIComponent(first.json.next)}`);
    expect(names(second)).toEqual(["t2", "t1", "t0"]);
    expect(second.json.next).toBeNull();
    const { topics } = (await gateway.get("/v1/overview")).json;
    expect([...first.json.topics, ...second.json.topics]).toEqual(topics);
  });

  test("finds those with a text in their names, and those with mail that waits", async () => {
    const gateway = await withTopics(23);
    expect(names(await gateway.get("/v1/overview/topics?q=%20T2"))).toEqual(["t22", "t21", "t20", "t2"]);
    expect(names(await gateway.get("/v1/overview/topics?q=%25"))).toEqual([]);
    await gateway.store.cancel("t21");
    expect(names(await gateway.get("/v1/overview/topics?q=t2&waiting=true"))).toEqual(["t22", "t20", "t2"]);
  });

  test("refuses what makes no sense", async () => {
    const gateway = await withTopics(1);
    for (const query of ["limit=0", "limit=1001", "after=x", "waiting=maybe", `q=${"x".repeat(101)}`, "other=1"])
      expect([query, (await gateway.get(`/v1/overview/topics?${query}`)).status]).toEqual([query, 400]);
  });
});

describe("GET /v1/troubles", () => {
  test("lists what failed and what is in doubt, newest first, of one topic or of all", async () => {
    const gateway = await troubled();
    const { json } = await gateway.get("/v1/topics/june/troubles");
    expect(json.troubles).toEqual([
      { topic: "june", email: "e@example.com", state: "in_doubt", attempts: 1, error: "no answer" },
      { topic: "june", email: "d@example.com", state: "failed", attempts: 1, error: "refused" },
      { topic: "june", email: "c@example.com", state: "failed", attempts: 1, error: "refused" },
    ]);
    expect((await gateway.get("/v1/troubles?limit=1")).json.troubles).toEqual(json.troubles.slice(0, 1));
  });

  test("knows no troubles of a topic that is not there, and no limits beyond 1 to 1000", async () => {
    const gateway = await troubled();
    expect(await gateway.get("/v1/topics/nobody/troubles")).toEqual({
      status: 404,
      json: { error: 'there is no topic "nobody"' },
    });
    for (const limit of ["0", "1001", "x", "1.5"])
      expect((await gateway.get(`/v1/troubles?limit=${limit}`)).status).toBe(400);
  });

  test("takes names that need encoding, of the longest kind", async () => {
    for (const name of ["뉴스레터 1월 100%", "한".repeat(100), "a?b#c&d"]) {
      const gateway = await troubled(name);
      const { json } = await gateway.get(`/v1/topics/${encodeURIComponent(name)}/troubles`);
      expect(json.troubles).toHaveLength(3);
      expect(json.troubles[0].topic).toBe(name);
    }
  });
});

describe("POST /v1/topics/{id}/retry", () => {
  test("puts failed messages back, and wakes the sender", async () => {
    const gateway = await troubled();
    const { status, json } = await post(gateway, "/v1/topics/june/retry", { states: ["failed"] });
    expect({ status, json }).toEqual({
      status: 200,
      json: {
        topic: "june",
        retried: 2,
        totals: { total: 6, pending: 3, sending: 0, sent: 2, in_doubt: 1, failed: 0, cancelled: 0, suppressed: 0 },
      },
    });
    expect(gateway.wakes()).toBe(1);
  });

  test("leaves doubts alone until somebody confirms that there may be second copies", async () => {
    const gateway = await troubled();
    for (const body of [{ states: ["in_doubt"] }, { states: ["failed", "in_doubt"], confirm: false }]) {
      const { status, json } = await post(gateway, "/v1/topics/june/retry", body);
      expect(status).toBe(400);
      expect(json.error).toContain('"confirm": true');
    }
    expect((await states(gateway.store))["e@example.com"]).toBe("in_doubt");
    const { json } = await post(gateway, "/v1/topics/june/retry", { states: ["in_doubt"], confirm: true });
    expect(json.retried).toBe(1);
    expect((await states(gateway.store))["e@example.com"]).toBe("pending");
  });

  test("opens a cancelled topic again", async () => {
    const gateway = await troubled();
    await gateway.call({ method: "DELETE", url: "/v1/topics/june" });
    expect((await gateway.get("/v1/topics/june/overview")).json.cancelled_at).not.toBeNull();
    const { json } = await post(gateway, "/v1/topics/june/retry", { states: ["cancelled"] });
    expect(json).toMatchObject({ retried: 1, totals: { pending: 1, cancelled: 0 } });
    expect((await gateway.get("/v1/topics/june/overview")).json.cancelled_at).toBeNull();
  });

  test.each([
    ["no states", {}],
    ["an empty list", { states: [] }],
    ["what was sent", { states: ["sent"] }],
    ["what waits", { states: ["pending"] }],
    ["a state twice", { states: ["failed", "failed"] }],
    ["text for a list", { states: "failed" }],
    ["an unknown field", { states: ["failed"], all: true }],
    ["confirmation that is not plain", { states: ["in_doubt"], confirm: "true" }],
  ])("refuses %s, and changes nothing", async (_, body) => {
    const gateway = await troubled();
    const before = await states(gateway.store);
    const { status, json } = await post(gateway, "/v1/topics/june/retry", body);
    expect(status).toBe(400);
    expect(json.problems.length).toBeGreaterThan(0);
    expect(await states(gateway.store)).toEqual(before);
  });

  test("knows no topic but those there are", async () => {
    const gateway = await testGateway();
    expect((await post(gateway, "/v1/topics/nobody/retry", { states: ["failed"] })).status).toBe(404);
  });
});

describe("/v1/suppressions", () => {
  test("adds addresses as they will be written to, finds parts of them, removes them", async () => {
    const gateway = await troubled();
    const emails = ["f@example.com", "Ann@EXAMPLE.org", "ann@example.org"];
    expect((await post(gateway, "/v1/suppressions", { emails, note: " asked by phone " })).json).toEqual({
      added: 2,
      known: 1,
    });
    expect((await states(gateway.store))["f@example.com"]).toBe("suppressed");
    const { json } = await gateway.get("/v1/suppressions?q=ANN%40");
    expect(json).toMatchObject({
      suppressions: [{ address: "ann@example.org", reason: "manual", source: "manual", detail: "asked by phone" }],
      total: 2,
    });
    const gone = await ask(gateway, { method: "DELETE", url: "/v1/suppressions/Ann%40example.org" });
    expect(gone).toEqual({ status: 200, json: { removed: 1 } });
    expect((await gateway.get("/v1/suppressions")).json.suppressions).toHaveLength(1);
  });

  test("for one list or for all bulk mail, each an entry of its own", async () => {
    const gateway = await testGateway();
    const emails = ["ann@example.org"];
    for (const asked of [
      { list: "weekly" },
      { scope: "list", list: "뉴스" },
      { scope: "bulk" },
      { scope: "everything" },
    ])
      expect((await post(gateway, "/v1/suppressions", { emails, ...asked })).json).toEqual({ added: 1, known: 0 });
    const found = async () =>
      (await gateway.get("/v1/suppressions")).json.suppressions
        .map(({ scope, list }: Json) => `${scope} ${list}`)
        .sort();
    expect(await found()).toEqual(["bulk null", "everything null", "list weekly", "list 뉴스"]);
    const ofWhat = async (asked: string) =>
      (await gateway.get(`/v1/suppressions?${asked}`)).json.suppressions.map(
        ({ scope, list }: Json) => `${scope} ${list}`,
      );
    expect(await ofWhat("list=weekly")).toEqual(["list weekly"]);
    expect(await ofWhat("list=weekly&q=bob")).toEqual([]);
    expect(await ofWhat("scope=bulk")).toEqual(["bulk null"]);
    expect(await ofWhat("scope=everything&q=ann")).toEqual(["everything null"]);
    expect(await ofWhat("list=monthly")).toEqual([]);
    expect((await gateway.get("/v1/suppressions?scope=bulk&list=weekly")).status).toBe(400);
    const remove = (asked: string) =>
      ask(gateway, { method: "DELETE", url: `/v1/suppressions/ann%40example.org${asked}` });
    expect(await remove("?list=weekly")).toEqual({ status: 200, json: { removed: 1 } });
    expect(await remove("?list=weekly")).toMatchObject({
      status: 404,
      json: { error: '"ann@example.org" is not suppressed for the list "weekly"' },
    });
    expect(await remove("?scope=everything")).toEqual({ status: 200, json: { removed: 1 } });
    expect(await found()).toEqual(["bulk null", "list 뉴스"]);
    expect(await remove("")).toEqual({ status: 200, json: { removed: 1 } });
    expect(await found()).toEqual([]);
  });

  test.each([
    { list: "a/b" },
    { list: "" },
    { list: "x".repeat(101) },
    { scope: "list" },
    { scope: "bulk", list: "weekly" },
    { scope: "/bulk" },
    { list: "a\nb" },
    { list: ["weekly"] },
  ])("refuses %j, and adds nobody", async (asked) => {
    const gateway = await testGateway();
    const { status, json } = await post(gateway, "/v1/suppressions", { emails: ["a@example.com"], ...asked });
    expect([status, typeof json.error]).toEqual([400, "string"]);
    expect(await gateway.store.countSuppressions()).toBe(0);
  });

  test("takes all or nothing, and names each address that is none", async () => {
    const gateway = await testGateway();
    const { status, json } = await post(gateway, "/v1/suppressions", {
      emails: ["good@example.com", "nonsense", "Ann <ann@example.com>"],
    });
    expect(status).toBe(400);
    expect(json.problems.map(({ path }: Json) => path)).toEqual(["emails[1]", "emails[2]"]);
    expect(await gateway.store.countSuppressions()).toBe(0);
  });

  test("refuses lists that are empty, too long, or of something else", async () => {
    const gateway = await testGateway();
    const many = Array.from({ length: 10_001 }, (_, index) => `p${index}@example.com`);
    for (const emails of [[], many, "a@example.com", [1], [null]])
      expect((await post(gateway, "/v1/suppressions", { emails })).status).toBe(400);
    expect(await gateway.store.countSuppressions()).toBe(0);
  });

  test("says when an address was not there", async () => {
    const gateway = await testGateway();
    const { status } = await ask(gateway, { method: "DELETE", url: "/v1/suppressions/nobody%40example.com" });
    expect(status).toBe(404);
  });

  test("looks for what SQL would take for a pattern as for any other text", async () => {
    const gateway = await testGateway();
    await gateway.store.suppress(
      ["a_b@example.com", "axb@example.com", "100%@example.com"].map((address) => ({
        address,
        reason: "manual",
        source: "manual",
      })),
    );
    const found = async (q: string) =>
      (await gateway.get(`/v1/suppressions?q=${encodeURIComponent(q)}`)).json.suppressions.map(
        ({ address }: Json) => address,
      );
    expect(await found("a_b")).toEqual(["a_b@example.com"]);
    expect(await found("%")).toEqual(["100%@example.com"]);
    expect(await found("' or 1=1 --")).toEqual([]);
  });
});

describe("POST /v1/test", () => {
  test("sends one mail, and says how SES knows it", async () => {
    const gateway = await testGateway({ sending: true });
    const { status, json } = await post(gateway, "/v1/test", {
      to: "ann@example.com",
      subject: "{{ not }} a template",
      html: "<p>Hello</p>",
    });
    expect(status).toBe(200);
    expect(json.ses_message_id).toMatch(/\S+/);
    expect(gateway.ses?.received()).toEqual(["ann@example.com"]);
  });

  test("says why it was not sent", async () => {
    const gateway = await testGateway({ settings: { envelope: null } });
    const { status, json } = await post(gateway, "/v1/test", { to: "a@example.com", subject: "S", html: "<p>x</p>" });
    expect(status).toBe(422);
    expect(json.error).toContain("--from");
  });

  test.each([
    ["no address", { to: "nobody", subject: "S", html: "x" }],
    ["two addresses", { to: "a@example.com, b@example.com", subject: "S", html: "x" }],
    ["half of a character in its subject", { to: "a@example.com", subject: "\ud83d", html: "x" }],
    ["half of a character in its HTML", { to: "a@example.com", subject: "S", html: "\udc00" }],
    ["an empty subject", { to: "a@example.com", subject: "  ", html: "x" }],
    ["a subject that would add a header", { to: "a@example.com", subject: "S\r\nBcc: b@example.com", html: "x" }],
    ["no content", { to: "a@example.com", subject: "S", html: " \n" }],
    ["an unknown field", { to: "a@example.com", subject: "S", html: "x", from: "b@example.com" }],
  ])("refuses %s", async (_, body) => {
    const gateway = await testGateway({ sending: true });
    expect((await post(gateway, "/v1/test", body)).status).toBe(400);
    expect(gateway.ses?.received()).toEqual([]);
  });
});

describe("scopes", () => {
  const ROUTES: [InjectOptions["method"], string, object | null, KeyScope][] = [
    ["GET", "/v1/overview", null, "read"],
    ["GET", "/v1/topics/june/overview", null, "read"],
    ["GET", "/v1/troubles", null, "read"],
    ["GET", "/v1/topics/june/troubles", null, "read"],
    ["POST", "/v1/topics/june/retry", { states: ["failed"] }, "admin"],
    ["GET", "/v1/suppressions", null, "read"],
    ["POST", "/v1/suppressions", { emails: ["z@example.com"] }, "admin"],
    ["DELETE", "/v1/suppressions/z%40example.com", null, "admin"],
    ["GET", "/v1/dead", null, "read"],
    ["GET", "/v1/dead/1", null, "read"],
    ["POST", "/v1/dead/1/retry", null, "admin"],
    ["DELETE", "/v1/dead/1", null, "admin"],
    ["POST", "/v1/test", { to: "a@example.com", subject: "S", html: "x" }, "send"],
  ];

  test("each route asks for its own, admin may do everything, nobody nothing", async () => {
    const gateway = await testGateway({ sending: true, retryDead: async () => "accepted" });
    await ingest(gateway.store, ["a@example.com"]);
    await gateway.store.keepDead([deadLetter("x")]);
    const digest = (key: string) => createHash("sha256").update(key).digest();
    for (const scope of ["send", "read", "admin"] as const)
      await gateway.store.addKey({ name: scope, digest: digest(`${scope}-key-of-the-test`), scopes: [scope] });
    const keys = ["send", "read", "admin"] as const;
    const found: string[] = [];
    const expected: string[] = [];
    for (const [method = "GET", url, body, needed] of ROUTES) {
      const payload = body === null ? {} : { payload: body };
      const statuses: number[] = [];
      for (const scope of keys) {
        const headers = { "x-api-key": `${scope}-key-of-the-test` };
        statuses.push((await gateway.app.inject({ method, url, headers, ...payload })).statusCode);
      }
      statuses.push((await gateway.app.inject({ method, url, ...payload })).statusCode);
      found.push(`${method} ${url}: ${statuses.join(" ")}`);
      const allowed = keys.map((scope) => (scope === "admin" || scope === needed ? 200 : 403));
      expected.push(`${method} ${url}: ${[...allowed, 401].join(" ")}`);
    }
    expect(found).toEqual(expected);
  });
});

describe("GET /v1/stream", () => {
  /** Reads events as a program does: with the key, over a socket. */
  async function listen(gateway: TestGateway, headers: Record<string, string> = { "x-api-key": API_KEY }) {
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const address = gateway.app.server.address();
    const url = address === null ? await gateway.listen() : urlOf(address);
    const response = await fetch(`${url}/v1/stream`, { headers, signal: abort.signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const next = async (): Promise<Json> => {
      for (;;) {
        const end = text.indexOf("\n\n");
        if (end >= 0) {
          const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
          text = text.slice(end + 2);
          if (data !== undefined) return JSON.parse(data);
          continue;
        }
        const chunk = await reader?.read();
        if (chunk === undefined || chunk.done) return null;
        text += chunk.value;
      }
    };
    return { response, next, abort };
  }

  const urlOf = (address: string | { port: number }) =>
    typeof address === "string" ? address : `http://127.0.0.1:${address.port}`;

  test("tells how things stand at once, and again when that changed", async () => {
    const gateway = await testGateway();
    const { response, next } = await listen(gateway);
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await next()).toMatchObject({ topic_count: 0 });
    await ingest(gateway.store, ["a@example.com"]);
    expect(await next()).toMatchObject({ topic_count: 1, totals: { pending: 1 } });
  });

  test("reads the job file once for all who listen", async () => {
    let reads = 0;
    const gateway = await testGateway({
      store: (store) => ({ ...store, topicPage: (...page) => (reads++, store.topicPage(...page)) }),
    });
    const listeners = [];
    for (let index = 0; index < 20; index++) listeners.push(await listen(gateway));
    for (const { next } of listeners) await next();
    const before = reads;
    await ingest(gateway.store, ["a@example.com"]);
    await Promise.all(listeners.map(({ next }) => next()));
    expect(reads - before).toBeGreaterThan(0);
    expect(reads - before).toBeLessThanOrEqual(3);
  });

  test("turns away who comes when a hundred listen, and takes the next when one has left", async () => {
    const gateway = await testGateway();
    const listeners = [];
    for (let index = 0; index < 100; index++) listeners.push(await listen(gateway));
    const late = await listen(gateway);
    expect(late.response.status).toBe(503);
    listeners[0]?.abort.abort();
    await expect.poll(async () => (await listen(gateway)).response.status).toBe(200);
  });

  test("ends when the server closes, which need not wait for it", async () => {
    const gateway = await testGateway();
    const { next } = await listen(gateway);
    await next();
    const closing = gateway.app.close();
    expect(await next()).toBeNull();
    await closing;
  });

  test("ends when the key is revoked", async () => {
    const gateway = await testGateway();
    const key = "reader-key-of-the-test";
    const digest = createHash("sha256").update(key).digest();
    await gateway.store.addKey({ name: "reader", digest, scopes: ["read"] });
    const { next } = await listen(gateway, { "x-api-key": key });
    await next();
    await gateway.store.revokeKey("reader");
    expect(await next()).toBeNull();
  });
});

test("every route is in the documentation, with its answers", async () => {
  const gateway = await testGateway();
  const { paths } = (await gateway.get("/openapi.json")).json;
  const documented = Object.entries<Json>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(documented).toEqual(
    expect.arrayContaining([
      "GET /v1/overview",
      "GET /v1/stream",
      "GET /v1/topics/{id}/overview",
      "GET /v1/troubles",
      "GET /v1/topics/{id}/troubles",
      "POST /v1/topics/{id}/retry",
      "GET /v1/suppressions",
      "POST /v1/suppressions",
      "DELETE /v1/suppressions/{email}",
      "GET /v1/dead",
      "GET /v1/dead/{id}",
      "POST /v1/dead/{id}/retry",
      "DELETE /v1/dead/{id}",
      "POST /v1/test",
    ]),
  );
  expect(documented.filter((path) => / \/(dashboard|sign|$)/.test(path))).toEqual([]);
});
