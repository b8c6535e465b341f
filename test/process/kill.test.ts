/** Promise 2 under the hardest condition: the process dies without warning, again and again. */
import { expect, it } from "vitest";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";

const TOTAL = 600;
const KILLS = 30;
const CONCURRENCY = 8;

it("promise 2, R3–R7 G2–G5 N1–N5 P5–P7: kill -9 at any moment loses nobody and writes to nobody twice", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, TOTAL);
  const server = await sesServer(folder, { latencyMs: 15 });
  const args = ["send", file, "--rate", "1000", "--concurrency", String(CONCURRENCY), "--json"];
  expect((await run(folder, ["import", file])).code).toBe(0);

  for (let kill = 0; kill < KILLS; kill++) {
    const before = server.calls().length;
    const process = start(folder, args, { env: server.env });
    // Some die before their first call, most of them in the middle of several.
    const calls = kill % 5 === 4 ? 0 : 1 + Math.floor(Math.random() * 14);
    await until(
      () => server.calls().length >= before + calls || process.child.exitCode !== null,
      "the calls after which it is killed",
    );
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    process.kill("SIGKILL");
    expect((await process.finished).signal).toBe("SIGKILL");
  }

  const last = await run(folder, args, { env: server.env });
  const { totals } = last.json;
  const rows: { email: string; state: string }[] = (await run(folder, ["export", "june", "--json"])).json.messages;
  const received = server.received();
  const inState = (state: string) => rows.filter((row) => row.state === state).map((row) => row.email);

  expect(duplicates(received)).toEqual([]);
  expect(rows.map((row) => row.email).sort()).toEqual(addresses(TOTAL).sort());
  expect(totals).toMatchObject({ total: TOTAL, pending: 0, sending: 0, failed: 0, cancelled: 0, suppressed: 0 });
  expect(totals.sent + totals.in_doubt).toBe(TOTAL);
  // Whatever the receiver has and we did not write down is in doubt, and what we call sent has arrived.
  const sent = new Set(inState("sent"));
  const inDoubt = new Set(inState("in_doubt"));
  expect(received.filter((address) => !sent.has(address) && !inDoubt.has(address))).toEqual([]);
  const arrived = new Set(received);
  expect([...sent].filter((address) => !arrived.has(address))).toEqual([]);
  expect(inDoubt.size).toBeLessThanOrEqual(KILLS * CONCURRENCY);
  // The campaign was really interrupted in flight, or the test proves nothing.
  expect(inDoubt.size).toBeGreaterThan(0);
  expect(last.code).toBe(1);
}, 300_000);
