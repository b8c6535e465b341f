/** What a failover does: to a standby that has everything, and to one that lagged. */
import { describe, expect, it, onTestFinished } from "vitest";
import { endWell, fleet, type Fleet } from "../../support/fleet.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";
import { duplicates, mostInAnyWindow } from "../../support/ses-server.ts";
import { type Pair, startPair } from "../../support/standby.ts";

const PEOPLE = 600;
const RATE = 100;
const LIMITS = ["--rate", String(RATE)];

async function fleetOn(synchronous: boolean, people = PEOPLE): Promise<{ pair: Pair; here: Fleet }> {
  const pair = await startPair({ synchronous, fsync: true });
  onTestFinished(() => pair.dispose());
  const on = { server: pair.primary, url: pair.url };
  return { pair, here: await fleet({ people, ses: { latencyMs: 30 }, on }) };
}

const sentTo = (here: Fleet, count: number) =>
  until(() => here.ses.received().length >= count, `mail to ${count} people`);

describe.skipIf(requireServers("postgres"))("the primary is gone, and its standby takes over", () => {
  it("that had everything: all goes on by itself, nobody twice, nothing in doubt", { timeout: 180_000 }, async () => {
    const { pair, here } = await fleetOn(true);
    const worker = await here.work(LIMITS);
    const sender = here.begin(["send", ...LIMITS, "--json"]);
    await sentTo(here, 60);
    await pair.failOver();
    const { code, stderr, json } = await sender.finished;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    // The worker may have some in flight still.
    expect(json.totals).toMatchObject({ total: PEOPLE, pending: 0, in_doubt: 0 });
    // Of these it may have to put some back, and claim them again.
    await sentTo(here, PEOPLE);
    await endWell([worker]);
    expect(await here.ask("stats", "june")).toMatchObject({ sent: PEOPLE, sending: 0, in_doubt: 0 });
    expect(duplicates(here.ses.received())).toEqual([]);
    expect(here.ses.received()).toHaveLength(PEOPLE);
    expect(mostInAnyWindow(here.departures())).toBeLessThanOrEqual(RATE);
  });

  it("that lagged: whoever was told otherwise stops and sends nobody a second mail", { timeout: 180_000 }, async () => {
    // Half a minute of mail, so that both still send at the failover, however late one of them has started.
    const people = 3_000;
    const { pair, here } = await fleetOn(false, people);
    await pair.caughtUp();
    const env = { ...here.env(), DEPARTURES: "now" };
    const sender = here.begin(["send", ...LIMITS, "--json"], env);
    const worker = await here.work(LIMITS, env);
    await sentTo(here, 20);
    await pair.caughtUp();
    // What follows never gets to the standby.
    pair.link.stall();
    const both = [sender, worker].map((one) => ({ one, before: here.departures(one).length }));
    await sentTo(here, here.ses.received().length + 150);
    // More than it can have claimed before the stall. Who was told nothing that is lost cannot know, and goes on.
    const hasSent = ({ one, before }: (typeof both)[number]) => here.departures(one).length > before + 20;
    await until(() => both.every(hasSent), "both to send what is lost");
    await pair.failOver();
    const { code, stderr, json } = await sender.finished;
    expect({ code, stderr }).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("lost writes that it had confirmed"),
    });
    expect(json.outcome).not.toBe("finished");
    await until(() => worker.stderr().includes("lagged"), "the worker to say why it halts");
    const received = here.ses.received().length;
    const answer = await here.ask("stats", "june");
    // They are pending again although people have them, which is why nobody may go on by himself.
    expect(answer.pending).toBeGreaterThan(people - received);
    expect(answer.pending).toBeGreaterThan(100);
    worker.kill("SIGTERM");
    await worker.finished;
    expect(duplicates(here.ses.received())).toEqual([]);
    expect(here.ses.received()).toHaveLength(received);
  });
});
