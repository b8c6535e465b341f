import { describe, expect, test } from "vitest";
import { STAT_FIELDS, statsCsv, statsTable, type TopicCounts, withRates } from "../../src/report/stats.ts";
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
  first_sent_at: Date.parse("2026-06-01T00:00:00Z"),
  last_sent_at: Date.parse("2026-06-01T00:11:54.321Z"),
};

// The contract, copied out of the documentation: scripts rely on it.
const CONTRACT =
  "topic,total,pending,sending,sent,in_doubt,failed,cancelled,suppressed,delivered,bounced_permanent,bounced_transient," +
  "complained,opened,clicked,rejected,delayed,first_sent_at,last_sent_at,delivery_rate,bounce_rate,complaint_rate," +
  "open_rate,click_rate";

const terminal = () => createTerminal(fakeIo().io, { json: false, quiet: false, verbose: false, color: false });

test("fields and their order are those of the contract, in CSV and JSON alike", () => {
  expect(STAT_FIELDS.join(",")).toBe(CONTRACT);
  expect(Object.keys(withRates({ ...JUNE }))).toEqual(CONTRACT.split(","));
  expect(statsCsv([])).toBe(`${CONTRACT}\n`);
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
  test("leaves empty what is null", () => {
    expect(statsCsv([withRates(NOTHING)]).split("\n")[1]).toBe("june,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,,,,,,,");
  });

  test("quotes, and defuses what a spreadsheet would run unless raw", () => {
    const rows = [withRates({ ...NOTHING, topic: '=1+1, "x"' })];
    expect(statsCsv(rows)).toContain(`\n"'=1+1, ""x""",0,`);
    expect(statsCsv(rows, { raw: true })).toContain(`\n"=1+1, ""x""",0,`);
  });

  test("writes numbers as they are", () => {
    expect(statsCsv([withRates(JUNE)]).split("\n")[1]).toBe(
      "june,10005,0,0,10000,0,5,0,0,9750,200,50,5,4000,1000,0,0,2026-06-01T00:00:00.000Z,2026-06-01T00:11:54.321Z," +
        "0.975,0.02,0.0005,0.4,0.1",
    );
  });
});

describe("statsTable", () => {
  test("says so when there is nothing", async () => {
    expect(await statsTable([], await terminal())).toBe("no topics yet");
  });

  test("shows one topic from top to bottom, every field once", async () => {
    const lines = (await statsTable([withRates(JUNE)], await terminal())).split("\n");
    expect(lines.map((line) => line.split(/\s/)[0])).toEqual(CONTRACT.split(","));
    expect(lines).toContain("sent               10,000");
    expect(lines).toContain("complaint_rate     0.05 %");
    expect(lines).toContain("first_sent_at      2026-06-01T00:00:00.000Z");
  });

  test("shows several side by side, states and rates", async () => {
    const rows = [withRates(JUNE), withRates({ ...NOTHING, topic: "evil\u001b[2J" })];
    const lines = (await statsTable(rows, await terminal())).split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^topic +total +pending +sending +sent +in_doubt .* open_rate +click_rate$/);
    expect(lines[1]).toMatch(/^june +10,005 +0 +0 +10,000 .* 97.50 % +2.00 % +0.05 % +40.00 % +10.00 %$/);
    expect(lines[2]).toMatch(/^evil\\x1b\[2J +0 .* - +- +- +- +-$/);
  });
});
