/** The page in a real browser: what it loads, what it says to those who do not see, and that it fits. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { calendarOf } from "../../src/report/calendar.ts";
import { gatherFacts, type ReportFacts } from "../../src/report/facts.ts";
import { reportPage } from "../../src/report/page.ts";
import { openStore } from "../../src/store/sqlite/store.ts";
import { problems } from "../support/axe.ts";
import { launchBrowser } from "../support/browser.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { workFolder } from "../support/run.ts";
import { newsletter, READER, tell } from "../support/story.ts";
import { facts, hostileFacts } from "./page.ts";

const WIDTHS = [390, 1280];
const SCHEMES = ["light", "dark"] as const;

const FATES = newsletter(600);

let browser: Browser;
let story: ReportFacts;

beforeAll(async () => {
  story = await tellStory();
  browser = await launchBrowser();
  // Long, in case the browser has to be installed first.
}, 300_000);
afterAll(() => browser?.close());

/** The facts of a topic as a real job file gives them. */
async function tellStory(): Promise<ReportFacts> {
  const folder = await mkdtemp(join(tmpdir(), "ses-mail-report-"));
  const clock = new ManualClock();
  const store = await openStore(join(folder, "job.db"), clock);
  await tell(store, clock, { fates: FATES });
  const found = await store.breakdown("june", new AbortController().signal, gatherFacts);
  await store.close();
  await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 });
  return found;
}

const PAGES: [string, () => ReportFacts[]][] = [
  ["a campaign", () => [story]],
  ["two campaigns side by side", () => [story, { ...story, counts: { ...story.counts, topic: "july" } }]],
  ["a hostile topic", () => [hostileFacts()]],
  ["a topic of which nothing was sent", () => [facts({}, { total: 3, pending: 3 })]],
];

interface Shown {
  page: Page;
  /** What the browser asked for besides the page, and what it complained of. */
  requests: string[];
  complaints: string[];
}

async function show(topics: ReportFacts[], width: number, colorScheme: "light" | "dark"): Promise<Shown> {
  const file = join(await workFolder(), "report.html");
  const options = { calendar: calendarOf("UTC"), now: Date.UTC(2026, 9, 9) };
  await writeFile(file, reportPage(topics, options));
  const { href } = pathToFileURL(file);
  const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
  onTestFinished(() => page.close());
  const [requests, complaints]: [string[], string[]] = [[], []];
  page.on("request", (request) => void (request.url() === href || requests.push(request.url())));
  page.on("console", (message) => void complaints.push(message.text()));
  page.on("pageerror", (error) => void complaints.push(error.message));
  page.on("dialog", (dialog) => void complaints.push(dialog.message()));
  await page.goto(href);
  return { page, requests, complaints };
}

describe.each(PAGES)("%s", (_, prepare) => {
  test.each(WIDTHS.flatMap((width) => SCHEMES.map((scheme) => [width, scheme] as const)))(
    "%i px wide, %s: quiet, fits, and reads well",
    async (width, scheme) => {
      const { page, requests, complaints } = await show(prepare(), width, scheme);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      // What is folded away must hold up as well.
      await page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))");
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      expect({ requests, complaints }).toEqual({ requests: [], complaints: [] });
      expect(await problems(page)).toEqual([]);
    },
  );
});

test("shows the figures of the story", async () => {
  const { page } = await show([story], 1280, "light");
  const sent = FATES.filter(({ state }) => state === "sent");
  const count = (holds: (fate: (typeof FATES)[number]) => boolean) => String(sent.filter(holds).length);
  const rows = await page.locator(".funnel").first().locator("tbody tr").allInnerTexts();
  const figures = Object.fromEntries(rows.map((row) => row.split(/\s+/).slice(0, 2)));
  expect(figures).toEqual({
    Recipients: String(FATES.length),
    Sent: String(sent.length),
    Delivered: count(({ delivered }) => delivered !== undefined),
    Opened: count(({ opens = [] }) => opens.length > 0),
    Clicked: count(({ clicks = [] }) => clicks.length > 0),
  });
  const text = await page.locator("main").innerText();
  expect(text).toContain(`opened by readers ${count(({ opens = [] }) => opens.some(({ agent }) => agent === READER))}`);
  expect(text).toContain(`failed ${FATES.filter(({ state }) => state === "failed").length}`);
});

test("the columns of a chart are as high as their figures", async () => {
  const nothing = {
    bounced_permanent: 0,
    bounced_transient: 0,
    complained: 0,
    opened: 0,
    opened_by_reader: 0,
    clicked: 0,
    unsubscribed: 0,
  };
  const minutes = [8, 4, 2].map((sent, index) => ({ at: index * 60_000, sent, delivered: 0, ...nothing }));
  const { page } = await show([facts({ minutes }, { total: 14, sent: 14 })], 1280, "light");
  const heights = await page
    .locator("svg.columns rect.sent")
    .evaluateAll((rects) => rects.map((rect) => Number(rect.getAttribute("height"))));
  expect(heights).toEqual([100, 50, 25]);
});

test("prints on paper what the screen shows, in light colours", async () => {
  const { page } = await show([story], 794, "dark");
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  const ink = await page.evaluate("getComputedStyle(document.body).color");
  expect(ink).toBe("rgb(23, 32, 46)");
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(794);
  const pdf = await page.pdf({ format: "A4" });
  expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
});
