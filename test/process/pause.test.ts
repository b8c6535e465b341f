/** Pausing a topic under processes that send it. */
import { expect, it } from "vitest";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { monotonicNow, watchDepartures } from "../support/departures.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { serve } from "../support/serve.ts";
import { sesServer } from "../support/ses-server.ts";

it("pause stops running processes: nothing leaves a second later, exit 3; resumed, everybody gets one mail", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 600);
  const server = await sesServer(folder, { latencyMs: 300 });
  expect((await run(folder, ["import", file])).code).toBe(0);
  const args = ["send", "--topic", "june", "--rate", "60", "--concurrency", "20", "--json"];
  const departures = watchDepartures(folder);
  const env = { ...server.env, ...departures.env };
  const processes = [start(folder, args, { env }), start(folder, args, { env })];
  await until(() => server.calls().length >= 30, "30 calls");

  const paused = await run(folder, ["pause", "june", "--json"]);
  const pausedAt = monotonicNow();
  expect(paused.json.totals.sending).toBe(paused.json.in_flight);
  const ended = await Promise.all(processes.map((process) => process.finished));
  for (const { code, json } of ended) {
    expect(code).toBe(3);
    expect(json).toMatchObject({ outcome: "halted", reason: expect.stringContaining("ses-mail resume june") });
  }
  // Everything that left did so before the pause had been answered for a second.
  expect(departures.read()).toHaveLength(server.calls().length);
  expect(departures.read().at(-1)).toBeLessThanOrEqual(pausedAt + 1000);
  const after = (await run(folder, ["topics", "--json"])).json.topics[0];
  expect(after).toMatchObject({ total: 600, sending: 0, in_doubt: 0, sent: server.received().length });
  expect(after.pending).toBe(600 - after.sent);

  await run(folder, ["resume", "june"]);
  expect((await run(folder, ["send", "--rate", "1000"], { env: server.env })).code).toBe(0);
  expect(server.received().sort()).toEqual(addresses(600).sort());
}, 60_000);

it("a run that waits for quota ends, too, and does not wait out a timed pause", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 20);
  const server = await sesServer(folder, { quota: 5 });
  const running = start(folder, ["send", file, "--rate", "50", "--on-quota", "wait", "--json"], { env: server.env });
  await until(() => running.stderr().includes("Waiting for the 24-hour window"), "the wait for the quota");
  expect((await run(folder, ["pause", "june", "--for", "1h"])).code).toBe(0);
  const { code, json } = await running.finished;
  expect(code).toBe(3);
  expect(json).toMatchObject({ outcome: "halted", reason: expect.stringMatching(/paused until/) });
}, 60_000);

it("a gateway hears of a pause made elsewhere, goes on with the other topics, and with this one when its time is over", async () => {
  const folder = await workFolder();
  const server = await sesServer(folder);
  const gateway = await serve(folder, ["--rate", "100"], { env: server.env });
  const mail = (topic: string, to: string) =>
    gateway.post("/v1/messages", {
      messages: [{ topic_id: topic, emails: [to], subject: "Hello", content: "<p>Hello</p>" }],
    });
  const received = (to: string) => until(() => server.received().includes(to), `the mail to ${to}`);
  await mail("codes", "first@example.com");
  await received("first@example.com");
  const { json: paused } = await run(folder, ["pause", "codes", "--for", "1h", "--json"]);
  await mail("codes", "waits@example.com");
  await mail("news", "other@example.com");
  await received("other@example.com");
  const shown = (await gateway.get("/v1/topics/codes")).json;
  expect(shown).toMatchObject({ state: "paused", paused_until: paused.paused_until, pending: 1 });
  // A short one takes its place only now: it would be over before a busy machine has looked.
  const { json: short } = await run(folder, ["pause", "codes", "--for", "1s", "--json"]);
  await received("waits@example.com");
  const arrival = server.calls().find((call) => call.to.includes("waits@example.com"));
  expect(arrival?.at).toBeGreaterThanOrEqual(Date.parse(short.paused_until));

  expect((await gateway.post("/v1/topics/codes/pause", {})).json.paused_until).toBeNull();
  await mail("codes", "again@example.com");
  // The gateway may have sent it before the command counts.
  expect((await run(folder, ["resume", "codes", "--json"])).json).toMatchObject({ topic: "codes", resumed: true });
  await received("again@example.com");
}, 60_000);
