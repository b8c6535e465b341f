import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UserError } from "../../../src/errors.ts";
import { findDumps, openDumps } from "../../../src/feedback/dump/dumps.ts";

let root = "";
const FILES = [
  "2026/03/01/b.json",
  "2026/03/01/a.json.gz",
  "2026/03/02/c.json",
  "2026/03/02/c.json.rejects",
  "2026/03/02/.hidden.json",
  ".git/config",
  "top.json",
  "odd*name?.json",
];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "ses-mail-sources-"));
  for (const file of FILES) {
    await mkdir(join(root, file, ".."), { recursive: true });
    await writeFile(join(root, file), file);
  }
  await mkdir(join(root, "empty"));
  await symlink(join(root, "2026"), join(root, "2026/03/loop"));
  await symlink(join(root, "top.json"), join(root, "2026/linked.json"));
  await symlink(join(root, "nowhere"), join(root, "2026/dangling.json"));
});
afterAll(() => rm(root, { recursive: true }));

let skipped: string[] = [];
const onSkipped = (reason: string) => skipped.push(reason.replace(`${root}/`, ""));

async function open(paths: string[], stdin = Readable.from([Buffer.from("in")])) {
  const found: { name: string; content: string }[] = [];
  skipped = [];
  const inside = paths.map((path) => (path === "-" ? path : join(root, path)));
  for await (const { name, stream } of openDumps(await findDumps(inside, { onSkipped }), { stdin })) {
    found.push({ name: name === "stdin" ? name : relative(root, name), content: await text(stream) });
  }
  return found;
}
const names = async (paths: string[]) => (await open(paths)).map(({ name }) => name);

describe("bad input", () => {
  test.each([
    ["a missing file", ["top.json", "missing.json"], /^cannot read events .*missing\.json: no such file$/],
    ["a file taken for a folder", ["top.json/x"], /no such file$/],
    ["a glob that finds nothing", ["top.json", "2026/*.xml"], /^no file matches .*2026\/\*\.xml$/],
    ["stdin twice", ["-", "-"], /^- \(stdin\) can be read only once$/],
  ])("%s is told before anything is opened", async (_, paths, message) => {
    const files = findDumps(
      paths.map((path) => (path === "-" ? path : join(root, path))),
      { onSkipped },
    );
    await expect(files).rejects.toThrow(UserError);
    await expect(files).rejects.toThrow(message);
  });
});

test("files in the order given, with their content", async () => {
  expect(await open(["top.json", "-", "2026/03/01/b.json"])).toEqual([
    { name: "top.json", content: "top.json" },
    { name: "stdin", content: "in" },
    { name: "2026/03/01/b.json", content: "2026/03/01/b.json" },
  ]);
});

test("a folder is read recursively and sorted, without hidden files and rejects; what else is not read is told", async () => {
  expect(await names(["2026"])).toEqual([
    "2026/03/01/a.json.gz",
    "2026/03/01/b.json",
    "2026/03/02/c.json",
    "2026/linked.json",
  ]);
  expect(skipped).toEqual([
    "2026/03/loop: a link to a folder, not read",
    "2026/dangling.json: a link that leads nowhere, not read",
  ]);
  expect(await names(["empty"])).toEqual([]);
  expect(skipped).toEqual(["empty: no file to read in this folder"]);
});

test("a rejects file can be read by name", async () => {
  expect(await names(["2026/03/02/c.json.rejects"])).toEqual(["2026/03/02/c.json.rejects"]);
});

test.each([
  ["2026/03/*/*.json", ["2026/03/01/b.json", "2026/03/02/c.json", "2026/03/loop/linked.json"]],
  ["2026/03/0?/?.json*", ["2026/03/01/a.json.gz", "2026/03/01/b.json", "2026/03/02/c.json"]],
  ["**/c.json", ["2026/03/02/c.json"]],
  ["2026/**", ["2026/03/01/a.json.gz", "2026/03/01/b.json", "2026/03/02/c.json", "2026/linked.json"]],
  ["**/03/**/b.json", ["2026/03/01/b.json"]],
  ["2026/*/01", ["2026/03/01/a.json.gz", "2026/03/01/b.json"]],
  ["2026/03/02/.*.json", ["2026/03/02/.hidden.json"]],
  ["2026/../to?.json", ["top.json"]],
  ["odd*name?.json", ["odd*name?.json"]],
])("the glob %s", async (pattern, expected) => {
  expect(await names([pattern])).toEqual(expected);
});

test("a stream is closed when the next one is asked for, and when the reader leaves", async () => {
  const streams: Readable[] = [];
  for await (const { stream } of openDumps([join(root, "top.json"), join(root, "2026/03/02/c.json")], {
    stdin: Readable.from([]),
  })) {
    expect(streams.every((earlier) => earlier.destroyed)).toBe(true);
    streams.push(stream);
    if (streams.length === 2) break;
  }
  expect(streams.map((stream) => stream.destroyed)).toEqual([true, true]);
});
