/** What those hear who brought mail over a broker: a real store, real NATS, real Redis. */
import { type ConsumerMessages, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Redis as Client } from "ioredis";
import { AwayError, UserError } from "../../../src/errors.ts";
import { openNats } from "../../../src/queue/nats/nats.ts";
import { QueueUnreachable } from "../../../src/queue/queue.ts";
import { openRedis } from "../../../src/queue/redis/redis.ts";
import type { Reporting } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { startTeller, type TellerParts } from "../../../src/work/brokers/teller.ts";
import { startNats } from "../../support/nats.ts";
import { startRedis } from "../../support/redis.ts";
import { requireServers } from "../../support/servers.ts";
import { failed, sent, settle, turn } from "../../support/store-actions.ts";
import { accept, message } from "../../store/bench.ts";
import { prepareSqlite } from "../../store/sqlite/bench.ts";

const PATIENCE = { timeout: 20_000 };

/** So many messages that came over a broker, all sent but the last, which failed. */
async function settled(store: Store, via: Reporting["via"], count: number, topic = "issue-7"): Promise<void> {
  for (let at = 0; at < count; at++)
    await accept(store, [message([`p${at}@x.example`], { topic, reports: { via, name: `${via}-${at}` } })]);
  const { claims } = await turn(store, count);
  await settle(store, ...claims.map((claim, at) => (at === count - 1 ? failed(claim) : sent(claim))));
}

async function openStore(): Promise<Store> {
  const { open } = await prepareSqlite();
  return open();
}

function teller(parts: Pick<TellerParts, "store"> & Partial<TellerParts>) {
  const told: string[] = [];
  const tell = (text: string) => void told.push(text);
  const bugs: unknown[] = [];
  const onBug = (error: unknown) => void bugs.push(error);
  const started = startTeller({ clock: systemClock, resultsSubject: "messages.results", tell, onBug, ...parts });
  onTestFinished(() => started.end());
  return { ...started, told, bugs };
}

/** A server with a stream for results, and what is in it. */
async function natsWithStream() {
  const server = await startNats();
  const nc = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: "messages", subjects: ["messages.*"] });
  const nats = await openNats({ servers: [server.url], credsFile: null }, () => undefined);
  onTestFinished(async () => {
    await nats.close();
    await nc.close();
  });
  await vi.waitFor(() => expect(nats.isConnected()).toBe(true), PATIENCE);
  const results = async (): Promise<Record<string, unknown>[]> => {
    const { messages } = (await manager.streams.info("messages")).state;
    if (messages === 0) return [];
    const consumer = await jetstream(nc).consumers.get("messages");
    const found: ConsumerMessages = await consumer.fetch({ max_messages: messages });
    const all: Record<string, unknown>[] = [];
    for await (const each of found) all.push(each.json());
    return all;
  };
  return { server, nats, results };
}

describe("an error", () => {
  const hastyClock = {
    ...systemClock,
    sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal),
  };
  const unable = (error: Error) => ({
    publish: async () => {
      throw error;
    },
  });

  it("that is a bug is told as one, each time, and not as trouble of the broker", async () => {
    const store = await openStore();
    await settled(store, "nats", 1);
    const bug = new TypeError("x is not a function");
    const { told, bugs } = teller({ store, nats: unable(bug), clock: hastyClock });
    await vi.waitFor(() => expect(bugs.length).toBeGreaterThan(2), PATIENCE);
    expect(new Set(bugs)).toEqual(new Set([bug]));
    expect(told).toEqual([]);
    expect(await store.reports("nats", 9)).toHaveLength(1);
  });

  it.each([new QueueUnreachable("it is away"), new AwayError("the store is away"), new UserError("a wrong password")])(
    "that is trouble (%s) is told once, and is no bug",
    async (trouble) => {
      const store = await openStore();
      await settled(store, "nats", 1);
      const { told, bugs } = teller({ store, nats: unable(trouble), clock: hastyClock });
      await vi.waitFor(() => expect(told).toHaveLength(1), PATIENCE);
      expect(told[0]).toContain(trouble.message);
      expect(bugs).toEqual([]);
    },
  );

  it("after the end, when the store may be closed, concerns nobody", async () => {
    const store = await openStore();
    await settled(store, "nats", 1);
    const asked: ((error: Error) => void)[] = [];
    const publish = () => new Promise<never>((_, reject) => asked.push(reject));
    const { told, bugs, end } = teller({ store, nats: { publish } });
    await vi.waitFor(() => expect(asked).toHaveLength(1), PATIENCE);
    await end();
    asked[0]?.(new TypeError("The database connection is not open"));
    await new Promise((resolve) => setImmediate(resolve));
    expect([...told, ...bugs]).toEqual([]);
  });
});

describe.skipIf(requireServers("nats"))("over NATS", () => {
  it("tells what became of each mail, once, with what SES said", async () => {
    const { nats, results } = await natsWithStream();
    const store = await openStore();
    await settled(store, "nats", 3);
    teller({ store, nats });
    await vi.waitFor(async () => expect(await store.reports("nats", 9)).toEqual([]), PATIENCE);
    const told = await results();
    expect(told.map(({ uuid, state, ses_message_id: id, error }) => [uuid, state, typeof id, error])).toEqual([
      ["nats-0", "sent", "string", undefined],
      ["nats-1", "sent", "string", undefined],
      ["nats-2", "failed", "undefined", "refused"],
    ]);
    expect(told.map(({ at }) => Number.isNaN(Date.parse(String(at))))).toEqual([false, false, false]);
  });

  it("waits for a server that is away and holds nothing up meanwhile; then all is told, and nothing twice", async () => {
    const { server, nats, results } = await natsWithStream();
    const store = await openStore();
    await server.kill();
    await vi.waitFor(() => expect(nats.isConnected()).toBe(false), PATIENCE);
    await settled(store, "nats", 12);
    const { told } = teller({ store, nats });
    await vi.waitFor(() => expect(told).toHaveLength(1), PATIENCE);
    expect(told[0]).toMatch(/^what became of mail cannot be told over NATS: .+\. It is told later\.$/);
    await server.start();
    await vi.waitFor(async () => expect(await store.reports("nats", 99)).toEqual([]), { timeout: 40_000 });
    expect(new Set((await results()).map(({ uuid }) => uuid)).size).toBe(12);
    expect(await results()).toHaveLength(12);
  }, 60_000);

  it("tells what a process before did not tell, and more than one page of it", async () => {
    const { nats, results } = await natsWithStream();
    const store = await openStore();
    await settled(store, "nats", 1_050);
    teller({ store, nats });
    await vi.waitFor(async () => expect(await store.reports("nats", 1)).toEqual([]), PATIENCE);
    expect(await results()).toHaveLength(1_050);
  }, 60_000);

  it("tells once more at the end", async () => {
    const { nats, results } = await natsWithStream();
    const store = await openStore();
    const { end } = teller({ store, nats });
    await settled(store, "nats", 2);
    await end();
    expect(await results()).toHaveLength(2);
  });

  it("ends although a server does not answer", async () => {
    const { server, nats } = await natsWithStream();
    const store = await openStore();
    await settled(store, "nats", 2);
    onTestFinished(() => server.go());
    await server.freeze();
    const { end } = teller({ store, nats });
    await expect(end()).resolves.toBeUndefined();
    expect(await store.reports("nats", 9)).toHaveLength(2);
  });
});

describe.skipIf(requireServers("redis"))("over Redis", () => {
  it("sets each state, and publishes the progress of an issue up to its end", async () => {
    const server = await startRedis();
    const settings = { url: server.url, stream: "email:send", group: "g", consumer: "c", mostDeliveries: 5 };
    const redis = await openRedis(settings, () => undefined);
    const listener = new Client(server.url);
    onTestFinished(async () => {
      listener.disconnect();
      await redis.close();
      await server.stop();
    });
    const heard: unknown[] = [];
    await listener.subscribe("email:progress:7");
    listener.on("message", (_, text: string) => heard.push(JSON.parse(text)));
    const store = await openStore();
    await settled(store, "redis", 4);
    const { wake } = teller({ store, redis });
    wake();
    await vi.waitFor(() => expect(heard.at(-1)).toEqual({ completed: 4, total: 4, percentage: 100 }), PATIENCE);
    expect(await server.ask("GET", "email:status:redis-0")).toBe("sent");
    expect(await server.ask("GET", "email:status:redis-3")).toBe("failed");
    await vi.waitFor(async () => expect(await store.reports("redis", 9)).toEqual([]), PATIENCE);
    expect(heard).toHaveLength(1);
  });

  it("tells the one although the other is away", async () => {
    const server = await startRedis();
    const settings = { url: server.url, stream: "email:send", group: "g", consumer: "c", mostDeliveries: 5 };
    const redis = await openRedis(settings, () => undefined);
    onTestFinished(async () => {
      await redis.close();
      await server.stop();
    });
    const nats = { publish: async () => ({ kind: "refused" as const, reason: "there is no connection" }) };
    const store = await openStore();
    await settled(store, "redis", 2);
    await accept(store, [message(["n@x.example"], { topic: "other", reports: { via: "nats", name: "n" } })]);
    await settle(store, ...(await turn(store, 1)).claims.map((claim) => sent(claim)));
    teller({ store, redis, nats });
    await vi.waitFor(async () => expect(await server.ask("GET", "email:status:redis-1")).toBe("failed"), PATIENCE);
    expect(await store.reports("nats", 9)).toHaveLength(1);
  });
});
