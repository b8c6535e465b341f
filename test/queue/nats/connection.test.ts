/** The way to the servers: away, back, wrong about who we are, silent, several. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { UserError } from "../../../src/errors.ts";
import { consume } from "../../../src/queue/consume.ts";
import { type Nats, openNats } from "../../../src/queue/nats/nats.ts";
import { QueueUnreachable } from "../../../src/queue/queue.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { freePort } from "../../support/free-port.ts";
import { managing, startNats } from "../../support/nats.ts";
import { requireServers } from "../../support/servers.ts";
import { strikingProxy } from "../../support/striking-proxy.ts";

const WHERE = { stream: "messages", subject: "messages.email", consumer: "email-processor" };
const GOES_ON = new AbortController().signal;
const SLOW = { timeout: 90_000 };
const LONG_MS = 60_000;

async function open(servers: string[], credsFile: string | null = null) {
  const told: string[] = [];
  const nats = await openNats({ servers, credsFile }, (text) => told.push(text));
  onTestFinished(() => nats.close());
  return { nats, told, queue: nats.queue(WHERE) };
}

const connected = (nats: Nats) => vi.waitUntil(() => nats.isConnected(), { timeout: LONG_MS });
const put = (url: string, text: string) =>
  managing(url, (manager) => manager.jetstream().publish("messages.email", text));

describe.skipIf(requireServers("nats"))("NATS connections", () => {
  it("a server that is away at first is read when it comes, and each change is one line", SLOW, async () => {
    const server = await startNats({ start: false });
    const { nats, queue, told } = await open([server.url]);
    await expect(queue.receive(1, 0, GOES_ON)).rejects.toThrow(QueueUnreachable);
    expect(nats.isConnected()).toBe(false);
    const away = `nats: cannot reach ${server.url} (connection refused); trying on. What is in the database is sent meanwhile.`;
    expect(told).toEqual([away]);
    await server.start();
    const stop = new AbortController();
    const reading = queue.receive(1, LONG_MS, stop.signal);
    await vi.waitUntil(() => told.length >= 3, { timeout: LONG_MS });
    stop.abort("SIGTERM");
    expect(await reading).toEqual([]);
    expect(told.slice(1)).toEqual([
      `nats: connected to ${server.url}`,
      "nats: made the stream messages for messages.*",
    ]);
    await server.restart();
    await vi.waitUntil(() => told.length >= 5 || !nats.isConnected(), { timeout: LONG_MS });
    await connected(nats);
    expect(told.slice(3)).toEqual([
      expect.stringMatching(/^nats: lost nats:.*\((connection lost|connection reset)\); trying on\. What/),
      `nats: connected to ${server.url} again`,
    ]);
  });

  it("a connection on which nothing arrives any more is noticed, and made again", SLOW, async () => {
    const server = await startNats();
    const proxy = await strikingProxy(server.port);
    const { queue, told } = await open([`nats://127.0.0.1:${proxy.port}`]);
    await queue.receive(1, 0, GOES_ON);
    proxy.swallow();
    await put(server.url, "a");
    const got = await vi.waitUntil(
      async () => (await queue.receive(1, 1_000, GOES_ON).catch(() => [])).at(0)?.body ?? null,
      { timeout: LONG_MS },
    );
    expect(Buffer.from(got).toString()).toBe("a");
    expect(told.slice(1)).toEqual([expect.stringContaining("; trying on."), expect.stringMatching(/ again$/)]);
  });

  it("a server that accepts and says nothing is given up each time, without a socket left", SLOW, async () => {
    const sockets = new Set<unknown>();
    const silent = createServer((socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void silent.close());
    await once(silent, "listening");
    let connects = 0;
    silent.on("connection", () => connects++);
    const { told, nats } = await open([`nats://127.0.0.1:${(silent.address() as AddressInfo).port}`]);
    await vi.waitUntil(() => connects >= 2, { timeout: LONG_MS });
    expect(told).toEqual([expect.stringContaining("(it does not answer); trying on.")]);
    expect(sockets.size).toBeLessThanOrEqual(1);
    await nats.close();
    await vi.waitUntil(() => sockets.size === 0, { timeout: LONG_MS });
  });

  it("nothing is asked again and again while nothing comes", async () => {
    const server = await startNats();
    const proxy = await strikingProxy(server.port);
    const { queue } = await open([`nats://127.0.0.1:${proxy.port}`]);
    await queue.receive(1, 0, GOES_ON);
    await queue.receive(1, 1_500, GOES_ON);
    const before = proxy.clientBytes();
    expect(await queue.receive(500, 2_500, GOES_ON)).toEqual([]);
    // One request and one or two pings; a loop would say thousands of times as much.
    expect(proxy.clientBytes() - before).toBeLessThan(1_000);
  });

  it("the first of several servers is away: the second is used", SLOW, async () => {
    const server = await startNats();
    const { queue, told } = await open([`nats://127.0.0.1:${await freePort()}`, server.url]);
    expect(await queue.receive(1, 0, GOES_ON)).toEqual([]);
    expect(told).toEqual(["nats: made the stream messages for messages.*"]);
  });

  it("a loop over it goes on by itself through restarts of the server", SLOW, async () => {
    const server = await startNats();
    const { queue } = await open([server.url]);
    await queue.receive(1, 0, GOES_ON);
    const [handled, retries]: [string[], string[]] = [[], []];
    const stop = new AbortController();
    const end = consume(
      queue,
      async (deliveries) => {
        handled.push(...deliveries.map(({ body }) => Buffer.from(body).toString()));
        return deliveries.map(() => ({ kind: "done" }));
      },
      {
        signal: stop.signal,
        clock: systemClock,
        once: false,
        max: null,
        lastRetryMs: 1_000,
        onRetry: (reason) => retries.push(reason),
        onIdle: async () => undefined,
      },
    );
    for (const text of ["a", "b", "c"]) {
      await put(server.url, text);
      await vi.waitUntil(() => handled.includes(text), { timeout: LONG_MS });
      await server.restart();
    }
    stop.abort("SIGTERM");
    expect(await end).toBe("interrupted");
  });

  describe("who we are", () => {
    const PASSWORD = 'authorization { user: mail, password: "p@ss/w%rd" }';
    const right = (port: number) => `nats://mail:p%40ss%2Fw%25rd@127.0.0.1:${port}`;

    it("is taken from the address, and is not shown", SLOW, async () => {
      const server = await startNats({ config: PASSWORD });
      const { queue, told } = await open([right(server.port)]);
      expect(await queue.receive(1, 0, GOES_ON)).toEqual([]);
      await server.kill();
      await vi.waitUntil(() => told.length > 1, { timeout: LONG_MS });
      expect(told.join("\n")).not.toMatch(/p@ss|p%40|mail:/);
    });

    it("may be a token", async () => {
      const server = await startNats({ config: "authorization { token: s3cret }" });
      const { queue } = await open([`s3cret@127.0.0.1:${server.port}`]);
      expect(await queue.receive(1, 0, GOES_ON)).toEqual([]);
    });

    it.each(["mail:wrong@", "wrong@", ""])(
      "wrong at the first connection is a setting to correct: %s",
      async (login) => {
        const server = await startNats({ config: PASSWORD });
        const { queue, nats } = await open([`nats://${login}127.0.0.1:${server.port}`]);
        const error = await queue.receive(1, 20_000, GOES_ON).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(UserError);
        expect((error as Error).message).toBe(`nats: ${server.url} refuses who we are: Authorization Violation`);
        expect(await nats.publish("messages.email", new Uint8Array(1), { id: "1", timeoutMs: 1_000 })).toEqual({
          kind: "refused",
          reason: `nats: ${server.url} refuses who we are: Authorization Violation`,
          why: "away",
        });
      },
    );

    it("wrong later is tried on, and told", SLOW, async () => {
      const server = await startNats({ config: PASSWORD });
      const { queue, told, nats } = await open([right(server.port)]);
      await queue.receive(1, 0, GOES_ON);
      await server.restart({ config: "authorization { token: other }" });
      const refused = `nats: ${server.url} refuses who we are (Authorization Violation); trying on. What is in the database is sent meanwhile.`;
      await vi.waitUntil(() => told.includes(refused), { timeout: LONG_MS });
      await expect(queue.receive(1, 0, GOES_ON)).rejects.toThrow(QueueUnreachable);
      await server.restart({ config: PASSWORD });
      await connected(nats);
      expect(await queue.receive(1, 0, GOES_ON)).toEqual([]);
      expect(told.filter((line) => line === refused)).toHaveLength(1);
    });

    it("is in a file of credentials, which is read again for each connection", SLOW, async () => {
      const seed = new TextDecoder().decode(nkeys.createUser().getSeed());
      const path = join(await tempFolder(), "mail.creds");
      const write = (jwt: string) =>
        writeFile(
          path,
          `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
        );
      await write("first.jwt");
      const connects: { jwt?: string; sig?: string }[] = [];
      const port = await listenAs((connect) => {
        connects.push(connect);
      });
      await open([`127.0.0.1:${port}`], path);
      await vi.waitUntil(() => connects.length > 0, { timeout: LONG_MS });
      await write("second.jwt");
      await vi.waitUntil(() => connects.some(({ jwt }) => jwt === "second.jwt"), { timeout: LONG_MS });
      expect(connects[0]).toMatchObject({ jwt: "first.jwt", sig: expect.stringMatching(/^.{40,}$/) });
    });

    it.each([
      ["-", "cannot read NATS credentials"],
      ["hello", "have no user JWT with its seed"],
      [
        "-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\nSUBAD\n------END USER NKEY SEED------\n",
        "the NATS credentials cannot be used",
      ],
    ])("a file of credentials that has none: %j", async (text, message) => {
      const path = join(await tempFolder(), "mail.creds");
      if (text !== "-") await writeFile(path, text);
      const error = await openNats({ servers: ["localhost"], credsFile: path }, () => undefined).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toContain(message);
    });
  });

  it("a server without JetStream is a setting to correct at first, and tried on later", SLOW, async () => {
    const server = await startNats({ jetStream: false });
    const { queue } = await open([server.url]);
    const error = await queue.receive(1, 20_000, GOES_ON).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toBe("nats: the server has no JetStream");
    const other = await startNats();
    const { queue: later, told } = await open([other.url]);
    await later.receive(1, 0, GOES_ON);
    await other.restart({ jetStream: false });
    await vi.waitUntil(() => later.receive(1, 0, GOES_ON).then(() => false, isHalted), { timeout: LONG_MS });
    await other.restart({ jetStream: true });
    await vi.waitUntil(
      () =>
        later.receive(1, 0, GOES_ON).then(
          () => true,
          () => false,
        ),
      { timeout: LONG_MS },
    );
    expect(told).toContain("nats: the server has no JetStream");
    expect(told.at(-1)).toBe("nats: stream messages is read again");
  });

  it("a close while the server is silent comes to an end", SLOW, async () => {
    const server = await startNats();
    const { queue, nats } = await open([server.url]);
    await queue.receive(1, 0, GOES_ON);
    await server.freeze();
    await nats.close();
    server.go();
    await expect(queue.receive(1, 0, GOES_ON)).rejects.toThrow(QueueUnreachable);
    expect(nats.isConnected()).toBe(false);
  });
});

const isHalted = (error: unknown): boolean =>
  error instanceof QueueUnreachable && error.message === "nats: the server has no JetStream";

async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ses-mail-nats-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Somebody who says what a server says first, and closes the connection when it was told who is there. */
async function listenAs(told: (connect: { jwt?: string; sig?: string }) => void): Promise<number> {
  const server = createServer((socket) => {
    const info = { server_id: "x", version: "2.10.0", max_payload: 1_000_000, proto: 1, headers: true, nonce: "abc" };
    socket.on("error", () => undefined);
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    socket.on("data", (chunk) => {
      const [, json] = /CONNECT (\{.*\})\r\n/.exec(chunk.toString()) ?? [];
      if (json === undefined) return;
      told(JSON.parse(json));
      socket.end("-ERR 'Unknown Protocol Operation'\r\n");
    });
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
