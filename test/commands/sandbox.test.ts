/** `sandbox` as scripts see it. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { totals } from "../support/expected.ts";
import { run, start, until, workFolder } from "../support/run.ts";

describe("sandbox", () => {
  it("says where it listens, plays SES, and ends cleanly on SIGTERM", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 6);
    const args = ["sandbox", "--port", "0", "--rate", "100", "--latency", "0ms", "--events", "events.ndjson", "--json"];
    const sandbox = start(folder, args);
    await until(
      () => /listening on (http:\S+)/.test(sandbox.stderr()) || sandbox.child.exitCode !== null,
      "the sandbox to listen",
    );
    const url = /listening on (http:\S+)/.exec(sandbox.stderr())?.[1] ?? "";
    const sent = await run(folder, ["send", file, "--json"], { env: { AWS_ENDPOINT_URL_SESV2: url } });
    expect(sent.json.totals).toEqual(totals({ sent: 6 }));
    sandbox.kill("SIGTERM");
    const ended = await sandbox.finished;
    expect(ended.code).toBe(0);
    expect(ended.json).toEqual({ accepted: 6 });
    expect(await readdir(join(folder, "ses-mail-outbox"))).toHaveLength(6);
    expect((await readFile(join(folder, "events.ndjson"), "utf8")).trim().split("\n").length).toBeGreaterThanOrEqual(6);
  });

  it.each([
    ["--port", "99999"],
    ["--latency", "soon"],
    ["--fault", "explode"],
    ["--rate", "0"],
    ["--quota", "-5"],
  ])("%s %s: exit 2", async (option, value) => {
    const result = await run(await workFolder(), ["sandbox", option, value]);
    expect(result.code).toBe(2);
    expect(result.stderr.trim().split("\n")).toHaveLength(1);
  });
});
