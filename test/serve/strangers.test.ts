/** What strangers may hold together, whatever each of them holds: bodies and connections. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { networkOf } from "../../src/serve/client-network.ts";
import { API_KEY, testGateway, type TestGatewayOptions } from "../support/gateway.ts";

interface Client {
  socket: Socket;
  received: () => string;
  closed: Promise<unknown>;
}

/** `from`: an address of this machine, 127.0.0.1 to 127.255.255.254. */
async function client(url: string, from = "127.0.0.1"): Promise<Client> {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, localAddress: from });
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.on("data", (chunk) => (text += chunk.toString()));
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "connect");
  return { socket, received: () => text, closed };
}

const head = (path: string, length: number | "chunked", more = "") =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\n${more}content-type: text/plain\r\n` +
  `${length === "chunked" ? "transfer-encoding: chunked" : `content-length: ${length}`}\r\n\r\n`;

const WEBHOOK = "/v1/events/results";
const SMALL: TestGatewayOptions = {
  server: { bodies: { strangersBytes: 100_000, callersBytes: 200_000, patienceMs: 60_000 } },
};

test("bodies of strangers have room for so many bytes together; callers with a key have their own", async () => {
  const gateway = await testGateway(SMALL);
  const url = await gateway.listen();
  const holders = [];
  for (let index = 0; index < 3; index++) {
    const holder = await client(url);
    holder.socket.write(`${head(WEBHOOK, 60_000)}${"x".repeat(30_000)}`);
    holders.push(holder);
  }
  const another = await client(url);
  another.socket.write(`${head(WEBHOOK, "chunked")}7530\r\n${"x".repeat(30_000)}\r\n`);
  await another.closed;
  expect(another.received()).toMatch(/^HTTP\/1\.1 503 [\s\S]*connection: close[\s\S]*retry-after: 5/);
  expect(holders.map(({ received }) => received())).toEqual(["", "", ""]);
  const message = { emails: ["ann@example.com"], subject: "Hi", content: "x".repeat(90_000) };
  const answer = await fetch(`${url}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": API_KEY },
    body: JSON.stringify({ messages: [message] }),
  });
  expect(answer.status).toBe(200);
});

test("what a body held is free again when it ends, is refused, or its connection breaks", async () => {
  const gateway = await testGateway(SMALL);
  const url = await gateway.listen();
  for (let round = 0; round < 8; round++) {
    const broken = await client(url);
    broken.socket.write(`${head(WEBHOOK, 60_000)}${"x".repeat(50_000)}`);
    const whole = await client(url);
    whole.socket.write(`${head(WEBHOOK, 40_000)}${"x".repeat(40_000)}`);
    await expect.poll(whole.received).toMatch(/^HTTP\/1\.1 403 /);
    broken.socket.destroy();
    whole.socket.destroy();
    const refused = await client(url);
    refused.socket.write(head(WEBHOOK, 400_000));
    await refused.closed;
    expect(refused.received()).toMatch(/^HTTP\/1\.1 413 /);
  }
});

test("a body that has been on its way for long is given up for one that comes now", async () => {
  const gateway = await testGateway({ server: { bodies: { strangersBytes: 100_000, patienceMs: 0 } } });
  const url = await gateway.listen();
  const slow = await client(url);
  slow.socket.write(`${head(WEBHOOK, 90_000)}${"x".repeat(80_000)}`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const quick = await client(url);
  quick.socket.write(`${head(WEBHOOK, 50_000)}${"x".repeat(50_000)}`);
  await expect.poll(quick.received).toMatch(/^HTTP\/1\.1 403 /);
  await slow.closed;
  expect(slow.received()).toMatch(/^HTTP\/1\.1 503 /);
});

test("a stranger's body that comes too slowly is refused", async () => {
  const gateway = await testGateway({ server: { bodies: { strangersMs: 50 } } });
  const slow = await client(await gateway.listen());
  slow.socket.write(`${head(WEBHOOK, 1_000)}x`);
  await slow.closed;
  expect(slow.received()).toMatch(/^HTTP\/1\.1 408 [\s\S]*too slowly/);
});

test("bodies of callers have a limit together, too", async () => {
  const gateway = await testGateway(SMALL);
  const url = await gateway.listen();
  const key = `x-api-key: ${API_KEY}\r\n`;
  const holder = await client(url);
  holder.socket.write(`${head("/v1/messages", 190_000, key)}${" ".repeat(150_000)}`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const another = await client(url);
  another.socket.write(`${head("/v1/messages", 100_000, key)}${" ".repeat(100_000)}`);
  await another.closed;
  expect(another.received()).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after/);
});

test.each([
  ["an unknown path", "POST", "/no/such/path", "", 404],
  ["a wrong method", "PUT", "/health", "", 404],
  ["a missing key", "POST", "/v1/messages", "", 401],
  ["a wrong key", "POST", "/v1/suppressions", "x-api-key: wrong-wrong-wrong-wrong\r\n", 401],
])("%s is answered before the body comes, and the connection ends", async (_name, method, path, more, status) => {
  const gateway = await testGateway();
  const url = await gateway.listen();
  for (const length of [1_048_576, "chunked"] as const) {
    const stranger = await client(url);
    stranger.socket.write(head(path, length, more).replace("POST", method));
    await expect.poll(stranger.received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    await stranger.closed;
  }
  const short = await client(url);
  short.socket.write(`${head(path, 5, more).replace("POST", method)}hello`);
  await expect.poll(short.received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  short.socket.write("GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
  await expect.poll(short.received).toContain("HTTP/1.1 200 OK");
});

test("a client that asks before it sends a body is told to send it only when somebody reads it", async () => {
  const gateway = await testGateway();
  const url = await gateway.listen();
  const unknown = await client(url);
  unknown.socket.write(head("/no/such/path", 100_000, "expect: 100-continue\r\n"));
  await unknown.closed;
  expect(unknown.received()).toMatch(/^HTTP\/1\.1 404 /);
  const known = await client(url);
  known.socket.write(head("/v1/messages", 2, `expect: 100-continue\r\nx-api-key: ${API_KEY}\r\n`));
  await expect.poll(known.received).toMatch(/^HTTP\/1\.1 100 /);
  known.socket.write("{}");
  await expect.poll(known.received).toMatch(/HTTP\/1\.1 400 /);
});

const FEW = { connections: { most: 20, mostOfOne: 12 } };
const ask = async (url: string, from: string): Promise<string> => {
  const asker = await client(url, from);
  asker.socket.write("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  await asker.closed;
  return asker.received().slice(0, 15);
};

test.each(["idle", "in the middle of a body"])("one address takes a part of the connections: %s", async (how) => {
  const gateway = await testGateway({ server: FEW });
  const url = await gateway.listen();
  const greedy: Client[] = [];
  for (let index = 0; index < 30; index++) {
    const one = await client(url);
    if (how !== "idle") one.socket.write(`${head(WEBHOOK, 1_000)}x`);
    greedy.push(one);
  }
  await expect.poll(() => greedy.filter(({ socket }) => !socket.destroyed).length).toBe(12);
  expect(await ask(url, "127.0.0.2")).toBe("HTTP/1.1 200 OK");
});

test("a full server ends what is idle, and the connections of the greediest before those of others", async () => {
  const gateway = await testGateway({ server: FEW });
  const url = await gateway.listen();
  const open = async (from: string, count: number, text: string) => {
    const made = [];
    for (let index = 0; index < count; index++) {
      const one = await client(url, from);
      one.socket.write(text);
      made.push(one);
    }
    return made;
  };
  const living = (clients: Client[]) => clients.filter(({ socket }) => !socket.destroyed).length;
  const busy = `${head(WEBHOOK, 1_000)}x`;
  const modest = await open("127.0.0.2", 7, busy);
  const greedy = await open("127.0.0.3", 10, busy);
  const idle = await open("127.0.0.4", 3, "GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
  await expect.poll(() => idle.every(({ received }) => received() !== "")).toBe(true);
  const first = await open("127.0.0.5", 3, busy);
  await expect.poll(() => living(idle)).toBe(0);
  expect([living(modest), living(greedy)]).toEqual([7, 10]);
  const then = await open("127.0.0.6", 2, busy);
  await expect.poll(() => living(greedy)).toBe(8);
  expect([living(modest), living(first), living(then)]).toEqual([7, 3, 2]);
  expect(await ask(url, "127.0.0.7")).toBe("HTTP/1.1 200 OK");
});

test("a trusted proxy is not greedy, and makes room for others by what is idle", async () => {
  const gateway = await testGateway({ settings: { trustProxy: true }, server: FEW });
  const url = await gateway.listen();
  const through: Client[] = [];
  for (let index = 0; index < 20; index++) {
    const one = await client(url);
    one.socket.write(`GET /health HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.${index}\r\n\r\n`);
    through.push(one);
  }
  await expect.poll(() => through.every(({ received }) => received().startsWith("HTTP/1.1 200"))).toBe(true);
  expect(await ask(url, "127.0.0.1")).toBe("HTTP/1.1 200 OK");
});

test("who sends hundreds of requests at once without waiting loses the connection", async () => {
  const gateway = await testGateway();
  const url = await gateway.listen();
  const one = await client(url);
  one.socket.write("GET /health HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1_000));
  await one.closed;
  expect(await ask(url, "127.0.0.1")).toBe("HTTP/1.1 200 OK");
});

test("nothing is done for the requests that came after the end of their connection", async () => {
  let asked = 0;
  const gateway = await testGateway({ store: (store) => ({ ...store, ping: () => (asked++, store.ping()) }) });
  const url = await gateway.listen();
  const one = await client(url);
  one.socket.write("GET /ready HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1_000));
  await one.closed;
  expect(await ask(url, "127.0.0.1")).toBe("HTTP/1.1 200 OK");
  // What it may send at once.
  expect(asked).toBeLessThanOrEqual(10);
});

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0db8:0001:0002::9", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
  ["", ""],
])("%s is of %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});

test("a stream is left by whoever hangs up, and HEAD opens none", async () => {
  const gateway = await testGateway();
  const url = await gateway.listen();
  const request = (method: string) => `${method} /v1/stream HTTP/1.1\r\nhost: x\r\nx-api-key: ${API_KEY}\r\n\r\n`;
  for (let index = 0; index < 120; index++) {
    const asker = await client(url);
    asker.socket.write(request("HEAD"), () => asker.socket.end());
    const hasty = await client(url);
    hasty.socket.write(request("GET"), () => hasty.socket.destroy());
    await asker.closed;
  }
  const head = await gateway.call({ method: "HEAD", url: "/v1/stream" });
  expect(head.statusCode).toBe(404);
  const listeners: Client[] = [];
  for (let index = 0; index < 50; index++) {
    const listener = await client(url);
    listener.socket.write(request("GET"));
    listeners.push(listener);
  }
  await expect.poll(() => listeners.every(({ received }) => received().includes("event: overview"))).toBe(true);
  expect(listeners.every(({ socket }) => !socket.destroyed)).toBe(true);
});

test("HEAD of any route holds nothing: the connection is free for the next request", async () => {
  const gateway = await testGateway();
  const paths = ["/", "/health", "/ready", "/metrics", "/openapi.json", "/v1/overview", "/v1/topics", "/v1/stream"];
  const asker = await client(await gateway.listen());
  for (const [index, path] of paths.entries()) {
    asker.socket.write(`HEAD ${path} HTTP/1.1\r\nhost: x\r\nx-api-key: ${API_KEY}\r\n\r\n`);
    await expect.poll(() => asker.received().split("HTTP/1.1 ").length).toBe(index + 2);
  }
});
