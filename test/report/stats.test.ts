import { describe, expect, test } from "vitest";
import {
  STAT_FIELDS,
  statsCsv,
  statsTable,
  type TopicCounts,
  type TopicStats,
  withRates,
} from "../../src/report/stats.ts";
import { createTerminal } from "../../src/terminal/terminal.ts";
import { fakeIo } from "../support/fake-io.ts";

const NOTHING: TopicCounts = {
  topic: "june",
  total: 0,
  pending: 0,
  sending: 0,
  sent: 0,
  in_doubt: 0,
  failed: 0,
  cancelled: 0,
  suppressed: 0,
  delivered: 0,
  bounced_permanent: 0,
  bounced_transient: 0,
  complained: 0,
  opened: 0,
  clicked: 0,
  rejected: 0,
  delayed: 0,
  unsubscribed: 0,
  first_sent_at: null,
  last_sent_at: null,
};

const JUNE: TopicCounts = {
  ...NOTHING,
  total: 10_005,
  sent: 10_000,
  failed: 5,
  delivered: 9_750,
  bounced_permanent: 200,
  bounced_transient: 50,
  complained: 5,
  opened: 4_000,
  clicked: 1_000,
  unsubscribed: 3,
  first_sent_at: Date.parse("2026-06-01T00:00:00Z"),
  last_sent_at: Date.parse("2026-06-01T00:11:54.321Z"),
};

// The contract, copied out of the documentation: scripts rely on it.
const CONTRACT =
  "topic,total,pending,sending,sent,in_doubt,failed,cancelled,suppressed,delivered,bounced_permanent,bounced_transient," +
  "complained,opened,clicked,rejected,delayed,unsubscribed,first_sent_at,last_sent_at,delivery_rate,bounce_rate,complaint_rate," +
  "open_rate,click_rate";

async function csv(...given: Parameters<typeof statsCsv>): Promise<string> {
  let text = "";
  for await (const line of statsCsv(...given)) text += line;
  return text;
}

const OPTIONS = { json: false, quiet: false, verbose: false, color: false };

async function table(rows: TopicStats[], tty = false): Promise<string> {
  const terminal = await createTerminal(fakeIo({ tty }).io, OPTIONS);
  const now = Date.parse("2026-06-03T00:00:00Z");
  let text = "";
  for await (const line of statsTable(rows, terminal, { now, zone: "Europe/Berlin" })) text += line;
  return text;
}

test("fields and their order are those of the contract, in CSV and JSON alike", async () => {
  expect(STAT_FIELDS.join(",")).toBe(CONTRACT);
  expect(Object.keys(withRates({ ...JUNE }))).toEqual(CONTRACT.split(","));
  expect(await csv([])).toBe(`${CONTRACT}\n`);
});

describe("withRates", () => {
  test("has no rates and no times when nothing was sent", () => {
    expect(withRates(NOTHING)).toEqual({
      ...NOTHING,
      delivery_rate: null,
      bounce_rate: null,
      complaint_rate: null,
      open_rate: null,
      click_rate: null,
    });
  });

  test("are fractions of what was sent; only permanent bounces count", () => {
    expect(withRates(JUNE)).toMatchObject({
      delivery_rate: 0.975,
      bounce_rate: 0.02,
      complaint_rate: 0.0005,
      open_rate: 0.4,
      click_rate: 0.1,
      first_sent_at: "2026-06-01T00:00:00.000Z",
      last_sent_at: "2026-06-01T00:11:54.321Z",
    });
  });

  test("the first millisecond of the epoch is a time, not nothing", () => {
    expect(withRates({ ...NOTHING, first_sent_at: 0 }).first_sent_at).toBe("1970-01-01T00:00:00.000Z");
  });
});

describe("statsCsv", () => {
  test("leaves empty what is null", async () => {
    expect((await csv([withRates(NOTHING)])).split("\n")[1]).toBe("june,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,,,,,,,");
  });

  test("quotes, and defuses what a spreadsheet would run unless raw", async () => {
    const rows = [withRates({ ...NOTHING, topic: '=1+1, "x"' })];
    expect(await csv(rows)).toContain(`\n"'=1+1, ""x""",0,`);
    expect(await csv(rows, { raw: true })).toContain(`\n"=1+1, ""x""",0,`);
  });

  test("writes numbers as they are", async () => {
    expect((await csv([withRates(JUNE)])).split("\n")[1]).toBe(
      "june,10005,0,0,10000,0,5,0,0,9750,200,50,5,4000,1000,0,0,3,2026-06-01T00:00:00.000Z,2026-06-01T00:11:54.321Z," +
        "0.975,0.02,0.0005,0.4,0.1",
    );
  });
});

describe("statsTable", () => {
  test("says so when there is nothing", async () => {
    expect(await table([])).toBe("no topics yet\n");
  });

  test("shows one topic from top to bottom, every field once, with local times", async () => {
    const lines = (await table([withRates(JUNE)])).split("\n");
    expect(lines.slice(0, -3).map((line) => line.split(/\s/)[0])).toEqual(CONTRACT.split(","));
    expect(lines).toContain("sent               10,000");
    expect(lines).toContain("complaint_rate     0.05 %");
    expect(lines).toContain("first_sent_at      Mon 1 Jun 02:00, 2 days ago");
    expect(lines.slice(-3)).toEqual(["", "times are those of Europe/Berlin", ""]);
  });

  test("shows a dash for what nobody knows, and says why", async () => {
    const unknown = { ...NOTHING, sent: 5, total: 5, delivered: null, bounced_permanent: null, opened: null };
    const text = await table([withRates(unknown)]);
    expect(text).toMatch(/^delivered +–$/m);
    expect(text).toMatch(/^delivery_rate +–$/m);
    expect(text).toMatch(/^unsubscribed +0$/m);
    expect(text).toContain("–: SES has not reported");
    expect(await table([withRates(JUNE)])).not.toContain("has not reported");
  });

  test.each([true, false])("shows several side by side in 80 columns, in a terminal: %s", async (tty) => {
    const states = { pending: 70_000, sending: 60, in_doubt: 1, cancelled: 2_000, suppressed: 12, failed: 40_000 };
    const rows = [
      withRates({ ...JUNE, ...states, topic: "the newsletter of december" }),
      withRates({ ...NOTHING, topic: "evil\u001b[2J" }),
    ];
    const lines = (await table(rows, tty)).split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    const [heads, values] = [lines.join(" "), lines.filter((line) => line.startsWith("the newsletter")).join(" ")];
    for (const head of ["total", "pending", "in", "doubt", "delivery", "complaint", "click", "unsubscribed"])
      expect(heads).toContain(head);
    for (const value of ["10,005", "70,000", "97.50 %", "0.05 %", "40.00 %", "3"]) expect(values).toContain(value);
    expect(heads).toContain("evil\\x1b[2J");
  });
});

test("of many topics none is kept: lines come while rows are read, and a reader that goes away ends it", async () => {
  const terminal = await createTerminal(fakeIo({ tty: true }).io, OPTIONS);
  for (const [write, ahead] of [
    [(rows: Iterable<TopicStats>) => statsCsv(rows), 1],
    [(rows: Iterable<TopicStats>) => statsTable(rows, terminal, { now: 0, zone: "UTC" }), 1_000],
  ] as const) {
    let given = 0;
    const rows = function* (): Generator<TopicStats> {
      for (; ; given++) yield withRates({ ...JUNE, topic: `june-${given}` });
    };
    let lines = 0;
    for await (const _line of write(rows())) if (++lines === 5) break;
    expect(given).toBeLessThan(5 + ahead);
  }
});
