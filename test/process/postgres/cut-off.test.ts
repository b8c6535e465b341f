/** Promises 2, 3 and 5 when workers are cut off from the database for longer than their lease, and their calls go on. */
import { describe, expect, it, onTestFinished } from "vitest";
import { databaseProxy } from "../../support/database-proxy.ts";
import { endWell, expectAllSent, expectNoQuarrel, fleet } from "../../support/fleet.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";

const PEOPLE = 2_000;
const CUT_MS = 90_000;
/** A claim is good for so long: a lease of 60 s without its margin. */
const VALID_MS = 45_000;

describe.skipIf(requireServers("postgres"))(
  "workers are cut off from the database for 90 s, with calls in flight",
  () => {
    it("make no new calls, and their late answers settle the doubts", { timeout: 300_000 }, async () => {
      const here = await fleet({ people: PEOPLE, ses: { latencyMs: 1_500 } });
      const env = async () => {
        const proxy = await databaseProxy(here.database.url);
        onTestFinished(() => proxy.close());
        return { proxy, env: { ...here.env(proxy.url), DEPARTURES: "now" } };
      };
      const limits = ["--rate", "12", "--concurrency", "12"];
      // One is refused, the other one hears nothing.
      const [refused, silent] = [await env(), await env()];
      const cutOff = [await here.work(limits, refused.env), await here.work(limits, silent.env)];
      const other = await here.work(limits, { ...here.env(), DEPARTURES: "now" });
      const held = async (): Promise<number[]> => {
        const holders =
          "select h.pid, count(*) from sm.message m join sm.handle h on h.id = m.claimed_by group by h.pid";
        const rows = await here.rows(holders);
        return cutOff.map(({ child }) => Number(rows.find(({ pid }) => pid === child.pid)?.count ?? 0));
      };
      await until(async () => (await held()).every((count) => count > 0), "calls in flight");
      await refused.proxy.refuse();
      refused.proxy.cut();
      silent.proxy.stall();
      const cutAt = Number(process.hrtime.bigint()) / 1e6;
      let inFlight = await held();
      expect(inFlight.every((count) => count > 0)).toBe(true);

      const stats = () => here.ask("stats", "june");
      // A COMMIT that went by right before the cut may be done a moment later.
      await until(async () => {
        const now = await held();
        inFlight = inFlight.map((count, at) => now[at] || count);
        return now.every((count) => count === 0);
      }, "the leases to end");
      // Others say in doubt what they do not know, and go on.
      expect((await stats()).in_doubt).toBe(inFlight[0]! + inFlight[1]!);
      const sent = here.departures(other).length;
      await until(() => here.departures(other).length > sent, "the other one to go on");
      await new Promise((resolve) => setTimeout(resolve, cutAt + CUT_MS - Number(process.hrtime.bigint()) / 1e6));
      const late = cutOff.flatMap((worker) => here.departures(worker)).filter((at) => at > cutAt + VALID_MS);
      expect(late).toEqual([]);
      const doubts = async () => {
        const { messages } = await here.ask("export", "june", "--state", "in_doubt");
        return (messages as { email: string }[]).map(({ email }) => email);
      };
      const received = new Set(here.ses.received());
      // Claims whose COMMIT was done and not answered were never called, so no answer comes.
      const uncalled = (await doubts()).filter((email) => !received.has(email));
      await refused.proxy.accept();
      silent.proxy.resume();
      await until(async () => (await stats()).in_doubt === uncalled.length, "the late answers");
      expect(await doubts()).toEqual(uncalled);
      const before = cutOff.map((worker) => here.departures(worker).length);
      await until(
        () => cutOff.every((worker, at) => here.departures(worker).length > (before[at] ?? 0)),
        "all to send again",
      );
      // What nobody knows is for a person to decide.
      await here.ask("retry", "june", "--state", "in_doubt", "--yes");
      await here.ask("send", "--rate", "1000", "--concurrency", "500");
      await endWell([...cutOff, other]);
      await expectAllSent(here, PEOPLE);
      await expectNoQuarrel(here);
    });
  },
);
