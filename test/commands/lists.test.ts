/** Lists and kinds as users type them: what a mail says of its list, and what transactional mail goes without. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Content, NO_TOPIC } from "../../src/message.ts";
import { systemClock } from "../../src/time/clock.ts";
import { message, request } from "../store/bench.ts";
import { jobExists, openJob } from "../support/job.ts";
import { type Json, run, workFolder } from "../support/run.ts";
import { CONTENT } from "../support/store-actions.ts";

const BASE = "https://mail.example.com";

async function campaign(front = "", body = "<p>Hi</p>"): Promise<string> {
  const folder = await workFolder();
  await writeFile(join(folder, "june.csv"), "email\nann@example.net\n");
  await writeFile(
    join(folder, "june.html"),
    `---\nsubject: Hello\nfrom: News <news@example.com>\n${front}\n---\n${body}`,
  );
  return folder;
}

const COMMANDS = [
  ["send", "june.csv", "--sandbox"],
  ["import", "june.csv"],
  ["schedule", "june.csv", "--at", "+2h"],
  ["check", "june.csv", "--no-account", "--no-dns"],
  ["preview", "june.csv"],
];

describe("transactional mail with tracking or a way to unsubscribe is exit 2, and nothing is made", () => {
  it.each<[string, string[], string]>([
    ["--track-opens", ["--track-opens", "--base-url", BASE], "no tracking, got --track-opens"],
    ["--track-clicks", ["--track-clicks", "--base-url", BASE], "no tracking, got --track-clicks"],
    ["--unsubscribe", ["--unsubscribe", "--base-url", BASE], "no way to unsubscribe, got --unsubscribe"],
    ["--unsubscribe-url", ["--unsubscribe-url", BASE], "no way to unsubscribe, got an unsubscribe URL"],
    ["--unsubscribe-mailto", ["--unsubscribe-mailto", "u@example.com"], "got an unsubscribe address"],
  ])("%s", { timeout: 60_000 }, async (_name, flags, words) => {
    for (const args of COMMANDS) {
      const folder = await campaign();
      const { code, stderr } = await run(folder, [...args, "--transactional", ...flags]);
      expect({ args, code, stderr }).toEqual({ args, code: 2, stderr: expect.stringContaining(words) });
      expect(stderr.trim().split("\n")).toHaveLength(1);
      expect(await jobExists(join(folder, "ses-mail.db"))).toBe(false);
    }
  });

  it("a name that no list can have, and a kind that is none", async () => {
    const folder = await campaign();
    const bad = await run(folder, ["import", "june.csv", "--list", "a/b"]);
    expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining(`a list's name expects 1–100 characters`) });
    const kind = await run(await campaign("kind: marketing"), ["import", "june.csv"]);
    expect(kind).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("line 4: kind expects bulk or transactional"),
    });
  });
});

describe("preview", () => {
  const headersOf = async (front: string, flags: string[] = [], env: Record<string, string> = {}) => {
    const folder = await campaign(front);
    const { json, stderr } = await run(folder, ["preview", "june.csv", "--json", ...flags], { env });
    expect(stderr).toBe("");
    return Object.fromEntries(json.headers.map(({ name, value }: Json) => [name, value]));
  };

  it("shows the List-Id of a list, whose name comes from the flag, the environment or the front matter", async () => {
    const env = { SES_MAIL_LIST: "environment" };
    expect(await headersOf("list: weekly")).toEqual({ "List-Id": "weekly <weekly.example.com>" });
    expect(await headersOf("list: weekly", [], env)).toMatchObject({
      "List-Id": expect.stringMatching(/^environment </),
    });
    expect(await headersOf("list: weekly", ["--list", "daily"], env)).toMatchObject({
      "List-Id": "daily <daily.example.com>",
    });
    expect(await headersOf("")).toEqual({});
  });

  it("leaves a List-Id as its author wrote it", async () => {
    const header = ["--header", "list-id: Mine <mine.example.org>"];
    expect(await headersOf("list: weekly", header)).toEqual({ "list-id": "Mine <mine.example.org>" });
  });

  it("shows transactional mail without what the environment asks for in all mail", async () => {
    const env = {
      SES_MAIL_TRACK_OPENS: "1",
      SES_MAIL_UNSUBSCRIBE: "1",
      SES_MAIL_UNSUBSCRIBE_MAILTO: "u@example.com",
      SES_MAIL_BASE_URL: BASE,
    };
    expect(Object.keys(await headersOf("", [], env))).toEqual(["List-Unsubscribe", "List-Unsubscribe-Post"]);
    expect(await headersOf("kind: transactional", [], env)).toEqual({});
    expect(await headersOf("list: orders", ["--transactional"], env)).toEqual({
      "List-Id": "orders <orders.example.com>",
    });
  });
});

it("check asks for List-Unsubscribe in bulk mail, and for none in transactional mail", async () => {
  const check = ["check", "june.csv", "--no-account", "--no-dns", "--json"];
  const unsubscribing = async (front: string) => {
    const { json } = await run(await campaign(front), check);
    return json.findings
      .filter((finding: Json) => finding.check.startsWith("content.unsubscribe"))
      .map(({ severity, check: name }: Json) => `${severity} ${name}`);
  };
  expect(await unsubscribing("")).toEqual(["warning content.unsubscribe", "info content.unsubscribe-link"]);
  expect(await unsubscribing("kind: transactional")).toEqual(["ok content.unsubscribe"]);
});

it("stats --by list counts each list of a topic with the fields of stats", async () => {
  const folder = await campaign("list: weekly");
  await run(folder, ["import", "june.csv"]);
  const store = await openJob(join(folder, "ses-mail.db"), systemClock);
  const weekly: Content = { ...CONTENT, list: "weekly" };
  await store.accept([
    request([
      message(["a@x.example", "b@x.example"], { topic: NO_TOPIC, content: { ...weekly, subject: "1" } }),
      message(["c@x.example"], { topic: NO_TOPIC, content: { ...CONTENT, list: "=1+1" } }),
      message(["d@x.example"], { topic: NO_TOPIC }),
      message(["e@x.example"], { topic: NO_TOPIC, content: { ...weekly, subject: "2" } }),
    ]),
  ]);
  await store.close();
  const stats = (...flags: string[]) => run(folder, ["stats", NO_TOPIC, "--by", "list", ...flags]);
  const { json } = await stats("--json");
  expect([json.topic, json.by, json.others]).toEqual([NO_TOPIC, "list", null]);
  expect(json.rows.map(({ list, total, pending, sent }: Json) => [list, total, pending, sent])).toEqual([
    ["weekly", 3, 3, 0],
    [null, 1, 1, 0],
    ["=1+1", 1, 1, 0],
  ]);
  const fields = Object.keys((await run(folder, ["stats", NO_TOPIC, "--json"])).json);
  expect(Object.keys(json.rows[0])).toEqual(["list", ...fields.slice(1)]);
  const csv = (await stats("--format", "csv")).stdout.split(/\r?\n/);
  expect(csv.slice(0, 4).map((line) => line.split(",").slice(0, 2).join())).toEqual([
    "list,total",
    "weekly,3",
    ",1",
    "'=1+1,1",
  ]);
  const table = (await stats("--top", "1")).stdout;
  expect(table).toMatch(/^list +total +pending/);
  expect(table).toMatch(/\(others\) +2/);
  expect((await run(folder, ["stats", "june", "--by", "list", "--json"])).json.rows).toMatchObject([
    { list: "weekly", total: 1 },
  ]);
});
