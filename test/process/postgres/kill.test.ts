/** Promise 2 when processes of a fleet die without warning, again and again, and others take their places. */
import { describe, expect, it } from "vitest";
import { addresses } from "../../support/campaign.ts";
import { endWell, expectNoQuarrel, expectSoundCounters, fleet } from "../../support/fleet.ts";
import { type Running, until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";
import { duplicates, mostInAnyWindow } from "../../support/ses-server.ts";

const PEOPLE = 2_000;
const KILLS = 100;
const WORKERS = 4;
const CONCURRENCY = 8;
const RATE = 60;

describe.skipIf(requireServers("postgres"))("workers of a fleet are killed with -9, a hundred times", () => {
  it("nobody is lost or written to twice, and the events of SES settle all doubts", { timeout: 300_000 }, async () => {
    const here = await fleet({ people: PEOPLE, ses: { latencyMs: 60 } });
    const limits = ["--rate", String(RATE), "--concurrency", String(CONCURRENCY)];
    const begin = () => here.begin(["work", ...limits], { ...here.env(), DEPARTURES: "now" });
    const alive: Running[] = Array.from({ length: WORKERS }, begin);
    for (let kill = 0; kill < KILLS; kill++) {
      // Some die before they have begun, most of them in the middle of several calls.
      const after = here.ses.received().length + (kill % 4 === 3 ? 0 : Math.floor(Math.random() * 12));
      await until(() => here.ses.received().length >= after, "the mail after which one is killed");
      const [victim] = alive.splice(Math.floor(Math.random() * alive.length), 1);
      victim?.kill("SIGKILL");
      expect((await victim?.finished)?.signal).toBe("SIGKILL");
      alive.push(begin());
    }
    const before = here.ses.received().length;
    // The campaign was really interrupted, or the test proves nothing.
    expect(before).toBeGreaterThan(KILLS / 2);
    expect(before).toBeLessThan(PEOPLE);
    expect(mostInAnyWindow(here.departures())).toBeLessThanOrEqual(RATE);

    const last = here.begin(["send", "--rate", "2000", "--json"]);
    const { json } = await last.finished;
    await until(() => alive.every(({ stderr }) => stderr().includes("working on ")), "the slowest worker");
    await endWell(alive);
    const received = here.ses.received();
    expect(duplicates(received)).toEqual([]);
    expect(json.totals).toMatchObject({ total: PEOPLE, pending: 0, failed: 0, cancelled: 0, suppressed: 0 });
    const { in_doubt: inDoubt, sent } = await here.ask("stats", "june");
    expect(sent + inDoubt).toBe(PEOPLE);
    expect(inDoubt).toBeGreaterThan(0);
    expect(inDoubt).toBeLessThanOrEqual(KILLS * CONCURRENCY);
    await expectSoundCounters(here);

    // Whatever SES took is known now, and what is in doubt still never reached it.
    await here.ses.eventsAreIn();
    await here.ask("ingest-events", here.ses.events);
    const rows: { email: string; state: string }[] = (await here.ask("export", "june")).messages;
    const inState = (state: string) => rows.flatMap((row) => (row.state === state ? [row.email] : [])).toSorted();
    expect(inState("sent")).toEqual(received.toSorted());
    expect([...inState("sent"), ...inState("in_doubt")].toSorted()).toEqual(addresses(PEOPLE).toSorted());

    await here.ask("retry", "june", "--state", "in_doubt", "--yes");
    await here.ask("send", "--rate", "2000");
    expect(here.ses.received().toSorted()).toEqual(addresses(PEOPLE).toSorted());
    expect(await here.ask("stats", "june")).toMatchObject({ sent: PEOPLE, in_doubt: 0 });
    await expectSoundCounters(here);
    await expectNoQuarrel(here);
  });
});
