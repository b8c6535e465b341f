/** The tables in scripts/rooms.js, and that no import gets past them: every one they forbid is planted, and has to be found. */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { lint, ROOT, rooms } from "./lint.ts";

const { PLACES, LIBRARIES } = rooms;
const places = Object.keys(PLACES);
const isFile = (path: string) => /\.[jt]s$/.test(path);

/** A file of a place, from src/: as deep in a folder as it may be. */
function fileIn(place: string): string {
  if (isFile(place)) return place;
  if (place === "../bin") return "../bin/planted.js";
  return place.endsWith("/*") ? place.replace("*", "planted.ts") : `${place}/deep/down/planted.ts`;
}

/** Every way to import something, one a line. A name is declared once. */
const FORMS: ((specifier: string, name: string) => string)[] = [
  (specifier, name) => `import { a as a${name} } from "${specifier}";`,
  (specifier, name) => `import type { B as B${name} } from "${specifier}";`,
  (specifier) => `import "${specifier}";`,
  (specifier, name) => `export { c as c${name} } from "${specifier}";`,
  (specifier) => `export * from "${specifier}";`,
  (specifier, name) => `export const d${name} = () => import("${specifier}");`,
  (specifier, name) => `export type E${name} = import("${specifier}").E;`,
  (specifier, name) => `export type F${name} = typeof import("${specifier}");`,
  (specifier, name) => `import G${name} = require("${specifier}");`,
  (specifier, name) => `export const h${name} = require("${specifier}");`,
  (specifier) => `/// <reference path="${specifier}" />`,
];
const JAVASCRIPT = FORMS.filter((form) => !/\btype\b|^import G/.test(form("", "")));

/** An import that is planted in a file. */
interface Planted {
  /** From src/. */
  file: string;
  specifier: string;
  /** Whether the tables allow it. */
  allowed: boolean;
}

interface Line extends Planted {
  text: string;
  found: boolean;
}

/** Each import in each form, and whether the linter finds fault with it. One run for all: it is the starting that takes time. */
async function lintedLines(imports: Planted[]): Promise<Line[]> {
  const lines = [...new Set(imports.map(({ file }) => file))].map((file): [path: string, own: Line[]] => {
    const forms = file.endsWith(".js") ? JAVASCRIPT : FORMS;
    const planted = imports.filter((one) => one.file === file);
    const inEachForm = (one: Planted, at: number) =>
      forms.map((form) => ({ ...one, text: form(one.specifier, String(at)), found: false }));
    return [posix.join("src", file), planted.flatMap(inEachForm)];
  });
  const texts = lines.map(([file, own]) => [file, own.map(({ text }) => `${text}\n`).join("")]);
  for (const { rule, file, line } of await lint(Object.fromEntries(texts))) {
    const own = lines.find(([path]) => path === file)?.[1][line - 1];
    if (own && rule === "house(imports)") own.found = true;
  }
  return lines.flatMap(([, own]) => own);
}

/** What is forbidden and was not found, and what was found and is allowed. */
const misjudged = (lines: Line[]) => lines.filter(({ found, allowed }) => found === allowed);

/** How a file imports another; what is in bin/ imports what was built. */
function specifierOf(from: string, to: string): string {
  const target = from.startsWith("../bin/") ? `../dist/${to.replace(/\.ts$/, ".js")}` : to;
  const path = posix.relative(posix.join("/src", from, ".."), posix.join("/src", target));
  return path.startsWith(".") ? path : `./${path}`;
}

const isWithin = (path: string, place: string) => path === place || path.startsWith(`${place}/`);

describe("the linter", () => {
  let byPlace: Line[];
  let byLibrary: Line[];

  beforeAll(async () => {
    byPlace = await lintedLines(
      places.flatMap((place) =>
        places
          .filter((other) => other !== place && other !== "../bin")
          .map((other) => ({
            file: fileIn(place),
            specifier: specifierOf(fileIn(place), fileIn(other)),
            allowed: PLACES[place]?.includes(other) ?? false,
          })),
      ),
    );
    const spots = new Set([...places, ...Object.values(LIBRARIES).flat()].map(fileIn));
    byLibrary = await lintedLines(
      [...spots].flatMap((file) =>
        Object.entries(LIBRARIES).flatMap(([library, allowed]) =>
          spellings(library).map((specifier) => ({
            file,
            specifier,
            allowed: allowed.some((place) => isWithin(file, place)),
          })),
        ),
      ),
    );
  });

  const spellings = (library: string) => [
    library,
    `${library}/inside`,
    ...(library === "node:process" ? ["process"] : []),
  ];

  test.each(places)(
    "finds every import that %s may not have, in every form and from every depth, and no other",
    (place) => {
      const own = byPlace.filter(({ file }) => file === fileIn(place));
      expect(own.some(({ allowed }) => !allowed)).toBe(true);
      expect(misjudged(own)).toEqual([]);
    },
  );

  test.each(Object.keys(LIBRARIES))("finds %s where it may not be imported, and only there", (library) => {
    const own = byLibrary.filter(({ specifier }) => spellings(library).includes(specifier));
    expect(own.some(({ allowed }) => !allowed)).toBe(true);
    expect(misjudged(own)).toEqual([]);
  });

  test("takes a folder for what it is in, whatever its name", async () => {
    const inCompose = { file: "compose/store/planted.ts" };
    const inSqlite = { file: "store/sqlite/work/planted.ts" };
    const lines = await lintedLines([
      { ...inCompose, specifier: "./inside.ts", allowed: true },
      { ...inCompose, specifier: "../text/planted.ts", allowed: true },
      { ...inCompose, specifier: "../../store/store.ts", allowed: false },
      { ...inSqlite, specifier: "./inside.ts", allowed: true },
      { ...inSqlite, specifier: "../../../work/send.ts", allowed: false },
      { ...inSqlite, specifier: "../../postgres/store.ts", allowed: false },
      { file: "../bin/planted.js", specifier: "../dist/cli.js", allowed: true },
      { file: "../bin/planted.js", specifier: "../dist/work/send.js", allowed: false },
    ]);
    expect(misjudged(lines)).toEqual([]);
  });

  test("finds a room or file without a row, a library without one, and what leads out of src/", async () => {
    const found = await lint({
      "src/cellar/planted.ts": "/** . */ export const a = 1;\n",
      "src/store/cellar/planted.ts": "/** . */ export const a = 1;\n",
      "src/planted.ts": "/** . */ export const a = 1;\n",
      "src/work/planted.ts": [
        'export * from "left-pad";',
        'export * from "../support/run.ts";',
        'export * from "/etc/passwd";',
        'export * from "#inside";',
        "/** . */ export const a = (name: string) => import(`./${name}.ts`);",
      ].join("\n"),
    });
    expect(found.map(({ rule, file, line }) => `${rule} ${file}:${line}`).toSorted()).toEqual([
      "house(imports) src/cellar/planted.ts:1",
      "house(imports) src/planted.ts:1",
      "house(imports) src/store/cellar/planted.ts:1",
      ...[1, 2, 3, 4, 5].map((line) => `house(imports) src/work/planted.ts:${line}`),
    ]);
  });

  test("finds types that plain JavaScript imports in comments", async () => {
    const comments = [
      '/** @typedef {import("../overview.ts").Overview} Overview */',
      "/** @typedef {import( '../overview.ts' ).Overview} Other */",
      '/** @import { Overview } from "../overview.ts" */',
      '/** @type {typeof require("../overview.ts")} */',
    ];
    const found = await lint({ "src/serve/dashboard/planted.js": `${comments.join("\n")}\nexport const a = 1;\n` });
    expect(found.map(({ rule, line }) => [rule, line])).toEqual([1, 2, 3, 4].map((line) => ["house(imports)", line]));
    expect(found[0]?.message).toContain("serve");
  });

  test("finds what hides: a path in disguise, a folder named like one that is not linted, a process under another name", async () => {
    const found = await lint({
      "src/deliver/planted.ts": [
        'export * from "./%2e%2e/store/store.ts";',
        'export * from "./..\\\\store/store.ts";',
        'export * from "./pace.ts?../store/store.ts";',
        "/** . */ export const a: unknown = globalThis.process;",
        '/** . */ export const b: unknown = new Function("return process");',
      ].join("\n"),
      "src/deliver/dist/planted.ts": 'export * from "../../store/store.ts";\n',
      "src/deliver/coverage/planted.ts": 'export * from "../../store/store.ts";\n',
    });
    expect(found.map(({ rule, file, line }) => `${rule} ${file}:${line}`).toSorted()).toEqual([
      "eslint(no-new-func) src/deliver/planted.ts:5",
      "eslint(no-restricted-globals) src/deliver/planted.ts:4",
      "house(imports) src/deliver/coverage/planted.ts:1",
      "house(imports) src/deliver/dist/planted.ts:1",
      ...[1, 2, 3].map((line) => `house(imports) src/deliver/planted.ts:${line}`),
    ]);
  });

  test("finds two files that need each other's types", async () => {
    const found = await lint({
      "src/compose/egg.ts": 'import type { Hen } from "./hen.ts";\n/** . */ export interface Egg { from: Hen }\n',
      "src/compose/hen.ts": 'import type { Egg } from "./egg.ts";\n/** . */ export interface Hen { from: Egg }\n',
    });
    expect(found.map(({ rule }) => rule)).toEqual(["import(no-cycle)", "import(no-cycle)"]);
  });
});

describe("the tables", () => {
  test("name in each row only rows above it: so rooms form no cycle", () => {
    const wrong = places.flatMap((place, at) =>
      (PLACES[place] ?? []).filter((other) => !places.slice(0, at).includes(other)).map((other) => [place, other]),
    );
    expect(wrong).toEqual([]);
  });

  test.each([
    ["store/rules", "store/*"],
    ["store/rules", "store/sqlite"],
    ["store/*", "store/sqlite"],
    ["store/sqlite", "store/open.ts"],
    ["queue", "store/*"],
    ["deliver", "store/*"],
    ["deliver", "aws"],
    ["serve", "store/sqlite"],
    ["serve/dashboard", "serve"],
    ["work", "commands"],
    ["commands", "cli.ts"],
    ...places.filter((place) => !["work", "commands", "cli.ts"].includes(place)).map((place) => [place, "work"]),
  ])("never let %s import %s", (from, to) => {
    expect(places).toContain(from);
    expect(PLACES[from]).not.toContain(to);
  });
});

describe("src/", () => {
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" }).filter(isFile);
  const IMPORT = /\b(?:from|import)(?:\s+|\s*\(\s*)"([^"\n]+)"/g;
  const importsOf = (file: string): string[] =>
    [...readFileSync(join(ROOT, "src", file), "utf8").matchAll(IMPORT)].map(([, specifier = ""]) =>
      specifier.startsWith(".") ? posix.join(file, "..", specifier) : specifier,
    );
  const graph = new Map(files.map((file) => [file, importsOf(file)]));

  test("turns off no rule of this house, and has no link by which a room could look like another", () => {
    const disabling =
      /(?:ox|es)lint-disable(?:-next-line|-line)?(?!\S)[ \t]*(?:$|\*|--|[^\n]*(?:house\/|restricted|func|cycle))/m;
    expect(files.filter((file) => disabling.test(readFileSync(join(ROOT, "src", file), "utf8")))).toEqual([]);
    const all = readdirSync(join(ROOT, "src"), { recursive: true, withFileTypes: true });
    expect(all.filter((one) => one.isSymbolicLink()).map(({ name }) => name)).toEqual([]);
  });

  test("has no cycle of files, whatever kinds of imports it is made of", () => {
    // What imports nothing that is left is in no cycle, nor is what nothing that is left imports.
    const left = new Map(graph);
    const loose = () => {
      const imported = new Set([...left.values()].flat());
      return [...left].filter(([file, others]) => !imported.has(file) || !others.some((other) => left.has(other)));
    };
    for (let next = loose(); next.length > 0; next = loose()) for (const [file] of next) left.delete(file);
    expect(files.length).toBeGreaterThan(200);
    expect([...left.keys()]).toEqual([]);
  });
});
