/** Promise 2 when a worker has claims in hand, stands still before it calls, and wakes when they are not its own any more. */
import pg from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { writeCampaign } from "../../support/campaign.ts";
import { standStill } from "../../support/stand-still.ts";
import { endWell, expectAllSent, expectNoQuarrel, fleet } from "../../support/fleet.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";

const PEOPLE = 40;

describe.skipIf(requireServers("postgres"))(
  "a worker is stopped past its lease, between its claims and their calls",
  () => {
    it("makes none of them when it wakes: others may have sent those", { timeout: 240_000 }, async () => {
      const here = await fleet();
      const limits = ["--rate", "100", "--concurrency", "10"];
      const stopped = await here.work(limits, { ...here.env(), DEPARTURES: "now" });
      await writeCampaign(here.folder, PEOPLE);
      // Paused until its calls cannot leave, however long that takes.
      await here.ask("schedule", "june.csv", "--at", "+1h");
      await here.ask("pause", "june");
      await here.ask("schedule", "--topic", "june", "--at", "+1s");
      // Each call needs the names of the columns first, and waits for them here.
      const blocker = new pg.Client({ connectionString: here.database.adminUrl });
      blocker.on("error", () => undefined);
      onTestFinished(() => void blocker.connection.stream.destroy());
      await blocker.connect();
      await blocker.query("begin; lock table ses_mail.ingest in access exclusive mode");
      await here.ask("resume", "june");
      const held = "select m.id from sm.message m join sm.handle h on h.id = m.claimed_by where h.pid = $1";
      const claimed = async () => (await here.rows(held, [stopped.child.pid])).length;
      await until(async () => (await claimed()) > 0, "its claims");
      const waiting =
        "select 1 from pg_locks l join pg_class c on c.oid = l.relation where c.relname = 'ingest' and not l.granted";
      await until(async () => (await here.database.query(waiting)).length > 0, "it to ask for the columns");
      await standStill(stopped.child.pid);
      // The answer is there when it wakes.
      await blocker.query("commit");

      const other = await here.work(limits);
      // A COMMIT that had left when it was stopped may be done a moment later.
      let inHand = 0;
      await until(async () => {
        const now = await claimed();
        inHand = now || inHand;
        return now === 0;
      }, "its lease to end");
      await until(async () => (await here.ask("stats", "june")).pending === 0, "the other one to send the rest");
      expect(await here.ask("stats", "june")).toMatchObject({ in_doubt: inHand, sent: PEOPLE - inHand });
      await here.ask("retry", "june", "--state", "in_doubt", "--yes");
      await until(() => here.ses.received().length >= PEOPLE, "the other one to send those, too");
      stopped.kill("SIGCONT");
      await endWell([stopped, other]);
      expect(here.departures(stopped)).toEqual([]);
      await expectAllSent(here, PEOPLE);
      await expectNoQuarrel(here);
    });
  },
);
