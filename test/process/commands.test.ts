// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** Every command as scripts see it: JSON fields, exit codes, what is on stdout and what on stderr. */
import { existsSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addresses, HTML, writeCampaign } from "../support/campaign.ts";
import { type Json, run, start, until, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

const STATES = ["pending", "sending", "sent", "in_doubt", "failed", "cancelled", "suppressed"];

const totals = (counts: Record<string, number>): Json => ({
  total: Object.values(counts).reduce((sum, count) => sum + count, 0),
  ...Object.fromEntries(STATES.map((state) => [state, 0])),
  ...counts,
});

const noTrace = (text: string) => expect(text).not.toMatch(/\n\s+at |EPIPE|Warning/);

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
        elapsed_ms: expect.any(Number),
        messages_per_second: expect.any(Number),
      },
      totals: totals({ sent: 20 }),
    });
    expect((await stat(join(folder, "ses-mail.db"))).mode & 0o777).toBe(0o600);

    const again = await run(folder, ["send", file, "--rate", "200", "--json"], { env: server.env });
    expect(again.code).toBe(0);
    expect(again.json).toMatchObject({
      outcome: "nothing_to_send",
      ingest: { rows: 20, added: 0, duplicates: 20 },
      totals: totals({ sent: 20 }),
    });
    expect(server.received().sort()).toEqual(addresses(20).sort());
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
    expect(existsSync(join(folder, "ses-mail.db"))).toBe(false);
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
    const args = ["send", "-", "--content", "june.html", "--topic", "뉴스레터 1월", "--json"];
    const result = await run(folder, args, { env, stdin: "email,name\nann@example.net,Ann\nbad,Bo\n" });
    expect(result.code).toBe(1);
    expect(result.json).toMatchObject({
      topic: "뉴스레터 1월",
      ingest: { rejected: 1, rejects_file: "stdin.rejects.csv" },
    });
    expect(existsSync(join(folder, "other.db"))).toBe(true);
    expect(existsSync(join(folder, "stdin.rejects.csv"))).toBe(true);
  });

  it("--sandbox: no account needed; the mails land in ses-mail-outbox/, and nothing warns of itself", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 40);
    const env = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_REGION: "", AWS_ENDPOINT_URL_SESV2: "" };
    const result = await run(folder, ["send", file, "--sandbox", "--rate", "1000", "--json"], { env });
    expect(result.code).toBe(0);
    expect(result.json.totals).toEqual(totals({ sent: 40 }));
    expect((await readdir(join(folder, "ses-mail-outbox"))).filter((name) => name.endsWith(".eml"))).toHaveLength(40);
    noTrace(result.stderr);
    // A rehearsed topic does not go on to Amazon.
    const real = await run(folder, ["send", file, "--json"]);
    expect(real.code).toBe(2);
    expect(real.stderr).toContain("sandbox");
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
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const sent = await run(folder, ["send", "--rate", "100", "--json"], { env: server.env });
    expect(sent.json.totals).toEqual(totals({ sent: 3 }));
  });

  it("moving a topic that has nothing pending is refused, and says how to go on", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 2);
    await run(folder, ["import", file]);
    await run(folder, ["cancel", "june"]);
    const result = await run(folder, ["schedule", "--topic", "june", "--at", "+1h", "--json"]);
    expect(result.code).toBe(2);
    expect(result.json.error).toMatch(/nothing pending.*ses-mail retry "june" --state cancelled/);
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
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const result = await run(folder, ["send", "--max-late", "100ms", "--json"], { env: server.env });
    expect(result.code).toBe(1);
    expect(result.json).toMatchObject({
      totals: totals({ pending: 2 }),
      reason: expect.stringContaining("2 messages are overdue"),
    });
    expect(server.received()).toEqual([]);
  });
});

describe("cancel and retry", () => {
  it("cancel takes back what was not handed over; the topic is closed until retry reopens it", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 5);
    const server = await sesServer(folder);
    await run(folder, ["send", file, "--rate", "100", "--max", "2"], { env: server.env });
    const cancelled = await run(folder, ["cancel", "june", "--json"]);
    expect(cancelled.code).toBe(0);
    expect(cancelled.json).toEqual({
      topic: "june",
      cancelled: 3,
      in_flight: 0,
      totals: totals({ sent: 2, cancelled: 3 }),
    });
    const closed = await run(folder, ["import", file]);
    expect(closed.code).toBe(2);
    expect(closed.stderr).toMatch(/cancelled.*retry/);
    expect((await run(folder, ["send", "--json"], { env: server.env })).json.outcome).toBe("nothing_to_send");

    const unasked = await run(folder, ["retry", "june", "--state", "cancelled"]);
    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toContain("--yes");
    const retried = await run(folder, ["retry", "june", "--state", "failed,in_doubt,cancelled", "--yes", "--json"]);
    expect(retried.code).toBe(0);
    expect(retried.json).toEqual({ topic: "june", retried: 3, totals: totals({ sent: 2, pending: 3 }) });
    const rest = await run(folder, ["send", "--rate", "100", "--json"], { env: server.env });
    expect(rest.json.totals).toEqual(totals({ sent: 5 }));
    expect(server.received().sort()).toEqual(addresses(5).sort());
  });

  it("what was sent is never retried; unknown topics and states are exit 2", async () => {
    const folder = await workFolder();
    await run(folder, ["import", await writeCampaign(folder, 1)]);
    for (const args of [
      ["retry", "june", "--state", "sent", "--yes"],
      ["retry", "june", "--state", "lost", "--yes"],
      ["retry", "june", "--yes"],
      ["retry", "july", "--state", "failed", "--yes"],
      ["cancel", "july"],
      ["cancel"],
    ]) {
      const result = await run(folder, args);
      expect(result.code, args.join(" ")).toBe(2);
      noTrace(result.stderr);
    }
  });
});

describe("topics, stats, export, preview", () => {
  it("topics", async () => {
    const folder = await workFolder();
    await run(folder, ["import", await writeCampaign(folder, 2)]);
    expect((await run(folder, ["topics", "--json"])).json).toEqual({
      topics: [{ topic: "june", not_before: null, cancelled_at: null, ...totals({ pending: 2 }) }],
    });
    expect((await run(folder, ["topics"])).stdout).toContain("june");
  });

  it("stats: the same fields in JSON and CSV", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 4);
    const server = await sesServer(folder);
    await run(folder, ["send", file, "--rate", "100", "--max", "3"], { env: server.env });
    const one = (await run(folder, ["stats", "june", "--json"])).json;
    const fields =
      "topic,total,pending,sending,sent,in_doubt,failed,cancelled,suppressed,delivered,bounced_permanent,bounced_transient,complained,opened,clicked,rejected,delayed,first_sent_at,last_sent_at,delivery_rate,bounce_rate,complaint_rate,open_rate,click_rate";
    expect(Object.keys(one)).toEqual(fields.split(","));
    expect(one).toMatchObject({ topic: "june", total: 4, sent: 3, pending: 1, delivery_rate: 0 });
    expect(one.first_sent_at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect((await run(folder, ["stats", "--json"])).json).toEqual({ topics: [one] });
    const csv = (await run(folder, ["stats", "--format", "csv"])).stdout.trim().split("\n");
    expect(csv[0]).toBe(fields);
    expect(csv).toHaveLength(2);
    expect((await run(folder, ["stats", "june", "--hours", "1", "--json"])).json).toMatchObject({ sent: 3, total: 3 });
    expect((await run(folder, ["stats", "july"])).code).toBe(2);
    const written = await run(folder, ["stats", "june", "--format", "csv", "--output", "stats.csv"]);
    expect(written.stdout).toBe("");
    expect((await readFile(join(folder, "stats.csv"), "utf8")).split("\n")[0]).toBe(fields);
  });

  it("export: one row per recipient, and its output is again a recipients file", async () => {
    const folder = await workFolder();
    const server = await sesServer(folder, { faults: ["reject:to=bo@example.net"] });
    await writeFile(join(folder, "june.html"), HTML);
    await writeFile(join(folder, "june.csv"), "email,name\nann@example.net,=1+1\nbo@example.net,Bo\n");
    await run(folder, ["send", "june.csv", "--rate", "100"], { env: server.env });
    const all = await run(folder, ["export", "june"]);
    const lines = all.stdout.trim().split("\n");
    expect(lines[0]).toBe(
      "email,state,attempts,ses_message_id,error,sent_at,delivered_at,bounced_at,bounce_type,bounce_subtype,complained_at,opened_at,clicked_at,name",
    );
    expect(lines[1]).toMatch(/^ann@example\.net,sent,1,[^,]+,,\d{4}.*,'=1\+1$/);
    expect(lines[2]).toMatch(/^bo@example\.net,failed,1,,Address blacklisted\.,/);
    expect((await run(folder, ["export", "june", "--raw"])).stdout).toContain(",=1+1\n");
    await run(folder, ["export", "june", "--state", "failed", "--output", "again.csv"]);
    const again = await run(folder, ["import", "again.csv", "--content", "june.html", "--topic", "again", "--json"]);
    expect(again.code).toBe(0);
    expect(again.json.ingest).toMatchObject({ rows: 1, added: 1 });
    expect((await run(folder, ["export", "june", "--state", "lost"])).code).toBe(2);
  });

  it("pipes: a reader that has seen enough is no error", async () => {
    const folder = await workFolder();
    await run(folder, ["import", await writeCampaign(folder, 5000)]);
    for (const command of [
      "serve --help",
      "export june",
      "export june --json",
      "topics",
      "stats --format csv",
      "send --help",
    ]) {
      const result = await run(folder, [], { shell: `$SES_MAIL ${command} | head -1; exit 0` });
      expect(result.stdout.split("\n").length, command).toBe(2);
      noTrace(result.stderr);
    }
  });

  it("preview shows one recipient's mail, on stdout or as files", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 3);
    const shown = await run(folder, ["preview", file, "--row", "2", "--json"]);
    expect(shown.code).toBe(0);
    expect(shown.json).toMatchObject({ row: 2, to: "p2@example.net", subject: "Hello Person 2" });
    await run(folder, ["preview", file, "--output", "out"]);
    expect(await readFile(join(folder, "out", "mail.html"), "utf8")).toContain("Dear Person 1");
    expect((await run(folder, ["preview", file, "--row", "9"])).code).toBe(2);
  });
});

describe("sandbox", () => {
  it("says where it listens, plays SES, and ends cleanly on SIGTERM", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 6);
    const args = ["sandbox", "--port", "0", "--rate", "100", "--latency", "0ms", "--events", "events.ndjson", "--json"];
    const sandbox = start(folder, args);
    await until(() => /listening on (http:\S+)/.test(sandbox.stderr()) || sandbox.child.exitCode !== null);
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

describe("help and errors", () => {
  it.each([
    [["send", "--nope"], /unknown option '--nope'/],
    [["sned"], /unknown command 'sned'.*send/],
    [["schedule", "june.csv"], /--at/],
    [[], /command/],
  ])("%j: with --json also a usage error is one document", async (args, words) => {
    const result = await run(await workFolder(), [...args, "--json"]);
    expect(result.code).toBe(2);
    expect(result.json).toEqual({ error: expect.stringMatching(words), exit_code: 2 });
  });

  it("every command's help lists the exit codes", async () => {
    const folder = await workFolder();
    const help = await run(folder, ["--help"]);
    expect(help.code).toBe(0);
    const names = [...help.stdout.matchAll(/^ {2}([a-z][a-z-]*)(?: \[options\]| <| \[|  )/gm)].map(
      (match) => match[1] ?? "",
    );
    expect(names).toEqual(
      expect.arrayContaining([
        "send",
        "import",
        "schedule",
        "cancel",
        "retry",
        "topics",
        "stats",
        "export",
        "preview",
        "sandbox",
      ]),
    );
    for (const name of names.filter((each) => each !== "help")) {
      const { code, stdout } = await run(folder, [name, "--help"]);
      expect(code, name).toBe(0);
      for (const exit of ["0 ", "1 ", "2 ", "3 ", "70", "130", "143"]) expect(stdout, name).toContain(exit);
    }
  });

  it("--version is the package's; no command shows the help; an unknown one is exit 2", async () => {
    const folder = await workFolder();
    const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    const shown = await run(folder, ["--version"]);
    expect([shown.code, shown.stdout.trim()]).toEqual([0, version]);
    const unknown = await run(folder, ["sned"]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("send");
  });

  it("with --json an error is one document, with its exit code in it", async () => {
    const folder = await workFolder();
    const result = await run(folder, ["send", "none.csv", "--json"]);
    expect(result.code).toBe(2);
    expect(result.json).toEqual({ error: expect.any(String), exit_code: 2 });
  });

  it("--quiet is quiet, and colour is nowhere without a terminal", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 3);
    const server = await sesServer(folder);
    const quiet = await run(folder, ["send", file, "--rate", "100", "--quiet"], { env: server.env });
    expect(quiet.stderr).toBe("");
    const loud = await run(folder, ["stats"]);
    expect(loud.stdout + loud.stderr).not.toContain("\u001b");
  });
});
