/** Redis as a broker, on real servers. */
import { describe, onTestFinished } from "vitest";
import { openRedis, type Redis, type RedisDelivery } from "../../src/queue/redis/redis.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";
import { requireServers } from "../support/servers.ts";
import { brokerContract, type StartBroker } from "./contract.ts";

const isLeftOut = requireServers("redis");
const FORGET_MS = 60_000;

let opened = 0;

async function server(options: Parameters<typeof startRedis>[0] = {}): Promise<RedisServer> {
  const started = await startRedis(options);
  onTestFinished(() => started.stop());
  return started;
}

interface Opened {
  redis: Redis;
  told: string[];
}

interface Opening {
  stream?: string;
  consumer?: string;
  mostDeliveries?: number;
  idleMs?: number;
  sweepMs?: number;
  forgetMs?: number;
}

async function open(url: string, options: Opening = {}): Promise<Opened> {
  const { stream = "email:send", consumer = `here-${++opened}`, mostDeliveries = 5 } = options;
  const { idleMs = 60_000, sweepMs = 30_000, forgetMs = FORGET_MS } = options;
  const told: string[] = [];
  const settings = { url, stream, group: "email:workers", consumer, mostDeliveries };
  const redis = await openRedis(settings, (text) => told.push(text), { idleMs, sweepMs, forgetMs });
  onTestFinished(() => redis.close());
  return { redis, told };
}

/** A queue of a handle that is opened with the first call. */
function lazily(opening: () => Promise<Opened>): Queue<RedisDelivery> {
  const handle = opening();
  const queue = async () => (await handle).redis.stream;
  return {
    mostPerCall: 200,
    receive: async (...asked) => (await queue()).receive(...asked),
    done: async (deliveries) => (await queue()).done(deliveries),
    later: async (...asked) => (await queue()).later(...asked),
    refuse: async (...asked) => (await queue()).refuse(...asked),
    close: async () => (await handle).redis.close(),
  };
}

const startBroker: StartBroker = async ({ patienceMs }) => {
  const started = await server();
  return {
    open: () => lazily(() => open(started.url, { idleMs: patienceMs, sweepMs: patienceMs / 2 })),
    async put(...texts) {
      for (const text of texts) await started.ask("XADD", "email:send", "*", "data", text);
    },
    goAway: () => started.kill(),
  };
};

describe.skipIf(isLeftOut)("Redis as a broker", () => {
  brokerContract("Redis", startBroker);
});
