/** The outbox of a rehearsal: one file for each mail, under a name that every file system takes, and pages that are safe to open. */
import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import type { Mail } from "../../src/sandbox/mail.ts";
import { fileNameOf } from "../../src/sandbox/outbox-names.ts";
import { Outbox } from "../../src/sandbox/outbox.ts";
import { launchBrowser, nobodysServer } from "../support/browser.ts";
import fc from "../support/properties.ts";
import { workFolder } from "../support/run.ts";

const AT = Date.parse("2026-03-02T09:00:00Z");

const mail = (to: string, given: Partial<Mail> = {}): Mail => ({
  operation: "SendEmail",
  from: "News <news@example.com>",
  to: [to],
  cc: [],
  recipients: [to],
  replyTo: [],
  subject: "Hello",
  text: "Hello",
  html: "<p>Hello</p>",
  headers: [],
  attachments: [],
  raw: null,
  tags: [],
  configurationSet: null,
  renderingFailure: null,
  ...given,
});

let ids = 0;
async function storeAll(outbox: Outbox, mails: readonly Mail[]): Promise<void> {
  for (const each of mails) await outbox.store(each, `id-${++ids}`, `<id-${ids}@example>`, AT + ids);
}

const inTopic = (folder: string, topic: string) => Outbox.open(folder, { topicOf: async () => topic });
const emls = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".eml"))
    .sort();

describe("a file name", () => {
  test.each([
    ["june", "june"],
    ["뉴스레터 1월", "뉴스레터 1월"],
    ["ann.baker+news@example.com", "ann.baker+news@example.com"],
    ["..", "%2E%2E"],
    [".hidden", "%2Ehidden"],
    ["-rf", "%2Drf"],
    ["end.", "end%2E"],
    ["a/b\\c:d", "a%2Fb%5Cc%3Ad"],
    ["con", "%63on"],
    ["NUL.txt@example.com", "%4EUL.txt@example.com"],
    ["console", "console"],
    ["Index.HTML", "%49ndex.HTML"],
    ["100%", "100%25"],
    ["", "%"],
  ])("of %j is %j", (text, name) => {
    expect(fileNameOf(text)).toBe(name);
  });

  it("of any text is one name in the folder, short enough, and another one for another text", () => {
    const text = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 400 }),
      fc.constantFrom("..", ".", "aux", "a".repeat(300)),
    );
    fc.assert(
      fc.property(text, text, (one, two) => {
        const name = fileNameOf(one);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
        expect(relative("/out", dirname(resolve("/out", name)))).toBe("");
        expect(basename(name)).toBe(name);
        // oxlint-disable-next-line no-control-regex
        expect(name).not.toMatch(/[\x00-\x1f<>:"/\\|?*]|[. ]$|^\./);
        expect(fileNameOf(one) === fileNameOf(two)).toBe(one.normalize("NFC") === two.normalize("NFC"));
      }),
    );
  });
});

describe("an outbox", () => {
  it("has each mail once, also those to one address, in one run and in the next, by one process and by two", async () => {
    const folder = await workFolder();
    for (const _run of [1, 2]) {
      const [one, two] = [await inTopic(folder, "june"), await inTopic(folder, "june")];
      await storeAll(one, [mail("ann@example.net"), mail("Ann@example.net")]);
      await storeAll(two, [mail("ann@example.net")]);
      await Promise.all([one.close(), two.close()]);
    }
    const names = ["", "-2", "-3", "-4", "-5", "-6"].map((n) => `june/ann@example.net${n}.eml`);
    expect(emls(folder)).toEqual(names.sort());
    const contents = names.map((name) => readFileSync(join(folder, name), "utf8"));
    expect(new Set(contents).size).toBe(6);
    expect(readFileSync(join(folder, "june/index.html"), "utf8")).toContain("6 mails");
  });

  it("stores many mails to one address, all at once, with about the work of as many addresses, and each under the next number", async () => {
    const folder = await workFolder();
    const work = async (topic: string, to: (index: number) => string): Promise<number> => {
      const outbox = await inTopic(folder, topic);
      const from = process.cpuUsage();
      await Promise.all(Array.from({ length: 1_500 }, (_, index) => storeAll(outbox, [mail(to(index))])));
      // Of the processor, which others on the machine do not change. Each name that is taken would cost some.
      const { user, system } = process.cpuUsage(from);
      await outbox.close();
      return user + system;
    };
    const many = await work("many", (index) => `p${index}@example.net`);
    const one = await work("one", () => "ann@example.net");
    const numbers = Array.from({ length: 1_500 }, (_, index) => (index === 0 ? "" : `-${index + 1}`));
    expect(emls(join(folder, "one"))).toEqual(numbers.map((n) => `ann@example.net${n}.eml`).sort());
    expect(one).toBeLessThan(8 * many);
  });

  it("keeps mails without a topic as files of the folder itself", async () => {
    const folder = await workFolder();
    const outbox = await Outbox.open(folder);
    await storeAll(outbox, [mail("ann@example.net")]);
    await outbox.close();
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^\d{13}-id-\d+\.eml$/)]);
  });

  it("lists the first thousand of many mails, and counts the others", async () => {
    const folder = await workFolder();
    const outbox = await inTopic(folder, "june");
    await storeAll(
      outbox,
      Array.from({ length: 1_005 }, (_, index) => mail(`p${index}@example.net`)),
    );
    await outbox.close();
    const page = readFileSync(join(folder, "june/index.html"), "utf8");
    expect(page).toContain("1,005 mails");
    expect(page).toContain("5 more mails are in this folder as .eml files");
    expect(page.match(/<tr><td>/g)).toHaveLength(1_000);
    expect(emls(folder)).toHaveLength(1_005);
    expect(readdirSync(join(folder, "june/view"))).toHaveLength(1_000);
    // The next run goes on with the same list.
    const next = await inTopic(folder, "june");
    await storeAll(next, [mail("late@example.net")]);
    await next.close();
    expect(readFileSync(join(folder, "june/index.html"), "utf8")).toContain("1,006 mails");
  });

  it("removes what a process that died had not finished, and leaves what another one is about to finish", async () => {
    const folder = await workFolder();
    await (await inTopic(folder, "june")).close();
    const first = await inTopic(folder, "june");
    await storeAll(first, [mail("ann@example.net")]);
    const [stale, fresh] = [join(folder, "june/.id-9.tmp"), join(folder, "june/.id-8.tmp")];
    for (const path of [stale, fresh]) writeFileSync(path, "half a mail");
    utimesSync(stale, 1, 1);
    const next = await inTopic(folder, "june");
    await storeAll(next, [mail("ann@example.net")]);
    expect(readdirSync(join(folder, "june")).filter((name) => name.endsWith(".tmp"))).toEqual([".id-8.tmp"]);
  });

  it("tells when it can take no mail, and can again when what was in the way is gone", async () => {
    const folder = await workFolder();
    const outbox = await inTopic(folder, "june");
    writeFileSync(join(folder, "june"), "in the way");
    await expect(storeAll(outbox, [mail("ann@example.net")])).rejects.toMatchObject({ name: "UserError" });
  });
});

describe("its pages in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  }, 300_000);
  afterAll(() => browser?.close());

  it("lead from the topics to a mail and show it, run nothing, and load nothing from elsewhere", async () => {
    const folder = await workFolder();
    const topic = `<img src=x onerror="document.title='run'">%`;
    const outbox = await inTopic(folder, topic);
    const { url, asked } = await nobodysServer();
    const hostile = `<p id="said">Hello 안녕</p><script>top.document.title = "run"</script><img src="${url}/pixel.png">
      <img id="inline" src="cid:logo"><img src=x onerror="parent.document.title='run'">
      <form action="${url}/form"><button>go</button></form><a target="_top" href="${url}/out">out</a></iframe><h1>`;
    const logo = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    await storeAll(outbox, [
      mail(`"<b>'&%"@example.net`, {
        subject: `--><script>document.title="run"</script>`,
        html: hostile,
        attachments: [{ fileName: "logo.png", contentType: "image/png", data: logo, contentId: "logo", inline: true }],
      }),
      mail("text@example.net", { html: null, text: "<script>1</script> only text" }),
    ]);
    await outbox.close();
    const page = await browser.newPage();
    await page.goto(pathToFileURL(join(folder, "index.html")).href);
    await page.getByRole("link", { name: topic }).click();
    await page.getByRole("link", { name: `"<b>'&%"@example.net` }).click();
    expect(await page.locator("h1").textContent()).toBe(`--><script>document.title="run"</script>`);
    const frame = page.frameLocator("iframe");
    expect(await frame.locator("#said").textContent()).toBe("Hello 안녕");
    const width = await frame
      .locator("#inline")
      .evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth);
    expect(width).toBe(1);
    await frame.getByRole("button").click();
    await frame.getByRole("link", { name: "out" }).click();
    expect(await page.title()).not.toBe("run");
    expect(asked).toEqual([]);
    const eml = await page.locator("a", { hasText: ".eml" }).getAttribute("href");
    expect(readFileSync(new URL(eml ?? "", page.url()), "utf8")).toContain("Subject:");
    await page.getByRole("link", { name: "all mails" }).click();
    await page.getByRole("link", { name: "text@example.net" }).click();
    expect(await page.locator("pre").textContent()).toBe("<script>1</script> only text");
    for (const viewport of [
      { width: 360, height: 700 },
      { width: 1_280, height: 800 },
    ]) {
      await page.setViewportSize(viewport);
      const overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      expect(overflow).toBeLessThanOrEqual(0);
    }
    // The watch was awake: without the policy the same picture is asked for.
    await page.close();
    const other = await browser.newPage();
    await other.setContent(`<img src="${url}/pixel.png">`);
    await expect.poll(() => asked).toEqual(["/pixel.png"]);
    await other.close();
  });
});
