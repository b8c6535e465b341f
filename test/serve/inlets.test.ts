/** What the gateway tells of the brokers from which mail is taken in. */
import { expect, it } from "vitest";
import type { InletStatus } from "../../src/serve/gateway.ts";
import { testGateway } from "../support/gateway.ts";
import { AwayError } from "../../src/errors.ts";

const NATS: InletStatus = {
  kind: "nats",
  name: "nats messages/email-processor",
  isConnected: true,
  counts: {
    accepted: 12,
    duplicates: 3,
    dead: new Map([
      ["unreadable", 2],
      ["clash", 1],
    ]),
  },
};
const REDIS: InletStatus = {
  kind: "redis",
  name: "redis email:send/email:workers",
  isConnected: false,
  counts: { accepted: 0, duplicates: 0, dead: new Map() },
};

it("/metrics has what each inlet did, and whether its broker can be reached", async () => {
  const { call } = await testGateway({ inlets: [NATS, REDIS] });
  const { payload } = await call({ url: "/metrics" });
  expect(payload.match(/^ses_mail_inlet.*$/gm)).toEqual([
    'ses_mail_inlet_accepted_total{inlet="nats"} 12',
    'ses_mail_inlet_accepted_total{inlet="redis"} 0',
    'ses_mail_inlet_duplicates_total{inlet="nats"} 3',
    'ses_mail_inlet_duplicates_total{inlet="redis"} 0',
    'ses_mail_inlet_dead_total{inlet="nats",reason="unreadable"} 2',
    'ses_mail_inlet_dead_total{inlet="nats",reason="clash"} 1',
    'ses_mail_inlet_connected{inlet="nats"} 1',
    'ses_mail_inlet_connected{inlet="redis"} 0',
  ]);
});

it("/metrics and /ready say nothing of brokers where there are none", async () => {
  const { call, get } = await testGateway();
  expect((await call({ url: "/metrics" })).payload).not.toContain("ses_mail_inlet");
  expect(Object.keys((await get("/ready")).json)).toEqual(["status", "db", "sending", "reason"]);
});

it("/ready names a broker that is away, and is 200: mail leaves without it", async () => {
  const { get } = await testGateway({ inlets: [NATS, REDIS] });
  expect(await get("/ready")).toEqual({
    status: 200,
    json: {
      status: "ok",
      db: "connected",
      sending: "ok",
      reason: null,
      inlets: { nats: "connected", redis: "away" },
    },
  });
});

it("/ready is 503 while the store is away, whatever the brokers are", async () => {
  const { get } = await testGateway({
    inlets: [NATS],
    store: (store) =>
      new Proxy(store, {
        get: (target, name) =>
          name === "ping"
            ? () => Promise.reject(new AwayError("cannot reach the database"))
            : (Reflect.get(target, name) as unknown),
      }),
  });
  expect(await get("/ready")).toMatchObject({ status: 503, json: { inlets: { nats: "connected" } } });
});
