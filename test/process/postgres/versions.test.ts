/** Programs of two versions on one database, and a server without room for all. */
import { describe, expect, it } from "vitest";
import { endWell, expectAllSent, fleet } from "../../support/fleet.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";
import { duplicates } from "../../support/ses-server.ts";

const RATE = ["--rate", "60"];

describe.skipIf(requireServers("postgres"))("a newer program changes the schema while older ones send", () => {
  it("one that only adds to it: the older ones go on", { timeout: 120_000 }, async () => {
    const here = await fleet({ people: 200 });
    const sender = here.begin(["send", ...RATE, "--json"]);
    await until(() => here.ses.received().length > 10, "the first mail");
    await here.rows("alter table sm.message add column added_later text");
    await here.rows("alter table sm.topic add column added_later text");
    await here.rows("update sm.job set schema_version = schema_version + 1");
    expect(await sender.finished).toMatchObject({ code: 0 });
    await expectAllSent(here, 200);
  });

  it("one that breaks with them: they write what they know, and stop", { timeout: 120_000 }, async () => {
    // So many that there is mail for both, however late the second one has started.
    const people = 3_000;
    const here = await fleet({ people, ses: { latencyMs: 200 } });
    const worker = await here.work(RATE);
    const sender = here.begin(["send", ...RATE, "--json"]);
    await until(() => sender.stderr().includes(" to send") && here.ses.received().length > 40, "mail of both");
    await here.rows("update sm.job set schema_version = schema_version + 1, oldest_program = schema_version + 1");
    const { code, stderr } = await sender.finished;
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining("newer ses-mail") });
    await until(() => worker.stderr().includes("newer ses-mail"), "the worker to say why it halts");
    const inFlight = "select from sm.message where state = 'sending'";
    await until(async () => (await here.rows(inFlight)).length === 0, "what was in flight to be written");
    const received = here.ses.received();
    expect(received.length).toBeLessThan(people);
    worker.kill("SIGTERM");
    await worker.finished;
    expect(here.ses.received()).toHaveLength(received.length);
    expect(duplicates(received)).toEqual([]);
    const states = await here.rows(
      "select state, count(*)::int as count from sm.message group by state order by state",
    );
    expect(states).toEqual([
      { state: "pending", count: people - received.length },
      { state: "sent", count: received.length },
    ]);
    const late = here.begin(["send", ...RATE]);
    expect(await late.finished).toMatchObject({ code: 2, stderr: expect.stringContaining("newer ses-mail") });
  });
});

describe.skipIf(requireServers("postgres"))("a server that has no room for all", () => {
  it("eight workers share ten connections, and everybody gets one mail", { timeout: 240_000 }, async () => {
    const here = await fleet({
      people: 600,
      database: { settings: { max_connections: "10", superuser_reserved_connections: "0" } },
    });
    const workers = [];
    for (let count = 0; count < 8; count++) workers.push(await here.work(RATE));
    await until(() => here.ses.received().length >= 600, "everybody");
    await endWell(workers);
    expect(duplicates(here.ses.received())).toEqual([]);
    await expectAllSent(here, 600);
  });
});
