/** Promises 2 and 5 when the database dies at any moment and comes back, while the processes of the fleet run on. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { endWell, expectAllSent, expectNoQuarrel, fleet } from "../../support/fleet.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";
import { duplicates, mostInAnyWindow } from "../../support/ses-server.ts";

const PEOPLE = 1_000;
const STOPS = 10;
const RATE = 80;
/** A write to a server that is away fails after less than this. */
const TRIED_MS = 12_000;

describe.skipIf(requireServers("postgres"))("the database is stopped at once and started again, ten times", () => {
  it("everybody gets one mail, nothing is in doubt, and all goes on by itself", { timeout: 240_000 }, async () => {
    const here = await fleet({ people: PEOPLE, ses: { latencyMs: 40 } });
    const limits = ["--rate", String(RATE)];
    const worker = await here.work(limits);
    const sender = here.begin(["send", ...limits, "--json"]);
    for (let stop = 0; stop < STOPS; stop++) {
      const before = here.ses.received().length;
      const after = before + 1 + Math.floor(Math.random() * 30);
      await until(() => here.ses.received().length >= after, "the mail after which the server is stopped");
      await here.database.stop("immediate");
      await here.database.start();
    }
    expect(here.ses.received().length).toBeLessThan(PEOPLE);
    await until(() => here.ses.received().length >= PEOPLE, "everybody");
    const { code, stderr, json } = await sender.finished;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(json.totals).toMatchObject({ total: PEOPLE, pending: 0, in_doubt: 0 });
    await endWell([worker]);

    expect(duplicates(here.ses.received())).toEqual([]);
    await expectAllSent(here, PEOPLE);
    await expectNoQuarrel(here);
    const departures = here.departures();
    expect(departures).toHaveLength(PEOPLE);
    expect(mostInAnyWindow(departures)).toBeLessThanOrEqual(RATE);
    // Nobody was taken for dead.
    expect(await here.rows("select host, pid from sm.handle where lost_at is not null")).toEqual([]);
    for (const one of [worker, sender]) expect(here.departures(one).length).toBeGreaterThan(STOPS);
  });
});

describe.skipIf(requireServers("postgres"))("the database is away for longer than a write is tried again", () => {
  it("a rehearsal takes the events of its sandbox in when the database is back", { timeout: 120_000 }, async () => {
    const people = 200;
    const here = await fleet({ people });
    const worker = await here.work(["--sandbox", "--rate", String(RATE)]);
    const figures = () => here.ask("stats", "june");
    await until(async () => (await figures()).delivered > 0, "the first events");
    await here.database.stop("immediate");
    await until(() => worker.stderr().includes("waiting for the database"), "words about it");
    await sleep(TRIED_MS);
    await here.database.start();
    await until(async () => (await figures()).delivered === people, "all events");
    const { stderr } = await endWell([worker]).then(() => worker.finished);
    expect(stderr).not.toContain("could not be taken in");
  });
});
