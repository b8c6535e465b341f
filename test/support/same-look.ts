/**
 * Whether two documents look the same in a real browser: of each element, its `::before` and `::after` every computed property that a style
 * sheet or attribute of either document sets anywhere (no other can differ), its box, and the visible text, in two widths, light and dark, and on
 * paper. Nothing is fetched.
 */
import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { launchBrowser } from "./browser.ts";

export interface Pair {
  name: string;
  before: string;
  after: string;
}

/** What a mail program or a reader does to both documents before they are compared: same-look.page.js. */
export type Change = "none" | "[data-ogsc]" | ".ExternalClass" | "u + .body" | "all hovered" | "some hovered";

/** A document that does not speak of what a screen has looks on it as on the first one, so it is not looked at again. */
const SCREENS = [
  { media: "screen", colorScheme: "light", widths: [600, 360], speaks: /(?:)/ },
  { media: "screen", colorScheme: "dark", widths: [600, 360], speaks: /color-scheme|@import/i },
  { media: "print", colorScheme: "light", widths: [600], speaks: /media|@page|@import/i },
] as const;

const PAGE = readFileSync(new URL("same-look.page.js", import.meta.url), "utf8");
// Mail programs run no scripts: the frames must not either, so that <noscript> counts.
const FRAME = `<iframe sandbox="allow-same-origin" style="border:0;height:900px"></iframe>`;

export class Looker {
  readonly page: Page;
  readonly #browser: Browser;

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.page = page;
  }

  static async open(): Promise<Looker> {
    const browser = await launchBrowser();
    const page = await browser.newPage();
    await page.route("**/*", (route) => route.abort());
    await page.setContent(`<!doctype html>${FRAME}${FRAME}`);
    await page.addScriptTag({ content: PAGE });
    return new Looker(browser, page);
  }

  close(): Promise<void> {
    return this.#browser.close();
  }

  /** In words; empty when all pairs look the same. */
  async differences(pairs: Pair[], changes: Change[] = ["none"]): Promise<string[]> {
    const found: string[] = [];
    for (const { media, colorScheme, widths, speaks } of SCREENS) {
      await this.page.emulateMedia({ media, colorScheme });
      const some = pairs.filter(({ before, after }) => speaks.test(before) || speaks.test(after));
      for (const change of changes) {
        const given = JSON.stringify({ pairs: some, widths, change });
        const differences = await this.page.evaluate<string[]>(`differencesOf(${given})`);
        found.push(...differences.map((text) => `${text} (${media}, ${colorScheme}, ${change})`));
      }
    }
    return found;
  }
}
