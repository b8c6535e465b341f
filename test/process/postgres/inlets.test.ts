/** The database goes away while mail is taken in from a broker: what cannot be stored stays with the broker. */
import { describe, expect, it } from "vitest";
import { endWell, expectNoQuarrel, expectSoundCounters, fleet } from "../../support/fleet.ts";
import type { BrokerName } from "../../support/inlet-brokers.ts";
import { stage } from "../../support/inlet-stage.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";

const MAILS = 600;
const PARTS = 2;

describe.skipIf(requireServers("postgres", "nats", "redis"))("the database is stopped while mail is taken in", () => {
  it.each<BrokerName>(["nats", "redis"])(
    "from %s: nothing is taken in meanwhile, and nothing is lost or sent twice",
    { timeout: 180_000 },
    async (name) => {
      const many = await fleet();
      const here = await stage(name, { ackWaitMs: 2_000, env: { SES_MAIL_DB: many.database.url } });
      const worker = await here.work(...here.broker.options(), "--inlet-max-pending", "40", "--rate", "200");
      const timesAway = () => worker.stderr().match(/waiting for the database|cannot reach the database/g)?.length ?? 0;
      const each = MAILS / PARTS;
      for (let part = 0; part < PARTS; part++) {
        const before = here.ses.received().length;
        const told = timesAway();
        await here.broker.add(part * each, part * each + each / 2);
        await until(() => here.ses.received().length > before, "mail to be taken in and sent");
        await many.database.stop("immediate");
        await here.broker.add(part * each + each / 2, (part + 1) * each);
        await until(() => timesAway() > told, "the worker to notice");
        // All that came since.
        expect(await here.broker.waiting()).toBeGreaterThanOrEqual(each / 2);
        await many.database.start();
      }
      await here.expectEachOnce(MAILS);
      await endWell([worker]);
      expect(await here.dead()).toEqual([]);
      await expectSoundCounters(many);
      await expectNoQuarrel(many);
    },
  );
});
