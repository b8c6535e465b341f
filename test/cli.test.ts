/** `main` many times in one process: each run is as a process of its own, and leaves nothing behind. */
import { getEventListeners } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setImmediate, setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { main } from "../src/cli.ts";
import type { Io } from "../src/io.ts";
import { systemClock } from "../src/time/clock.ts";
import { writeCampaign } from "./support/campaign.ts";
import { cleanEnv, run, until, workFolder } from "./support/run.ts";

interface TestIo extends Io {
  written(): { stdout: string; stderr: string };
  abort: AbortController;
}

function createIo(folder: string, env: Record<string, string> = {}, stdin = ""): TestIo {
  const [input, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const chunks = { stdout: "", stderr: "" };
  stdout.on("data", (chunk: Buffer) => (chunks.stdout += chunk.toString("utf8")));
  stderr.on("data", (chunk: Buffer) => (chunks.stderr += chunk.toString("utf8")));
  input.end(stdin);
  const abort = new AbortController();
  return {
    stdin: input,
    stdout,
    stderr,
    env: { ...cleanEnv(folder), ...env },
    cwd: folder,
    signal: abort.signal,
    hardSignal: new AbortController().signal,
    clock: systemClock,
    abort,
    written: () => ({ ...chunks }),
  };
}

async function inProcess(folder: string, args: string[], env?: Record<string, string>, stdin?: string) {
  const io = createIo(folder, env, stdin);
  const code = await main(args, io);
  await setImmediate();
  return { code, ...io.written() };
}

async function campaignFolder(): Promise<string> {
  const folder = await workFolder();
  await writeCampaign(folder, 3);
  await writeFile(join(folder, "july.csv"), "email,name\nann@example.com,Ann\nnobody,Bob\n");
  await writeFile(join(folder, "july.md"), "---\nsubject: July\nattachments: [terms.txt]\n---\nDear {{ name }}\n");
  await writeFile(join(folder, "terms.txt"), "terms");
  await mkdir(join(folder, "dump"));
  await writeFile(join(folder, "dump", "events.json"), '{"eventType":"Open"}\n{"broken\n');
  await writeFile(join(folder, "no-addresses.csv"), "reason\nx\n");
  return folder;
}

const FROM = { SES_MAIL_FROM: "News <news@example.com>" };

/** Command lines, run one after the other in one folder. */
const LINES: { args: string[]; env?: Record<string, string>; stdin?: string }[] = [
  { args: ["--version"] },
  { args: [] },
  { args: ["send", "--help"] },
  { args: ["sned"] },
  { args: ["topics", "--json", "--colour"] },
  { args: ["topics"] },
  { args: ["import", "june.csv", "--json"] },
  { args: ["import", "july.csv"] },
  { args: ["import", "july.csv"], env: { ...FROM, SES_MAIL_TRACK_OPENS: "maybe" } },
  { args: ["import", "july.csv"], env: { ...FROM, SES_MAIL_TRACK_OPENS: "1" } },
  { args: ["import", "july.csv"], env: { ...FROM, SES_MAIL_DB: "other.db" } },
  { args: ["import", "july.csv", "--attach", "no.pdf"], env: FROM },
  { args: ["import", "-", "--content", "june.html", "--topic", "piped"], stdin: "email,name\nann@example.com,Ann\n" },
  { args: ["import", ""] },
  { args: ["import", "june.csv/", "--json"] },
  { args: ["preview", "june.csv", "--row", "2"] },
  { args: ["preview", "july.csv", "--row", "2"], env: FROM },
  { args: ["send", "june.csv", "--dry-run"] },
  { args: ["send", "--rate", "fast"] },
  { args: ["send"], env: { SES_MAIL_ON_QUOTA: "hope" } },
  { args: ["schedule", "--topic", "june", "--at", "2099-12-25T09:00:00Z", "--json"] },
  { args: ["cancel", "june"] },
  { args: ["retry", "june", "--state", "sent"] },
  { args: ["retry", "june", "--state", "cancelled"] },
  { args: ["retry", "june", "--state", "cancelled", "--yes", "--json"] },
  { args: ["topics", "--json"] },
  { args: ["stats"] },
  { args: ["stats", "none"] },
  { args: ["stats", "june", "--format", "csv"] },
  { args: ["export", "june"] },
  { args: ["export", "june", "--output", "june-out.csv"] },
  { args: ["export", "june", "--state", "sent,nowhere"] },
  { args: ["suppress", "add", "p1@example.net", "--note", "asked"] },
  { args: ["suppress", "add", "p1"] },
  { args: ["suppress", "import", "no-addresses.csv"] },
  { args: ["suppress", "remove", "p1@example.net"] },
  { args: ["ingest-events", "dump"] },
  { args: ["ingest-events", "dum*/*.json", "--json"] },
  { args: ["ingest-events", "dumb"] },
  { args: ["ingest-events", "-"], stdin: "{}" },
  { args: ["check", "june.csv", "--no-account", "--no-dns"] },
  { args: ["key", "list", "--json"] },
  { args: ["backup", "copy.db"] },
  { args: ["backup", "copy.db"] },
  { args: ["serve"] },
  { args: ["completion", "fish"] },
];

/** The two runs are not of the same second. */
const withoutTime = (text: string) => text.replaceAll(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d /gm, "<time> ");

test("exit codes, outputs and files are those of a process", async () => {
  const [there, here] = [await campaignFolder(), await campaignFolder()];
  const ofProcess = [];
  const ofMain = [];
  for (const { args, env = {}, stdin = "" } of LINES) {
    const { code, stdout, stderr } = await run(there, args, { env, stdin });
    ofProcess.push({ args, code, stdout: withoutTime(stdout), stderr: withoutTime(stderr).replaceAll(there, "") });
    const ended = await inProcess(here, args, env, stdin);
    ofMain.push({
      args,
      code: ended.code,
      stdout: withoutTime(ended.stdout),
      stderr: withoutTime(ended.stderr).replaceAll(here, ""),
    });
  }
  const text = JSON.stringify(ofProcess).replaceAll(there, "");
  expect(JSON.parse(JSON.stringify(ofMain).replaceAll(here, ""))).toEqual(JSON.parse(text));
  expect(namesIn(here)).toEqual(namesIn(there));
});

function namesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map(String).sort();
}

test("settings come from the environment of the run, .env included, and from no other run", async () => {
  const [one, two] = [await campaignFolder(), await campaignFolder()];
  await writeFile(join(one, ".env"), "SES_MAIL_FROM=one@example.com\nSES_MAIL_DB=one.db\n");
  expect((await inProcess(one, ["import", "july.csv"])).code).toBe(1);
  expect(existsSync(join(one, "one.db"))).toBe(true);
  expect(await inProcess(two, ["import", "july.csv"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("the mail has no sender"),
  });
  expect(existsSync(join(two, "one.db"))).toBe(false);
});

const WITHOUT_CONTENT = [
  ["--help"],
  ["sned"],
  ["topics", "--json"],
  ["stats", "june"],
  ["stats", "none"],
  ["export", "june", "--output", "out.csv"],
  ["suppress", "list"],
  ["ingest-events", "dump"],
];
// What is made of a content stays in a cache of limited size (compose/mail/shape.ts): 2 to 3 kB a command here.
const WITH_CONTENT = [
  ["import", "june.csv"],
  ["preview", "june.csv"],
  ["send", "june.csv", "--dry-run"],
  ["send", "--sandbox", "--topic", "june"],
  ["check", "june.csv", "--no-account", "--no-dns"],
];
const RUNS = 60;

test.each([
  ["without a content", WITHOUT_CONTENT, 1_000],
  ["with one", WITH_CONTENT, 5_000],
])(
  "60 runs of commands %s leave no listener, handle or memory behind",
  async (_name, commands, bytes) => {
    const folder = await campaignFolder();
    await inProcess(folder, ["import", "june.csv"]);
    // One for all runs, as one process has one: what a run hangs on it has to come off again.
    const io = { ...createIo(folder), stdout: new PassThrough().resume(), stderr: new PassThrough().resume() };
    const runAll = async (times: number) => {
      for (let count = 0; count < times; count++)
        for (const args of commands) await main(args, { ...io, stdin: new PassThrough().end() });
    };
    await runAll(30);
    const before = await held();
    let after = before;
    let grown = Infinity;
    // What warms up, V8's own data above all, grows once and at any time. What leaks grows every time.
    for (let look = 0; look < 3 && grown >= RUNS * commands.length * bytes; look++) {
      const { bytes: earlier } = after;
      await runAll(RUNS);
      after = await held();
      grown = after.bytes - earlier;
    }
    expect(listenersOn(io)).toEqual({ signal: 0, hardSignal: 0, stdout: 1, stderr: 1 });
    expect(after.resources).toEqual(before.resources);
    expect(after.files).toBeLessThanOrEqual(before.files);
    expect(after.listeners).toEqual(before.listeners);
    expect(grown).toBeLessThan(RUNS * commands.length * bytes);
  },
  600_000,
);

test.each([
  ["sandbox", ["sandbox", "--port", "0", "--no-outbox"], /listening on/],
  ["serve", ["serve", "--port", "0", "--sandbox"], /listening on/],
  ["work", ["work", "--sandbox"], /working on/],
])(
  "%s, ended by a signal, leaves nothing behind",
  async (_name, args, ready) => {
    const folder = await workFolder();
    const hardSignal = new AbortController().signal;
    const once = async () => {
      const io = createIo(folder, { SES_MAIL_API_KEY: "0123456789abcdef" });
      const ended = main(args, { ...io, hardSignal });
      await until(() => ready.test(io.written().stderr), "the line that says it is ready");
      io.abort.abort("SIGTERM");
      expect(await ended).toBe(0);
      expect(listenersOn({ ...io, hardSignal })).toMatchObject({ signal: 0, hardSignal: 0 });
    };
    await once();
    const before = await held();
    for (let count = 0; count < 5; count++) await once();
    const after = await held();
    expect(after.resources).toEqual(before.resources);
    expect(after.files).toBeLessThanOrEqual(before.files);
    expect(after.listeners).toEqual(before.listeners);
  },
  600_000,
);

function listenersOn({ signal, hardSignal, stdout, stderr }: Io) {
  return {
    signal: getEventListeners(signal, "abort").length,
    hardSignal: getEventListeners(hardSignal, "abort").length,
    stdout: stdout.listenerCount("error"),
    stderr: stderr.listenerCount("error"),
  };
}

/** What this process holds when everything that is about to end has ended. */
async function held() {
  const resources = await settled(() => process.getActiveResourcesInfo().filter((name) => name !== "Immediate"));
  const names = process.eventNames();
  return {
    resources: resources.sort(),
    files: existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0,
    listeners: Object.fromEntries(names.map((name) => [String(name), process.listenerCount(name)])),
    bytes: await bytesInUse(),
  };
}

/** The value when it has been the same for a while: sockets and files close behind their callbacks. */
async function settled<T>(look: () => T): Promise<T> {
  let seen = look();
  for (let same = 0; same < 20; same++) {
    await setTimeout(10);
    const now = look();
    if (JSON.stringify(now) !== JSON.stringify(seen)) same = 0;
    seen = now;
  }
  return seen;
}

async function bytesInUse(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  // Finalizers run between collections.
  for (let round = 0; round < 5; round++) {
    gc();
    await setTimeout(10);
  }
  return process.memoryUsage().heapUsed;
}
