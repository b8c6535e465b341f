/** Signals to real processes, with the receiver watching. */
import { describe, expect, it } from "vitest";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";
import { jobExists } from "../support/job.ts";

const TOTAL = 60;
const ARGS = ["--rate", "100", "--concurrency", "4", "--json"];

describe.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("G3: %s", (signal, code) => {
  it(`is exit ${code}: what is in flight is awaited and written, nothing is in doubt, and the same command resumes`, async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, TOTAL);
    const server = await sesServer(folder, { latencyMs: 300 });
    const process = start(folder, ["send", file, ...ARGS], { env: server.env });
    await until(() => server.calls().length >= 6, "6 calls");
    process.kill(signal);
    const stopped = await process.finished;

    expect(stopped.code).toBe(code);
    expect(stopped.json).toMatchObject({ outcome: "interrupted", totals: { sending: 0, in_doubt: 0, failed: 0 } });
    expect(stopped.json.totals.sent).toBe(server.received().length);
    expect(stopped.json.totals.pending).toBe(TOTAL - server.received().length);
    expect(stopped.json.totals.pending).toBeGreaterThan(0);
    expect(stopped.stderr).toContain("interrupt again to leave at once");

    const quick = await sesServer(await workFolder());
    const rest = await run(folder, ["send", file, ...ARGS], { env: quick.env });
    expect(rest.code).toBe(0);
    expect(rest.json.totals).toMatchObject({ total: TOTAL, sent: TOTAL });
    const received = [...server.received(), ...quick.received()];
    expect(duplicates(received)).toEqual([]);
    expect(received.sort()).toEqual(addresses(TOTAL).sort());
  });
});

it("a second SIGINT leaves at once: what is in flight is in doubt, and is not sent again", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, TOTAL);
  const hanging = await sesServer(folder, { faults: ["hang:after=5"] });
  const process = start(folder, ["send", file, ...ARGS], { env: hanging.env });
  await until(() => hanging.calls().length >= 9, "9 calls");
  process.kill("SIGINT");
  await until(() => process.stderr().includes("interrupt again"), "the answer to the first signal");
  process.kill("SIGINT");
  const stopped = await process.finished;
  expect(stopped.code).toBe(130);
  expect(stopped.json.totals).toMatchObject({ sent: 5, in_doubt: 4, sending: 0, pending: TOTAL - 9 });

  const server = await sesServer(await workFolder());
  const rest = await run(folder, ["send", file, ...ARGS], { env: server.env });
  expect(rest.code).toBe(1);
  expect(rest.json.totals).toMatchObject({ total: TOTAL, sent: TOTAL - 4, in_doubt: 4 });
  const first = new Set(hanging.calls().flatMap((call) => call.to));
  expect(server.received().filter((address) => first.has(address))).toEqual([]);
});

it("SIGINT while a list is being read: exit 130, nothing of it was taken in", async () => {
  const folder = await workFolder();
  await writeCampaign(folder, 1);
  const rows = Array.from({ length: 400_000 }, (_, index) => `p${index}@example.net,Person`).join("\n");
  const args = ["import", "-", "--content", "june.html", "--topic", "june"];
  const process = start(folder, args, { stdin: `email,name\n${rows}\n` });
  await until(() => jobExists(`${folder}/ses-mail.db`), "the job");
  process.kill("SIGINT");
  expect((await process.finished).code).toBe(130);
  expect((await run(folder, ["topics", "--json"])).json).toEqual({ topics: [] });
});

/** More than what is read of a list before a job file is made. */
const BEGINNING = Array.from({ length: 60_000 }, (_, index) => `p${index}@example.net,Person\n`).join("");

it.each([
  [["import", "-", "--content", "june.html", "--topic", "june"], `email,name\n${BEGINNING}`],
  [["ingest-events", "-"], "email,name\n"],
])("SIGINT while a pipe has nothing more to give: %j", async (args, stdin) => {
  const folder = await workFolder();
  await writeCampaign(folder, 1);
  const process = start(folder, args, { stdin, holdStdin: true });
  await until(() => jobExists(`${folder}/ses-mail.db`), "the job");
  process.kill("SIGINT");
  expect((await process.finished).code).toBe(130);
});

it("SIGINT in a wait for the daily quota ends the wait", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 10);
  const server = await sesServer(folder, { quota: 4 });
  const process = start(folder, ["send", file, ...ARGS, "--on-quota", "wait"], { env: server.env });
  await until(() => process.stderr().includes("Waiting for the 24-hour window"), "the wait for the quota");
  process.kill("SIGINT");
  const stopped = await process.finished;
  expect(stopped.code).toBe(130);
  expect(stopped.json.totals).toMatchObject({ sent: 4, pending: 6, failed: 0 });
});
