/** Promises 1 and 2 when clocks are wrong: only the database's counts, and it may be set while mail goes out. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeCampaign } from "../../support/campaign.ts";
import { endWell, expectAllSent, expectNoQuarrel, fleet } from "../../support/fleet.ts";
import { fakeClock } from "../../support/postgres/fake-clock.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";
import { mostInAnyWindow } from "../../support/ses-server.ts";

const RATE = 40;
const LIMITS = ["--rate", String(RATE)];

describe.skipIf(requireServers("postgres", "faketime"))("clocks that are wrong", () => {
  it("two workers an hour apart send on time, once, at the rate", { timeout: 120_000 }, async () => {
    const here = await fleet({ ses: { latencyMs: 20 } });
    const wrong = async (name: string, offset: string) => {
      const folder = join(here.folder, name);
      await mkdir(folder);
      return here.work(LIMITS, { ...here.env(), ...(await fakeClock(folder, offset)) });
    };
    const workers = [await wrong("ahead", "+1h"), await wrong("behind", "-1h")];
    const people = 250;
    await writeCampaign(here.folder, people);
    const at = Date.now() + 8_000;
    await here.ask("schedule", "june.csv", "--at", new Date(at).toISOString());
    await until(() => here.ses.received().length >= people, "everybody");
    await endWell(workers);
    await expectAllSent(here, people);
    // The clock of this machine is the database's. By its own, one would have sent at once, and the other in an hour.
    expect(Math.min(...here.ses.calls().map((call) => call.at))).toBeGreaterThanOrEqual(at);
    for (const worker of workers) expect(here.departures(worker).length).toBeGreaterThan(0);
    expect(mostInAnyWindow(here.departures())).toBeLessThanOrEqual(RATE);
    expect(await here.rows("select host, pid from sm.handle where lost_at is not null")).toEqual([]);
    await expectNoQuarrel(here);
  });

  it(
    "the database's is set by an hour, forwards and backwards, while mail goes out",
    { timeout: 180_000 },
    async () => {
      const people = 500;
      const here = await fleet({ people, ses: { latencyMs: 100 }, database: { clock: "+0" } });
      const workers = [await here.work(LIMITS), await here.work(LIMITS)];
      for (const offset of ["+1h", "+0", "-1h", "+0", "-1h", "+1h"]) {
        const before = here.ses.received().length;
        await until(() => here.ses.received().length > before + 25, "some mail");
        await here.database.setClock(offset);
      }
      await until(() => here.ses.received().length >= people, "everybody");
      // A lease that seemed to be over puts in doubt what is in flight, and its answer settles that.
      await until(async () => (await here.ask("stats", "june")).sent === people, "the last answers");
      await endWell(workers);
      await expectAllSent(here, people);
      for (const worker of workers) expect(here.departures(worker).length).toBeGreaterThan(0);
      expect(mostInAnyWindow(here.departures())).toBeLessThanOrEqual(RATE);
      await expectNoQuarrel(here);
    },
  );
});
