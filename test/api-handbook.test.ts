/** docs/api.md says what is: its gateway is started, its examples are run in their order, and their answers compared. */
import { execFile, spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "./support/free-port.ts";
import { differences, type Example, readHandbook } from "./support/handbook-examples.ts";
import { cleanEnv, type Json, until, workFolder } from "./support/run.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const { gateway, preamble, examples } = readHandbook(readFileSync(join(ROOT, "docs/api.md"), "utf8"));

/** Says with which status each call was answered, besides what the page makes it say. */
const CURL = `#!/bin/sh
exec /usr/bin/curl -w '%{stderr}status %{http_code}\\n' "$@"
`;
/** Keeps the last answer that a program got. */
const RECORD = `import { writeFileSync } from "node:fs";
const real = globalThis.fetch;
globalThis.fetch = async (...asked) => {
  const response = await real(...asked);
  const body = await response.clone().text();
  writeFileSync("answer.json", JSON.stringify({ status: response.status, body }));
  return response;
};
`;

interface Place {
  folder: string;
  port: number;
  env: NodeJS.ProcessEnv;
}

interface Answer {
  status: number;
  json: Json;
}

/** A folder that looks like a checkout, with the gateway of the page running in it. */
async function startPage(): Promise<Place> {
  const folder = await workFolder();
  cpSync(join(ROOT, "examples"), join(folder, "examples"), { recursive: true });
  mkdirSync(join(folder, "bin"));
  symlinkSync(join(ROOT, "bin/ses-mail.js"), join(folder, "bin/ses-mail"));
  writeFileSync(join(folder, "bin/curl"), CURL, { mode: 0o755 });
  writeFileSync(join(folder, "record.mjs"), RECORD);
  const port = await freePort();
  const [, key = ""] = /^export SES_MAIL_API_KEY=(\S+)$/m.exec(gateway) ?? [];
  const base = cleanEnv(folder);
  const env = {
    ...base,
    PATH: `${folder}/bin:${base["PATH"]}`,
    SES_MAIL_API_KEY: key,
    SES_MAIL_PORT: String(port),
  };
  const place = { folder, port, env };
  const child = spawn("bash", ["-c", here(gateway, place)], { cwd: folder, env, detached: true });
  onTestFinished(() => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  });
  let log = "";
  child.stderr.on("data", (text: Buffer) => (log += text.toString("utf8")));
  await until(() => log.includes("listening on") || child.exitCode !== null, "the gateway to listen");
  expect(log).toContain(`listening on http://127.0.0.1:${port}`);
  return place;
}

/** The text of the page with the port of this gateway. */
const here = (text: string, { port }: Place): string => text.replaceAll("8080", String(port));

function execute(place: Place, file: string, args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { folder, env } = place;
  return new Promise((resolve, reject) => {
    execFile(file, args, { cwd: folder, env }, (error, stdout, stderr) =>
      error === null ? resolve({ stdout, stderr }) : reject(new Error(`${error.message}\n${stdout}${stderr}`)),
    );
  });
}

const inBash = (commands: string, place: Place) => execute(place, "bash", ["-ec", `set -o pipefail\n${commands}`]);

async function inShell({ sh, answer }: Example, place: Place): Promise<Answer> {
  const { stdout, stderr } = await inBash(here(sh, place), place);
  const status = Number(stderr.match(/(?<=status )\d+/g)?.at(-1) ?? 200);
  return { status, json: answer === null ? null : JSON.parse(stdout) };
}

async function inNode(example: Example, place: Place): Promise<Answer> {
  const { js } = example;
  if (js === null) return inShell(example, place);
  const { folder } = place;
  writeFileSync(join(folder, "example.mjs"), here(`${preamble}\n${js}`, place));
  const { stdout } = await execute(place, process.execPath, ["--import", "./record.mjs", "example.mjs"]);
  expect(stdout).not.toMatch(/undefined|NaN|\[object/);
  const { status, body } = JSON.parse(readFileSync(join(folder, "answer.json"), "utf8")) as {
    status: number;
    body: string;
  };
  return { status, json: JSON.parse(body) };
}

/** Only looks, so it may be asked again: what it tells of happens while the page is read. */
const looks = ({ sh }: Example): boolean => !/--json|-X|-d /.test(sh);

function wrongIn(shown: Answer, got: Answer): string[] {
  if (shown.status === got.status) return differences(shown.json, got.json);
  return [`the answer is shown as ${shown.status} and was ${got.status} ${JSON.stringify(got.json)}`];
}

/** For what the page tells of to happen: an emergency brake. */
const SETTLED_MS = 20_000;

/** In what the answers are not what the page shows, example by example. */
async function troubles(way: (example: Example, place: Place) => Promise<Answer>): Promise<string[]> {
  const place = await startPage();
  const found: string[] = [];
  for (const example of examples) {
    const { title, sh, answer, status } = example;
    const end = Date.now() + SETTLED_MS;
    let wrong: string[];
    do wrong = wrongIn({ status, json: answer }, await way(example, place));
    while (wrong.length > 0 && looks(example) && Date.now() < end);
    if (wrong.length > 0) found.push(`${title}: ${wrong.join("; ")}\n${sh}`);
  }
  return found;
}

test("the page has examples", () => {
  expect(examples.length).toBeGreaterThan(20);
  expect(gateway).toContain("ses-mail serve --sandbox");
});

test("the examples for curl are answered as it says", { timeout: 180_000 }, async () => {
  expect(await troubles(inShell)).toEqual([]);
});

test("the examples for fetch are answered as it says", { timeout: 180_000 }, async () => {
  expect(await troubles(inNode)).toEqual([]);
});

test("the commands for the sample templates work as their page says", { timeout: 60_000 }, async () => {
  const place = await startPage();
  const page = readFileSync(join(ROOT, "examples/templates/README.md"), "utf8");
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => here(text, place));
  expect(blocks).toHaveLength(2);
  const [shown, posted] = [await inBash(blocks[0] ?? "", place), await inBash(blocks[1] ?? "", place)];
  expect(shown.stdout).toContain("482915 is your Harbour verification code");
  expect(JSON.parse(posted.stdout)).toMatchObject({ success: 1, ids: [1] });
});
