/** Expiry and the reserve of the daily quota, with real processes. */
import { describe, expect, it } from "vitest";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { type Json, run, runProcess, start, until, workFolder } from "../support/run.ts";
import { serve } from "../support/serve.ts";
import { sesServer } from "../support/ses-server.ts";

const code = (to: string, priority: "high" | "medium" = "high") => ({
  messages: [{ topic_id: "codes", emails: [to], subject: "Your code", content: "<p>1234</p>", priority }],
});

describe("what has expired", { timeout: 90_000 }, () => {
  it("never leaves after an outage, and the run for cron says so", async () => {
    const folder = await workFolder();
    await writeCampaign(folder, 4);
    const server = await sesServer(folder);
    await run(folder, ["import", "june.csv", "--expires-in", "1s"]);
    await run(folder, ["import", "june.csv", "--topic", "july", "--expires-in", "1h"]);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const sent = await runProcess(folder, ["send", "--json"], { env: server.env });
    expect(sent.code).toBe(1);
    expect(sent.json).toMatchObject({ outcome: "finished", run: { sent: 4, expired: 4, failed: 0 } });
    expect(server.received().sort()).toEqual(addresses(4).sort());
    const { stdout } = await runProcess(folder, ["export", "june"]);
    expect(stdout.match(/,cancelled,0,,expired,/g)).toHaveLength(4);
    expect((await runProcess(folder, ["retry", "june", "--state", "cancelled", "--yes", "--json"])).json).toMatchObject(
      {
        retried: 0,
        expired: 4,
      },
    );
    expect((await runProcess(folder, ["send", "--json"], { env: server.env })).code).toBe(0);
  });

  it("is cancelled by who keeps sending, in a paused topic, too, and the log tells", async () => {
    const folder = await workFolder();
    await writeCampaign(folder, 3);
    const server = await sesServer(folder);
    await run(folder, ["import", "june.csv", "--expires-in", "2s"]);
    await run(folder, ["pause", "june"]);
    const worker = start(folder, ["work"], { env: server.env });
    await until(async () => {
      const { json } = await run(folder, ["stats", "june", "--json"]);
      return json.cancelled === 3;
    }, "the messages to expire");
    worker.kill("SIGTERM");
    const { stderr } = await worker.finished;
    expect(server.received()).toEqual([]);
    const told = stderr.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
    expect(told.reduce((sum, line) => sum + (line.expired ?? 0), 0)).toBe(3);
  });
});

describe("the reserve", { timeout: 120_000 }, () => {
  it("ends a run of bulk mail, and says how much is kept and how many remain", async () => {
    const folder = await workFolder();
    await writeCampaign(folder, 12);
    const server = await sesServer(folder, { quota: 20 });
    const args = ["send", "june.csv", "--yes", "--reserve", "12", "--json"];
    const first = await runProcess(folder, args, { env: server.env });
    expect(first.code).toBe(3);
    expect(first.json).toMatchObject({ outcome: "quota", run: { sent: 8 }, totals: { pending: 4 } });
    expect(first.json.reason).toMatch(
      /^The daily quota of 20 has 12 or fewer left, which --reserve keeps .* 4 messages remain\./,
    );
    const again = await runProcess(folder, args, { env: server.env });
    expect([again.code, again.json.run.sent]).toEqual([3, 0]);
    const rest = await runProcess(folder, ["send", "--json"], { env: { ...server.env, SES_MAIL_RESERVE: "8" } });
    expect([rest.code, rest.json.run.sent]).toEqual([0, 4]);
  });

  it("is never used up by several processes together", async () => {
    const folder = await workFolder();
    await writeCampaign(folder, 60);
    const server = await sesServer(folder, { quota: 50, rate: 40 });
    await run(folder, ["import", "june.csv"]);
    const args = ["send", "--reserve", "20", "--rate", "20", "--json"];
    const runs = await Promise.all([1, 2, 3].map(() => runProcess(folder, args, { env: server.env })));
    expect(server.received()).toHaveLength(30);
    expect(runs.map((each) => each.code)).toEqual([3, 3, 3]);
    expect(runs.reduce((sum, { json }) => sum + json.run.sent, 0)).toBe(30);
  });

  it("lets a gateway go on with what people wait for, shows why the rest waits, and frees it with the quota", async () => {
    const folder = await workFolder();
    await writeCampaign(folder, 10);
    const poor = await sesServer(folder, { quota: 14 });
    const gateway = await serve(folder, ["--reserve", "10", "--rate", "50"], { env: poor.env });
    await run(folder, ["import", "june.csv"]);
    const ready = async () => (await gateway.get("/ready")).json;
    // A call that is put back on a busy machine frees its place for a moment, and there may be no reason then.
    let told: Json;
    await until(async () => /--reserve keeps/.test((told = await ready()).reason ?? ""), "the reserve to be reached");
    expect(told).toMatchObject({ sending: "ok" });
    await until(() => poor.received().length === 4, "what is beyond the reserve to leave");
    expect((await gateway.post("/v1/messages", code("ann@example.com"))).status).toBe(200);
    await until(() => poor.received().includes("ann@example.com"), "the code to leave");
    expect(poor.received()).toHaveLength(5);
    const { port } = new URL(poor.sandbox.url);
    await poor.sandbox.close();
    const rich = await sesServer(folder, { quota: 1_000, port: Number(port) });
    await until(() => rich.received().length >= 11, "the rest to leave");
    await until(async () => (await ready()).reason === null, "the reason to be gone");
    gateway.running.kill("SIGTERM");
    const { stderr } = await gateway.running.finished;
    // Told once each time that it begins. On a busy machine calls may be put back first, and then it begins twice.
    const times = stderr.split("sending goes on").map((part) => part.match(/--reserve keeps/g)?.length ?? 0);
    expect(times.length).toBeGreaterThan(1);
    expect(times).toEqual([...times.slice(0, -1).map(() => 1), 0]);
  });

  it("says once that there is none, where the quota is unlimited", async () => {
    const folder = await workFolder();
    await writeCampaign(folder, 3);
    const server = await sesServer(folder);
    const { code: exit, stderr } = await runProcess(folder, ["send", "june.csv", "--yes", "--reserve", "5"], {
      env: server.env,
    });
    expect(exit).toBe(0);
    expect(stderr.match(/quota is unlimited, so --reserve keeps nothing back/g)).toHaveLength(1);
    expect(server.received()).toHaveLength(3);
  });
});
