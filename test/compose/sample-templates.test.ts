/** The templates of examples/templates: each with its data, as our own pipeline makes it, in a real browser. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readContent } from "../../src/compose/content/content.ts";
import { prepareTemplate } from "../../src/compose/mail/tools.ts";
import { textOf } from "../../src/compose/text/html-to-text.ts";
import type { RenderedMail } from "../../src/message.ts";
import { problems } from "../support/axe.ts";
import { launchBrowser } from "../support/browser.ts";
import type { Json } from "../support/run.ts";

const FOLDER = new URL("../../examples/templates/", import.meta.url).pathname;
const HANDBOOK = readFileSync(join(FOLDER, "README.md"), "utf8");
const NAMES = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".html"))
  .map((name) => name.replace(".html", ""));
/** What Gmail shows of a mail before it cuts it off. */
const GMAIL_SHOWS = 102 * 1024;
/** A mail is shown inside the page of a mail program, which has the landmarks. */
const OF_PAGES = /^(region|landmark-one-main): /;

const READER = "reader@example.com";

const sourceOf = (name: string): string => readFileSync(join(FOLDER, `${name}.html`), "utf8");
const dataOf = (name: string): Json => JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8"));

const kept = new Map<string, ReturnType<typeof compile>>();

/** Each is compiled once. */
function compiled(name: string): ReturnType<typeof compile> {
  const found = kept.get(name) ?? compile(name);
  kept.set(name, found);
  return found;
}

async function compile(name: string) {
  const { content } = await readContent({
    contentFile: join(FOLDER, `${name}.html`),
    recipientsFile: null,
    overrides: { from: "Harbour <mail@example.com>" },
  });
  return { content, template: await prepareTemplate(content) };
}

async function mailOf(name: string, data: Json = dataOf(name)): Promise<RenderedMail> {
  const { template } = await compiled(name);
  expect(template.check(READER, data)).toEqual([]);
  return template.render(READER, data);
}

interface Leaf {
  /** As README writes it: `order.items[].name`. */
  path: string;
  value: unknown;
  /** The data with another value in this place; undefined takes the place away. */
  with(value: unknown): Json;
}

/** Every text and number in the data. Of a list, those of the first item. */
function leavesOf(data: Json, path = "", rebuild: (value: Json) => Json = (value) => value): Leaf[] {
  if (Array.isArray(data))
    return leavesOf(data[0], `${path}[]`, (first) => rebuild([first, ...(data as unknown[]).slice(1)]));
  if (typeof data !== "object" || data === null) return [{ path, value: data, with: rebuild }];
  return Object.entries(data as Record<string, Json>).flatMap(([key, value]) =>
    leavesOf(value, path === "" ? key : `${path}.${key}`, (other) => {
      const { [key]: _, ...rest } = data as Record<string, Json>;
      return rebuild(other === undefined ? rest : { ...data, [key]: other });
    }),
  );
}

/** What a variable may be instead of having a value. */
type Without = "left out" | "null" | "";

/** The variables that README explains below the name of a template. */
function explained(name: string): Map<string, Without> {
  const [, section = ""] = new RegExp(`^### ${name.split(".")[0]}\\n([^#]*)`, "m").exec(HANDBOOK) ?? [];
  const rows = [...section.matchAll(/^\| (`.*?) \| ?(.*) \|$/gm)];
  return new Map(
    rows.flatMap(([, names = "", meaning = ""]) => {
      const without = (/may be (left out|null)/.exec(meaning)?.[1] ?? "") as Without;
      return [...names.matchAll(/`([^`]+)`/g)].map(([, path = ""]): [string, Without] => [path, without]);
    }),
  );
}

const wordsOf = (text: string): string[] => text.match(/[\p{L}\p{N}]+/gu) ?? [];

test("there is each of them in both languages", () => {
  const kinds = ["newsletter", "receipt", "subscription-confirmation", "verification-code"];
  expect(NAMES.toSorted()).toEqual(kinds.flatMap((kind) => [`${kind}.en`, `${kind}.ko`]));
});

describe.each(NAMES)("%s", (name) => {
  test("says what it is", async () => {
    const { content } = await compiled(name);
    const isNews = name.startsWith("newsletter");
    expect([content.kind, content.list]).toEqual(isNews ? [undefined, "newsletter"] : ["transactional", undefined]);
    expect(sourceOf(name)).toContain(`<html lang="${name.split(".").at(-1)}"`);
  });

  test("becomes a whole mail that Gmail does not cut off", async () => {
    const mail = await mailOf(name);
    expect(`${mail.subject}${mail.html}${mail.text}`).not.toMatch(/\{\{|\{%|%\}|\}\}|undefined|\[object/);
    expect(Buffer.byteLength(mail.html)).toBeLessThan(GMAIL_SHOWS);
    expect(mail.html).not.toMatch(/<(?:img|link|script|iframe)|url\(/i);
    expect(mail.subject.length).toBeGreaterThan(8);
  });

  test("has the variables of its data, and no others", async () => {
    const { template } = await compiled(name);
    const inData = leavesOf(dataOf(name)).map(({ path }) => path);
    const lists = new Set(inData.filter((path) => path.includes("[]")).map((path) => path.replace(/\[\].*/, "")));
    const used = template.variables.map((variable) => variable.name);
    expect(used.filter((path) => !lists.has(path)).toSorted()).toEqual(inData.toSorted());
    const named = [...explained(name).keys()].filter((path) => path !== "company.phone" || name.endsWith("ko"));
    expect(named.toSorted()).toEqual([...inData, ...lists].toSorted());
  });

  test("shows each of its data", async () => {
    const before = JSON.stringify(await mailOf(name));
    for (const leaf of leavesOf(dataOf(name))) {
      const other = leaf.path.endsWith(".date") ? "2031-07-09" : `${String(leaf.value)}7`;
      expect([leaf.path, JSON.stringify(await mailOf(name, leaf.with(other))) === before]).toEqual([leaf.path, false]);
    }
  });

  test("does without what README says it does without, and with nothing else", async () => {
    const { template } = await compiled(name);
    const data = dataOf(name);
    const without = explained(name);
    const missing = (changed: Json) =>
      template.check(READER, changed).map(({ path }) => path.replaceAll(/\[\d+\]/g, "[]"));
    for (const { path, with: having } of leavesOf(data)) {
      const may = without.get(path) ?? "";
      expect([path, missing(having(may === "null" ? null : undefined))]).toEqual([path, may === "" ? [path] : []]);
      expect([path, missing(having(undefined))]).toEqual([path, may === "left out" ? [] : [path]]);
    }
    const least = leavesOf(data).reduce((rest: Json, { path }) => {
      const value = without.get(path) === "left out" ? undefined : null;
      return without.get(path) === ""
        ? rest
        : leavesOf(rest)
            .find((leaf) => leaf.path === path)
            ?.with(value);
    }, data);
    const mail = await mailOf(name, least);
    expect(mail.text).not.toMatch(/\( *\)|undefined|null/);
    expect(mail.html).not.toMatch(/<p[^>]*>\s*<\/p>|<br>\s*<\//);
  });

  test("tells in its text what its HTML shows, and where its links lead", async () => {
    const mail = await mailOf(name);
    const page = await open(mail.html, { width: 700 });
    expect(wordsOf(textOf(mail.html, (text) => text))).toEqual(wordsOf(await page.innerText("body")));
    const links = await page.evaluate<string[]>(
      "[...document.links].map((link) => link.getAttribute('href')).filter((href) => href.startsWith('http'))",
    );
    expect(links.filter((link) => !mail.text.includes(link))).toEqual([]);
    await page.close();
  });

  const looks = (["light", "dark"] as const).flatMap((scheme) => [360, 700].map((width) => [scheme, width] as const));
  test.each(looks)("is good for everybody in the %s at %i pixels", async (colorScheme, width) => {
    const { html } = await mailOf(name);
    const asked: string[] = [];
    const page = await open(html, { width, colorScheme, asked });
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBe(0);
    expect((await problems(page)).filter((problem) => !OF_PAGES.test(problem))).toEqual([]);
    expect(await brightness(page, ".card")).toBe(colorScheme);
    expect(await brightness(page, "body")).toBe(colorScheme);
    expect(asked).toEqual([]);
    await page.close();
  });

  test("has room for long words on a phone", async () => {
    const long = "Donaudampfschifffahrtsgesellschaftskapitänspatentinhaberin".repeat(2);
    let data = dataOf(name);
    for (const { path, value } of leavesOf(data).filter(
      (leaf) => !/date|code|quantity|price|minutes|days|_url/.test(leaf.path),
    ))
      if (!/^order\.(subtotal|discount|shipping|tax|total)$/.test(path))
        data = leavesOf(data)
          .find((leaf) => leaf.path === path)
          ?.with(`${String(value)} ${long}`);
    const page = await open((await mailOf(name, data)).html, { width: 360 });
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBe(0);
    await page.close();
  });
});

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
  // Long, in case the browser has to be installed first.
}, 300_000);
afterAll(() => browser.close());

interface Look {
  width: number;
  colorScheme?: "light" | "dark";
  /** Gets the address of everything that the page asks for. */
  asked?: string[];
}

async function open(html: string, { width, colorScheme = "light", asked = [] }: Look): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width, height: 800 },
    colorScheme,
  });
  page.on("request", (request) => asked.push(request.url()));
  await page.setContent(html);
  return page;
}

/** "light" or "dark": the background of an element. */
async function brightness(page: Page, selector: string): Promise<string> {
  const color = await page.evaluate<string>(
    `getComputedStyle(document.querySelector(${JSON.stringify(selector)})).backgroundColor`,
  );
  const [red = 0, green = 0, blue = 0] = (color.match(/\d+/g) ?? []).map(Number);
  return red + green + blue > 3 * 128 ? "light" : "dark";
}
