import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { API_KEY, testGateway } from "../support/gateway.ts";

async function socketTo(url: string): Promise<{ socket: Socket; received: () => string; closed: Promise<unknown> }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.on("data", (chunk) => (text += chunk.toString()));
  // A reset is an end like any other here.
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "connect");
  return { socket, received: () => text, closed };
}

/** A byte each few milliseconds, until nobody takes it any more. */
function trickle(socket: Socket, text: string): void {
  let at = 0;
  const next = () => void socket.write(text[at++ % text.length] ?? "");
  // Right after the socket was read: a write to a connection that was reset loses what came before the reset.
  const timer = setInterval(() => setImmediate(next), 5);
  socket.on("close", () => clearInterval(timer));
}

const QUICK = { timeouts: { headersMs: 200, requestMs: 400, checkEveryMs: 20 } };

test("a client that sends its headers byte by byte is dropped", async () => {
  const { listen } = await testGateway({ server: QUICK });
  const { socket, received, closed } = await socketTo(await listen());
  socket.write("GET /health HTTP/1.1\r\nhost: x\r\n");
  trickle(socket, "x-slow: 1\r\n");
  await closed;
  expect(received()).toContain("408 Request Timeout");
  expect(received()).toContain('{"error":"request timeout"}');
});

test("a client that sends its body byte by byte is dropped", async () => {
  const { listen, store } = await testGateway({ server: QUICK });
  const { socket, received, closed } = await socketTo(await listen());
  const type = "content-type: application/json\r\ncontent-length: 100000";
  socket.write(`POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: ${API_KEY}\r\n${type}\r\n\r\n`);
  trickle(socket, " ");
  await closed;
  expect(received()).toContain("408");
  expect((await store.totals(null)).total).toBe(0);
});

test("headers beyond 16 KB are refused", async () => {
  const { listen } = await testGateway();
  const { socket, received, closed } = await socketTo(await listen());
  socket.write(`GET /health HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(20_000)}\r\n\r\n`);
  await closed;
  expect(received()).toMatch(/^HTTP\/1\.1 431 /);
});

test("what is no HTTP gets a short answer and the end of the connection", async () => {
  const { listen, log } = await testGateway({ server: { level: "trace" } });
  const { socket, received, closed } = await socketTo(await listen());
  socket.write("\u0016\u0003\u0001secret-of-a-tls-hello\r\n\r\n");
  await closed;
  expect(received()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(received()).toMatch(/\{"error":"bad request","problems":\[\{"path":"","message":"bad request"\}\]\}$/);
  expect(log()).not.toContain("secret-of");
});

test("a body over the limit is 413 and nothing is stored, whether its length was said or not", async () => {
  const { call, store } = await testGateway();
  const message = { emails: ["ann@example.com"], subject: "Hi", content: "x".repeat(16 * 1024 * 1024) };
  const payload = JSON.stringify({ messages: [message] });
  const answer = await call({
    method: "POST",
    url: "/v1/messages",
    headers: { "content-type": "application/json" },
    payload,
  });
  expect([answer.statusCode, answer.json()]).toEqual([413, { error: "the body is larger than this route takes" }]);
  expect((await store.totals(null)).total).toBe(0);
});

test("a key is asked for before a body is read", async () => {
  const { listen } = await testGateway();
  const { socket, received } = await socketTo(await listen());
  socket.write(
    "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 16000000\r\n\r\n",
  );
  await expect.poll(received).toContain("401 Unauthorized");
});

test("open routes are limited for each address, probes and SNS are not", async () => {
  const { app } = await testGateway({ settings: { trustProxy: true }, server: { openPerMinute: 3 } });
  const status = async (url: string, address: string) =>
    (await app.inject({ url, headers: { "x-forwarded-for": address } })).statusCode;
  for (let i = 0; i < 3; i++) expect(await status("/openapi.json", "192.0.2.1")).toBe(200);
  const refused = await app.inject({ url: "/openapi.json", headers: { "x-forwarded-for": "192.0.2.1" } });
  expect([refused.statusCode, refused.headers["retry-after"]]).toEqual([429, "60"]);
  expect(refused.json()).toEqual({ error: expect.stringContaining("Rate limit") });
  expect(await status("/openapi.json", "192.0.2.2")).toBe(200);
  for (let i = 0; i < 10; i++) {
    expect(await status("/health", "192.0.2.1")).toBe(200);
    expect(await status("/ready", "192.0.2.1")).toBe(200);
  }
});

test("trying paths is limited, too", async () => {
  const { app } = await testGateway({ server: { openPerMinute: 3 } });
  const statuses = [];
  for (let i = 0; i < 5; i++) statuses.push((await app.inject({ url: `/wp-${i}` })).statusCode);
  expect(statuses).toEqual([404, 404, 404, 429, 429]);
});

test("behind a proxy the address is what the proxy saw, not what the client claims", async () => {
  const { app } = await testGateway({ settings: { trustProxy: true }, server: { openPerMinute: 3 } });
  const status = async (claimed: string) =>
    (await app.inject({ url: "/openapi.json", headers: { "x-forwarded-for": `${claimed}, 192.0.2.1` } })).statusCode;
  for (let i = 0; i < 3; i++) expect(await status(`198.51.100.${i}`)).toBe(200);
  expect(await status("198.51.100.99")).toBe(429);
});

test("who has a key is not limited", async () => {
  const { get } = await testGateway({ server: { openPerMinute: 1 } });
  for (let i = 0; i < 20; i++) expect((await get("/v1/topics")).status).toBe(200);
});

test("closing answers what is under way and takes nothing new", async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  let entered = false;
  const { app, listen, store } = await testGateway({
    store: (store) => ({
      ...store,
      accept: async (requests) => {
        entered = true;
        await held;
        return store.accept(requests);
      },
    }),
  });
  const url = await listen();
  const message = { emails: ["ann@example.com"], subject: "Hi", content: "<p>x</p>" };
  const headers = { "x-api-key": API_KEY, "content-type": "application/json" };
  const answer = fetch(`${url}/v1/messages`, {
    method: "POST",
    headers,
    body: JSON.stringify({ messages: [message] }),
  });
  await expect.poll(() => entered).toBe(true);
  const closed = app.close();
  await expect
    .poll(() =>
      fetch(`${url}/health`).then(
        () => "answered",
        () => "refused",
      ),
    )
    .toBe("refused");
  release();
  expect((await answer).status).toBe(200);
  await closed;
  expect((await store.totals(null)).total).toBe(1);
});

test("mail of a client that hung up is stored and sent all the same", async () => {
  const { listen, store } = await testGateway();
  const { socket } = await socketTo(await listen());
  const body = JSON.stringify({ messages: [{ emails: ["ann@example.com"], subject: "Hi", content: "<p>x</p>" }] });
  const type = `content-type: application/json\r\ncontent-length: ${body.length}`;
  socket.write(`POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: ${API_KEY}\r\n${type}\r\n\r\n${body}`, () =>
    socket.destroy(),
  );
  await expect.poll(async () => (await store.totals(null)).total).toBe(1);
});
