/** docs/commands.md is held to what the program declares. `npm run docs` writes its tables anew. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { describeCommands } from "../src/commands/parse.ts";
import { commandPaths, fillTables } from "./support/commands-doc.ts";
import { fakeIo } from "./support/fake-io.ts";

const FILE = join(new URL("..", import.meta.url).pathname, "docs/commands.md");
const program = await describeCommands(fakeIo().io);
const text = readFileSync(FILE, "utf8");

describe("docs/commands.md", () => {
  it("has the tables that the program declares", async () => {
    await expect(fillTables(text, program)).toMatchFileSnapshot(FILE);
  });

  it("has a section or a row for every command", () => {
    const paths = commandPaths(program).filter((path) => path.includes(" "));
    expect(paths.length).toBeGreaterThan(20);
    expect(paths.filter((path) => !text.includes(`\`${path}`))).toEqual([]);
  });

  it("names no option that there is not", () => {
    const known = new Set([...text.matchAll(/^\|.*?`(?:-\w`, `)?(--[a-z-]+)/gm)].map(([, name]) => name));
    const named = [...text.matchAll(/`(--[a-z-]+)/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(80);
    expect(named.filter((name) => name !== "--help" && !known.has(name))).toEqual([]);
  });

  it("lists every exit code and every state", () => {
    for (const code of [0, 1, 2, 3, 70, 130]) expect(text).toMatch(new RegExp(`^\\| ${code}[ ,]`, "m"));
    for (const state of ["pending", "sending", "sent", "in_doubt", "failed", "cancelled", "suppressed"])
      expect(text).toContain(`| \`${state}\` |`);
  });
});
