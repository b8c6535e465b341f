/** Workers as people run them: processes that send what falls due until they are told to end. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { inJob } from "../support/job.ts";
import { displayed } from "../../src/store/address.ts";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { noTrace } from "../support/expected.ts";
import { jobServer } from "../support/place.ts";
import { type Running, runProcess, start, until, workFolder } from "../support/run.ts";
import { type SesServer, sesServer } from "../support/ses-server.ts";

/** The level of what is no trouble, as the log writes it. */
const INFO = 30;

const ready = (worker: Running) => /^working on .*$/m.exec(worker.stderr())?.[0];

async function setUp(count: number): Promise<{ folder: string; server: SesServer }> {
  const folder = await workFolder();
  await writeCampaign(folder, count);
  return { folder, server: await sesServer(folder) };
}

async function work(folder: string, env: Record<string, string>, ...args: string[]): Promise<Running> {
  const worker = start(folder, ["work", ...args], { env });
  await until(() => ready(worker) !== undefined || worker.child.exitCode !== null, "the worker to be ready");
  return worker;
}

/** The figures of topic june. */
const june = async (folder: string) => (await runProcess(folder, ["stats", "june", "--json"])).json;

describe("workers", () => {
  it("send what was taken in before and what comes later, and end well", { timeout: 60_000 }, async () => {
    const { folder, server } = await setUp(5);
    await runProcess(folder, ["import", "june.csv"]);
    const worker = await work(folder, server.env, "--rate", "200");
    expect(ready(worker)).toBe(
      `working on ${displayed(jobServer() ?? join(folder, "ses-mail.db"))} as 1 of 1; rate 200/s shared`,
    );
    await until(() => server.received().length === 5, "what was there");
    await runProcess(folder, ["import", "june.csv", "--topic", "july"]);
    await until(() => server.received().length === 10, "what came later");
    worker.kill("SIGTERM");
    const { code, stderr } = await worker.finished;
    expect(code).toBe(0);
    noTrace(stderr);
    const lines = stderr.split("\n").filter((line) => line.startsWith("{"));
    const logged = lines.map((line) => JSON.parse(line));
    expect(logged).toContainEqual(expect.objectContaining({ sent: expect.any(Number), in_doubt: 0 }));
    expect(logged.filter(({ level }) => level > INFO)).toEqual([]);
    expect(await june(folder)).toMatchObject({ sent: 5, pending: 0, sending: 0 });
    expect(server.received().sort()).toEqual([...addresses(5), ...addresses(5)].sort());
  });

  it("know of each other, share what there is, and are listed", { timeout: 60_000 }, async () => {
    const { folder, server } = await setUp(60);
    const one = await work(folder, server.env, "--rate", "40");
    const two = await work(folder, server.env, "--rate", "40");
    expect(ready(two)).toMatch(/ as 2 of 2; rate 40\/s shared$/);
    const { json } = await runProcess(folder, ["workers", "--json"]);
    expect(json).toEqual({
      workers: [one, two].map(({ child }) => ({
        id: expect.any(Number),
        kind: "sender",
        host: expect.any(String),
        pid: child.pid,
        lease_s: expect.any(Number),
        sending: 0,
        turns: expect.any(Number),
      })),
      rate: { per_second: 40, limit: 40 },
    });
    const { stdout } = await runProcess(folder, ["workers"]);
    expect(stdout).toMatch(/^ *id +kind +host +pid +lease +sending +turns\n/);
    expect(stdout).toContain("rate 40/s, shared by all of them");
    await runProcess(folder, ["import", "june.csv"]);
    await until(() => server.received().length >= 60, "everybody");
    for (const worker of [one, two]) worker.kill("SIGTERM");
    for (const worker of [one, two]) expect((await worker.finished).code).toBe(0);
    expect(server.received().sort()).toEqual(addresses(60).sort());
    expect((await runProcess(folder, ["workers"])).stdout).toBe("no process is sending now\n");
  });

  it("a worker that is killed leaves what it had in doubt, and the others say so", { timeout: 60_000 }, async () => {
    const { folder } = await setUp(3);
    await runProcess(folder, ["import", "june.csv"]);
    const slow = await sesServer(folder, { latencyMs: 20_000 });
    const dead = await work(folder, slow.env, "--rate", "100", "--timeout", "60s");
    const sending = "select count(*) as count from sm.message where state = 'sending'";
    const inFlight = async () => Number((await inJob(join(folder, "ses-mail.db"), sending))[0].count);
    // What is not in flight yet the other one would send.
    await until(async () => (await inFlight()) === 3, "all calls");
    dead.kill("SIGKILL");
    await dead.finished;
    const other = await work(folder, slow.env, "--rate", "100");
    await until(() => other.stderr().includes("they are in doubt"), "the other to say so");
    other.kill("SIGTERM");
    expect((await other.finished).code).toBe(0);
    expect(await june(folder)).toMatchObject({ in_doubt: 3, sent: 0 });
  });

  it("rehearse, with the events of the sandbox in the figures", { timeout: 60_000 }, async () => {
    const { folder } = await setUp(3);
    await runProcess(folder, ["import", "june.csv"]);
    const worker = await work(folder, {}, "--sandbox");
    await until(async () => (await june(folder)).delivered === 3, "the events");
    worker.kill("SIGINT");
    expect((await worker.finished).code).toBe(0);
  });

  it("that would neither send nor take mail in are refused, and leave nothing behind", async () => {
    const folder = await workFolder();
    const { code, stderr } = await runProcess(folder, ["work", "--no-send", "--sandbox"]);
    expect(code).toBe(2);
    expect(stderr).toContain("work --no-send has nothing to do: no broker is given to take mail in from");
    expect((await runProcess(folder, ["workers"])).stderr).toContain("there is no job ");
  });
});
