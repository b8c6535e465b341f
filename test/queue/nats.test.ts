/** NATS: what every broker does, and what only this one does, with a real server. */
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, onTestFinished } from "vitest";
import { type Nats, openNats } from "../../src/queue/nats/nats.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { startNats } from "../support/nats.ts";
import { requireServers } from "../support/servers.ts";
import { brokerContract, type StartBroker } from "./contract.ts";

const WHERE = { stream: "messages", subject: "messages.email", consumer: "email-processor" };

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

const start: StartBroker = async ({ patienceMs }) => {
  const server = await startNats();
  const nc = await connect({ servers: server.url });
  onTestFinished(() => nc.close());
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: "messages", subjects: ["messages.*"], retention: "workqueue" });
  await manager.consumers.add("messages", {
    durable_name: "email-processor",
    ack_policy: "explicit",
    ack_wait: patienceMs * 1e6,
    filter_subject: "messages.email",
  });
  return {
    open: () => lazily(openNats({ servers: [server.url], credsFile: null }, () => undefined)),
    put: async (...texts) => {
      for (const text of texts) await manager.jetstream().publish("messages.email", text);
    },
    goAway: () => server.kill(),
  };
};

describe.skipIf(requireServers("nats"))("NATS", () => {
  brokerContract("NATS", start);
});
