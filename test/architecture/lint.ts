/** Files planted in a copy of the rules of this repository, and what its linter says of them. */
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";

/** Where the repository is, with a slash at its end. */
export const ROOT = new URL("../../", import.meta.url).pathname;

/** The tables in scripts/rooms.js. */
export interface Rooms {
  PLACES: Record<string, string[]>;
  LIBRARIES: Record<string, string[]>;
}

/** scripts/rooms.js as it is. */
export const rooms = (await import(join(ROOT, "scripts/rooms.js"))) as Rooms;

export interface Finding {
  /** As in "house(imports)". */
  rule: string;
  /** From the root of the copy, as in "src/cli.ts". */
  file: string;
  /** Counted from 1. */
  line: number;
  message: string;
}

/** What oxlint finds in `files` (path from the root → text) under the rules of this repository. */
export async function lint(files: Record<string, string>): Promise<Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), "ses-mail-lint-"));
  try {
    await plant(folder, files);
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function plant(folder: string, files: Record<string, string>): Promise<void> {
  await cp(join(ROOT, "scripts"), join(folder, "scripts"), { recursive: true });
  const all = { ...files, ".oxlintrc.json": await readFile(join(ROOT, ".oxlintrc.json"), "utf8") };
  for (const [path, content] of Object.entries(all)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

async function run(folder: string): Promise<Finding[]> {
  const child = spawn(join(ROOT, "node_modules/.bin/oxlint"), ["--format=json"], { cwd: folder });
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (!out.startsWith("{")) throw new Error(`oxlint did not run: ${out}${errors}`);
  const { diagnostics } = JSON.parse(out) as { diagnostics: Diagnostic[] };
  return diagnostics.map(({ code, filename, message, labels }) => {
    // What cannot be parsed is not linted.
    if (code === undefined) throw new Error(`${filename}: ${message}`);
    return { rule: code, file: filename, line: labels[0]?.span.line ?? 0, message };
  });
}

interface Diagnostic {
  code?: string;
  filename: string;
  message: string;
  labels: { span: { line: number } }[];
}
