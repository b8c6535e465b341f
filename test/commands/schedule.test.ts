/** `import` and `schedule` as scripts see them. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HTML, writeCampaign } from "../support/campaign.ts";
import { totals } from "../support/expected.ts";
import { inJob } from "../support/job.ts";
import { ahead, run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

describe("import and schedule", () => {
  it("import takes the list in and sends nothing", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 3);
    const server = await sesServer(folder);
    const result = await run(folder, ["import", file, "--json"], { env: server.env });
    expect(result.code).toBe(0);
    expect(result.json).toEqual({
      topic: "june",
      outcome: "imported",
      reason: null,
      ingest: { rows: 3, added: 3, duplicates: 0, rejected: 0, suppressed: 0, rejects_file: null },
      run: null,
      totals: totals({ pending: 3 }),
    });
    expect(server.calls()).toEqual([]);
  });

  it("R2 G7 P1: schedule keeps a list until its time, in the zone asked for, and cron's send takes it then", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 3);
    const server = await sesServer(folder);
    const args = ["schedule", file, "--at", "2099-12-25 09:00", "--tz", "Asia/Seoul"];
    const result = await run(folder, [...args, "--json"]);
    expect(result.code).toBe(0);
    expect(result.json).toMatchObject({
      outcome: "scheduled",
      run: null,
      scheduled_at: "2099-12-25T00:00:00.000Z",
      totals: totals({ pending: 3 }),
    });
    expect((await run(folder, ["topics", "--json"])).json.topics[0].not_before).toBe("2099-12-25T00:00:00.000Z");

    const moved = await run(folder, ["schedule", "--topic", "june", "--at", "+1s"]);
    expect(moved.code).toBe(0);
    expect(moved.stdout).toMatch(/UTC|Z/);
    const later = { env: server.env, clock: ahead(1100) };
    const sent = await run(folder, ["send", "--rate", "100", "--json"], later);
    expect(sent.json.totals).toEqual(totals({ sent: 3 }));
  });

  it("moving a topic that has nothing pending is refused, and says how to go on", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 2);
    await run(folder, ["import", file]);
    await run(folder, ["cancel", "june"]);
    const result = await run(folder, ["schedule", "--topic", "june", "--at", "+1h", "--json"]);
    expect(result.code).toBe(2);
    expect(result.json.error).toMatch(/nothing pending.*ses-mail retry june --state cancelled/);
  });

  it("moving a topic whose cancelling was cut short is refused like a cancelled one", async () => {
    const folder = await workFolder();
    await run(folder, ["import", await writeCampaign(folder, 5)]);
    const now = Date.now();
    await inJob(join(folder, "ses-mail.db"), `update sm.topic set cancelled_at = ${now}, cancelling_at = ${now}`);
    const { code, stdout, stderr } = await run(folder, ["schedule", "--topic", "june", "--at", "+2h"]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain('topic "june" has nothing pending to move');
    expect(stderr).toContain("it is cancelled; reopen it with: ses-mail retry june --state cancelled");
    const [row] = await inJob(join(folder, "ses-mail.db"), "select not_before from sm.topic");
    expect(row).toEqual({ not_before: null });
  });

  it("moving with --tz-column names every zone where it is past, and moves nobody", async () => {
    const folder = await workFolder();
    await writeFile(join(folder, "june.html"), HTML);
    // 26 hours lie between the ends of the world: what a clock in UTC shows in an hour is past in the one only.
    const rows = ["a@example.net,A,+14:00", "b@example.net,B,+14:00", "c@example.net,C,-12:00"];
    await writeFile(join(folder, "june.csv"), `email,name,zone\n${rows.join("\n")}\n`);
    await run(folder, ["import", "june.csv"]);
    const at = new Date(Date.now() + 3_600_000).toISOString().slice(0, 16).replace("T", " ");
    const result = await run(folder, ["schedule", "--topic", "june", "--at", at, "--tz-column", "zone", "--json"]);
    expect(result.code).toBe(2);
    expect(result.json.error).toMatch(/past for 2 recipients, in \+14:00 \(2\).*nothing was moved/);
    expect((await run(folder, ["topics", "--json"])).json.topics[0].not_before).toBeNull();
  });

  it("tells the instant in the zone, in UTC, and from now", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 1);
    const result = await run(folder, ["schedule", file, "--at", "2099-12-25 09:00", "--tz", "Asia/Seoul"]);
    expect(result.stdout).toContain("2099-12-25 09:00:00 Asia/Seoul = 2099-12-25T00:00:00Z, in ");
  });

  it("--tz-column: each recipient's own zone; a zone where it is past refuses all of it", async () => {
    const folder = await workFolder();
    await writeFile(join(folder, "june.html"), HTML);
    await writeFile(
      join(folder, "june.csv"),
      "email,name,zone\na@example.net,A,Asia/Seoul\nb@example.net,B,America/New_York\nc@example.net,C,Mars/Olympus\n",
    );
    const result = await run(folder, [
      "schedule",
      "june.csv",
      "--at",
      "2099-12-25 09:00",
      "--tz-column",
      "zone",
      "--json",
    ]);
    expect(result.code).toBe(1);
    expect(result.json.ingest).toMatchObject({ added: 2, rejected: 1 });
    expect(result.json.scheduled_at).toBe("2099-12-25T00:00:00.000Z");

    // Now in Kiritimati, hours away in Honolulu: past for one of them, whenever the test runs.
    const other = await workFolder();
    await writeFile(join(other, "june.html"), HTML);
    await writeFile(
      join(other, "june.csv"),
      "email,name,zone\na@example.net,A,Pacific/Honolulu\nb@example.net,B,Pacific/Kiritimati\n",
    );
    const at = new Date(Date.now() + 2 * 3_600_000 - 10 * 3_600_000).toISOString().slice(0, 16).replace("T", " ");
    const refused = await run(other, ["schedule", "june.csv", "--at", at, "--tz-column", "zone"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/1 recipients?.*Pacific\/Kiritimati/);
    expect((await run(other, ["topics", "--json"])).json?.topics ?? []).toEqual([]);
  });

  it("--max-late: what is overdue by more stays pending, is reported, exit 1", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 2);
    const server = await sesServer(folder);
    await run(folder, ["schedule", file, "--at", "+1s"]);
    const later = { env: server.env, clock: ahead(1500) };
    const result = await run(folder, ["send", "--max-late", "100ms", "--json"], later);
    expect(result.code).toBe(1);
    expect(result.json).toMatchObject({
      totals: totals({ pending: 2 }),
      reason: expect.stringContaining("2 messages are overdue"),
    });
    expect(server.received()).toEqual([]);
  });
});
