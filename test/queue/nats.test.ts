/** NATS: what every broker does, and what only this one does, with a real server. */
import { describe } from "vitest";
import { type Nats, openNats } from "../../src/queue/nats/nats.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { managing, startNats } from "../support/nats.ts";
import { requireServers } from "../support/servers.ts";
import { strikingProxy } from "../support/striking-proxy.ts";
import { brokerContract, type StartBroker } from "./contract.ts";
import { serverContract, type StartServerBroker } from "./server-contract.ts";

const WHERE = { stream: "messages", subject: "messages.email", consumer: "email-processor" };

const open = (url: string, tell: (text: string) => void = () => undefined): Promise<Nats> =>
  openNats({ servers: [url], credsFile: null }, tell);

/** A queue with a connection of its own, as another process has. */
function lazily(opened: Promise<Nats>): Queue {
  const queue = opened.then((nats) => nats.queue(WHERE));
  return {
    mostPerCall: 500,
    receive: async (most, waitMs, signal) => (await queue).receive(most, waitMs, signal),
    done: async (deliveries) => (await queue).done(deliveries as never),
    later: async (delivery, afterMs) => (await queue).later(delivery as never, afterMs),
    refuse: async (delivery, reason) => (await queue).refuse(delivery as never, reason),
    close: async () => (await opened).close(),
  };
}

/** A server with the stream and a consumer whose patience a test chooses. */
async function serverWith(patienceMs: number) {
  const server = await startNats();
  await managing(server.url, async (manager) => {
    await manager.streams.add({ name: "messages", subjects: ["messages.*"], retention: "workqueue" });
    await manager.consumers.add("messages", {
      durable_name: "email-processor",
      ack_policy: "explicit",
      ack_wait: patienceMs * 1e6,
      filter_subject: "messages.email",
    });
  });
  const put = (...texts: string[]) =>
    managing(server.url, async (manager) => {
      const stream = manager.jetstream();
      await Promise.all(texts.map((text) => stream.publish("messages.email", text)));
    });
  return { server, put };
}

const start: StartBroker = async ({ patienceMs }) => {
  const { server, put } = await serverWith(patienceMs);
  return { open: () => lazily(open(server.url)), put, goAway: () => server.kill() };
};

const startBehindProxy: StartServerBroker = async ({ patienceMs }) => {
  const { server, put } = await serverWith(patienceMs);
  const proxy = await strikingProxy(server.port);
  const url = `nats://127.0.0.1:${proxy.port}`;
  return { ...server, put, proxy, open: () => lazily(open(url)) };
};

describe.skipIf(requireServers("nats"))("NATS", () => {
  brokerContract("NATS", start);
  serverContract("NATS", startBehindProxy);
});
