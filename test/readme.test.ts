/** README says what is: its tour is pasted into a real terminal, and what it points to exists. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { freePort } from "./support/free-port.ts";
import { startShell, type Shell } from "./support/pasting-shell.ts";
import { placed } from "./support/place.ts";
import { cleanEnv, run, workFolder } from "./support/run.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const KOREAN = readFileSync(join(ROOT, "README.ko.md"), "utf8");
const DOCS = readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`);
const PAGES = ["README.md", "README.ko.md", "examples/templates/README.md", ...DOCS].filter((name) =>
  name.endsWith(".md"),
);

/** The name that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

function anchorsOf(page: string): Set<string> {
  const text = readFileSync(join(ROOT, page), "utf8").replaceAll(/^```[\s\S]*?^```/gm, "");
  return new Set([...text.matchAll(/^#{1,4} (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading)));
}

describe("the documentation", () => {
  it.each(PAGES)("%s points to pages, pictures and headings that exist", (page) => {
    const text = readFileSync(join(ROOT, page), "utf8").replaceAll(/^ *```[\s\S]*?^ *```|`[^`\n]+`/gm, "");
    const links = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map(
      (match) => match[1] ?? match[2] ?? "",
    );
    const broken = links
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [path = "", anchor] = link.split("#");
        const target = path === "" ? page : join(page, "..", path);
        if (!existsSync(join(ROOT, target))) return true;
        return anchor !== undefined && !anchorsOf(target).has(anchor);
      });
    expect(broken).toEqual([]);
  });

  it("has an index of every page", () => {
    const index = readFileSync(join(ROOT, "docs/README.md"), "utf8");
    const pages = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md") && name !== "README.md");
    expect(pages.filter((name) => !index.includes(`](${name})`))).toEqual([]);
  });

  it("names source files, tests and benchmarks that exist", () => {
    const text = README + readFileSync(join(ROOT, "docs/architecture.md"), "utf8");
    const sources = [...text.matchAll(/`((?:src\/)?(?:[a-z]+\/)?[a-z-]+\.ts)`/g)].map(([, path = ""]) => path);
    expect(sources.length).toBeGreaterThan(30);
    const exists = (path: string) => ["", "src"].some((folder) => existsSync(join(ROOT, folder, path)));
    expect(sources.filter((path) => !exists(path))).toEqual([]);
    const files = [...text.matchAll(/`((?:test|docs|examples|\.ci)\/[\w./-]+)`/g)].map(([, path = ""]) => path);
    expect(files.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    const benches = [...text.matchAll(/npm run bench -- ([\w-]+)/g)].map(([, name = ""]) => name);
    expect(benches.filter((name) => !existsSync(join(ROOT, "bench", `${name}.js`)))).toEqual([]);
  });

  it("is a page, and then docs", () => {
    expect(Buffer.byteLength(README)).toBeLessThan(12_000);
  });

  it("has the same commands in Korean as in English", () => {
    const commands = (text: string) =>
      [...text.matchAll(/<!-- runs -->\n```sh\n([\s\S]*?)```/g)].map(([, block]) => block);
    expect(commands(KOREAN).length).toBeGreaterThan(0);
    for (const block of commands(KOREAN)) expect(commands(README)).toContain(block);
  });
});

describe("the tour", () => {
  const blocks = [...README.matchAll(/<!-- runs -->\n```sh\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
  let shell: Shell | undefined;
  afterEach(() => shell?.close());

  it("pasted into a terminal, ends with everybody written to once", { timeout: 180_000 }, async () => {
    expect(blocks.length).toBeGreaterThan(4);
    const folder = await workFolder();
    cpSync(join(ROOT, "examples"), join(folder, "examples"), { recursive: true });
    mkdirSync(join(folder, "bin"));
    symlinkSync(join(ROOT, "bin/ses-mail.js"), join(folder, "bin/ses-mail"));
    const port = String(await freePort());
    const { env } = placed(folder, { args: [], env: cleanEnv(folder) });
    shell = startShell(folder, { ...env, PATH: `${folder}/bin:${env["PATH"]}` });

    const codes: number[] = [];
    for (const block of blocks) codes.push(await shell.paste(block.replaceAll("8025", port)));
    const output = shell.output();
    // What is in doubt after the kill is exit 1 of the run that resumes.
    expect({ codes, output }).toMatchObject({ codes: [0, 0, 0, expect.toBeOneOf([0, 1]), 0] });
    expect(output).not.toMatch(/Stopped|\[y\/N\]|a bug in ses-mail/);

    const { topics } = (await run(folder, ["topics", "--json"])).json;
    expect(topics).toMatchObject([
      { topic: "newsletter-december", total: 12, sent: 12 },
      { topic: "announcement", total: 5, pending: 5, cancelled_at: null },
      { topic: "crash", total: 300, sent: 300, in_doubt: 0 },
    ]);
    const mails = (outbox: string) =>
      readdirSync(join(folder, outbox), { recursive: true }).filter((name) => String(name).endsWith(".eml"));
    expect(mails("ses-mail-outbox")).toHaveLength(12);
    expect(mails("crash-outbox")).toHaveLength(300);
    expect(existsSync(join(folder, "ses-mail-outbox/index.html"))).toBe(true);
    expect(readFileSync(join(folder, "result.csv"), "utf8").trim().split("\n")).toHaveLength(13);
  });
});
