/** What the documents for developers name has to exist. README.md is held to more: test/readme.test.ts. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "./lint.ts";

const GITHUB = readdirSync(join(ROOT, ".github"), { recursive: true, encoding: "utf8" })
  .filter((path) => /\.(md|yml)$/.test(path))
  .map((path) => posix.join(".github", path));

/** With a slash or the ending of a source; rules of the linter have a slash, too. */
const isPath = (name: string) => /\/|\.[jt]s$/.test(name) && !/^(?:house|import)\//.test(name);

describe.each(["CONTRIBUTING.md", "docs/architecture.md", ...GITHUB])("%s", (document) => {
  const text = readFileSync(join(ROOT, document), "utf8");
  const prose = text.replace(/^```[\s\S]*?^```/gm, "");
  const all = (pattern: RegExp, from = text) => [...from.matchAll(pattern)].map(([, found = ""]) => found);

  test("names files and folders that exist, from the root, src/ or test/", () => {
    const named = all(/`([\w.-]+(?:\/[\w.-]+)*\/?)`/g, prose).filter(isPath);
    const tested = all(/npx vitest run ([\w./-]+)/g);
    const exists = (path: string) => ["", "src", "test"].some((folder) => existsSync(join(ROOT, folder, path)));
    expect([...named, ...tested].filter((path) => !exists(path))).toEqual([]);
  });

  test("links to files and headings that exist", () => {
    const headings = all(/^#{2,3} (.+)$/gm).map((one) =>
      one
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
    const links = all(/\]\(([^)]+)\)/g).filter((link) => !link.startsWith("https://"));
    const [own, others] = [links.filter((link) => link.startsWith("#")), links.filter((link) => !link.startsWith("#"))];
    expect(own.filter((link) => !headings.includes(link.slice(1)))).toEqual([]);
    const fileOf = (link: string) => join(ROOT, document, "..", link.replace(/#.*/, ""));
    expect(others.filter((link) => !existsSync(fileOf(link)))).toEqual([]);
  });

  test("names commands that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: object };
    expect(all(/npm run (\w+)/g).filter((name) => !(name in scripts))).toEqual([]);
    expect(all(/npm run bench -- ([\w-]+)/g).filter((name) => !existsSync(join(ROOT, `bench/${name}.js`)))).toEqual([]);
  });
});

test("CONTRIBUTING.md names more than a few of them", () => {
  const text = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
  expect(text.match(/`(?:src|test|scripts)\/[\w./-]+`/g)?.length).toBeGreaterThan(20);
});
