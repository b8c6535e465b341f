/** The pages in a real browser: under their own policy, for those who do not see, on a phone, and in the dark. */
import type { AddressInfo } from "node:net";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { problems } from "../support/axe.ts";
import { launchBrowser } from "../support/browser.ts";
import { CONTENT } from "../support/store-actions.ts";
import { scene } from "./tracking.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
  // Long, in case the browser has to be installed first.
}, 300_000);
afterAll(() => browser?.close());

async function listening(list?: string) {
  const { app, store, links } = await scene({}, 20_000, { ...CONTENT, ...(list !== undefined && { list }) });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return { store, links, base: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` };
}

/** A page, and what it complained of or asked for beyond `url`. */
async function visit(url: string, options: BrowserContextOptions = {}): Promise<{ page: Page; troubles: string[] }> {
  const context = await browser.newContext(options);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on("console", (message) => troubles.push(message.text()));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().endsWith("/favicon.ico")) troubles.push(request.url());
  });
  await page.goto(url);
  return { page, troubles };
}

test("a reader unsubscribes with the keyboard, in Korean, and takes it back", { timeout: 120_000 }, async () => {
  const { store, links, base } = await listening();
  const { page, troubles } = await visit(`${base}/u/${links.unsubscribe(2)}`, { locale: "ko-KR" });
  expect(await page.textContent("h1")).toBe("수신 거부");
  expect(await page.textContent("main")).toContain("b•••@example.net");
  expect(await store.countSuppressions()).toBe(0);
  await page.keyboard.press("Tab");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  expect(await page.textContent("h1")).toBe("수신 거부되었습니다");
  expect(await store.countSuppressions()).toBe(1);
  expect(await page.textContent("main")).toContain("news@example.com");
  await page.keyboard.press("Tab");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  expect(await page.textContent("h1")).toBe("다시 메일을 받습니다");
  expect(await store.countSuppressions()).toBe(0);
  // Loading the page again by its address asks as at first.
  await page.goto(page.url());
  expect(await page.textContent("h1")).toBe("수신 거부");
  expect(await page.context().cookies()).toEqual([]);
  expect(troubles.filter((text) => !text.includes("favicon"))).toEqual([]);
});

test("a reader leaves a list, then everything, and takes both back", { timeout: 120_000 }, async () => {
  const { store, links, base } = await listening("Bees & honey");
  const { page, troubles } = await visit(`${base}/u/${links.unsubscribe(2)}`, { locale: "en-GB" });
  const lists = async () => (await store.suppressionsOf("bob@example.net")).map(({ list }) => list);
  const press = async (name: string) => {
    await Promise.all([page.waitForNavigation(), page.getByRole("button", { name, exact: true }).click()]);
    return lists();
  };
  // The keyboard finds the first button first.
  await page.keyboard.press("Tab");
  expect(await page.locator(":focus").innerText()).toBe("Unsubscribe from Bees & honey");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  expect(await lists()).toEqual(["Bees & honey"]);
  expect(await page.textContent("main")).toContain("no more mail of the list Bees & honey");
  expect(await press("Subscribe again")).toEqual([]);
  expect(await press("Unsubscribe from Bees & honey")).toEqual(["Bees & honey"]);
  expect(await press("Unsubscribe from everything")).toEqual(["/bulk", "Bees & honey"]);
  expect(await page.textContent("main")).toContain("still arrives");
  await page.reload();
  expect(await press("Subscribe again")).toEqual([]);
  expect(await page.textContent("h1")).toBe("You are subscribed again");
  expect(troubles.filter((text) => !text.includes("favicon"))).toEqual([]);
});

/** A text, because the tests are compiled without a browser's types. */
const LOOKS = `({
  width: document.querySelector("main").getBoundingClientRect().width,
  overflow: document.documentElement.scrollWidth - innerWidth,
  background: getComputedStyle(document.body).backgroundColor,
})`;
const SCHEMES = ["light", "dark"] as const;
const LISTS = [
  ["of no list", undefined],
  ["of a list with a long name", `뉴스레터 ${"W".repeat(95)}`],
] as const;
test.each(SCHEMES.flatMap((scheme) => LISTS.map(([kind, list]) => [scheme, kind, list] as const)))(
  "the pages are whole on a phone and good for everybody (%s, %s)",
  { timeout: 120_000 },
  async (colorScheme, _kind, list) => {
    const { links, base, store } = await listening(list);
    await store.unsubscribe([{ messageId: 2, at: 0, from: "list" }]);
    const viewport = { width: 320, height: 568 };
    const backgrounds = new Set<string>();
    for (const path of [
      `/u/${links.unsubscribe(1)}`,
      `/u/${links.unsubscribe(2)}`,
      "/u/unknown",
      "/c/unknown?u=https://example.com/",
    ]) {
      // All of it under the page's own policy.
      const { page } = await visit(base + path, { viewport, colorScheme });
      const looks = await page.evaluate<{ width: number; overflow: number; background: string }>(LOOKS);
      expect(looks).toMatchObject({ width: 320 - 32, overflow: 0 });
      backgrounds.add(looks.background);
      expect(await problems(page)).toEqual([]);
    }
    expect([...backgrounds]).toEqual([colorScheme === "dark" ? "rgb(14, 19, 26)" : "rgb(243, 245, 248)"]);
  },
);
