// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** What cron gets to see: nothing when all is well, and what is wrong with the time at which it went wrong. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { undated } from "../support/expected.ts";
import { ahead, run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

const SILENT = { code: 0, stdout: "", stderr: "" };

async function desk(count = 3) {
  const folder = await workFolder();
  const file = await writeCampaign(folder, count);
  const server = await sesServer(folder);
  const call = (...args: string[]) => run(folder, args, { env: server.env });
  return { folder, file, server, call };
}

describe("--quiet", () => {
  it("nothing was due: nothing is said, also of mail that waits for later", async () => {
    const { call, file } = await desk();
    await call("import", file);
    await call("send", "--rate", "100");
    expect(await call("send", "--quiet", "--max-late", "2h")).toMatchObject(SILENT);
    await call("schedule", file, "--topic", "later", "--at", "+1d");
    expect(await call("send", "--quiet", "--max-late", "2h")).toMatchObject(SILENT);
  });

  it("nothing was due and SES cannot be reached: SES is not asked, so nothing is said", async () => {
    const { call, file, folder } = await desk();
    await call("send", file, "--rate", "100");
    expect(await run(folder, ["send", "--quiet"])).toMatchObject(SILENT);
    expect((await run(folder, ["send", "--json"])).json).toMatchObject({
      outcome: "nothing_to_send",
      run: { sent: 0 },
    });
  });

  it("mail was sent and all is well: nothing is said, unless it was asked for", async () => {
    const { call, file, server } = await desk();
    expect(await call("send", file, "--rate", "100", "--quiet")).toMatchObject(SILENT);
    expect(server.received()).toHaveLength(3);
    const asked = await call("send", "--quiet", "--json");
    expect(asked.json).toMatchObject({ outcome: "nothing_to_send" });
    expect(asked.stderr).toBe("");
  });

  it("what people ask for is printed, what a command has done is not", async () => {
    const { call, file, folder } = await desk();
    await writeFile(join(folder, "events.json"), "[]");
    for (const args of [
      ["import", file],
      ["schedule", "--topic", "june", "--at", "+1h"],
      ["pause", "june"],
      ["resume", "june"],
      ["cancel", "june"],
      ["retry", "june", "--state", "cancelled", "--yes"],
      ["suppress", "add", "a@example.com"],
      ["suppress", "remove", "a@example.com"],
      ["suppress", "import", file],
      ["ingest-events", "events.json"],
      ["backup", "copy.db"],
      ["stats", "--output", "stats.csv", "--format", "csv"],
      ["export", "june", "--output", "june-out.csv"],
      ["report", "june"],
      ["key", "rotate"],
    ])
      expect([args, await call(...args, "--quiet")]).toEqual([args, expect.objectContaining(SILENT)]);
    for (const args of [["topics"], ["stats"], ["export", "june"], ["suppress", "list"], ["key", "add", "k"]]) {
      const { code, stdout, stderr } = await call(...args, "--quiet");
      expect([args, code, stderr]).toEqual([args, 0, ""]);
      expect(stdout, args.join(" ")).not.toBe("");
    }
  });

  it("problems speak: rejected rows, unreadable events, failures, what is too late", async () => {
    const { call, file, folder, server } = await desk();
    await writeFile(join(folder, "events.json"), "nonsense\n");
    expect((await call("ingest-events", "events.json", "--quiet")).stderr).toContain("events.json");
    await writeFile(join(folder, "june.csv"), "email,name\na@example.com,A\nbad,B\n");
    const imported = await call("import", file, "--quiet");
    expect([imported.code, imported.stdout]).toEqual([1, expect.stringContaining("1 rejected")]);
    const sent = await call("send", file, "--topic", "july", "--quiet");
    expect([sent.code, undated(sent.stdout)]).toEqual([
      1,
      expect.stringContaining("1 row rejected (see june.csv.rejects.csv)"),
    ]);
    await call("schedule", "--topic", "june", "--at", "+1h");
    const late = await run(folder, ["send", "--quiet", "--max-late", "2h"], {
      env: server.env,
      clock: ahead(4 * 3_600_000),
    });
    expect(late.code).toBe(1);
    expect(late.stdout).toContain("all topics: 0 to send");
    expect(undated(late.stderr)).toBe(
      "1 message is overdue by more than --max-late and still pending (of june); give it another time with: ses-mail schedule --topic june --at …\n",
    );
    expect(undated((await call("send", "none.csv", "--quiet")).stderr)).toMatch(/^ses-mail: /);
  });
});

describe("where there is no terminal", () => {
  it("every line on stderr, and the ending, say when they were written, in local time", async () => {
    const { call, file, folder, server } = await desk();
    const sent = await call("send", file, "--rate", "100");
    expect(undated(sent.stderr)).toContain("june: 3 rows");
    expect(undated(sent.stdout)).toMatch(/^june: 3 sent, /);
    await writeFile(join(folder, "events.json"), "[]");
    expect(undated((await call("ingest-events", "events.json")).stdout)).toMatch(/^no events to take in\n/);
    for (const wrong of [["send", "none.csv"], ["send", "--no-such"], ["no-such-command"]])
      expect(undated((await call(...wrong)).stderr)).toMatch(/^ses-mail: /);
    expect((await call("topics")).stdout).toMatch(/^topic /);
    const onScreen = await run(folder, ["send", "--quiet", "none.csv"], { env: server.env, tty: true });
    expect(onScreen.stderr).toMatch(/^ses-mail: /);
  });
});
