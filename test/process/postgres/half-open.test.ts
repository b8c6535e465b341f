/** Promise 5 when a connection is there and nothing comes through it: no answer, no error, no end. */
import { describe, expect, it, onTestFinished } from "vitest";
import { writeCampaign } from "../../support/campaign.ts";
import { type CommitFate, databaseProxy } from "../../support/database-proxy.ts";
import { endWell, expectAllSent, expectNoQuarrel, fleet } from "../../support/fleet.ts";
import type { Postgres, Row } from "../../support/postgres.ts";
import { runProcess, until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";

const RATE = 40;
const WRITERS = `select from pg_locks l join pg_stat_activity a using (pid)
  where l.locktype = 'advisory' and l.granted and a.state = 'idle in transaction'`;

/** A process that is gone hears nothing. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** SIGSTOP for the server's process that a worker used last, at a moment when it holds no lock: nobody could take that from it. */
async function stopOneThatIsIdle({ query }: Postgres): Promise<{ goOn: () => void }> {
  const used = `select pid from pg_stat_activity where application_name = 'ses-mail' and query !~* 'listen' and wait_event = 'ClientRead'
    order by state_change desc limit 1`;
  for (;;) {
    const [row] = await query(used);
    if (row === undefined) continue;
    signal(row.pid, "SIGSTOP");
    // One that was stopped while it noted what it does keeps whoever wants to read that.
    const state = query("select state, wait_event from pg_stat_activity where pid = $1", [row.pid]);
    const seen = await Promise.race([state, new Promise<Row[]>((resolve) => setTimeout(resolve, 2_000, []))]);
    const isIdle = seen[0]?.state === "idle" && seen[0].wait_event === "ClientRead";
    if (isIdle) return { goOn: () => signal(row.pid, "SIGCONT") };
    signal(row.pid, "SIGCONT");
    await state;
  }
}

describe.skipIf(requireServers("postgres"))("connections to the database that are half open", () => {
  it("are left for a new one, and hold others up for a moment only", { timeout: 420_000 }, async () => {
    // More than can be sent meanwhile, so that there is always something to do.
    const people = 5_000;
    const here = await fleet({ people, ses: { latencyMs: 20 } });
    const proxy = await databaseProxy(here.database.url);
    onTestFinished(() => proxy.close());
    const cut = here.begin(["work", "--rate", String(RATE)], { ...here.env(proxy.url), DEPARTURES: "now" });
    const other = here.begin(["work", "--rate", String(RATE)], { ...here.env(), DEPARTURES: "now" });
    const sentBy = (worker: typeof cut) => here.departures(worker).length;
    const swallowed = { rate: 0, writer: 0 };
    // Which of the two is hit is left to chance, so there is an end to it.
    for (let round = 0; round < 2 || (round < 5 && (swallowed.rate === 0 || swallowed.writer === 0)); round++) {
      const fate: CommitFate = round === 0 ? "unanswered" : "swallowed";
      const [before, otherBefore] = [sentBy(cut), sentBy(other)];
      await until(() => sentBy(cut) > before + 5 && sentBy(other) > otherBefore + 5, "both to send");
      const { happened, left } = proxy.strike(fate, Math.floor(Math.random() * 4));
      let hasLeft = false;
      void left.then(() => (hasLeft = true));
      await happened;
      const held = sentBy(other);
      // Some of what goes by holds the row of the rate, and some the writer lock. The other one waits by then.
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (fate === "swallowed") swallowed[(await here.database.query(WRITERS)).length > 0 ? "writer" : "rate"]++;
      await until(() => sentBy(other) > held + 5, "the other one to go on");
      // It did so before the one that hangs had given up: the server has freed what that one held.
      expect(hasLeft).toBe(false);
      await left;
    }
    expect(swallowed.rate + swallowed.writer).toBeGreaterThan(0);
    expect(here.ses.received().length).toBeLessThan(people);
    await here.ask("send", "--rate", "1000");
    await endWell([cut, other]);
    await expectAllSent(here, people);
    await expectNoQuarrel(here);
  });

  it("are left at any moment, whatever was asked on them", { timeout: 300_000 }, async () => {
    const here = await fleet({ people: 5_000, ses: { latencyMs: 20 } });
    const proxy = await databaseProxy(here.database.url);
    onTestFinished(() => proxy.close());
    const worker = here.begin(["work", "--rate", String(RATE)], { ...here.env(proxy.url), DEPARTURES: "now" });
    const sent = () => here.departures(worker).length;
    for (let round = 0; round < 4; round++) {
      const before = sent();
      await until(() => sent() > before + 5, "the worker to go on");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
      proxy.swallow();
    }
    const before = sent();
    await until(() => sent() > before + 5, "the worker to go on");
    expect(proxy.connects()).toBeGreaterThan(4);
    await here.ask("send", "--rate", "1000");
    await endWell([worker]);
    await expectAllSent(here, 5_000);
    await expectNoQuarrel(here);
  });

  it("do not keep a command, whichever of its COMMITs it was", { timeout: 240_000 }, async () => {
    const here = await fleet();
    await writeCampaign(here.folder, 30);
    const commands = [["import", "june.csv"], ["send", "june.csv", "--rate", "500", "--yes"], ["stats"]];
    const fates: CommitFate[] = ["unanswered", "swallowed"];
    /** One job in a schema of its own, whose first command loses the connection at a COMMIT. */
    const life = async (fate: CommitFate, command: string[], skip: number) => {
      const proxy = await databaseProxy(here.database.url);
      onTestFinished(() => proxy.close());
      const SES_MAIL_DB_SCHEMA = `${fate}_${command[0]}_${skip}`;
      const env = { ...here.env(), SES_MAIL_DB_SCHEMA };
      if (command[0] === "stats") await runProcess(here.folder, ["import", "june.csv"], { env });
      proxy.strike(fate, skip);
      const attempt = () =>
        runProcess(here.folder, [...command, "--json"], { env: { ...env, SES_MAIL_DB: proxy.url } });
      let { code, stderr } = await attempt();
      // A list is staged on a connection of its own. When that is gone, nothing was added, and the command says so.
      if (code === 3 && /run the same command again/.test(stderr)) ({ code, stderr } = await attempt());
      expect({ SES_MAIL_DB_SCHEMA, code, stderr }).toMatchObject({ code: 0 });
      const { json } = await runProcess(here.folder, ["stats", "june", "--json"], { env });
      expect({ SES_MAIL_DB_SCHEMA, ...json }).toMatchObject({ total: 30, sent: command[0] === "send" ? 30 : 0 });
    };
    for (const fate of fates) {
      // Most of the time they wait.
      const lives = commands.flatMap((command) => [0, 1, 2, 3, 4].map((skip) => life(fate, command, skip)));
      await Promise.all(lives);
    }
  });

  it("because a process of the server stands still: the worker gets another one", { timeout: 120_000 }, async () => {
    // More than can be sent while one that is idle is looked for, which takes several attempts on a busy machine.
    const people = 3_000;
    const here = await fleet({ people, ses: { latencyMs: 20 } });
    const worker = here.begin(["work", "--rate", String(RATE)], { ...here.env(), DEPARTURES: "now" });
    await until(() => here.departures(worker).length > 10, "some mail");
    const stopped = await stopOneThatIsIdle(here.database);
    onTestFinished(stopped.goOn);
    const before = here.departures(worker).length;
    await until(() => here.departures(worker).length > before + 60, "the worker to go on");
    await here.ask("send", "--rate", "1000");
    await endWell([worker]);
    stopped.goOn();
    await expectAllSent(here, people);
    expect(here.departures(worker).length).toBeLessThan(people);
    await expectNoQuarrel(here);
  });
});
