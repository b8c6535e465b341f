import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

const alphabetically = (a: string, b: string) => a.localeCompare(b, "en");

test("every check stands in the table of docs/deliverability.md, and no other", () => {
  const sources = [
    ...readdirSync(new URL("../../src/check", import.meta.url)).map((name) => `src/check/${name}`),
    "src/work/check.ts",
  ];
  const ids = sources.flatMap((path) =>
    [...read(path).matchAll(/"((?:account|identity|configuration-set|dns|content|recipients)\.[a-z-]+)"/g)].map(
      ([, id = ""]) => id,
    ),
  );
  const documented = [...read("docs/deliverability.md").matchAll(/^\| `([a-z-]+\.[a-z-]+)` \|/gm)].map(
    ([, id = ""]) => id,
  );
  expect(documented.toSorted(alphabetically)).toEqual([...new Set(ids)].toSorted(alphabetically));
  expect(documented.length).toBeGreaterThan(40);
});
