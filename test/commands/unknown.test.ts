/** What nobody knows is never shown as 0, nor called good, whatever the output. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { beforeAll, describe, expect, test } from "vitest";
import type { Content } from "../../src/message.ts";
import { topicFacts } from "../../src/serve/overview.ts";
import type { TopicRow } from "../../src/store/rows.ts";
import { openJob } from "../support/job.ts";
import { delivery } from "../feedback/events.ts";
import { eventOf, of } from "../store/contract/mail-events.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { type Json, run, workFolder } from "../support/run.ts";
import { CONTENT, ingest, sent, settle, turn } from "../support/store-actions.ts";

const OF_SES = ["delivered", "bounced_permanent", "bounced_transient", "complained", "rejected", "delayed"];
const RATES_OF_SES = ["delivery_rate", "bounce_rate", "complaint_rate"];

/** The fields that nobody can know of each topic. */
const UNKNOWN: Record<string, string[]> = {
  silent: [...OF_SES, "opened", "clicked", ...RATES_OF_SES, "open_rate", "click_rate"],
  opens: [...OF_SES, "clicked", ...RATES_OF_SES, "click_rate"],
  clicks: [...OF_SES, "opened", ...RATES_OF_SES, "open_rate"],
  told: [],
};
const TOPICS = Object.keys(UNKNOWN);
const FIELDS = [...OF_SES, "opened", "clicked", "unsubscribed", ...RATES_OF_SES, "open_rate", "click_rate"];

const tracking = (opens: boolean, clicks: boolean): Content => ({
  ...CONTENT,
  tracking: { baseUrl: "https://mail.example.com", opens, clicks, unsubscribe: true },
});
const CONTENTS: Record<string, Content> = { opens: tracking(true, false), clicks: tracking(false, true) };

let folder = "";
const clock = new ManualClock();
const rows = new Map<string, TopicRow>();

/** Of each topic two mails were sent; of one of them SES reported a delivery. */
async function tell(): Promise<void> {
  const store = await openJob(join(folder, "ses-mail.db"), clock);
  for (const topic of TOPICS) {
    await ingest(store, ["a@x.example", "b@x.example"], { topic, content: CONTENTS[topic] ?? CONTENT });
    const { claims } = await turn(store, 2);
    await settle(store, ...claims.map((claim) => sent(claim)));
    if (topic === "told") await store.applyEvents([eventOf(delivery(of(store, claims[0])))]);
    rows.set(topic, (await store.topic(topic)) as TopicRow);
  }
  await store.close();
}

const json = async (...args: string[]): Promise<Json> => (await run(folder, [...args, "--json"], { clock })).json;
const csv = async (...args: string[]): Promise<Json> =>
  parse((await run(folder, [...args, "--format", "csv"], { clock })).stdout, { columns: true });
const ofTopic = (found: Json[], topic: string) => found.find((each) => each.topic === topic);

/** What the dashboard's JSON has of a gateway. */
const GATEWAY = {
  held: () => new Set<string>(),
  clock,
  sender: { status: () => ({}) },
  settings: { endpoint: "ses" },
} as unknown as Parameters<typeof topicFacts>[1];

/** Each output: what it shows of a topic, by field, and how it shows what is not known. */
const OUTPUTS: [name: string, read: (topic: string) => Promise<Json>, unknown: null | "" | "–"][] = [
  ["stats of one topic, JSON", (topic) => json("stats", topic), null],
  ["stats of all, JSON", async (topic) => ofTopic((await json("stats")).topics, topic), null],
  ["stats --hours, JSON", (topic) => json("stats", topic, "--hours", "1"), null],
  ["stats of one topic, CSV", async (topic) => (await csv("stats", topic))[0], ""],
  ["stats of all, CSV", async (topic) => ofTopic(await csv("stats"), topic), ""],
  ["stats --by domain, JSON", async (topic) => (await json("stats", topic, "--by", "domain")).rows[0], null],
  ["stats --by domain, CSV", async (topic) => (await csv("stats", topic, "--by", "domain"))[0], ""],
  ["stats --by hour, CSV", async (topic) => (await csv("stats", topic, "--by", "hour"))[0], ""],
  ["the dashboard's JSON", async (topic) => topicFacts(rows.get(topic) as TopicRow, GATEWAY), null],
  ["stats of one topic, table", async (topic) => fieldsOf((await run(folder, ["stats", topic])).stdout), "–"],
];

function fieldsOf(table: string): Record<string, string> {
  return Object.fromEntries(table.split("\n").map((line) => line.split(/ {2,}/) as [string, string]));
}

describe("what nobody knows", () => {
  beforeAll(async () => {
    const { mkdtemp } = await import("node:fs/promises");
    const { tmpdir } = await import("node:os");
    folder = await mkdtemp(join(tmpdir(), "ses-mail-unknown-"));
    await tell();
    return async () => (await import("node:fs/promises")).rm(folder, { recursive: true });
  });

  describe.each(OUTPUTS)("in %s", (_, read, unknown) => {
    test.each(TOPICS)("%s", async (topic) => {
      const shown = await read(topic);
      const present = FIELDS.filter((field) => field in shown);
      expect(present.length).toBeGreaterThan(5);
      const dashes = present.filter((field) => shown[field] === unknown);
      expect(dashes).toEqual(present.filter((field) => UNKNOWN[topic]?.includes(field)));
    });
  });

  test.each(TOPICS)("in the report of %s", async (topic) => {
    await run(folder, ["report", topic, "--output", "report.html"]);
    const page = await readFile(join(folder, "report.html"), "utf8");
    const tile = (name: string) =>
      new RegExp(`<dt>${name}</dt>\\s*<dd class="big">([^<]*)</dd>`).exec(page)?.[1] ?? "there is none";
    const fields = { Delivered: "delivered", Opened: "opened", Clicked: "clicked", Complaints: "complained" };
    const wrong = Object.entries({ ...fields, "Hard bounces": "bounced_permanent" }).filter(
      ([name, field]) => !(UNKNOWN[topic]?.includes(field) ? /^–$/ : /^\d.* %$/).test(tile(name)),
    );
    expect(wrong).toEqual([]);
    expect(tile("Unsubscribed")).toBe("0 %");
    expect(/healthy/.test(page)).toBe(topic === "told");
    expect(page).not.toMatch(/good|clear/);
  });
});

test("the report has the subject as the first recipient got it, decoded", async () => {
  const own = await workFolder();
  const store = await openJob(join(own, "ses-mail.db"), new ManualClock());
  const content = { ...CONTENT, subject: "Hello {{ name }}!", from: "뉴스 <news@example.com>" };
  const staging = await store.stage();
  await staging.add([{ email: "a@x.example", fields: '["Ann"]', notBefore: 0 }]);
  await staging.commit({
    topic: "june",
    content,
    file: "june.csv",
    columns: ["name"],
    priority: 5,
    notBefore: null,
    replaceContent: false,
  });
  await store.close();
  await run(own, ["report", "june", "--output", "report.html"]);
  const page = await readFile(join(own, "report.html"), "utf8");
  expect(page).toContain("Hello Ann!");
  expect(page).not.toContain("{{");
  expect(page).toContain("뉴스 &lt;news@example.com&gt;");
});

test("--excel begins a CSV with a byte order mark, which our own reader skips", async () => {
  const own = await workFolder();
  const store = await openJob(join(own, "ses-mail.db"), new ManualClock());
  await ingest(store, ["a@x.example"], { topic: "뉴스레터" });
  await store.suppress([{ address: "b@x.example", reason: "관리자", source: "manual" }]);
  await store.close();
  const commands = [
    ["export", "뉴스레터"],
    ["stats", "--format", "csv"],
    ["stats", "뉴스레터", "--by", "domain", "--format", "csv"],
    ["suppress", "export"],
  ];
  for (const args of commands) {
    const plain = (await run(own, args)).stdout;
    expect(plain.charCodeAt(0)).not.toBe(0xfeff);
    await run(own, [...args, "--excel", "--output", "x.csv"]);
    expect(await readFile(join(own, "x.csv"), "utf8")).toBe(`\ufeff${plain}`);
  }
  expect((await run(own, ["suppress", "import", "x.csv", "--json"])).json).toMatchObject({ rows: 1, known: 1 });
  for (const args of [
    ["stats", "--excel"],
    ["stats", "--excel", "--json"],
    ["export", "뉴스레터", "--excel", "--json"],
  ])
    expect((await run(own, args)).code).toBe(2);
});
