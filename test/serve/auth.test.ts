import { createHash } from "node:crypto";
import Fastify from "fastify";
import { expect, test } from "vitest";
import { refuseUnguarded } from "../../src/serve/server.ts";
import type { KeyScope } from "../../src/store/rows.ts";
import type { Store } from "../../src/store/store.ts";
import { API_KEY, testGateway } from "../support/gateway.ts";
import { ManualClock } from "../support/manual-clock.ts";

const SHOP = "key-of-the-shop-0123";

function addKey(store: Store, name: string, key: string, scopes: KeyScope[]): Promise<void> {
  return store.addKey({ name, digest: createHash("sha256").update(key).digest(), scopes });
}

const GUARDED = [
  ["POST", "/v1/messages"],
  ["GET", "/v1/topics"],
  ["GET", "/v1/topics/june"],
  ["DELETE", "/v1/topics/june"],
  ["GET", "/v1/events/counts/sent"],
  ["GET", "/metrics"],
] as const;

test.each(GUARDED)("%s %s without a good key is 401, in the words clients know", async (method, url) => {
  const { app } = await testGateway();
  const ask = async (headers: Record<string, string>) => {
    const answer = await app.inject({ method, url, headers });
    return [answer.statusCode, answer.json<unknown>()];
  };
  expect(await ask({})).toEqual([401, { error: "Missing X-API-KEY header" }]);
  expect(await ask({ "x-api-key": "" })).toEqual([401, { error: "Empty API Key" }]);
  expect(await ask({ "x-api-key": " " })).toEqual([401, { error: "Empty API Key" }]);
  expect(await ask({ authorization: "Bearer" })).toEqual([401, { error: "Empty API Key" }]);
  expect(await ask({ authorization: "Basic abc" })).toEqual([401, { error: "Missing X-API-KEY header" }]);
  expect(await ask({ "x-api-key": `${API_KEY}x` })).toEqual([401, { error: "Invalid API Key" }]);
  expect(await ask({ "x-api-key": API_KEY.slice(0, -1) })).toEqual([401, { error: "Invalid API Key" }]);
});

test.each([
  { "X-API-KEY": API_KEY },
  { "x-Api-Key": API_KEY },
  { authorization: `Bearer ${API_KEY}` },
  { Authorization: `bearer ${API_KEY}` },
])("takes the key as %j", async (headers) => {
  const { app } = await testGateway();
  expect((await app.inject({ url: "/v1/topics", headers: headers as Record<string, string> })).statusCode).toBe(200);
});

test.each([null, ""])("P8: with %j for a key nobody gets in, not even with an empty one", async (apiKey) => {
  const { app } = await testGateway({ settings: { apiKey } });
  for (const headers of [{ "x-api-key": "" }, { authorization: "Bearer " }, {}]) {
    expect((await app.inject({ url: "/v1/topics", headers: headers as Record<string, string> })).statusCode).toBe(401);
  }
});

test("keys are compared whole and in constant time, whatever their length", async () => {
  const { app } = await testGateway();
  for (const key of ["a", "ä".repeat(100), "x".repeat(8_000)]) {
    const answer = await app.inject({ url: "/v1/topics", headers: { "x-api-key": key } });
    expect(answer.statusCode).toBe(401);
  }
});

const MAY: [KeyScope, Record<string, number>][] = [
  ["send", { "POST /v1/messages": 400, "DELETE /v1/topics/t": 200, "GET /v1/topics": 403, "GET /metrics": 403 }],
  ["read", { "POST /v1/messages": 403, "DELETE /v1/topics/t": 403, "GET /v1/topics": 200, "GET /metrics": 200 }],
  ["admin", { "POST /v1/messages": 400, "DELETE /v1/topics/t": 200, "GET /v1/topics": 200, "GET /metrics": 200 }],
];

test.each(MAY)("a key with the scope %s may do what that says, and nothing else", async (scope, expected) => {
  const { app, store } = await testGateway();
  await addKey(store, "shop", SHOP, [scope]);
  for (const [route, status] of Object.entries(expected)) {
    const [method, url] = route.split(" ") as ["GET", string];
    const answer = await app.inject({ method, url, headers: { "x-api-key": SHOP } });
    expect([route, answer.statusCode]).toEqual([route, status]);
    expect(answer.body.includes("it needs the scope")).toBe(status === 403);
  }
});

test("a key that is revoked while the server runs is good for a second at most, a new one as soon", async () => {
  const clock = new ManualClock();
  const { app, store } = await testGateway({ clock });
  const status = async () => (await app.inject({ url: "/v1/topics", headers: { "x-api-key": SHOP } })).statusCode;
  expect(await status()).toBe(401);
  await addKey(store, "shop", SHOP, ["read"]);
  clock.pass(1_000);
  expect(await status()).toBe(200);
  await store.revokeKey("shop");
  clock.pass(1_000);
  expect(await status()).toBe(401);
});

test("keys are read once in a second, however many requests come", async () => {
  let reads = 0;
  const clock = new ManualClock();
  const gateway = await testGateway({ clock, store: (store) => ({ ...store, keys: () => (reads++, store.keys()) }) });
  await addKey(gateway.store, "shop", SHOP, ["read"]);
  for (let i = 0; i < 20; i++) await gateway.app.inject({ url: "/v1/topics", headers: { "x-api-key": SHOP } });
  expect(reads).toBe(1);
});

test("a job file that could not be read once does not lock everybody out", async () => {
  let broken = true;
  const { app, store } = await testGateway({
    clock: new ManualClock(),
    store: (store) => ({ ...store, keys: () => (broken ? Promise.reject(new Error("disk")) : store.keys()) }),
  });
  await addKey(store, "shop", SHOP, ["read"]);
  const status = async (key: string) =>
    (await app.inject({ url: "/v1/topics", headers: { "x-api-key": key } })).statusCode;
  expect(await status(SHOP)).toBe(500);
  // This one is in no store.
  expect(await status(API_KEY)).toBe(200);
  broken = false;
  expect(await status(SHOP)).toBe(200);
});

test("after a hundred wrong keys an address is not listened to, others and those who were right before are", async () => {
  const { app, store } = await testGateway({ settings: { trustProxy: true } });
  await addKey(store, "shop", SHOP, ["read"]);
  const status = async (key: string, address: string) =>
    (await app.inject({ url: "/v1/topics", headers: { "x-api-key": key, "x-forwarded-for": address } })).statusCode;
  expect(await status(SHOP, "192.0.2.1")).toBe(200);
  for (let i = 0; i < 101; i++) expect(await status(`guess-${i}`, "192.0.2.1")).toBe(401);
  expect(await status("guess", "192.0.2.1")).toBe(429);
  // A right guess is not looked at either.
  expect(await status(API_KEY, "192.0.2.1")).toBe(429);
  expect(await status(SHOP, "192.0.2.1")).toBe(200);
  expect(await status(API_KEY, "192.0.2.2")).toBe(200);
});

test("without a proxy to trust, X-Forwarded-For makes nobody somebody else", async () => {
  const { app } = await testGateway();
  const status = async (index: number) =>
    (await app.inject({ url: "/v1/topics", headers: { "x-api-key": "guess", "x-forwarded-for": `192.0.2.${index}` } }))
      .statusCode;
  for (let i = 0; i < 101; i++) await status(i);
  expect(await status(200)).toBe(429);
});

test("P9: neither keys nor addresses, bodies or query strings are in the log, at the most talkative level", async () => {
  const { app, call, post, log } = await testGateway({ server: { level: "trace" } });
  const secrets = ["wrong-key-0123456789", "ann.secret", "subject-secret", "query-secret", "token-secret", API_KEY];
  const body = { messages: [{ emails: ["ann.secret@example.com"], subject: "subject-secret", content: "<p>x</p>" }] };
  await post(body);
  await post({ messages: [{ ...body.messages[0], cc: "ann.secret@example.com" }] });
  await app.inject({ url: "/v1/topics?key=query-secret", headers: { "x-api-key": "wrong-key-0123456789" } });
  await app.inject({ url: "/v1/topics", headers: { authorization: "Bearer wrong-key-0123456789" } });
  for (const path of [
    "/u/token-secret",
    "/c/token-secret?u=query-secret",
    "/v1/nowhere",
    "/u/token-secret/more",
    "/v1/suppressions/ann.secret@example.com",
    "/v1/people/ann.secret@example.com",
    "/v1/people/ann.secret%40example.com",
    "//c/token-secret",
    "/v1/events/open?request_id=token-secret",
    "/%zz?query-secret",
  ])
    await app.inject({ url: path });
  await call({
    method: "POST",
    url: "/v1/messages",
    headers: { "content-type": "application/json" },
    payload: '{"subject-secret',
  });
  expect(log()).toContain('"path":"/u/:token"');
  expect(log()).toContain('"path":"/v1/topics"');
  expect(log()).toContain('"path":"/v1/nowhere"');
  for (const secret of secrets) expect(log()).not.toContain(secret);
});

test("P9: no other origin may read answers", async () => {
  const { app } = await testGateway();
  const answer = await app.inject({
    method: "OPTIONS",
    url: "/v1/messages",
    headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
  });
  expect(answer.statusCode).toBe(404);
  expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
});

test("a route that does not say who may use it is refused when it is made", async () => {
  const app = Fastify();
  app.addHook("onRoute", refuseUnguarded);
  expect(() => app.get("/secret", async () => "x")).toThrow("GET /secret does not say who may use it");
});
