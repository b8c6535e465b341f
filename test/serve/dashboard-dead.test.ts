/** The page of dead letters in a browser: found, read without harm, taken in again, dropped. */
import { createHash } from "node:crypto";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { deadLetter } from "../support/dead-letters.ts";
import type { TestGatewayOptions } from "../support/gateway.ts";
import { type Stage, signIn, stage, visit } from "./dashboard-stage.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
}, 300_000);
afterAll(() => browser?.close());

async function enter(found: Stage, hash = "#/", key?: string, expected: number[] = []) {
  const visited = await visit(browser, found.url, { expected });
  visited.page.setDefaultTimeout(25_000);
  await signIn(visited.page, found.url, key);
  await visited.page.goto(`${found.url}/${hash}`);
  await visited.page.getByRole("heading", { level: 1 }).waitFor();
  return visited;
}

/** Letters of each kind, and a gateway that answers a retry as `retryDead` says. */
async function withLetters(options: TestGatewayOptions = {}): Promise<Stage> {
  const found = await stage(options);
  await found.store.keepDead([
    deadLetter(["id-1", "nobody", "Hello", "<p>Hi</p>"], { origin: "messages#1", reason: '"nobody" is no address' }),
    deadLetter('{"id":"j1","template":"welcome"}', {
      source: "redis",
      origin: "email:send#1700000000000-0",
      reason: 'there is no template "welcome"',
    }),
  ]);
  return found;
}

test(
  "the link comes with the first letter, has their number, and goes with the last",
  { timeout: 120_000 },
  async () => {
    const found = await stage();
    const { page, complaints } = await enter(found);
    const links = page.getByRole("navigation", { name: "Views" }).getByRole("link");
    await page.getByText("Nothing was sent yet").waitFor();
    expect(await links.allInnerTexts()).not.toContainEqual(expect.stringContaining("Dead letters"));
    await found.store.keepDead([deadLetter("x")]);
    await page.getByRole("link", { name: "Dead letters 1" }).click();
    await page.getByRole("rowheader", { name: "messages#1" }).waitFor();
    await found.store.keepDead([deadLetter("x", { origin: "messages#2" })]);
    // The list follows.
    await page.getByRole("rowheader", { name: "messages#2" }).waitFor();
    await found.store.dropDead([1, 2]);
    await page.getByText("There are none").waitFor();
    await page.getByRole("link", { name: "Topics" }).click();
    await expect.poll(() => page.getByRole("link", { name: "Dead letters" }).count()).toBe(0);
    expect(complaints).toEqual([]);
  },
);

test("the keyboard leads to a letter, and drops it after a question", { timeout: 120_000 }, async () => {
  const found = await withLetters();
  const { page, complaints } = await enter(found, "#/dead");
  const row = page.getByRole("row", { name: /messages#1/ });
  await row.waitFor();
  expect(await row.innerText()).toMatch(/NATS\s+"nobody" is no address\s+1\s+\d+ \w+ \d{4}/);
  await page.getByRole("link", { name: "messages#1" }).press("Enter");
  await page.getByRole("heading", { level: 1, name: "messages#1" }).waitFor();
  const fields = page.getByRole("region", { name: "What came, as MessagePack" });
  expect(await fields.getByRole("term").allInnerTexts()).toEqual(["uuid", "email", "subject", "body"]);
  expect(await fields.getByRole("definition").allInnerTexts()).toEqual(["id-1", "nobody", "Hello", "<p>Hi</p>"]);
  await page.getByRole("button", { name: "Drop…" }).press("Enter");
  await page.getByRole("dialog", { name: "Drop messages#1?" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await found.store.countDead()).toBe(2);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("messages#1 was dropped.").waitFor();
  await page.getByRole("row", { name: /messages#1/ }).waitFor({ state: "detached" });
  expect((await found.store.deadLetters({ before: null, limit: 9 })).map(({ id }) => id)).toEqual([2]);
  expect(complaints).toEqual([]);
});

test("a retry tells what became of the letter, or why it stays", { timeout: 120_000 }, async () => {
  const found: Stage = await withLetters({
    retryDead: async (id) => {
      const letter = await found.store.deadLetter(id);
      if (letter?.source === "redis") {
        await found.store.keepDead([{ ...letter, reason: "still no template" }]);
        return { dead: "still no template" };
      }
      await found.store.dropDead([id]);
      return "accepted";
    },
  });
  const { page, complaints } = await enter(found, "#/dead/2", undefined, [422]);
  await page.getByText('there is no template "welcome"').waitFor();
  await page.getByRole("button", { name: "Retry…" }).click();
  await page.getByRole("button", { name: "Take it in" }).click();
  await page.getByRole("alert").getByText("still no template").waitFor();
  await page.getByRole("button", { name: "Leave it here" }).click();
  await page.getByText("2 times, ").waitFor();
  expect(await page.getByRole("region", { name: "Why it was not taken in" }).innerText()).toContain(
    "still no template",
  );
  await page.goto(`${found.url}/#/dead/1`);
  await page.getByRole("heading", { level: 1, name: "messages#1" }).waitFor();
  await page.getByRole("button", { name: "Retry…" }).click();
  await page.getByRole("button", { name: "Take it in" }).click();
  await page.getByRole("status").getByText("messages#1 was taken in.").waitFor();
  expect(await found.store.countDead()).toBe(1);
  expect(complaints).toEqual([]);
});

test("a hostile letter is text, cut, and never moves the page", { timeout: 120_000 }, async () => {
  const found = await stage();
  const hostile = `<img src=x onerror="document.title='run'">\u202egnp.exe\u0007`;
  await found.store.keepDead([
    deadLetter(
      { [hostile]: hostile, uuid: "x".repeat(5_000), body: `<script>top.document.title='run'</script>\n${hostile}` },
      {
        origin: hostile,
        reason: `${hostile} ${"y".repeat(500)}`,
        extras: hostile,
      },
    ),
    deadLetter(["u", "e", "s", "<b>10 MB</b>".repeat(830_000)], { origin: "large" }),
    deadLetter(new Uint8Array(10_000_000).fill(0xfe), { origin: "bytes" }),
  ]);
  const { page, complaints } = await enter(found, "#/dead");
  await page.setViewportSize({ width: 360, height: 740 });
  const isInBounds = async () => expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
  await page.getByRole("rowheader", { name: String.raw`\u202egnp.exe\x07` }).waitFor();
  await isInBounds();
  await page.getByRole("link", { name: String.raw`\u202egnp.exe` }).click();
  await page.getByLabel("body", { exact: true }).waitFor();
  expect(await page.getByLabel("body", { exact: true }).innerText()).toContain(
    "<script>top.document.title='run'</script>\n<img",
  );
  await isInBounds();
  await page.goto(`${found.url}/#/dead/2`);
  await page.getByText("This is not all of it.").waitFor();
  expect((await page.getByLabel("body", { exact: true }).innerText()).length).toBeLessThan(100_001);
  await isInBounds();
  await page.goto(`${found.url}/#/dead/3`);
  await page.getByRole("region", { name: "What came: no text" }).getByLabel("The body").waitFor();
  await isInBounds();
  expect(await page.locator("main img, main script, main b b").count()).toBe(0);
  expect(await page.title()).not.toContain("run");
  expect(complaints).toEqual([]);
});

test("the inlets show how they do, and one that is away is said on every page", { timeout: 120_000 }, async () => {
  const found = await stage();
  const nats = { kind: "nats" as const, name: "nats messages/email-processor", isConnected: true };
  const counts = { accepted: 12_345, duplicates: 6, dead: new Map([["no MessagePack", 2]]) };
  let inlets = [{ ...nats, counts }];
  found.gateway.inlets = () => inlets;
  const { page, complaints } = await enter(found);
  // The link is there from the start.
  await page.getByRole("link", { name: "Dead letters" }).click();
  const row = page.getByRole("row", { name: /^nats messages/ });
  await row.getByText("Connected").waitFor();
  expect(await row.getByRole("cell").allInnerTexts()).toEqual(["12,345", "6", "2"]);
  await page.getByText("There are none").waitFor();
  inlets = [{ ...nats, isConnected: false, counts }];
  await row.getByText("Away").waitFor();
  await page.getByRole("link", { name: "Topics" }).click();
  await page.getByRole("alert").getByText("Cannot be reached: nats messages/email-processor").waitFor();
  expect(complaints).toEqual([]);
});

test("more than a page of letters, and a key that may only look", { timeout: 120_000 }, async () => {
  const found = await stage();
  const letters = Array.from({ length: 60 }, (_, index) => deadLetter("x", { origin: `messages#${index + 1}` }));
  await found.store.keepDead(letters);
  const digest = createHash("sha256").update("a-key-that-may-only-read").digest();
  await found.store.addKey({ name: "reader", digest, scopes: ["read"] });
  const { page, complaints } = await enter(found, "#/dead", "a-key-that-may-only-read", [404]);
  await page.getByRole("heading", { name: "60 letters" }).waitFor();
  expect(await page.getByRole("rowheader").count()).toBe(50);
  await page.getByRole("button", { name: "Show more" }).click();
  await expect.poll(() => page.getByRole("rowheader").count()).toBe(60);
  await page.getByRole("link", { name: "messages#60" }).click();
  await page.getByRole("heading", { level: 1, name: "messages#60" }).waitFor();
  expect(await page.getByRole("button").allInnerTexts()).toEqual(["Sign out"]);
  await page.goto(`${found.url}/#/dead/4711`);
  await page.getByRole("alert").getByText('there is no dead letter "4711"').waitFor();
  expect(complaints).toEqual([]);
});
