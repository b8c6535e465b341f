/** Promise 2 when connections to the database are cut at the worst moments. */
import { describe, expect, it, onTestFinished } from "vitest";
import { type CommitFate, type DatabaseProxy, databaseProxy } from "../../support/database-proxy.ts";
import { endWell, expectAllSent, expectNoQuarrel, fleet, type Fleet } from "../../support/fleet.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";
import { mostInAnyWindow } from "../../support/ses-server.ts";

const PEOPLE = 800;
const RATE = 100;

/** Two processes send to `people` by way of a proxy, while `harm` goes on until it is over. Returns when calls left. */
async function sendThrough(
  people: number,
  harm: (proxy: DatabaseProxy, here: Fleet) => Promise<void>,
): Promise<number[]> {
  const here = await fleet({ people, ses: { latencyMs: 20 } });
  const proxy = await databaseProxy(here.database.url);
  onTestFinished(() => proxy.close());
  const limits = ["--rate", String(RATE)];
  const worker = await here.work(limits, here.env(proxy.url));
  const sender = here.begin(["send", ...limits, "--json"], here.env(proxy.url));
  await until(() => here.ses.received().length > 0, "the first mail");
  await harm(proxy, here);
  expect(here.ses.received().length).toBeLessThan(people);
  const { code, stderr, json } = await sender.finished;
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(json.totals).toMatchObject({ total: people, pending: 0, in_doubt: 0 });
  // What the worker held when the sender ended it may have to put back, and claim again.
  await until(() => here.ses.received().length >= people, "a mail for everybody");
  await endWell([worker]);
  await expectAllSent(here, people);
  await expectNoQuarrel(here);
  return here.departures();
}

const between = (low: number, high: number): number => low + Math.floor(Math.random() * (high - low));

describe.skipIf(requireServers("postgres"))("connections to the database are cut", () => {
  const ways: { name: string; fates: CommitFate[]; times: number }[] = [
    { name: "right before a COMMIT, and right after it", fates: ["lost", "done"], times: 40 },
    { name: "before a COMMIT that the server gets later", fates: ["late"], times: 10 },
  ];
  it.each(ways)("$name: everybody gets one mail", { timeout: 180_000 }, async ({ fates, times }) => {
    const departures = await sendThrough(PEOPLE, async (proxy) => {
      for (let time = 0; time < times; time++) {
        const fate = fates[time % fates.length] ?? "lost";
        const { happened, release } = proxy.strike(fate, between(0, 6));
        await happened;
        if (fate !== "late") continue;
        await new Promise((resolve) => setTimeout(resolve, between(0, 1_500)));
        await release();
      }
    });
    expect(departures).toHaveLength(PEOPLE);
    expect(mostInAnyWindow(departures)).toBeLessThanOrEqual(RATE);
  });

  it("after any number of bytes, in either direction: everybody gets one mail", { timeout: 180_000 }, async () => {
    const people = 2_500;
    let times = 0;
    const departures = await sendThrough(people, async (proxy, here) => {
      // Where there is nothing left to do, nobody connects again.
      for (let time = 0; time < 30 && here.ses.received().length < people - 300; time++) {
        times = time;
        const before = proxy.connects();
        proxy.cutAfter(between(1, 12_000), time % 2 === 0 ? "client" : "server");
        // The next connection is cut in the middle of what it says, or of what it hears.
        proxy.cut();
        await until(() => proxy.connects() > before, "another connection");
      }
    });
    expect(times).toBeGreaterThan(8);
    expect(departures).toHaveLength(people);
    expect(mostInAnyWindow(departures)).toBeLessThanOrEqual(RATE);
  });
});
