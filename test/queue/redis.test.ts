/** Redis is a broker like any other. What only Redis does is in the folder redis/. */
import { describe } from "vitest";
import type { Queue } from "../../src/queue/queue.ts";
import type { RedisDelivery } from "../../src/queue/redis/redis.ts";
import { requireServers } from "../support/servers.ts";
import { strikingProxy } from "../support/striking-proxy.ts";
import { brokerContract, type StartBroker } from "./contract.ts";
import { serverContract, type StartServerBroker } from "./server-contract.ts";
import { add, server, type Worker, worker } from "./redis/worker.ts";

/** A queue of a worker that is there with the first call. */
function lazily(opening: Promise<Worker>): Queue<RedisDelivery> {
  return {
    mostPerCall: 200,
    receive: async (...asked) => (await opening).stream.receive(...asked),
    done: async (deliveries) => (await opening).stream.done(deliveries),
    later: async (...asked) => (await opening).stream.later(...asked),
    refuse: async (...asked) => (await opening).stream.refuse(...asked),
    close: async () => (await opening).close(),
  };
}

const start: StartBroker = async ({ patienceMs }) => {
  const started = await server();
  return {
    open: () => lazily(worker(started.url, { idleMs: patienceMs, sweepMs: patienceMs / 2 })),
    put: (...texts) => add(started, ...texts),
    goAway: () => started.kill(),
  };
};

const startBehindProxy: StartServerBroker = async ({ patienceMs }) => {
  const started = await server({ appendOnly: true });
  const proxy = await strikingProxy(started.port);
  const url = `redis://127.0.0.1:${proxy.port}`;
  return {
    open: () => lazily(worker(url, { idleMs: patienceMs, sweepMs: patienceMs / 2 })),
    put: (...texts) => add(started, ...texts),
    proxy,
    kill: started.kill,
    start: started.restart,
    restart: started.restart,
  };
};

describe.skipIf(requireServers("redis"))("a stream", () => {
  brokerContract("Redis", start);
  serverContract("Redis", startBehindProxy);
});
