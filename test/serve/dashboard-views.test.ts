/** Every view and every dialog, light and dark, wide and on a phone: quiet, in the page's bounds, and fit for everybody. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { problems } from "../support/axe.ts";
import { ALL_BULK } from "../../src/store/rules/suppress.ts";
import { launchBrowser } from "../support/browser.ts";
import { deadLetter } from "../support/dead-letters.ts";
import { failed, inDoubt, ingest, sent, settle, turn } from "../support/store-actions.ts";
import { templateContent } from "../support/templates.ts";
import { ACCOUNT, type Stage, signIn, stage, visit } from "./dashboard-stage.ts";

const LOOKS = [
  { width: 1280, colorScheme: "light" },
  { width: 360, colorScheme: "light" },
  { width: 1280, colorScheme: "dark" },
  { width: 360, colorScheme: "dark" },
  { width: 768, colorScheme: "light" },
] as const;

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
}, 300_000);
afterAll(() => browser?.close());

interface View {
  name: string;
  hash: string;
  /** What is there when it is ready. */
  ready: string | RegExp;
  /** Brings up what is not there at first. */
  act?: (page: Page) => Promise<void>;
}

const press = (name: string) => (page: Page) => page.getByRole("button", { name, exact: true }).click();

const chooseList = async (page: Page) => {
  await page.getByLabel("They no longer get").selectOption("mail of one list");
};

const VIEWS: View[] = [
  { name: "the topics", hash: "#/", ready: "4 topics" },
  { name: "a running topic", hash: "#/topics/june", ready: "p4@example.com" },
  { name: "a cancelled topic", hash: "#/topics/winter%20sale", ready: "This topic is cancelled." },
  { name: "a topic nobody knows", hash: "#/topics/nobody", ready: 'there is no topic "nobody"' },
  { name: "the issues", hash: "#/issues", ready: "p4@example.com" },
  { name: "the text of a mail", hash: "#/topics/june", ready: "p4@example.com", act: press("Text") },
  { name: "nobody looked for", hash: "#/people", ready: "Find" },
  { name: "a person", hash: "#/people/p4@example.com", ready: "Not suppressed" },
  { name: "a mail by its id", hash: "#/people/1", ready: "added from june.csv" },
  { name: "a suppressed person", hash: "#/people/spam@example.org", ready: "Suppressed" },
  { name: "the test of a topic", hash: "#/test/june", ready: "Send the test" },
  { name: "asking to pause", hash: "#/topics/june", ready: "p4@example.com", act: press("Pause…") },
  { name: "the templates", hash: "#/templates", ready: "order.items[].name" },
  { name: "a template", hash: "#/templates/receipt", ready: "Show the mail" },
  {
    name: "the mail of a template",
    hash: "#/templates/receipt",
    ready: "Show the mail",
    act: async (page) => {
      await press("Show the mail")(page);
      await page.frameLocator("iframe").getByText("Thank you").waitFor();
    },
  },
  { name: "a template nobody knows", hash: "#/templates/nobody", ready: 'there is no template "nobody"' },
  { name: "the suppressions", hash: "#/suppressions", ready: "spam@example.org" },
  { name: "the dead letters", hash: "#/dead", ready: "messages#4211" },
  { name: "a dead letter", hash: "#/dead/1", ready: "What came, as MessagePack" },
  { name: "a dead letter of bytes", hash: "#/dead/2", ready: "What came: no text" },
  { name: "a dead letter nobody knows", hash: "#/dead/99", ready: 'there is no dead letter "99"' },
  { name: "asking to take in again", hash: "#/dead/1", ready: "What came, as", act: press("Retry…") },
  { name: "asking to drop", hash: "#/dead/1", ready: "What came, as", act: press("Drop…") },
  { name: "suppressing for a list", hash: "#/suppressions", ready: "spam@example.org", act: chooseList },
  { name: "the test form", hash: "#/test", ready: "Send the test" },
  { name: "asking to cancel", hash: "#/topics/june", ready: "p4@example.com", act: press("Cancel…") },
  { name: "asking to retry", hash: "#/topics/june", ready: "p4@example.com", act: press("Retry 2 failed…") },
  { name: "asking to send again", hash: "#/topics/june", ready: "p4@example.com", act: press("Retry 1 in doubt…") },
  {
    name: "asking to open again",
    hash: "#/topics/winter%20sale",
    ready: "This topic is cancelled.",
    act: press("Open again…"),
  },
  {
    name: "asking to remove",
    hash: "#/suppressions",
    ready: "spam@example.org",
    act: press("Remove spam@example.org"),
  },
];

/** A bit of everything: running, scheduled, cancelled, a hostile name, troubles, a halted sender, a quota nearly used up. */
async function everything(): Promise<Stage> {
  const found = await stage();
  const people = (count: number) => Array.from({ length: count }, (_, index) => `p${index}@example.com`);
  await ingest(found.store, people(10), { topic: "june" });
  const { claims } = await turn(found.store, 7, { scope: { topic: null, endpoint: "sandbox", maxLateMs: null } });
  const [a, b, c, d, e, f] = claims;
  await settle(found.store, sent(a), sent(b), sent(c), failed(d), failed(e), inDoubt(f));
  await ingest(found.store, people(3), { topic: "winter sale", at: Date.UTC(2040, 0, 1) });
  await found.store.cancel("winter sale");
  await ingest(found.store, people(3), { topic: "later", at: Date.UTC(2040, 0, 1) });
  await ingest(found.store, people(3), { topic: `<img src=x onerror=alert(1)>\u202e${"x".repeat(70)}` });
  await found.store.suppress([
    { address: "spam@example.org", reason: "complaint", source: "event", detail: "abuse" },
    { address: "spam@example.org", list: "w".repeat(100), reason: "unsubscribe", source: "link", detail: "june" },
    { address: "p4@example.org", list: ALL_BULK, reason: "unsubscribe", source: "link" },
    { address: `${"x".repeat(64)}@${"y".repeat(60)}.example`, reason: "manual", source: "manual" },
  ]);
  const html = `<h1>Thank you, {{ name | default: "you" }}</h1>{% for item in order.items %}<p>{{ item.name }}</p>{% endfor %}`;
  await found.store.putTemplate("receipt", templateContent({ subject: "Your order {{ order.number }}", html }));
  await found.store.putTemplate(`<b>\u2066영수증 ${"x".repeat(70)}`, templateContent({ subject: "y".repeat(200) }));
  const lines = `<p>${"x".repeat(300)}</p>\n`.repeat(5);
  await found.store.keepDead([
    deadLetter(["id-1", "nobody", "Hello", lines], { origin: "messages#4211", reason: '"nobody" is no address' }),
    deadLetter(new Uint8Array(100).fill(0xfe), { source: "redis", origin: "x".repeat(200), reason: "y".repeat(300) }),
  ]);
  const counts = { accepted: 1_234_567, duplicates: 89, dead: new Map([["no MessagePack", 2]]) };
  found.gateway.inlets = () => [
    { kind: "nats", name: "nats messages/email-processor", isConnected: true, counts },
    { kind: "redis", name: `redis ${"x".repeat(100)}/email:workers`, isConnected: false, counts },
  ];
  found.acts.sender = { state: "halted", reason: "sending is paused", hint: "resume it in the SES console" };
  found.acts.account = { ...ACCOUNT, sentLast24Hours: 48_900 };
  return found;
}

/** The names of rows that got less than two fifths of a table on a phone, where its widths are fixed: they break into many short lines. */
const SQUEEZED = `[...document.querySelectorAll("tbody th")]
  .filter((cell) => getComputedStyle(cell.closest("table")).tableLayout === "fixed")
  .filter((cell) => innerWidth < 400 && cell.offsetWidth > 0 && cell.offsetWidth < 0.4 * cell.closest("table").offsetWidth)
  .map((cell) => cell.textContent)`;

/** What is wrong with what the page shows, look by look: how wide it is when it does not fit, and what axe says. */
async function faults(page: Page): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const { width, colorScheme } of LOOKS) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const seen = {
      width: await page.evaluate("document.documentElement.scrollWidth"),
      squeezed: await page.evaluate<string[]>(SQUEEZED),
      problems: await problems(page),
    };
    if (seen.width !== width || seen.squeezed.length > 0 || seen.problems.length > 0)
      found[`${width} px, ${colorScheme}`] = seen;
  }
  return found;
}

test("every view and dialog, wide and on a phone, light and dark", { timeout: 300_000 }, async () => {
  const found = await everything();
  const { page, complaints } = await visit(browser, found.url, { reducedMotion: "reduce", expected: [404] });
  page.setDefaultTimeout(25_000);
  const wrong: Record<string, unknown> = {};
  await page.goto(found.url);
  wrong["signing in"] = await faults(page);
  await signIn(page, found.url);
  for (const { name, hash, ready, act } of VIEWS) {
    await page.goto("about:blank");
    await page.goto(`${found.url}/${hash}`);
    await page.getByText(ready).locator("visible=true").first().waitFor();
    await act?.(page);
    wrong[name] = await faults(page);
  }
  const names = ["signing in", ...VIEWS.map(({ name }) => name)];
  expect(wrong).toEqual(Object.fromEntries(names.map((name) => [name, {}])));
  expect(complaints).toEqual([]);
});

test("an empty gateway, and a wrong key, wide and on a phone, light and dark", { timeout: 120_000 }, async () => {
  const found = await stage();
  found.acts.account = null;
  const { page, complaints } = await visit(browser, found.url, { expected: [401] });
  await signIn(page, found.url, "not-a-key-of-this-gateway");
  expect(await faults(page)).toEqual({});
  await signIn(page, found.url);
  for (const [hash, ready] of [
    ["#/", "Nothing was sent yet"],
    ["#/issues", "Nothing failed"],
    ["#/people", "Look for the whole address"],
    ["#/suppressions", "Nobody is suppressed"],
    ["#/dead", "There are none"],
  ]) {
    await page.goto(`${found.url}/${hash}`);
    await page.getByText(ready ?? "").waitFor();
    expect(await faults(page)).toEqual({});
  }
  expect(complaints).toEqual([]);
});
