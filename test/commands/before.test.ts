/** What is found out before anything is read, and what is said after a run. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { connectSes } from "../../src/aws/ses.ts";
import { HTML, writeCampaign } from "../support/campaign.ts";
import { totals } from "../support/expected.ts";
import { ahead, run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";
import { sqsServer } from "../support/sqs-server.ts";

const NO_CREDENTIALS = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
const LISTS = [
  ["send", "june.csv", "--yes"],
  ["send", "june.csv", "--test-to", "me@example.com"],
  ["check", "june.csv", "--no-dns"],
  ["check", "--no-dns"],
  ["suppress", "sync"],
  ["serve", "--port", "0"],
  ["work"],
];

/** What the SDK says of a multi-region endpoint. */
async function readiness(endpointId: string): Promise<string> {
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
  const options = { region: "us-east-1", endpoint: undefined, credentials, concurrency: 1, timeoutMs: 1_000 };
  const ses = connectSes({ ...options, endpointId });
  try {
    await ses.ready({ env: {}, signal: new AbortController().signal });
    return "ready";
  } catch (error) {
    return (error as Error).message;
  } finally {
    ses.close();
  }
}

describe("a setting of AWS that is missing or wrong: exit 2, one line, nothing changed", () => {
  async function refused(args: string[], env: Record<string, string>): Promise<string> {
    const folder = await workFolder();
    await writeCampaign(folder, 2);
    const before = await readdir(folder);
    const { code, stdout, stderr } = await run(folder, args, { env: { SES_MAIL_API_KEY: "0123456789abcdef", ...env } });
    expect({ code, stdout, lines: stderr.trim().split("\n").length }).toEqual({ code: 2, stdout: "", lines: 1 });
    expect(await readdir(folder)).toEqual(before);
    return stderr;
  }

  it.each(LISTS)("%s %s", async (...args) => {
    expect(await refused(args, { AWS_REGION: "" })).toContain("AWS_REGION expects");
    expect(await refused(args, NO_CREDENTIALS)).toContain("set AWS_ACCESS_KEY_ID");
    const wrong = await refused(args, { AWS_ENDPOINT_URL_SESV2: "localhost:8025" });
    expect(wrong).toContain(
      'AWS_ENDPOINT_URL_SESV2 expects a URL that begins with http:// or https://, got "localhost:',
    );
    expect(wrong).toContain("write http://localhost:8025");
  });

  it.each([
    "127.0.0.1:8025",
    "foo",
    "ftp://ses.example.com",
    "http://",
    "http://127.0.0.1:99999",
    "//ses",
    "mailto:a@b.c",
  ])("%s as an endpoint, whichever variable has it", async (endpoint) => {
    for (const env of [
      { AWS_ENDPOINT_URL_SESV2: endpoint },
      { AWS_ENDPOINT_URL_SESV2: "", AWS_ENDPOINT_URL: endpoint },
    ])
      expect(await refused(["send", "june.csv"], env)).toMatch(
        new RegExp(`AWS_ENDPOINT_URL${env.AWS_ENDPOINT_URL_SESV2 === "" ? "" : "_SESV2"} expects a URL`),
      );
  });

  it.each([
    ["AWS_SESSION_TOKEN", "tok\nnl", '"\\n"'],
    ["AWS_ACCESS_KEY_ID", "AKIDEXAMPLE\r", '"\\r"'],
    ["AWS_SECRET_ACCESS_KEY", "secret\r", '"\\r"'],
    ["AWS_ACCESS_KEY_ID", "키", '"키"'],
  ])("%s that fits in no header (%j)", async (variable, value, found) => {
    for (const args of LISTS) {
      const told = await refused(args, { [variable]: value });
      expect(told).toContain(`${variable} expects printable ASCII only, got ${found} in it; write it anew`);
      expect(told).not.toMatch(/AKID|secret|tok/);
    }
  });

  it("keys of a profile that fit in no header", async () => {
    const config = join(await workFolder(), "config");
    const keys = "aws_access_key_id = a\naws_secret_access_key = b\naws_session_token = t\u0001\nregion = us-east-1";
    await writeFile(config, `[profile p]\n${keys}\n`);
    const env = { ...NO_CREDENTIALS, AWS_CONFIG_FILE: config, AWS_PROFILE: "p" };
    expect(await refused(["send", "june.csv"], env)).toContain("AWS_SESSION_TOKEN of the AWS profile, or of what else");
  });

  it.each(["a..b", "a.", ".a", "a_b", "-a", "a.b-", `${"a".repeat(64)}.xyz`, "a b", "é", ""])(
    "--endpoint-id=%s",
    async (id) => {
      for (const args of [
        ["send", "june.csv", "--yes"],
        ["send", "june.csv", "--yes", "--sandbox"],
        ["send", "june.csv", "--dry-run"],
        ["check", "june.csv", "--no-dns"],
        ["check", "june.csv", "--no-dns", "--no-account"],
      ])
        expect(await refused([...args, `--endpoint-id=${id}`], {})).toContain(
          `--endpoint-id expects the id of a multi-region endpoint, such as abcd.xyz, got ${JSON.stringify(id)}`,
        );
      expect(await readiness(id)).toContain("EndpointId must be a valid host label");
    },
  );

  it.each(["abcd.xyz", "a", "A-1.b.c", `${"a".repeat(63)}.xyz`])("--endpoint-id=%s is one", async (id) => {
    expect(await readiness(id)).toBe("ready");
    const folder = await workFolder();
    const args = ["send", await writeCampaign(folder, 1), "--yes", `--endpoint-id=${id}`, "--sandbox", "--json"];
    expect((await run(folder, args)).json.totals).toMatchObject({ sent: 1 });
  });

  it("--endpoint-id with FIPS, which multi-region endpoints do not have", async () => {
    const env = { AWS_USE_FIPS_ENDPOINT: "true", AWS_ENDPOINT_URL_SESV2: "" };
    for (const args of [
      ["send", "june.csv", "--yes"],
      ["check", "june.csv", "--no-dns"],
      ["check", "--no-dns"],
    ])
      expect(await refused([...args, "--endpoint-id", "abcd.xyz"], env)).toContain(
        "FIPS is not supported with multi-region endpoints",
      );
  });

  it.each([
    ["SES_MAIL_ENDPOINT_ID", "a b", "--endpoint-id expects the id of a multi-region endpoint"],
    ["SES_MAIL_TIMEOUT", "soon", "--timeout expects a duration"],
    ["SES_MAIL_MAX_LATE", "2", "--max-late expects a duration"],
    ["SES_MAIL_SECRET", "short", "SES_MAIL_SECRET expects secrets"],
  ])("%s=%s is refused by a dry run, too", async (variable, value, words) => {
    for (const args of [
      ["send", "june.csv", "--yes"],
      ["send", "june.csv", "--dry-run"],
    ])
      expect(await refused(args, { [variable]: value })).toContain(words);
  });

  it("a secret that is too short is refused by check, too", async () => {
    const args = ["check", "june.csv", "--no-dns", "--no-account"];
    expect(await refused(args, { SES_MAIL_SECRET: "short" })).toContain("SES_MAIL_SECRET expects secrets");
  });

  it("an endpoint of the profile, and a region that is none", async () => {
    const folder = await workFolder();
    const config = join(folder, "config");
    const keys = "aws_access_key_id = a\naws_secret_access_key = b\nregion = us-east-1";
    await writeFile(
      config,
      `[profile p]\n${keys}\nendpoint_url = localhost:9\n[profile s]\n${keys}\nservices = x\n[services x]\nsesv2 =\n  endpoint_url = foo\n`,
    );
    const env = { ...NO_CREDENTIALS, AWS_ENDPOINT_URL_SESV2: "", AWS_CONFIG_FILE: config };
    for (const profile of ["p", "s"]) {
      const told = await refused(["send", "june.csv"], { ...env, AWS_PROFILE: profile });
      expect(told).toContain(`endpoint_url of the AWS profile ${profile} (${config}) expects a URL`);
    }
    expect(await refused(["send", "june.csv"], { AWS_REGION: "us east 1" })).toContain('got "us east 1"');
  });

  it("also for send without a file, whose topic stays as it is, and for a queue", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 2);
    await run(folder, ["import", file]);
    for (const args of [["send"], ["send", "--topic", "june"], ["send", file]]) {
      const none = await run(folder, args, { env: { AWS_ENDPOINT_URL_SESV2: "foo" } });
      expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("AWS_ENDPOINT_URL_SESV2") });
    }
    expect((await run(folder, ["stats", "june", "--json"])).json).toMatchObject(totals({ pending: 2 }));
    const queue = await sqsServer();
    const args = ["ingest-events", "--sqs", queue.url, "--once"];
    const env = { AWS_ENDPOINT_URL_SQS: "localhost:9324" };
    expect(await run(await workFolder(), args, { env })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("AWS_ENDPOINT_URL_SQS expects a URL"),
    });
  });

  it("--dry-run, import, preview and --sandbox need none of it", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 1);
    const env = { ...NO_CREDENTIALS, AWS_REGION: "", AWS_ENDPOINT_URL_SESV2: "foo" };
    for (const args of [
      ["send", file, "--dry-run"],
      ["preview", file],
      ["import", file],
      ["send", file, "--sandbox"],
    ])
      expect((await run(folder, args, { env })).code).toBe(0);
  });
});

describe("a list on stdin", () => {
  const stdin = "email,name\nann@example.net,Ann\n";
  const ARGS = ["send", "-", "--content", "june.html", "--topic", "june", "--rate", "100"];

  it("needs --yes when somebody on it is new, and not to go on", async () => {
    const folder = await workFolder();
    const server = await sesServer(folder);
    await writeFile(join(folder, "june.html"), HTML);
    const before = await readdir(folder);
    const asked = await run(folder, ARGS, { env: server.env, stdin });
    expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
    expect(await readdir(folder)).toEqual(before);
    expect((await run(folder, [...ARGS, "--yes"], { env: server.env, stdin })).code).toBe(0);
    expect((await run(folder, ARGS, { env: server.env, stdin })).code).toBe(0);
    const more = await run(folder, ARGS, { env: server.env, stdin: `${stdin}bob@example.net,Bob\n` });
    expect(more).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
    expect((await run(folder, ["stats", "june", "--json"])).json).toMatchObject(totals({ sent: 1 }));
    expect(server.received()).toEqual(["ann@example.net"]);
  });
});

describe("the words after a run", () => {
  it("without a terminal one line tells what will be sent, with --max", async () => {
    const folder = await workFolder();
    const server = await sesServer(folder);
    const file = await writeCampaign(folder, 10);
    const first = await run(folder, ["send", file, "--rate", "100", "--max", "4"], { env: server.env });
    expect(first.stderr).toContain("june: 10 rows, 10 added; 4 to send (--max) of 10, 0 sent before; 100 per second");
    const rest = await run(folder, ["send", file, "--rate", "100"], { env: server.env });
    expect(rest.stderr).toContain("june: 10 rows, 0 added, 10 in the topic already; 6 to send, 4 sent before;");
    const again = await run(folder, ["send", file, "--json"], { env: server.env });
    expect(again.json.ingest).toMatchObject({ duplicates: 10 });
  });

  it("name the causes of what failed and is in doubt, and the next commands, quoted for the shell", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 8);
    const server = await sesServer(folder, {
      faults: ["reject:to=p2@example.net", "reject:to=p5@example.net", "drop:to=p3@example.net"],
    });
    const { code, stderr } = await run(folder, ["send", file, "--topic", "Ann's list", "--rate", "100"], {
      env: server.env,
    });
    expect(code).toBe(1);
    const quoted = String.raw`'Ann'\''s list'`;
    expect(stderr).toMatch(/2 failed: 2 × \S.*; see: ses-mail export/);
    expect(stderr).toContain(`again: ses-mail retry ${quoted} --state failed`);
    expect(stderr).toMatch(/1 in doubt \(.*\): 1 × \S.*; see: ses-mail export/);
    expect(stderr).toContain(`ses-mail retry ${quoted} --state in_doubt`);
  });

  it("name the topics when cron sends all, and only those of this run", async () => {
    const folder = await workFolder();
    await writeCampaign(folder, 1, "old");
    const refusing = await sesServer(folder, { faults: ["reject:to=p1@example.net", "reject:to=p2@example.net"] });
    await run(folder, ["send", "old.csv", "--rate", "100"], { env: refusing.env });
    await run(folder, ["import", await writeCampaign(folder, 3)]);
    await run(folder, ["import", await writeCampaign(folder, 2, "july")]);
    const db = ["--db", "ses-mail.db"];
    const { code, stderr } = await run(folder, ["send", "--rate", "100", ...db], { env: refusing.env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/june: 2 failed: 2 × .*ses-mail retry june --state failed\n/);
    expect(stderr).toMatch(/july: 2 failed: /);
    expect(stderr).not.toContain("old: ");
  });

  it("suggest commands for the job file that was used", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 1);
    await mkdir(join(folder, "my jobs"));
    const db = ["--db", "my jobs/one.db"];
    await run(folder, ["import", file, ...db]);
    const cancelled = await run(folder, ["cancel", "june", ...db]);
    expect(cancelled.stdout).toBe("june: 1 cancelled, 0 in flight, none sent before\n");
    expect(cancelled.stderr).toContain("ses-mail retry june --state cancelled --db 'my jobs/one.db'\n");
  });

  it("of retry say when the messages are due, and that there is nothing to send", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 2);
    await run(folder, ["schedule", file, "--at", "2099-12-25 09:00"]);
    await run(folder, ["cancel", "june"]);
    const args = ["retry", "june", "--state", "cancelled", "--yes"];
    const { stdout } = await run(folder, args);
    expect(stdout).toMatch(/^june: 2 back to pending; the first is due 2099-12-25 09:00:00\+00:00, in \d+ days/);
    expect(stdout).toContain("ses-mail send --topic june");
    expect((await run(folder, args)).stdout).toMatch(
      /^june: 0 back to pending; 2 messages wait already; the first is due 2099-12-25 09:00:00\+00:00, in \d+ days/,
    );
    await run(folder, ["cancel", "june"]);
    await run(folder, ["suppress", "add", "p1@example.net"]);
    const late = await run(folder, args, { clock: ahead(100 * 366 * 86_400_000) });
    expect(late.stdout).toBe(
      "june: 1 back to pending, 1 suppressed meanwhile; send it with: ses-mail send --topic june\n",
    );
    await run(folder, ["suppress", "add", "p2@example.net"]);
    expect((await run(folder, args)).stdout).toBe(
      "june: 0 back to pending; there is nothing to send; see: ses-mail stats june\n",
    );
  });

  it("of retry and schedule promise nothing of a paused topic, nor of one in which nothing waits", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 1);
    const db = ["--db", "one.db"];
    await run(folder, ["schedule", file, "--at", "+1d", ...db]);
    const paused = await run(folder, ["pause", "june", ...db]);
    expect(paused.stdout).toBe("june: paused; 1 message waits. Resume it with: ses-mail resume june --db one.db\n");
    await run(folder, ["cancel", "june", ...db]);
    const retried = await run(folder, ["retry", "june", "--state", "cancelled", "--yes", ...db]);
    expect(retried.stdout).toBe("june: 1 back to pending; nothing leaves before the topic is resumed\n");
    expect(retried.stderr).toContain("resume it with: ses-mail resume june --db one.db\n");
    await run(folder, ["resume", "june", ...db]);
    // Without a terminal a question would be an error; there is nothing to ask.
    expect(await run(folder, ["retry", "june", "--state", "failed", ...db])).toMatchObject({ code: 0 });
    await run(folder, ["suppress", "add", "p1@example.net", ...db]);
    const moved = await run(folder, ["schedule", file, "--at", "+2d", ...db]);
    expect(moved.stderr).toContain("so nothing moved; nothing of it waits; see: ses-mail stats june --db one.db\n");
  });

  it("of a cancelled topic in which nothing was left to take back say that it is closed, and open again", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 1);
    const server = await sesServer(folder);
    await run(folder, ["send", file], { env: server.env });
    const cancelled = await run(folder, ["cancel", "june"]);
    expect(cancelled.stdout).toBe("june: 0 cancelled, 0 in flight, 1 sent before\n");
    expect(cancelled.stderr).toContain(
      "It takes no further recipients until you reopen it with: ses-mail retry june --state cancelled\n",
    );
    expect((await run(folder, ["retry", "june", "--state", "cancelled", "--yes"])).stdout).toBe(
      "june: 0 back to pending, the topic is open again; there is nothing to send; see: ses-mail stats june\n",
    );
  });

  it("of a rehearsal say where to look", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 1);
    const { stderr } = await run(folder, ["send", file, "--sandbox"]);
    expect(stderr.trim().split("\n").at(-1)).toMatch(
      / look: ses-mail-outbox\/june\/index\.html · ses-mail stats june; to send for real: /,
    );
  });
});

describe("preview", () => {
  it("has decoded mailboxes and our usual names in JSON, as --dry-run has", async () => {
    const folder = await workFolder();
    await writeFile(join(folder, "june.csv"), "email\nann@example.net\n");
    await writeFile(
      join(folder, "june.md"),
      "---\nsubject: 안녕\nfrom: 한국 <a@example.com>\nreply_to: 답장 <r@example.com>\n---\nHi\n",
    );
    const expected = { from: "한국 <a@example.com>", reply_to: ["답장 <r@example.com>"], configuration_set: null };
    const { json } = await run(folder, ["preview", "june.csv", "--json"]);
    expect(json).toMatchObject(expected);
    expect(Object.keys(json).filter((key) => /[A-Z]/.test(key))).toEqual([]);
    expect((await run(folder, ["send", "june.csv", "--dry-run", "--json"])).json.sample).toMatchObject(expected);
    for (const args of [
      ["preview", "june.csv"],
      ["send", "june.csv", "--dry-run"],
    ])
      expect((await run(folder, args)).stdout).toContain("From: 한국 <a@example.com>\n");
  });

  it.each(["/proc/none", "/proc/self/none/deep", "/dev/null/x", "/dev/null"])(
    "--output %s is one line",
    async (output) => {
      const folder = await workFolder();
      const file = await writeCampaign(folder, 1);
      const { code, stderr } = await run(folder, ["preview", file, "--output", output]);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^(?:\S+ \S+ )?ses-mail: .*--output .*\n$/);
    },
  );

  it("--open says what to do where there is no browser", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 1);
    const { code, stderr } = await run(folder, ["preview", file, "--open"], { env: { PATH: folder } });
    expect(code).toBe(0);
    expect(stderr).toMatch(/No browser could be opened .*open .*mail\.html yourself/);
  });
});
