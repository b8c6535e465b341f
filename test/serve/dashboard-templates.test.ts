/** The page of templates in a browser: from the list to the mail that typed data make. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { templateContent } from "../support/templates.ts";
import { signIn, stage, visit } from "./dashboard-stage.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
}, 300_000);
afterAll(() => browser?.close());

const HTML = `<style>h1 { color: red }</style><h1>Thank you, {{ name | default: "you" }}</h1>
<ul>{% for item in order.items %}<li>{{ item.name }}</li>{% endfor %}</ul><script>top.document.title = "owned"</script>`;

test(
  "the keyboard leads from the list to a mail, its text, and what is wrong with the data",
  { timeout: 120_000 },
  async () => {
    const { store, url } = await stage();
    await store.putTemplate("영수증", templateContent({ subject: "Your order {{ order.number }}", html: HTML }));
    const { page, complaints } = await visit(browser, url, { expected: [400] });
    page.setDefaultTimeout(25_000);
    await signIn(page, url);
    await page.getByRole("link", { name: "Templates" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "영수증" }).focus();
    await page.keyboard.press("Enter");
    const data = page.getByLabel("Data, as a JSON object");
    // What it begins with fits the template.
    expect(JSON.parse(await data.inputValue())).toEqual({
      name: "name",
      order: { number: "number", items: [{ name: "name" }] },
    });
    await data.fill('{"order": {"number": 7, "items": [{"name": "Tea & cups"}, {"name": "한글"}]}}');
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const frame = page.frameLocator("iframe");
    await frame.getByText("Tea & cups").waitFor();
    expect(await frame.getByRole("listitem").allTextContents()).toEqual(["Tea & cups", "한글"]);
    const colour = 'getComputedStyle(document.querySelector("h1")).color';
    expect(await page.frames().at(-1)?.evaluate(colour)).toBe("rgb(255, 0, 0)");
    await page.getByText("Your order 7").waitFor();
    await page.getByRole("button", { name: "Text" }).press("Enter");
    await page.getByLabel("The text of the mail").getByText("Thank you, you").waitFor();
    await data.fill('{"order": {"number": 7, "items": [{"name": "Tea"}, {}]}}');
    await page.getByRole("button", { name: "Show the mail" }).click();
    await page.getByRole("alert").getByText("data.order.items[1].name").waitFor();
    await data.fill("{order: 1}");
    await page.getByRole("button", { name: "Show the mail" }).click();
    await page.getByRole("alert").getByText("This is not JSON").waitFor();
    expect(await page.title()).toContain("영수증");
    // Scripts of a mail do not run, and the browser says so.
    expect(
      complaints.filter((text) => !/script.*(sandbox|Content Security Policy)|Blocked script execution/i.test(text)),
    ).toEqual([]);
  },
);

test("data that are too long for an address of a frame still have a text", { timeout: 120_000 }, async () => {
  const { store, url } = await stage();
  await store.putTemplate("long", templateContent({ html: "<p>{{ code }}</p>" }));
  const { page, complaints } = await visit(browser, url);
  page.setDefaultTimeout(25_000);
  await signIn(page, url);
  await page.goto(`${url}/#/templates/long`);
  await page.getByLabel("Data, as a JSON object").fill(JSON.stringify({ code: "x".repeat(10_000) }));
  await page.getByRole("button", { name: "Show the mail" }).click();
  await page.getByText("too long to show the HTML").waitFor();
  await page.getByRole("button", { name: "Text" }).click();
  await page.getByLabel("The text of the mail").getByText("xxxx").waitFor();
  expect(complaints).toEqual([]);
});

test("there are none yet, and a key without the scope does not see the page", { timeout: 120_000 }, async () => {
  const { store, url } = await stage();
  const { createHash } = await import("node:crypto");
  const digest = createHash("sha256").update("a-key-that-may-only-read").digest();
  await store.addKey({ name: "reader", digest, scopes: ["read"] });
  const { page } = await visit(browser, url);
  page.setDefaultTimeout(25_000);
  await signIn(page, url);
  await page.getByRole("link", { name: "Templates" }).click();
  await page.getByText("There are no templates yet.").waitFor();
  await Promise.all([page.waitForEvent("load"), page.getByRole("button", { name: "Sign out" }).click()]);
  await signIn(page, url, "a-key-that-may-only-read");
  await page.getByRole("link", { name: "People" }).waitFor();
  await expect.poll(() => page.getByRole("link", { name: "Templates" }).count()).toBe(0);
});
