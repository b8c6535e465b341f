// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** `pause` and `resume`, and what `send` makes of a paused topic. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { noTrace, totals, undated } from "../support/expected.ts";
import { inJob } from "../support/job.ts";
import { ahead, run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

const HOUR = 3_600_000;

async function desk(count = 3) {
  const folder = await workFolder();
  const file = await writeCampaign(folder, count);
  const server = await sesServer(folder);
  const call = (...args: string[]) => run(folder, args, { env: server.env });
  const later = (ms: number, ...args: string[]) => run(folder, args, { env: server.env, clock: ahead(ms) });
  return { folder, file, server, call, later };
}

describe("pause and resume", () => {
  it("say what waits, until when, and how to resume", async () => {
    const { call, file } = await desk();
    await call("import", file);
    const paused = await call("pause", "june");
    expect(paused).toMatchObject({ code: 0, stderr: "" });
    expect(paused.stdout).toBe("june: paused; 3 messages wait. Resume it with: ses-mail resume june\n");
    const timed = await call("pause", "june", "--for", "2h");
    expect(timed.stdout).toMatch(
      /^june: paused until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00, in 2 hours; 3 messages wait\. Resume/,
    );
    expect((await call("resume", "june")).stdout).toBe("june: resumed; 3 messages wait\n");
    const again = await call("resume", "june");
    expect(again).toMatchObject({ code: 0, stdout: "june: was not paused; 3 messages wait\n" });
  });

  it("answer in JSON", async () => {
    const { call, file } = await desk();
    await call("import", file);
    const waiting = { pending: 3, totals: totals({ pending: 3 }) };
    const { json } = await call("pause", "june", "--for", "90m", "--json");
    expect(json).toEqual({
      topic: "june",
      paused_at: expect.stringMatching(/Z$/),
      paused_until: expect.stringMatching(/Z$/),
      in_flight: 0,
      ...waiting,
    });
    expect(Date.parse(json.paused_until) - Date.parse(json.paused_at)).toBe(90 * 60_000);
    expect((await call("topics", "--json")).json.topics[0]).toMatchObject({
      paused_at: json.paused_at,
      paused_until: json.paused_until,
    });
    expect((await call("topics")).stdout).toContain("paused until");
    expect((await call("pause", "june", "--json")).json).toMatchObject({ paused_until: null, ...waiting });
    expect((await call("resume", "june", "--json")).json).toEqual({ topic: "june", resumed: true, ...waiting });
    expect((await call("resume", "june", "--json")).json).toEqual({ topic: "june", resumed: false, ...waiting });
  });

  it.each([
    [["pause", "july"], /there is no topic "july".*june/],
    [["resume", "july"], /there is no topic "july".*june/],
    [["pause", "june", "--for", "2"], /--for expects a duration such as/],
    [["pause", "june", "--for", "0s"], /--for expects/],
    [["pause", "june", "--for", "-2h"], /--for expects/],
    [["pause", "june", "--for", "2y"], /--for expects/],
    [["pause", "june", "--for", "367d"], /--for expects a year/],
    [["pause"], /missing required argument 'topic'; see ses-mail pause --help$/m],
  ])("%j is exit 2, and changes nothing", async (args, words) => {
    const { call, file } = await desk();
    await call("import", file);
    const result = await call(...args);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(undated(result.stderr)).toMatch(words);
    noTrace(result.stderr);
    expect((await call("topics", "--json")).json.topics[0].paused_at).toBeNull();
  });

  it("a cancelled topic is not paused: nothing of it leaves anyway", async () => {
    const { call, file } = await desk();
    await call("import", file);
    await call("cancel", "june");
    const result = await call("pause", "june");
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(
      /cancelled.*nothing to pause; reopen it with: ses-mail retry \S+ --state cancelled\n$/,
    );
  });

  it("a name that a shell would change is quoted in what is to be pasted", async () => {
    const { call, file } = await desk();
    await call("import", file, "--topic", "it's $HOME");
    expect((await call("pause", "it's $HOME")).stdout).toContain(String.raw`ses-mail resume 'it'\''s $HOME'`);
  });
});

describe("send and a paused topic", () => {
  it("of it by name: nothing leaves, exit 3, and how to resume, without asking SES anything", async () => {
    const { call, file, server } = await desk();
    await call("import", file);
    await call("pause", "june");
    const result = await call("send", "--topic", "june", "--json");
    expect(result.code).toBe(3);
    expect(result.json).toMatchObject({
      topic: "june",
      outcome: "halted",
      reason: expect.stringMatching(/june.*paused.*ses-mail resume june/),
      ingest: null,
      run: { attempts: 0, sent: 0 },
      totals: totals({ pending: 3 }),
    });
    expect(server.calls()).toEqual([]);
    await call("resume", "june");
    expect((await call("send", "--topic", "june", "--rate", "100")).code).toBe(0);
    expect(server.received().sort()).toEqual(addresses(3));
  });

  it("with a file: the list waits with the others, exit 3", async () => {
    const { call, file, folder, server } = await desk();
    await call("import", file);
    await call("pause", "june", "--for", "1h");
    await writeFile(join(folder, "june.csv"), "email,name\nnew@example.com,New\n");
    const result = await call("send", file, "--rate", "100", "--json");
    expect(result.code).toBe(3);
    expect(result.json).toMatchObject({ outcome: "halted", ingest: { added: 1 }, totals: { pending: 4 } });
    expect(result.json.reason).toMatch(/paused until .*, in (?:1 hour|59 minutes \d+ seconds); resume it with/);
    expect(server.calls()).toEqual([]);
  });

  it("of everything: the others are sent, what was left out is named, exit 0", async () => {
    const { call, file, server } = await desk();
    await call("import", file, "--topic", "paused");
    await call("import", file, "--topic", "open");
    await call("pause", "paused");
    const result = await call("send", "--rate", "100");
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(/topic "paused" is paused, 3 messages wait; resume it with: ses-mail resume paused/);
    expect(result.stderr).not.toContain("due at");
    expect(server.received()).toHaveLength(3);
    const quiet = await call("send", "--quiet");
    expect(quiet).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  it("of everything: topics that are half moved to another time are named, too, a paused one once, exit 0", async () => {
    const { call, file, folder, server } = await desk();
    for (const topic of ["moving", "both", "open", "rehearsed"]) await call("import", file, "--topic", topic);
    await call("pause", "both");
    // As `schedule --topic` leaves a topic when it is killed.
    await inJob(
      join(folder, "ses-mail.db"),
      `update sm.topic set moving_at = ${Date.now()}, moving_to = '{"time":{"notBefore":0,"times":null,"last":0,"begunAt":0},"content":null}' where name <> 'open';
       update sm.topic set endpoint = 'sandbox' where name = 'rehearsed'`,
    );
    const result = await call("send", "--rate", "100");
    expect(result.code).toBe(0);
    expect(result.stderr.match(/Left out: .*$/gm)).toEqual([
      'Left out: topic "both" is paused, 3 messages wait; resume it with: ses-mail resume both',
      expect.stringMatching(
        /^Left out: topic "moving" is being given another time, 3 messages wait; run the same command again in a minute/,
      ),
    ]);
    expect(server.received()).toHaveLength(3);
    expect((await call("send", "--quiet")).stderr).not.toContain("Left out");
  });

  it("a timed pause ends by itself; until then its end is when the next messages are due", async () => {
    const { call, later, file, server } = await desk();
    await call("import", file);
    await call("pause", "june", "--for", "2h");
    expect((await call("send")).stdout).toMatch(/for later \(the next .*\+00:00, in (2 hours|1 hour 59 min)/);
    expect((await later(2 * HOUR - 60_000, "send", "--rate", "100")).code).toBe(0);
    expect(server.received()).toEqual([]);
    expect((await later(2 * HOUR + 60_000, "send", "--rate", "100")).code).toBe(0);
    expect(server.received()).toHaveLength(3);
  });

  it("what is imported, scheduled or retried into it waits, and that is said", async () => {
    const { call, file } = await desk();
    await call("import", file);
    await call("pause", "june");
    for (const args of [
      ["import", file],
      ["schedule", file, "--at", "+1h"],
      ["schedule", "--topic", "june", "--at", "+2h"],
    ]) {
      const result = await call(...args);
      expect(result.code, args.join(" ")).toBe(0);
      expect(result.stderr, args.join(" ")).toMatch(/topic "june" is paused; resume it with: ses-mail resume june/);
    }
    await call("cancel", "june");
    const retried = await call("retry", "june", "--state", "cancelled", "--yes");
    expect(retried.stderr).toMatch(/topic "june" is paused/);
  });
});
