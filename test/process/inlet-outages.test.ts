/** Brokers that die and come back, with what they had or without, and connections that end at any byte. */
import { describe, expect, it } from "vitest";
import { endWell } from "../support/fleet.ts";
import type { BrokerName } from "../support/inlet-brokers.ts";
import { stage, takenIn } from "../support/inlet-stage.ts";
import { until } from "../support/run.ts";
import { requireServers } from "../support/servers.ts";
import { strikingProxy } from "../support/striking-proxy.ts";

const BROKERS = (["nats", "redis"] as const).filter((name) => !requireServers(name));
const MAILS = 1_000;
/** Few are taken in ahead, so that the broker dies while it still holds some. */
const BIT_BY_BIT = ["--inlet-max-pending", "50", "--rate", "200"];

describe.each(BROKERS)("%s is killed with -9 while mail is taken in", (name: BrokerName) => {
  it("and comes back with what it had: everybody has one mail", { timeout: 180_000 }, async () => {
    const here = await stage(name, { keeps: true });
    const worker = await here.work(...here.broker.options(), ...BIT_BY_BIT);
    await here.broker.add(0, MAILS);
    for (const least of [100, 350, 600]) {
      await until(() => here.ses.received().length >= least, "some mail");
      await here.broker.restart();
    }
    expect(here.ses.received().length).toBeLessThan(MAILS);
    await here.expectEachOnce(MAILS);
    await endWell([worker]);
    expect(takenIn(worker)).toMatchObject({ accepted: MAILS, dead: 0 });
  });

  it(
    "and comes back empty: nobody has two mails, and what is added later is taken in",
    { timeout: 180_000 },
    async () => {
      const here = await stage(name);
      const worker = await here.work(...here.broker.options(), ...BIT_BY_BIT);
      await here.broker.add(0, 500);
      await until(() => here.ses.received().length >= 100, "some mail");
      await here.broker.restart({ empty: true });
      // Who added them does not know what was lost, and so adds all of them again.
      await here.broker.add(0, MAILS);
      await here.expectEachOnce(MAILS);
      await endWell([worker]);
      const { accepted, duplicates, dead } = takenIn(worker);
      expect({ accepted, dead }).toEqual({ accepted: MAILS, dead: 0 });
      expect(duplicates).toBeGreaterThanOrEqual(100);
    },
  );
});

describe.each(BROKERS)("the connections to %s end after any number of bytes", (name: BrokerName) => {
  it("everybody has one mail", { timeout: 180_000 }, async () => {
    const here = await stage(name, { ackWaitMs: 1_000 });
    const proxy = await strikingProxy(here.broker.port);
    const worker = await here.work(...here.broker.options(proxy.port));
    const rounds = 16;
    const at = (round: number) => Math.round((round * MAILS) / rounds);
    for (let round = 0; round < rounds; round++) {
      const side = round % 2 === 0 ? "client" : "server";
      const bytes = 1 + Math.floor(Math.random() * (side === "client" ? 1_500 : 6_000));
      const cut = new Promise<void>((resolve) => proxy.cutAfter(bytes, side, resolve));
      await here.broker.add(at(round), at(round + 1));
      await cut;
    }
    await here.expectEachOnce(MAILS);
    await endWell([worker]);
    expect(takenIn(worker)).toMatchObject({ accepted: MAILS, dead: 0 });
  });
});
