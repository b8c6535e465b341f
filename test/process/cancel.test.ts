import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { monotonicNow, watchDepartures } from "../support/departures.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

it("R14 G10 P11: cancel stops running processes: nothing leaves a second later, what is in flight is told and counted", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 2000);
  const server = await sesServer(folder, { latencyMs: 1_500 });
  expect((await run(folder, ["import", file])).code).toBe(0);
  const args = ["send", "--topic", "june", "--rate", "40", "--concurrency", "20", "--json"];
  const departures = watchDepartures(folder);
  const env = { ...server.env, ...departures.env };
  const processes = [start(folder, args, { env }), start(folder, args, { env })];
  await until(() => server.calls().length >= 30, "30 calls");

  const cancelled = await run(folder, ["cancel", "june", "--json"]);
  const cancelledAt = monotonicNow();
  expect(cancelled.code).toBe(0);
  const { in_flight: inFlight, totals } = cancelled.json;
  expect(inFlight).toBeGreaterThan(0);
  expect(inFlight).toBeLessThanOrEqual(40);
  expect(totals.sending).toBe(inFlight);
  expect(totals.pending).toBe(0);

  const ended = await Promise.all(processes.map((process) => process.finished));
  expect(ended.map((result) => result.code)).toEqual([0, 0]);
  // Everything that left did so before the cancel had been answered for a second.
  expect(departures.read()).toHaveLength(server.calls().length);
  expect(departures.read().at(-1)).toBeLessThanOrEqual(cancelledAt + 1000);
  const after = (await run(folder, ["topics", "--json"])).json.topics[0];
  expect(after).toMatchObject({ total: 2000, pending: 0, sending: 0, in_doubt: 0 });
  expect(after.sent).toBe(server.received().length);
  expect(after.sent + after.cancelled).toBe(2000);
  // Nothing else was begun. A process that stood still between its claim and its call makes no call: that mail is cancelled, too.
  expect(after.sent).toBeGreaterThanOrEqual(totals.sent);
  expect(after.sent).toBeLessThanOrEqual(totals.sent + inFlight);
}, 60_000);
