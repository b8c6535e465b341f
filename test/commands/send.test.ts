/** `send` as scripts see it: JSON fields, exit codes, what is on stdout and what on stderr. */
import { existsSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addresses, HTML, writeCampaign } from "../support/campaign.ts";
import { noTrace, totals } from "../support/expected.ts";
import { run, runProcess, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";
import { jobExists } from "../support/job.ts";

describe("send", () => {
  it("sends a file, and the same command again sends nobody a second copy", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 20);
    const server = await sesServer(folder);
    const first = await run(folder, ["send", file, "--rate", "200", "--json"], { env: server.env });
    expect(first.code).toBe(0);
    expect(first.json).toEqual({
      topic: "june",
      outcome: "finished",
      reason: null,
      ingest: { rows: 20, added: 20, duplicates: 0, rejected: 0, suppressed: 0, rejects_file: null },
      run: {
        attempts: 20,
        sent: 20,
        failed: 0,
        in_doubt: 0,
        throttled: 0,
        retried: 0,
        expired: 0,
        elapsed_ms: expect.any(Number),
        messages_per_second: expect.any(Number),
      },
      totals: totals({ sent: 20 }),
    });

    const again = await run(folder, ["send", file, "--rate", "200", "--json"], { env: server.env });
    expect(again.code).toBe(0);
    expect(again.json).toMatchObject({
      outcome: "nothing_to_send",
      ingest: { rows: 20, added: 0, duplicates: 20 },
      totals: totals({ sent: 20 }),
    });
    expect(server.received().sort()).toEqual(addresses(20).sort());
  });

  it("makes a job file that is for its owner only", async () => {
    const folder = await workFolder();
    await run(folder, ["import", await writeCampaign(folder, 1)]);
    expect((await stat(join(folder, "ses-mail.db"))).mode & 0o777).toBe(0o600);
  });

  it("exit 1 when rows were refused; they are in <file>.rejects.csv, the others are sent", async () => {
    const folder = await workFolder();
    const server = await sesServer(folder);
    await writeFile(
      join(folder, "june.csv"),
      "email,name\nann@example.net,Ann\nnobody,Bo\ncy@example.net\n\ndi@example.net,Di\n",
    );
    await writeFile(join(folder, "june.html"), HTML);
    const result = await run(folder, ["send", "june.csv", "--rate", "100", "--json"], { env: server.env });
    expect(result.code).toBe(1);
    expect(result.json.ingest).toMatchObject({ rows: 4, added: 2, rejected: 2, duplicates: 0, suppressed: 0 });
    expect(result.json.ingest.rejects_file).toBe("june.csv.rejects.csv");
    const rejects = (await readFile(join(folder, "june.csv.rejects.csv"), "utf8")).trim().split("\n");
    expect(rejects[0]).toBe("line,reason,email,name");
    expect(rejects.slice(1).map((line) => line.split(",")[0])).toEqual(["3", "4"]);
    expect(server.received().sort()).toEqual(["ann@example.net", "di@example.net"]);
  });

  it("exit 1 when messages failed; --max stops early with exit 0", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 10);
    const server = await sesServer(folder, { faults: ["reject:to=p2@example.net"] });
    const some = await run(folder, ["send", file, "--rate", "100", "--max", "5", "--json"], { env: server.env });
    expect(some.json).toMatchObject({ outcome: "limit", totals: totals({ sent: 4, failed: 1, pending: 5 }) });
    expect(some.code).toBe(1);
    const none = await run(folder, ["send", "--rate", "100", "--max", "2", "--json"], { env: server.env });
    expect(none.json).toMatchObject({ topic: null, outcome: "limit", ingest: null, run: { sent: 2 } });
    expect(none.code).toBe(0);
  });

  it("promise 3: quota: exit 3, says how many remain and when it frees; the rest goes out another day", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 12);
    const server = await sesServer(folder, { quota: 5 });
    const result = await run(folder, ["send", file, "--rate", "100", "--json"], { env: server.env });
    expect(result.code).toBe(3);
    expect(result.json).toMatchObject({
      outcome: "quota",
      run: { failed: 0 },
      totals: totals({ sent: 5, pending: 7 }),
    });
    expect(result.json.reason).toMatch(/7 messages remain.*frees from \d{4}-/);
    const tomorrow = await sesServer(await workFolder());
    const rest = await run(folder, ["send", file, "--rate", "100", "--json"], { env: tomorrow.env });
    expect(rest.code).toBe(0);
    expect(rest.json.totals).toEqual(totals({ sent: 12 }));
  });

  it.each([
    ["pause", /paused/],
    ["expired", /renew/],
  ])("promise 3: --fault %s: exit 3, puts back, says what to fix", async (fault, words) => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 30);
    const server = await sesServer(folder, { faults: [`${fault}:after=10`] });
    const result = await run(folder, ["send", file, "--rate", "100", "--concurrency", "2", "--json"], {
      env: server.env,
    });
    expect(result.code).toBe(3);
    expect(result.json).toMatchObject({ outcome: "halted", totals: totals({ sent: 10, pending: 20 }) });
    expect(result.json.reason).toMatch(words);
    expect(result.stderr).toMatch(words);
    noTrace(result.stderr);
  });

  it("promise 3: throttled: slows down, nobody fails, everybody is sent", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 60);
    const server = await sesServer(folder, { rate: 20 });
    const result = await run(folder, ["send", file, "--rate", "60", "--json"], { env: server.env });
    expect(result.code).toBe(0);
    expect(result.json).toMatchObject({ outcome: "finished", run: { failed: 0 }, totals: totals({ sent: 60 }) });
    expect(result.json.run.throttled).toBeGreaterThan(0);
    expect(server.received().sort()).toEqual(addresses(60).sort());
  });

  it("promise 3: a passing failure is tried again; a lost answer is not, and is exit 1", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 10);
    const server = await sesServer(folder, {
      faults: ["5xx:first=1,to=p1@example.net", "accept-then-drop:to=p2@example.net", "drop:to=p3@example.net"],
    });
    const result = await run(folder, ["send", file, "--rate", "100", "--json"], { env: server.env });
    expect(result.code).toBe(1);
    expect(result.json).toMatchObject({ run: { retried: 1 }, totals: totals({ sent: 8, in_doubt: 2 }) });
    const callsTo = (address: string) => server.calls().filter((call) => call.to.includes(address)).length;
    expect([callsTo("p1@example.net"), callsTo("p2@example.net"), callsTo("p3@example.net")]).toEqual([2, 1, 1]);
    // A person decides: --retry-in-doubt.
    const quiet = await sesServer(await workFolder());
    const retried = await run(folder, ["send", file, "--rate", "100", "--retry-in-doubt", "--json"], {
      env: quiet.env,
    });
    expect(retried.json.totals).toEqual(totals({ sent: 10 }));
    expect(quiet.received().sort()).toEqual(["p2@example.net", "p3@example.net"]);
  });

  it("promise 4: every mail carries the job's and the message's tag", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 5);
    const server = await sesServer(folder);
    await run(folder, ["send", file, "--rate", "100"], { env: server.env });
    const tags = server.calls().map((call) => call.tags);
    expect(new Set(tags.map((tag) => tag["ses-mail-job"])).size).toBe(1);
    expect(new Set(tags.map((tag) => tag["ses-mail-message"])).size).toBe(5);
    for (const tag of tags) expect(Object.values(tag).every((value) => /^[A-Za-z0-9_-]+$/.test(value))).toBe(true);
  });

  it("--dry-run writes nothing and sends nothing", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 5);
    const server = await sesServer(folder);
    const before = (await readdir(folder)).sort();
    const result = await run(folder, ["send", file, "--dry-run", "--json"], { env: server.env });
    expect(result.code).toBe(0);
    expect(result.json).toMatchObject({
      ingest: { rows: 5, added: 5 },
      run: null,
      sample: { to: "p1@example.net", subject: "Hello Person 1" },
    });
    expect(server.calls()).toEqual([]);
    expect((await readdir(folder)).sort()).toEqual(before);
  });

  it("--dry-run says why rows are refused, and counts nobody of other topics", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 5);
    await run(folder, ["import", file]);
    await writeFile(join(folder, "july.csv"), "email,name\nnobody,Bo\nann@example.net,Ann\n");
    const args = ["send", "july.csv", "--content", "june.html", "--dry-run"];
    const told = await run(folder, args);
    expect(told.code).toBe(1);
    expect(told.stderr).toContain('line 2: "nobody" has no @');
    expect(existsSync(join(folder, "july.csv.rejects.csv"))).toBe(false);
    const result = await run(folder, [...args, "--json"]);
    expect(result.json).toMatchObject({ topic: "july", ingest: { rows: 2, rejected: 1 }, totals: totals({}) });
  });

  it("--test-to sends one sample and keeps no state", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 5);
    const server = await sesServer(folder);
    const result = await run(folder, ["send", file, "--test-to", "me@example.com", "--json"], { env: server.env });
    expect(result.code).toBe(0);
    expect(result.json).toMatchObject({
      outcome: "finished",
      reason: null,
      test_to: "me@example.com",
      ingest: null,
      run: null,
      totals: totals({}),
    });
    expect(server.received()).toEqual(["me@example.com"]);
    expect(await jobExists(join(folder, "ses-mail.db"))).toBe(false);
  });

  it.each([
    ["quota", "quota", /quota/],
    ["expired", "halted", /renew/],
  ])("--test-to under --fault %s: exit 3, says what to fix", async (fault, outcome, words) => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 1);
    const server = await sesServer(folder, { faults: [fault] });
    const result = await run(folder, ["send", file, "--test-to", "me@example.com", "--json"], { env: server.env });
    expect(result.code).toBe(3);
    expect(result.json).toMatchObject({ outcome, reason: expect.stringMatching(words) });
    expect(result.stderr).toMatch(words);
  });

  it("takes the list from stdin, and the topic, rate and job file from the environment", async () => {
    const folder = await workFolder();
    await writeCampaign(folder, 1);
    const server = await sesServer(folder);
    const env = { ...server.env, SES_MAIL_DB: "other.db", SES_MAIL_RATE: "50" };
    const args = ["send", "-", "--content", "june.html", "--topic", "뉴스레터 1월", "--yes", "--json"];
    const result = await run(folder, args, { env, stdin: "email,name\nann@example.net,Ann\nbad,Bo\n" });
    expect(result.code).toBe(1);
    expect(result.json).toMatchObject({
      topic: "뉴스레터 1월",
      ingest: { rejected: 1, rejects_file: "stdin.rejects.csv" },
    });
    expect(await jobExists(join(folder, "other.db"))).toBe(true);
    expect(existsSync(join(folder, "stdin.rejects.csv"))).toBe(true);
  });

  it("--sandbox: no account needed; the mails land in ses-mail-outbox/, and nothing warns of itself", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 40);
    const env = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_REGION: "", AWS_ENDPOINT_URL_SESV2: "" };
    // A real process, because what warns of itself writes past the program.
    const result = await runProcess(folder, ["send", file, "--sandbox", "--rate", "1000", "--json"], { env });
    expect(result.code).toBe(0);
    expect(result.json.totals).toEqual(totals({ sent: 40 }));
    const mails = await readdir(join(folder, "ses-mail-outbox", "june"));
    expect(mails.filter((name) => name.endsWith(".eml"))).toHaveLength(40);
    noTrace(result.stderr);
  });

  it("nothing is due: exit 0; a topic there is not: exit 2", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 2);
    const server = await sesServer(folder);
    await run(folder, ["schedule", file, "--at", "+1d"]);
    const idle = await run(folder, ["send", "--json"], { env: server.env });
    expect(idle.code).toBe(0);
    expect(idle.json).toMatchObject({ topic: null, outcome: "nothing_to_send", totals: totals({ pending: 2 }) });
    expect((await run(folder, ["send", "--topic", "july"], { env: server.env })).code).toBe(2);
    expect(server.received()).toEqual([]);
  });
});
