/** Promises 2 and 3 when a worker stands still for longer than its lease, and others take it for dead meanwhile. */
import { describe, expect, it, onTestFinished } from "vitest";
import { addresses } from "../../support/campaign.ts";
import { standStill } from "../../support/stand-still.ts";
import { databaseProxy } from "../../support/database-proxy.ts";
import { endWell, expectNoQuarrel, expectSoundCounters, fleet } from "../../support/fleet.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";

/** So many that some are left when claims were caught on their way, which takes several attempts on a busy machine. */
const PEOPLE = 1_200;

describe.skipIf(requireServers("postgres"))(
  "a worker is stopped past its lease, with claims that it has not called yet",
  () => {
    it("nobody hears of them from it, and everybody gets what a person wanted", { timeout: 300_000 }, async () => {
      const here = await fleet({ people: PEOPLE, ses: { latencyMs: 100 } });
      const proxy = await databaseProxy(here.database.url);
      onTestFinished(() => proxy.close());
      const limits = ["--rate", "30", "--concurrency", "10"];
      const now = { DEPARTURES: "now" };
      // One whose claims are on their way to it, and one that is stopped anywhere.
      const queued = await here.work(limits, { ...here.env(proxy.url), ...now });
      const inFlight = await here.work(limits, { ...here.env(), ...now });
      const other = await here.work(limits, { ...here.env(), ...now });
      const heldBy = async ({ child }: typeof queued): Promise<string[]> => {
        const held = "select email from sm.message m join sm.handle h on h.id = m.claimed_by where h.pid = $1";
        return (await here.rows(held, [child.pid])).map(({ email }) => email);
      };
      const uncalled = async () => {
        const received = new Set(here.ses.received());
        return (await heldBy(queued)).filter((email) => !received.has(email));
      };
      let release = async () => {};
      let claimed: string[] = [];
      await until(async () => {
        const before = here.ses.received().length;
        await until(() => here.ses.received().length > before, "a mail");
        const { happened, release: giveAnswer } = proxy.strike("slow", 0);
        await happened;
        release = giveAnswer;
        // Most commits claim nothing. Where one did, calls that had left before have arrived a second later.
        await new Promise((resolve) => setTimeout(resolve, 50));
        if ((await uncalled()).length > 0) {
          await new Promise((resolve) => setTimeout(resolve, 1_000));
          // Only of a process that stands still it is known what it has called.
          await standStill(queued.child.pid);
          claimed = await uncalled();
          if (claimed.length > 0) return true;
          queued.kill("SIGCONT");
        }
        await release();
        return false;
      }, "claims whose worker does not know of them");
      // What it is told is there when it wakes.
      await release();
      await until(async () => (await heldBy(inFlight)).length > 0, "calls in flight");
      await standStill(inFlight.child.pid);
      const departed = [queued, inFlight].map((worker) => here.departures(worker).length);

      const doubts = async () =>
        (await here.ask("export", "june", "--state", "in_doubt")).messages as { email: string }[];
      await until(
        async () => (await heldBy(queued)).length + (await heldBy(inFlight)).length === 0,
        "their leases to end",
      );
      await until(async () => (await here.ask("stats", "june")).pending === 0, "the other one to send the rest");
      const inDoubt = (await doubts()).map(({ email }) => email);
      expect(inDoubt).toEqual(expect.arrayContaining(claimed));
      const before = new Set(here.ses.received());
      const twice = inDoubt.filter((email) => before.has(email));
      await here.ask("retry", "june", "--state", "in_doubt", "--yes");
      for (const worker of [queued, inFlight]) worker.kill("SIGCONT");
      await until(async () => (await here.ask("stats", "june")).sent === PEOPLE, "everybody to be sent");
      await endWell([queued, inFlight, other]);

      // Once each, and once more for those who had it when a person said: again.
      expect(here.ses.received().toSorted()).toEqual([...addresses(PEOPLE), ...twice].toSorted());
      expect(departed[0]).toBeGreaterThan(0);
      await expectSoundCounters(here);
      await expectNoQuarrel(here);
    });
  },
);
