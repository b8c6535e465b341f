/** A gateway with a browser in front of it. */
import type { BrowserContextOptions, Browser, Page } from "playwright-core";
import { onTestFinished } from "vitest";
import type { Account } from "../../src/aws/ses.ts";
import type { SenderStatus } from "../../src/deliver/sender.ts";
import { API_KEY, type TestGateway, testGateway, type TestGatewayOptions } from "../support/gateway.ts";

export interface Stage extends TestGateway {
  url: string;
  /** What the sender says of itself, in the place of the real one; null: the real one. */
  acts: { sender: Partial<SenderStatus> | null; account: Account | null };
}

export const ACCOUNT: Account = {
  perSecond: 14,
  quota: 50_000,
  sentLast24Hours: 12_345,
  sendingEnabled: true,
  productionAccess: true,
  enforcement: "HEALTHY",
};

/** Listens on a port of its own. `acts` may be changed while the page is looked at. */
export async function stage(options: TestGatewayOptions = {}): Promise<Stage> {
  const found = await testGateway(options);
  const acts: Stage["acts"] = { sender: null, account: ACCOUNT };
  const status = found.gateway.sender.status;
  found.gateway.sender.status = () => ({ ...status(), ...acts.sender });
  found.gateway.account = () => acts.account;
  return { ...found, acts, url: await found.listen() };
}

export interface Visit {
  page: Page;
  /** What the browser complained of, and what it asked of any other host. */
  complaints: string[];
}

/** A page of its own browser profile. Answers to `expected` statuses are no complaint. */
export async function visit(
  browser: Browser,
  url: string,
  { expected = [], ...options }: BrowserContextOptions & { expected?: number[] } = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  await context.route("**/*", (route) => {
    const asked = route.request().url();
    if (asked.startsWith(`${url}/`) || asked.startsWith("data:")) return route.continue();
    complaints.push(`asked for ${asked}`);
    return route.abort();
  });
  page.on("console", (message) => {
    const text = message.text();
    if (!expected.some((status) => text.includes(`status of ${status} `))) complaints.push(text);
  });
  page.on("pageerror", (error) => void complaints.push(error.message));
  page.on("dialog", (dialog) => {
    complaints.push(dialog.message());
    void dialog.dismiss();
  });
  return { page, complaints };
}

export async function signIn(page: Page, url: string, key = API_KEY): Promise<void> {
  await page.goto(url);
  // Whoever types before the page has put the focus there has the browser complain.
  await page.locator("[name=key]:focus").waitFor();
  await page.getByLabel("API key").fill(key);
  await Promise.all([page.waitForEvent("load"), page.getByRole("button", { name: "Sign in" }).click()]);
}
