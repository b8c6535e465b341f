/** Sessions: what the cookie is, when it dies, and that no other site can use it. */
import { createHash } from "node:crypto";
import type { InjectOptions, LightMyRequestResponse } from "fastify";
import { describe, expect, test } from "vitest";
import type { KeyScope } from "../../src/store/rows.ts";
import { API_KEY, type TestGateway, testGateway, type TestGatewayOptions } from "../support/gateway.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { ingest, states } from "../support/store-actions.ts";

const COOKIE = "ses_mail_session";
/** What a script of the dashboard sends along. */
const OURS = { "x-ses-mail": "dashboard", "sec-fetch-site": "same-origin" };

function signIn(
  { app }: TestGateway,
  key: string,
  headers: Record<string, string> = {},
): Promise<LightMyRequestResponse> {
  return app.inject({
    method: "POST",
    url: "/sign-in",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    payload: new URLSearchParams({ key }).toString(),
  });
}

/** A session of the key; requests with it as the browser makes them. */
async function session(gateway: TestGateway, key = API_KEY) {
  const answer = await signIn(gateway, key);
  const token = answer.cookies.find(({ name }) => name === COOKIE)?.value ?? "";
  expect(token).not.toBe("");
  const ask = (request: InjectOptions, cookie = token) =>
    gateway.app.inject({ ...request, headers: { cookie: `${COOKIE}=${cookie}`, ...request.headers } });
  return { token, ask, status: async (request: InjectOptions) => (await ask(request)).statusCode };
}

async function withJune(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await testGateway(options);
  await ingest(gateway.store, ["a@example.com"]);
  return gateway;
}

function addKey({ store }: TestGateway, name: string, key: string, scopes: KeyScope[]): Promise<void> {
  return store.addKey({ name, digest: createHash("sha256").update(key).digest(), scopes });
}

const CANCEL: InjectOptions = { method: "DELETE", url: "/v1/topics/june" };
const LOOK: InjectOptions = { method: "GET", url: "/v1/overview" };

describe("signing in", () => {
  test("without a session there is the sign-in page, and nothing else", async () => {
    const gateway = await testGateway();
    const answer = await gateway.app.inject("/");
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toContain('name="key"');
    expect(answer.body).not.toContain("<script");
    expect(answer.headers["content-security-policy"]).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    expect(answer.headers["cache-control"]).toBe("no-store");
  });

  test("sets a cookie that scripts and other sites never see, for twelve hours", async () => {
    const gateway = await testGateway();
    const answer = await signIn(gateway, API_KEY);
    expect([answer.statusCode, answer.headers.location]).toEqual([303, "/"]);
    expect(answer.cookies).toEqual([
      { name: COOKIE, value: expect.any(String), httpOnly: true, sameSite: "Strict", path: "/", maxAge: 43_200 },
    ]);
    expect(answer.headers["set-cookie"]).not.toContain(API_KEY);
  });

  test("marks the cookie as secure where the gateway is reached by https", async () => {
    const published = await testGateway({ settings: { baseUrl: "https://mail.example.com" } });
    expect((await signIn(published, API_KEY)).cookies[0]).toMatchObject({ secure: true });
    const proxied = await testGateway({ settings: { trustProxy: true } });
    const answer = await signIn(proxied, API_KEY, { "x-forwarded-proto": "https" });
    expect(answer.cookies[0]).toMatchObject({ secure: true });
  });

  test.each([
    ["wrong", "not-a-key-of-this-gateway"],
    ["missing", ""],
    ["quoted", '"><img src=x onerror=alert(1)>'],
    ["long", "x".repeat(3_000)],
  ])("a %s key gets the page again, and no cookie", async (_, key) => {
    const gateway = await testGateway();
    const answer = await signIn(gateway, key);
    expect(answer.statusCode).toBe(401);
    expect(answer.cookies).toEqual([]);
    expect(answer.body).toContain('role="alert"');
    const told = answer.body + gateway.log();
    expect(key !== "" && told.includes(key)).toBe(false);
  });

  test("ten wrong keys, and none is looked at for a minute", async () => {
    const gateway = await testGateway();
    for (let index = 0; index < 10; index++) expect((await signIn(gateway, `wrong-${index}`)).statusCode).toBe(401);
    const answer = await signIn(gateway, API_KEY);
    expect(answer.statusCode).toBe(429);
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    expect(answer.cookies).toEqual([]);
  });

  test("no other site signs anybody in", async () => {
    const gateway = await testGateway();
    for (const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "https://evil.example" },
      { origin: "null" },
    ])
      expect((await signIn(gateway, API_KEY, headers)).statusCode).toBe(403);
    expect((await signIn(gateway, API_KEY, { origin: "http://localhost:80", host: "localhost:80" })).statusCode).toBe(
      303,
    );
  });

  test("takes a form and nothing else, of no more than a key", async () => {
    const { app } = await testGateway();
    const json = await app.inject({ method: "POST", url: "/sign-in", payload: { key: API_KEY } });
    expect(json.cookies).toEqual([]);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const big = await app.inject({ method: "POST", url: "/sign-in", headers, payload: `key=${"x".repeat(5_000)}` });
    expect(big.statusCode).toBe(413);
  });
});

describe("a session", () => {
  test("stands for its key: it sees, and does what the key may do", async () => {
    const gateway = await withJune();
    const { ask, status } = await session(gateway);
    expect((await ask({ method: "GET", url: "/" })).body).toContain("/dashboard/app.js");
    expect(await status(LOOK)).toBe(200);
    expect((await ask({ ...CANCEL, headers: OURS })).json()).toMatchObject({ cancelled: 1 });
  });

  test("may do no more than its key", async () => {
    const gateway = await withJune();
    await addKey(gateway, "reader", "reader-key-of-the-test", ["read"]);
    const { ask, status } = await session(gateway, "reader-key-of-the-test");
    expect((await ask({ method: "GET", url: "/" })).body).toContain('data-scopes="read"');
    expect(await status(LOOK)).toBe(200);
    expect(await status({ ...CANCEL, headers: OURS })).toBe(403);
    expect(await states(gateway.store)).toEqual({ "a@example.com": "pending" });
  });

  test("dies with its key, and a new key of the same name does not revive it", async () => {
    const gateway = await testGateway();
    await addKey(gateway, "ops", "first-key-of-the-test", ["admin"]);
    const { status } = await session(gateway, "first-key-of-the-test");
    expect(await status(LOOK)).toBe(200);
    await gateway.store.revokeKey("ops");
    await expect.poll(() => status(LOOK)).toBe(401);
    await addKey(gateway, "ops", "second-key-of-the-test", ["admin"]);
    await expect
      .poll(async () => (await signIn(gateway, "second-key-of-the-test")).statusCode, { interval: 300 })
      .toBe(303);
    expect(await status(LOOK)).toBe(401);
  });

  test("is over after twelve hours", async () => {
    const clock = new ManualClock();
    const gateway = await testGateway({ clock });
    const { status } = await session(gateway);
    clock.pass(12 * 3_600_000 - 1);
    expect(await status(LOOK)).toBe(200);
    clock.pass(1);
    expect(await status(LOOK)).toBe(401);
  });

  test("is ended by signing out, everywhere", async () => {
    const gateway = await testGateway();
    const { ask, token, status } = await session(gateway);
    const answer = await ask({ method: "POST", url: "/sign-out", headers: OURS });
    expect(answer.statusCode).toBe(204);
    expect(answer.cookies).toEqual([
      { name: COOKIE, value: "", httpOnly: true, sameSite: "Strict", path: "/", maxAge: 0 },
    ]);
    expect(await status(LOOK)).toBe(401);
    // The last character of a signature has bits that say nothing: another one may stand for the same bytes.
    for (const last of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
      expect((await ask(LOOK, token.slice(0, -1) + last)).statusCode).toBe(401);
  });

  test("takes its streams along when it ends", async () => {
    const gateway = await testGateway();
    const { ask, token } = await session(gateway);
    const url = await gateway.listen();
    const stream = await fetch(`${url}/v1/stream`, { headers: { cookie: `${COOKIE}=${token}` } });
    expect(stream.status).toBe(200);
    await ask({ method: "POST", url: "/sign-out", headers: OURS });
    // Resolves when the stream ends.
    expect(await stream.text()).toContain("event: overview");
  });

  test("cannot be made up, stretched, or given to another key", async () => {
    const clock = new ManualClock();
    const gateway = await testGateway({ clock });
    await addKey(gateway, "reader", "reader-key-of-the-test", ["read"]);
    const { ask, token } = await session(gateway, "reader-key-of-the-test");
    const [name = "", until = "", id = "", signature = ""] = token.split(".");
    const admin = Buffer.from("SES_MAIL_API_KEY").toString("base64url");
    const forged = [
      [admin, until, id, signature],
      [name, String(Number(until) + 1), id, signature],
      [name, until, `${id}A`, signature],
      [name, until, id, signature.slice(0, -4)],
      [name, until, id, ""],
      [name, until, id],
      [name, until, id, signature, ""],
      ["", "", "", ""],
      ["x".repeat(2_000), until, id, signature],
      ["%00", "NaN", "..", "💥"],
    ];
    for (const parts of forged) expect((await ask(LOOK, encodeURIComponent(parts.join(".")))).statusCode).toBe(401);
    expect((await ask(LOOK)).statusCode).toBe(200);
  });
});

describe("other sites", () => {
  test.each<[string, Record<string, string>]>([
    ["nothing that says where it comes from", {}],
    ["no header of ours", { "sec-fetch-site": "same-origin" }],
    ["our header alone", { "x-ses-mail": "dashboard" }],
    ["our header, from another site", { "x-ses-mail": "dashboard", "sec-fetch-site": "cross-site" }],
    ["our header, from a neighbour", { "x-ses-mail": "dashboard", "sec-fetch-site": "same-site" }],
    ["our header, typed into the address bar", { "x-ses-mail": "dashboard", "sec-fetch-site": "none" }],
    ["another origin", { "x-ses-mail": "dashboard", origin: "https://evil.example" }],
    ["the same host on another port", { "x-ses-mail": "dashboard", origin: "http://localhost:81" }],
    ["no origin to speak of", { "x-ses-mail": "dashboard", origin: "null" }],
    ["another origin that claims to be ours", { ...OURS, "sec-fetch-site": "cross-site", origin: "http://localhost" }],
    ["another value", { ...OURS, "x-ses-mail": "1" }],
  ])("with %s nothing is changed", async (_, headers) => {
    const gateway = await withJune();
    const { status } = await session(gateway);
    const changes: InjectOptions[] = [
      CANCEL,
      { method: "POST", url: "/v1/topics/june/retry", payload: { states: ["failed"] } },
      { method: "POST", url: "/v1/suppressions", payload: { emails: ["a@example.com"] } },
      { method: "DELETE", url: "/v1/suppressions/a%40example.com" },
      { method: "POST", url: "/v1/test", payload: { to: "a@example.com", subject: "S", html: "x" } },
      {
        method: "POST",
        url: "/v1/messages",
        payload: { messages: [{ emails: ["b@example.com"], subject: "S", content: "x" }] },
      },
      { method: "POST", url: "/sign-out" },
    ];
    for (const change of changes) expect(await status({ ...change, headers })).toBe(403);
    expect(await states(gateway.store)).toEqual({ "a@example.com": "pending" });
    expect(await gateway.store.countSuppressions()).toBe(0);
    expect(await status(LOOK)).toBe(200);
  });

  test("without sec-fetch-site, which browsers send where they trust the connection, the origin counts", async () => {
    const ours = { "x-ses-mail": "dashboard", host: "mail.lan:8080" };
    const gateway = await withJune({ settings: { baseUrl: "https://mail.example.com" } });
    const { status } = await session(gateway);
    expect(await status({ ...CANCEL, headers: { ...ours, origin: "http://mail.lan:8081" } })).toBe(403);
    expect(await status({ ...CANCEL, headers: { ...ours, origin: "http://mail.lan:8080" } })).toBe(200);
    expect(await status({ ...CANCEL, headers: { ...ours, origin: "https://mail.example.com" } })).toBe(200);
  });

  test("looking never changes anything, however it is asked", async () => {
    const gateway = await withJune();
    const { ask } = await session(gateway);
    const before = await states(gateway.store);
    for (const url of [
      "/v1/topics/june/retry?states=failed",
      "/v1/suppressions?emails=a@example.com",
      "/v1/test?to=a@example.com",
      "/sign-out",
      "/v1/overview?_method=DELETE",
    ])
      for (const method of ["GET", "HEAD"] as const)
        await ask({ method, url, headers: { "x-http-method-override": "DELETE" } });
    expect(await states(gateway.store)).toEqual(before);
    expect(await gateway.store.countSuppressions()).toBe(0);
    expect((await ask(LOOK)).statusCode).toBe(200);
  });

  test("an API key needs none of this, and is not helped by a cookie", async () => {
    const gateway = await withJune();
    const { ask } = await session(gateway);
    expect((await ask({ ...LOOK, headers: { "x-api-key": "wrong-key-of-the-test" } })).statusCode).toBe(401);
    expect((await gateway.call(CANCEL)).statusCode).toBe(200);
  });

  test("what is open stays open with a session", async () => {
    const gateway = await testGateway();
    const { status } = await session(gateway);
    expect(await status({ method: "GET", url: "/health" })).toBe(200);
    expect(await status({ method: "POST", url: "/v1/events/results", payload: {} })).not.toBe(401);
  });
});

describe("the files of the page", () => {
  test("come from here, are known by their bytes, and are read from no path of a request", async () => {
    const { app } = await testGateway();
    for (const name of ["app.js", "preact.js", "style.css", "icon.svg"]) {
      const answer = await app.inject(`/dashboard/${name}`);
      expect([answer.statusCode, answer.headers["x-content-type-options"]]).toEqual([200, "nosniff"]);
      const again = { url: `/dashboard/${name}`, headers: { "if-none-match": String(answer.headers["etag"]) } };
      expect((await app.inject(again)).statusCode).toBe(304);
    }
    for (const path of ["wire.ts", "../session.ts", "..%2fsession.ts", "%2e%2e/session.ts", "", "nothing.js"])
      expect((await app.inject(`/dashboard/${path}`)).statusCode).toBe(404);
  });
});
