/** `report` and `stats --by` as users call them. */
import { existsSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { undated } from "../support/expected.ts";
import { main } from "../../src/cli.ts";
import { jobExists, openJob } from "../support/job.ts";
import { fakeIo } from "../support/fake-io.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { placed } from "../support/place.ts";
import { workFolder } from "../support/run.ts";
import { type Fate, newsletter, tell } from "../support/story.ts";

async function campaign(fates: Fate[] = newsletter(60)): Promise<string> {
  const folder = await workFolder();
  const clock = new ManualClock();
  const store = await openJob(join(folder, "ses-mail.db"), clock);
  await tell(store, clock, { fates });
  await tell(store, clock, { topic: "july", fates: newsletter(20, 2) });
  await store.close();
  return folder;
}

async function call(cwd: string, ...args: string[]) {
  const here = placed(cwd, { args, env: {} });
  const { io, stdout, stderr } = fakeIo({ cwd, env: here.env });
  const code = await main(here.args, io);
  return { code, stdout: stdout(), stderr: stderr() };
}

test("without a job file nothing is made", async () => {
  const folder = await workFolder();
  for (const args of [
    ["report", "june"],
    ["stats", "june", "--by", "hour"],
  ]) {
    const { code, stderr } = await call(folder, ...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("there is no job") });
  }
  expect(await jobExists(join(folder, "ses-mail.db"))).toBe(false);
  expect(existsSync(join(folder, "report.html"))).toBe(false);
});

test.each([
  ["report may", 'there is no topic "may"'],
  ["report june may", 'there is no topic "may"'],
  ["report june --tz Nowhere/City", "expected an IANA time zone"],
  ["report june --json --output -", "--json and --output - both write to stdout"],
  ["report june --output no/such/folder.html", "there is no folder"],
  ["report", "missing required argument"],
  ["stats may --by domain", 'there is no topic "may"'],
  ["stats --by domain", "--by expects one topic, got none; ses-mail stats <topic> --by domain"],
  ["stats june --by domain --hours 3", "--by counts the whole topic"],
  ["stats june --top 3", "--top expects --by"],
  ["stats june --by week", '--by expects one of hour, domain, list, bounce-reason, failure, link, got "week"'],
  ["stats june --by domain --top 0", "--top expects a whole number of at least 1"],
])("%s is refused: %s", async (line, said) => {
  const folder = await campaign([{ email: "a@x.example", state: "pending" }]);
  const { code, stdout, stderr } = await call(folder, ...line.split(" "));
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(said) });
  expect(stdout).toMatch(line.includes("--json") ? /^\{"error":.*\}\n$/ : /^$/);
  expect(existsSync(join(folder, "report.html"))).toBe(false);
});

test("report writes one page, for its owner only, and replaces it the next time", async () => {
  const folder = await campaign();
  await writeFile(join(folder, "report.html"), "old");
  const { code, stdout, stderr } = await call(folder, "report", "june", "--tz", "Asia/Seoul");
  const path = join(folder, "report.html");
  expect({ code, stdout, stderr: undated(stderr) }).toEqual({ code: 0, stdout: "", stderr: `wrote ${path}\n` });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const page = await readFile(path, "utf8");
  expect(page).toContain("<bdi>june</bdi>");
  // The clock of the story says 1 October, midnight UTC.
  expect(page).toContain("1 Oct 2026, 09:00");
});

test("report --json says where the page is; with - it goes to stdout", async () => {
  const folder = await campaign();
  const one = await call(folder, "report", "june", "--json", "--output", "one.html");
  expect(JSON.parse(one.stdout)).toEqual({ topic: "june", output: join(folder, "one.html") });
  const both = await call(folder, "report", "june", "july", "june", "--json");
  const output = join(folder, "report.html");
  expect(JSON.parse(both.stdout)).toEqual({ topic: "june", topics: ["june", "july"], output });
  expect(await readFile(output, "utf8")).toContain("2 topics compared");
  const { stdout } = await call(folder, "report", "june", "--output", "-");
  expect(stdout).toMatch(/^<!doctype html>[\s\S]*<\/html>\s*$/);
});

test("what stats --by counts adds up to stats", async () => {
  const folder = await campaign();
  const whole = JSON.parse((await call(folder, "stats", "june", "--json")).stdout);
  const by = async (line: string, ...args: string[]) =>
    JSON.parse((await call(folder, "stats", "june", "--by", line, "--json", ...args)).stdout);
  const sum = (rows: Record<string, number>[], field: string) =>
    rows.reduce((total, row) => total + (row[field] ?? 0), 0);

  const hours = await by("hour");
  const domains = await by("domain", "--top", "3");
  expect(hours).toMatchObject({ topic: "june", by: "hour", others: null });
  expect(domains.rows).toHaveLength(3);
  expect(domains.others).toMatchObject({ domain: null });
  for (const field of ["sent", "delivered", "opened", "clicked", "bounced_permanent", "complained"]) {
    expect(sum(hours.rows, field)).toBe(whole[field]);
    expect(sum([...domains.rows, domains.others], field)).toBe(whole[field]);
  }
  expect(sum([...domains.rows, domains.others], "total")).toBe(whole.total);
  expect(sum((await by("failure")).rows, "messages")).toBe(whole.failed + whole.in_doubt);
});

const LINK: Fate = {
  email: "a@x.example",
  state: "sent",
  delivered: 1,
  clicks: [{ after: 2, link: '=HYPERLINK("https://evil.example"),\u001b[2J' }],
};

test("no link and no server can run anything in a spreadsheet or a terminal", async () => {
  const folder = await campaign([LINK]);
  const csv = await call(folder, "stats", "june", "--by", "link", "--format", "csv");
  expect(csv.stdout.split("\n")[1]).toBe(`"'=HYPERLINK(""https://evil.example""),\u001b[2J",1,1,0`);
  const raw = await call(folder, "stats", "june", "--by", "link", "--format", "csv", "--raw");
  expect(raw.stdout.split("\n")[1]).toBe(`"=HYPERLINK(""https://evil.example""),\u001b[2J",1,1,0`);
  const table = await call(folder, "stats", "june", "--by", "link");
  expect(table.stdout).toContain("\\x1b[2J");
  expect(table.stdout).not.toContain("\u001b");
});

test("stats --by prints its fields in the order of the documentation", async () => {
  const folder = await campaign([LINK]);
  const head = async (line: string) =>
    (await call(folder, "stats", "june", "--by", line, "--format", "csv")).stdout.split("\n")[0];
  const outcomes =
    "sent,delivered,bounced_permanent,bounced_transient,complained,opened,opened_by_reader,clicked,unsubscribed";
  expect(await head("hour")).toBe(`hour,${outcomes}`);
  expect(await head("domain")).toBe(
    `domain,total,${outcomes},delivery_rate,bounce_rate,complaint_rate,open_rate,click_rate`,
  );
  expect(await head("bounce-reason")).toBe("bounce_type,bounce_subtype,diagnostic,messages");
  expect(await head("failure")).toBe("state,error,messages");
  expect(await head("link")).toBe("link,messages,clicks,machine_clicks");
  expect((await call(folder, "stats", "june", "--by", "failure")).stdout).toBe("nothing yet\n");
});

test("the rest is added up in a last line", async () => {
  const folder = await campaign();
  const { stdout } = await call(folder, "stats", "june", "--by", "domain", "--top", "1", "--format", "csv");
  const lines = stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[2]).toMatch(/^\(others\),/);
});
