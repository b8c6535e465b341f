/** Promises 1 and 2 over many processes on one database, when nothing goes wrong. */
import { describe, expect, it } from "vitest";
import { endWell, expectAllSent, expectNoQuarrel, fleet } from "../../support/fleet.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";
import { mostInAnyWindow } from "../../support/ses-server.ts";

describe.skipIf(requireServers("postgres"))("processes on one database: everybody once, never over the rate", () => {
  it.each([
    { processes: 4, rate: 150, people: 1_000 },
    { processes: 16, rate: 300, people: 2_000 },
  ])("$processes of them, $people people", { timeout: 180_000 }, async ({ processes, rate, people }) => {
    const here = await fleet({ people, ses: { latencyMs: 20 } });
    const half = (command: string) =>
      Array.from({ length: processes / 2 }, () => here.begin([command, "--rate", String(rate), "--timeout", "60s"]));
    const [senders, workers] = [half("send"), half("work")];
    const sent = await Promise.all(senders.map(({ finished }) => finished));
    await until(() => here.ses.received().length >= people, "everybody");
    await until(() => workers.every(({ stderr }) => stderr().includes("working on ")), "the slowest worker");
    await endWell(workers);

    for (const { code, stderr } of sent) expect({ code, stderr }).toMatchObject({ code: 0 });
    await expectAllSent(here, people);
    await expectNoQuarrel(here);
    const departures = here.departures();
    expect(departures).toHaveLength(people);
    expect(mostInAnyWindow(departures)).toBeLessThanOrEqual(rate);
    // All took part, or this is about fewer.
    expect([...senders, ...workers].filter((one) => here.departures(one).length === 0)).toEqual([]);
  });
});
