/**
 * Whether two documents look the same in a real browser: of each element, its `::before` and `::after` every computed property that a style
 * sheet or attribute of either document sets anywhere (no other can differ), its box, and the visible text, in two widths, light and dark, and on
 * paper. Nothing is fetched.
 */
import type { Browser, Page } from "playwright-core";
import { launchBrowser } from "./browser.ts";

export interface Pair {
  name: string;
  before: string;
  after: string;
}

/** What a mail program or a reader does to both documents before they are compared. */
export const CHANGES = {
  none: () => undefined,
  "[data-ogsc]": (document: Document) => {
    document.documentElement.setAttribute("data-ogsc", "");
    document.body.setAttribute("data-ogsc", "");
  },
  ".ExternalClass": (document: Document) => {
    const wrapper = document.createElement("div");
    wrapper.className = "ExternalClass";
    wrapper.append(...document.body.childNodes);
    document.body.append(wrapper);
  },
  "u + .body": (document: Document) => {
    document.body.before(document.createElement("u"));
  },
  "all hovered": (document: Document) => {
    for (const element of document.querySelectorAll("*")) element.classList.add("hovered");
  },
  "some hovered": (document: Document) => {
    for (const element of document.querySelectorAll(":nth-child(odd)")) element.classList.add("hovered");
  },
};
export type Change = keyof typeof CHANGES;

const SCREENS = [
  { media: "screen", colorScheme: "light", widths: [600, 360] },
  { media: "screen", colorScheme: "dark", widths: [600, 360] },
  { media: "print", colorScheme: "light", widths: [600] },
] as const;

export class Looker {
  readonly #browser: Browser;
  readonly #page: Page;

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.#page = page;
  }

  static async open(): Promise<Looker> {
    const browser = await launchBrowser();
    const page = await browser.newPage();
    await page.route("**/*", (route) => route.abort());
    // Mail programs run no scripts: the frames must not either, so that <noscript> counts.
    const frame = `<iframe sandbox="allow-same-origin" style="border:0;height:900px"></iframe>`;
    await page.setContent(`<!doctype html>${frame}${frame}`);
    return new Looker(browser, page);
  }

  get page(): Page {
    return this.#page;
  }

  close(): Promise<void> {
    return this.#browser.close();
  }

  /** Every difference in words; empty when all pairs look the same. */
  async differences(pairs: Pair[], changes: Change[] = ["none"]): Promise<string[]> {
    const found: string[] = [];
    for (const { media, colorScheme, widths } of SCREENS) {
      await this.#page.emulateMedia({ media, colorScheme });
      const where = `${media}, ${colorScheme}`;
      for (const change of changes) {
        const given = { pairs, widths: [...widths], change: CHANGES[change].toString(), compare: compare.toString() };
        const differences = await this.#page.evaluate(inPage, given);
        found.push(...differences.map((text) => `${text} (${where}, ${change})`));
      }
    }
    return found;
  }
}

/** Runs in the page, like all below. */
function inPage(given: { pairs: Pair[]; widths: number[]; change: string; compare: string }): string[] {
  // oxlint-disable-next-line typescript/no-implied-eval
  const [change, compareThem] = [given.change, given.compare].map((source) => new Function(`return (${source})`)());
  const frames = [...document.querySelectorAll("iframe")];
  const differences: string[] = [];
  for (const { name, before, after } of given.pairs) {
    const [one, other] = [before, after].map((html, index) => {
      const inner = frames[index]?.contentDocument;
      if (!inner) throw new Error("no frame");
      inner.open();
      inner.write(html.replaceAll(":hover", ".hovered"));
      inner.close();
      change(inner);
      return inner;
    });
    for (const width of given.widths) {
      for (const frame of frames) frame.style.width = `${width}px`;
      for (const text of compareThem(one, other)) differences.push(`${name}: ${text} (${width} px)`);
    }
  }
  return differences;
}

function compare(one: Document, other: Document): string[] {
  const all = (document: Document) => [...document.querySelectorAll("*")].filter(({ tagName }) => tagName !== "STYLE");
  const [before, after] = [all(one), all(other)];
  if (before.length !== after.length) return [`${before.length} elements became ${after.length}`];
  const differences: string[] = [];
  if (one.body.innerText !== other.body.innerText) differences.push("the visible text differs");
  const names = new Set<string>();
  const noteRules = (rules: CSSRuleList) => {
    for (const rule of rules) {
      if ("style" in rule) for (const name of rule.style as CSSStyleDeclaration) names.add(name);
      if ("cssRules" in rule) noteRules(rule.cssRules as CSSRuleList);
    }
  };
  for (const document of [one, other]) {
    for (const sheet of document.styleSheets) if (!sheet.href) noteRules(sheet.cssRules);
    for (const { style } of document.querySelectorAll<HTMLElement>("[style]")) for (const name of style) names.add(name);
  }
  const look = (a: Element, b: Element, part: string | null) => {
    const [was, is] = [getComputedStyle(a, part), getComputedStyle(b, part)];
    if (part !== null && was.content === "none" && is.content === "none") return;
    for (const name of names) {
      const [x, y] = [was.getPropertyValue(name), is.getPropertyValue(name)];
      if (x !== y && differences.length < 8)
        differences.push(`<${a.tagName.toLowerCase()} class="${a.className}">${part ?? ""} ${name}: ${x} became ${y}`);
    }
  };
  before.forEach((element, index) => {
    const twin = after[index];
    if (!twin) return;
    for (const part of [null, "::before", "::after"]) look(element, twin, part);
    const boxes = [element, twin].map((one) => JSON.stringify(one.getBoundingClientRect()));
    if (boxes[0] !== boxes[1]) differences.push(`<${element.tagName.toLowerCase()}> ${boxes[0]} became ${boxes[1]}`);
  });
  return differences;
}
