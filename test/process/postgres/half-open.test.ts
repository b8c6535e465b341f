/** Promise 5 when a connection is there and nothing comes through it: no answer, no error, no end. */
import { describe, expect, it, onTestFinished } from "vitest";
import { type CommitFate, databaseProxy } from "../../support/database-proxy.ts";
import { endWell, expectAllSent, expectNoQuarrel, fleet } from "../../support/fleet.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";

const RATE = 40;
const ROUNDS: CommitFate[] = ["unanswered", "swallowed", "swallowed", "swallowed", "swallowed"];

describe.skipIf(requireServers("postgres"))("connections to the database that are half open", () => {
  it("are left for a new one, and hold others up for a moment only", { timeout: 240_000 }, async () => {
    // More than can be sent meanwhile, so that there is always something to do.
    const people = 2_000;
    const here = await fleet({ people, ses: { latencyMs: 20 } });
    const proxy = await databaseProxy(here.database.url);
    onTestFinished(() => proxy.close());
    const cut = here.begin(["work", "--rate", String(RATE)], { ...here.env(proxy.url), DEPARTURES: "now" });
    const other = here.begin(["work", "--rate", String(RATE)], { ...here.env(), DEPARTURES: "now" });
    const sentBy = (worker: typeof cut) => here.departures(worker).length;
    for (const [round, fate] of ROUNDS.entries()) {
      const [before, otherBefore] = [sentBy(cut), sentBy(other)];
      await until(() => sentBy(cut) > before + 5 && sentBy(other) > otherBefore + 5, "both to send");
      // Half of what goes by is about the rate, and holds its row; the other half holds the writer lock.
      const { happened } = proxy.strike(fate, round);
      await happened;
      const [connects, held] = [proxy.connects(), sentBy(other)];
      await until(() => sentBy(other) > held + 5, "the other one to go on");
      // It did so before the one that hangs had given up: the server has freed what that one held.
      expect(proxy.connects()).toBe(connects);
      await until(() => proxy.connects() > connects, "another connection");
    }
    expect(here.ses.received().length).toBeLessThan(people);
    await here.ask("send", "--rate", "1000");
    await endWell([cut, other]);
    await expectAllSent(here, people);
    await expectNoQuarrel(here);
  });

  it("because a process of the server stands still: the worker gets another one", { timeout: 120_000 }, async () => {
    const people = 400;
    const here = await fleet({ people, ses: { latencyMs: 20 } });
    const worker = here.begin(["work", "--rate", String(RATE)], { ...here.env(), DEPARTURES: "now" });
    await until(() => here.departures(worker).length > 10, "some mail");
    // Only one that holds no lock: nobody could take that from it.
    const idle =
      "select pid from pg_stat_activity where application_name = 'ses-mail' and query !~* 'listen' and state = 'idle'";
    const stopped = new Set<number>();
    const release = () => stopped.forEach((pid) => process.kill(pid, "SIGCONT"));
    onTestFinished(release);
    await until(async () => {
      for (const { pid } of await here.database.query(idle)) {
        process.kill(pid, "SIGSTOP");
        const [row] = await here.database.query("select state from pg_stat_activity where pid = $1", [pid]);
        if (row?.state === "idle") stopped.add(pid);
        else process.kill(pid, "SIGCONT");
      }
      return stopped.size > 0;
    }, "a process of the server that does nothing");
    const before = here.departures(worker).length;
    await until(() => here.departures(worker).length > before + 60, "the worker to go on");
    await here.ask("send", "--rate", "1000");
    await endWell([worker]);
    release();
    await expectAllSent(here, people);
    await expectNoQuarrel(here);
  });
});
