import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Finding } from "../../src/check/finding.ts";
import { dnsServer } from "../support/dns-server.ts";
import { run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";
import { troubles } from "../check/troubles.ts";
import { jobExists } from "../support/job.ts";

const RECORDS = {
  "TXT amazonses.com": ["v=spf1 -all"],
  "TXT _dmarc.example.com": ["v=DMARC1; p=none"],
  "CNAME a._domainkey.example.com": ["a.dkim.amazonses.com"],
  "CNAME b._domainkey.example.com": ["b.dkim.amazonses.com"],
  "CNAME c._domainkey.example.com": ["c.dkim.amazonses.com"],
};
const HTML = `---
subject: "Hello {{ name }}"
from: News <news@example.com>
unsubscribe_url: https://example.com/u?e={{ email }}
---
<!doctype html>
<html lang="en"><head><title>June</title></head>
<body><p>Dear {{ name }}, welcome.</p><p><a href="https://example.com/u?e={{ email | url_encode }}">Unsubscribe</a></p></body></html>
`;

async function campaign(rows: string[], html = HTML): Promise<string> {
  const folder = await workFolder();
  await writeFile(join(folder, "june.csv"), `email,name\n${rows.join("\n")}\n`);
  await writeFile(join(folder, "june.html"), html);
  return folder;
}

const byArea = (findings: Finding[], area: string) => troubles(findings.filter(({ check }) => check.startsWith(area)));

describe("what cannot be checked is exit 2", () => {
  test.each([
    ["no such list", ["july.csv"], "july"],
    ["no address column", ["no-email.csv", "--content", "june.html"], "no column holds addresses"],
    ["no such column", ["june.csv", "--subject", "{{ nmae }}"], "nmae"],
    ["no sender anybody could be", ["--from", "nobody"], "--from expects an address"],
    ["content and no list", ["--content", "june.html"], "expects a recipients file"],
    ["no name server", ["june.csv", "--dns-server", "localhost"], "--dns-server expects an IP address"],
    ["no good row", ["bad.csv", "--content", "june.html", "--no-account", "--no-dns"], "no valid recipient"],
  ])("%s", async (_name, args, message) => {
    const folder = await campaign(["ann@example.net,Ann"]);
    await writeFile(join(folder, "no-email.csv"), "name\nAnn\n");
    await writeFile(join(folder, "bad.csv"), "email,name\nnobody,Ann\n");
    const { code, stderr, stdout } = await run(folder, ["check", ...args]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });
});

test("everything in order: exit 0, and nothing is left behind", async () => {
  const folder = await campaign(["ann@example.net,Ann", "bob@example.net,Bob"]);
  const ses = await sesServer(await workFolder());
  const dns = await dnsServer(RECORDS);
  const result = await run(folder, ["check", "june.csv", "--json", "--dns-server", dns.address], { env: ses.env });
  const { findings, ...rest } = result.json;
  expect(troubles(findings)).toEqual(["info identity.mail-from", "info identity.feedback", "info dns.spf"]);
  expect(rest).toEqual({
    topic: "june",
    summary: { errors: 0, warnings: 0, infos: 3, ok: expect.any(Number) },
    account: {
      region: "us-east-1",
      sending_enabled: true,
      production_access: true,
      enforcement: "HEALTHY",
      rate: 100_000,
      quota: null,
      sent_last_24_hours: 0,
      left: null,
    },
    recipients: {
      rows: 2,
      added: 2,
      duplicates: 0,
      rejected: 0,
      suppressed: 0,
      placeholders: 0,
      unverified: 0,
      typos: 0,
      roles: 0,
      left: 0,
    },
  });
  expect(result.code).toBe(0);
  expect(ses.received()).toEqual([]);
  expect((await readdir(folder)).sort()).toEqual(["june.csv", "june.html"]);
});

test("the report, by area and with what to do", async () => {
  const folder = await campaign(["ann@gamil.com,Ann", "bob@example.net,"]);
  const ses = await sesServer(folder);
  const { code, stdout } = await run(folder, ["check", "june.csv", "--no-dns"], { env: ses.env });
  expect(code).toBe(1);
  const titles = stdout.split("\n").filter((line) => /^\S/.test(line));
  expect(titles).toEqual(["Account", "Sender", "Configuration set", "Content", "Recipients", "1 error, 1 warning"]);
  const recipients = stdout.slice(stdout.indexOf("\nRecipients")).split("\n");
  expect(recipients[2]).toMatch(/^ {2}✗ 1 row would be refused: line 3: /);
  expect(recipients[3]).toMatch(/^ {6}correct them/);
  expect(recipients[4]).toBe("  ! 1 likely typo in the domain: ann@gamil.com (gmail.com?)");
});

test("without a file: account, sender and configuration set only", async () => {
  const folder = await workFolder();
  const ses = await sesServer(folder, { verified: ["example.com"], configurationSets: ["cs"] });
  const dns = await dnsServer(RECORDS);
  const env = { ...ses.env, SES_MAIL_FROM: "News <news@example.com>", SES_MAIL_DNS_SERVER: dns.address };
  const good = await run(folder, ["check", "--json", "--configuration-set", "cs"], { env });
  expect([good.code, good.json.topic, good.json.recipients]).toEqual([0, null, null]);
  expect(byArea(good.json.findings, "dns")).toEqual(["info dns.spf"]);
  const missing = await run(folder, ["check", "--json", "--configuration-set", "other", "--from", "a@other.example"], {
    env,
  });
  expect(missing.code).toBe(1);
  expect(byArea(missing.json.findings, "identity")).toEqual(["error identity.exists"]);
  expect(byArea(missing.json.findings, "configuration-set")).toEqual(["error configuration-set.exists"]);
});

test("nobody named: nothing but the account, and a warning that nothing comes back", async () => {
  const folder = await workFolder();
  const ses = await sesServer(folder);
  const { code, json } = await run(folder, ["check", "--json"], { env: ses.env });
  expect(code).toBe(0);
  expect(troubles(json.findings)).toEqual(["info identity.given", "warning configuration-set.exists"]);
});

test.each([
  ["paused", { sendingEnabled: false }, ["error account.sending"]],
  ["shut down", { enforcement: "SHUTDOWN" }, ["error account.enforcement"]],
  ["with too small a quota", { quota: 1 }, ["warning account.quota"]],
])("an account %s", async (_name, options, expected) => {
  const folder = await campaign(["ann@example.net,Ann", "bob@example.net,Bob"]);
  const ses = await sesServer(folder, options);
  const { json } = await run(folder, ["check", "june.csv", "--json", "--no-dns"], { env: ses.env });
  expect(byArea(json.findings, "account")).toEqual(expected);
});

test("an account in the SES sandbox: recipients that are not verified are named", async () => {
  const folder = await campaign(["ann@example.net,Ann", "bob@example.com,Bob", "success@simulator.amazonses.com,Sim"]);
  const ses = await sesServer(folder, { sandboxAccount: true, verified: ["example.com"] });
  const { code, json } = await run(folder, ["check", "june.csv", "--json", "--no-dns"], { env: ses.env });
  expect(code).toBe(1);
  expect(byArea(json.findings, "account")).toEqual(["warning account.production-access"]);
  expect(byArea(json.findings, "recipients")).toEqual(["error recipients.unverified"]);
  expect(json.recipients.unverified).toBe(1);
});

test("no SES in reach: one error, and the content is checked all the same; without settings: exit 2", async () => {
  const folder = await campaign(
    ["ann@example.net,Ann"],
    HTML.replace("https://example.com/u?e={{ email | url_encode }}", "/u"),
  );
  const { code, json } = await run(folder, ["check", "june.csv", "--json", "--no-dns"]);
  expect(code).toBe(1);
  expect(troubles(json.findings)).toEqual(["error account.read", "error content.links"]);
  expect(json.account).toBeNull();
  for (const env of [{ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" }, { AWS_REGION: "" }]) {
    const none = await run(folder, ["check", "june.csv", "--json", "--no-dns"], { env });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringMatching(/AWS_(?:ACCESS_KEY_ID|REGION)/) });
  }
});

test("--no-account asks nobody", async () => {
  const folder = await campaign(["ann@example.net,Ann"]);
  const { code, json } = await run(folder, ["check", "june.csv", "--json", "--no-account", "--no-dns"]);
  expect([code, troubles(json.findings), json.account]).toEqual([0, [], null]);
});

describe("with a job file", () => {
  async function imported(): Promise<string> {
    const folder = await campaign(["ann@example.net,Ann", "bob@example.net,Bob"]);
    await run(folder, ["suppress", "add", "eve@example.net"]);
    await run(folder, ["import", "june.csv"]);
    return folder;
  }
  const check = (folder: string) => run(folder, ["check", "june.csv", "--json", "--no-dns", "--no-account"]);

  test("what was added before and who is suppressed is counted, and the file stays as it is", async () => {
    const folder = await imported();
    await writeFile(
      join(folder, "june.csv"),
      "email,name\nANN@example.net,Ann\neve@example.net,Eve\ncy@example.net,Cy\nCy@example.net,Cy\n",
    );
    const before = (await run(folder, ["topics", "--json"])).json;
    const { code, json } = await check(folder);
    expect(code).toBe(0);
    expect(json.recipients).toMatchObject({ rows: 4, added: 1, duplicates: 2, rejected: 0, suppressed: 1 });
    expect(byArea(json.findings, "recipients")).toEqual(["info recipients.duplicates", "info recipients.suppressed"]);
    expect((await run(folder, ["topics", "--json"])).json).toEqual(before);
  });

  test("the quota must have room for those who wait from before", async () => {
    const folder = await imported();
    await writeFile(join(folder, "june.csv"), "email,name\ncy@example.net,Cy\n");
    const ses = await sesServer(folder, { quota: 10 });
    const { json } = await run(folder, ["check", "june.csv", "--json", "--no-dns"], { env: ses.env });
    const quota = json.findings.find((each: Finding) => each.check === "account.quota");
    expect(quota.message).toContain("the list needs 3, 10 of 10 are left");
  });

  test("another content, or a cancelled topic, would be refused", async () => {
    const folder = await imported();
    const html = await readFile(join(folder, "june.html"), "utf8");
    await writeFile(join(folder, "june.html"), html.replace("welcome", "good evening"));
    const changed = await check(folder);
    expect([changed.code, byArea(changed.json.findings, "recipients")]).toEqual([1, ["error recipients.topic"]]);
    await run(folder, ["cancel", "june"]);
    const cancelled = await check(folder);
    expect([cancelled.code, byArea(cancelled.json.findings, "recipients")]).toEqual([1, ["error recipients.topic"]]);
  });
});

test("no job file is made", async () => {
  const folder = await campaign(["ann@example.net,Ann"]);
  await run(folder, ["check", "june.csv", "--no-account", "--no-dns"]);
  expect(await jobExists(join(folder, "ses-mail.db"))).toBe(false);
});

test("a list from standard input", async () => {
  const folder = await campaign(["ann@example.net,Ann"]);
  const args = ["check", "-", "--content", "june.html", "--json", "--no-account", "--no-dns"];
  const { code, json } = await run(folder, args, { stdin: "email,name\nann@example.net,Ann\n" });
  expect([code, json.topic, json.recipients.rows]).toEqual([0, "stdin", 1]);
});
