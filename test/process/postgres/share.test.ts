/** Promises 1 and 2 over many processes on one database, when nothing goes wrong. */
import pg from "pg";
import { describe, expect, it } from "vitest";
import { lockKey } from "../../../src/store/postgres/locks.ts";
import { endWell, expectAllSent, expectNoQuarrel, type Fleet, fleet } from "../../support/fleet.ts";
import { until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";
import { mostInAnyWindow } from "../../support/ses-server.ts";

const WRITER = lockKey("ses_mail", "writer");

/** Lets nobody write to the job. Returns what ends that. */
async function holdWriters({ database }: Fleet): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query("select pg_advisory_lock($1::bigint)", [WRITER]);
  return () => client.end();
}

async function waitingWriters({ rows }: Fleet): Promise<number> {
  const waiting = `select count(*)::int as count from pg_locks where locktype = 'advisory' and not granted
    and (classid::bigint << 32) | objid::bigint = $1::bigint`;
  const [row] = await rows(waiting, [WRITER]);
  return Number(row?.["count"]);
}

describe.skipIf(requireServers("postgres"))("processes on one database: everybody once, never over the rate", () => {
  it.each([
    { processes: 4, rate: 150, people: 1_000 },
    { processes: 16, rate: 300, people: 2_000 },
  ])("$processes of them, $people people", { timeout: 180_000 }, async ({ processes, rate, people }) => {
    const here = await fleet({ people, ses: { latencyMs: 20 } });
    const half = (command: string) =>
      Array.from({ length: processes / 2 }, () => here.begin([command, "--rate", String(rate), "--timeout", "60s"]));
    const release = await holdWriters(here);
    const [senders, workers] = [half("send"), half("work")];
    // On a busy machine the first one would be done before the last one has started.
    await until(async () => (await waitingWriters(here)) === processes, "all of them to wait");
    await release();
    const sent = await Promise.all(senders.map(({ finished }) => finished));
    await until(() => here.ses.received().length >= people, "everybody");
    await until(() => workers.every(({ stderr }) => stderr().includes("working on ")), "the slowest worker");
    await endWell(workers);

    for (const { code, stderr } of sent) expect({ code, stderr }).toMatchObject({ code: 0 });
    await expectAllSent(here, people);
    await expectNoQuarrel(here);
    const departures = here.departures();
    expect(departures).toHaveLength(people);
    expect(mostInAnyWindow(departures)).toBeLessThanOrEqual(rate);
    // All took part, or this is about fewer.
    expect([...senders, ...workers].filter((one) => here.departures(one).length === 0)).toEqual([]);
  });
});
