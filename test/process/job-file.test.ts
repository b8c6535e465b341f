/** The job file under a running process: moved away, replaced, deleted, locked. Nobody gets a mail twice, and nobody is told a lie. */
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Database } from "../../src/store/sqlite/driver.ts";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { run, type Running, start, until, workFolder } from "../support/run.ts";
import { API_KEY, serve } from "../support/serve.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";

const FILES = ["ses-mail.db", "ses-mail.db-wal", "ses-mail.db-shm"];
const TOTAL = 400;
const ARGS = ["--rate", "60", "--concurrency", "8"];

async function move(from: string, to: string, files = FILES): Promise<void> {
  for (const file of files) await rename(join(from, file), join(to, file));
}

describe("send stops with exit 3 and one line when the path does not lead to its file any more", () => {
  const sending = async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, TOTAL);
    const server = await sesServer(folder, { latencyMs: 50 });
    const running = start(folder, ["send", file, ...ARGS, "--json"], { env: server.env });
    await until(() => server.calls().length >= 40, "40 calls");
    return { folder, file, server, running };
  };
  const stops = async (running: Running, name: RegExp) => {
    const { code, stderr, json } = await running.finished;
    expect(code).toBe(3);
    expect(json).toMatchObject({ outcome: "halted", reason: expect.stringMatching(name) });
    expect(stderr.split("\n").filter((line) => name.test(line))).toHaveLength(1);
    expect(stderr).toContain("put the right file back");
  };

  it("moved away and back: the answers are in it, and the next run sends to the others", async () => {
    const { folder, file, server, running } = await sending();
    await mkdir(join(folder, "away"));
    await move(folder, join(folder, "away"));
    await stops(running, /ses-mail.db/);
    expect(server.calls().length).toBeLessThan(TOTAL);
    await move(join(folder, "away"), folder);
    const rest = await run(folder, ["send", file, "--rate", "300", "--json"], { env: server.env });
    expect(rest.code).toBe(0);
    expect(rest.json.totals).toMatchObject({ total: TOTAL, sent: TOTAL });
    expect(duplicates(server.received())).toEqual([]);
    expect(server.received().sort()).toEqual(addresses(TOTAL).sort());
  }, 60_000);

  it("replaced by another job file", async () => {
    const { folder, running, server } = await sending();
    await mkdir(join(folder, "away"));
    await run(folder, ["backup", "copy.db"]);
    await move(folder, join(folder, "away"));
    await rename(join(folder, "copy.db"), join(folder, "ses-mail.db"));
    // Whoever looks between the two moves finds no file at all.
    await stops(running, /ses-mail\.db was (?:replaced|deleted or moved)/);
    expect(server.calls().length).toBeLessThan(TOTAL);
  }, 60_000);

  it("a newer version of the program changed its schema", async () => {
    const { folder, running, server } = await sending();
    const db = new Database(join(folder, "ses-mail.db"));
    db.exec("begin immediate; alter table message rename column not_before to due; pragma user_version = 1000; commit");
    db.close();
    const { code, stderr } = await running.finished;
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /ses-mail.db was brought up to date by a newer ses-mail.*start again with the newer version/,
    );
    expect(server.calls().length).toBeLessThan(TOTAL);
  }, 60_000);

  it("its folder moved", async () => {
    const { folder, running, server } = await sending();
    onTestFinished(() => rm(`${folder}-away`, { recursive: true, force: true }));
    await rename(folder, `${folder}-away`);
    await stops(running, /ses-mail.db/);
    expect(server.calls().length).toBeLessThan(TOTAL);
  }, 60_000);

  it.each(["ses-mail.db-wal", "ses-mail.db-shm"])(
    "%s deleted: nothing of it is lost, and nobody is written to twice",
    async (name) => {
      const { folder, file, server, running } = await sending();
      await rm(join(folder, name));
      await stops(running, new RegExp(name.replaceAll(".", "\\.")));
      const rest = await run(folder, ["send", file, "--rate", "300", "--json"], { env: server.env });
      expect(rest.json.totals).toMatchObject({ total: TOTAL, sent: TOTAL });
      expect(duplicates(server.received())).toEqual([]);
    },
    60_000,
  );
});

it("serve answers 503 and sends nothing while its file is away or another one is there, and goes on when it is back", async () => {
  const folder = await workFolder();
  await mkdir(join(folder, "away"));
  const server = await sesServer(folder);
  const { post, get, running } = await serve(folder, ["--rate", "100"], { env: server.env });
  const mail = (name: string) => ({
    messages: [{ topic_id: "news", emails: [`${name}@example.net`], subject: "News", content: "<p>Hello</p>" }],
  });
  const repeat = { "idempotency-key": "first" };
  expect(await post("/v1/messages", mail("before"), repeat)).toMatchObject({ status: 200 });
  await until(() => server.received().length === 1, "the first mail");

  await move(folder, join(folder, "away"));
  expect(await post("/v1/messages", mail("away"))).toMatchObject({ status: 503 });
  // The answer that was kept is in a file that may never come back.
  expect(await post("/v1/messages", mail("before"), repeat)).toMatchObject({ status: 503 });
  expect(await get("/ready")).toMatchObject({ status: 503 });
  await until(() => running.stderr().includes("was deleted or moved"), "an error in the log");
  await run(folder, ["import", await writeCampaign(folder, 1)]);
  expect(await post("/v1/messages", mail("other"))).toMatchObject({ status: 503 });
  expect(await get("/ready")).toMatchObject({ status: 503 });
  for (const file of FILES) await rm(join(folder, file), { force: true });

  await move(join(folder, "away"), folder);
  expect(await get("/ready")).toMatchObject({ status: 200 });
  expect(await post("/v1/messages", mail("back"))).toMatchObject({ status: 200 });
  expect((await run(folder, ["stats", "news", "--json"])).json).toMatchObject({ total: 2 });
  running.kill("SIGTERM");
  expect((await running.finished).code).toBe(0);
  expect(server.received()).not.toContain("away@example.net");
}, 60_000);

describe("a signal ends a wait for the lock, and nothing is changed, also when the lock is free in the same moment", () => {
  const COMMANDS = [
    ["cancel june"],
    ["retry june --state failed --yes"],
    ["schedule --topic june --at +2h"],
    ["suppress add ann@example.net"],
    ["suppress remove ann@example.net"],
    ["suppress import june.csv"],
    ["import may.csv"],
    ["send may.csv --yes --rate 10"],
    ["send --topic june --yes --rate 10"],
    ["key add robot"],
    ["key rotate"],
  ];

  it.each(COMMANDS)("%s", async (command) => {
    const folder = await workFolder();
    await writeCampaign(folder, 3, "may");
    await run(folder, ["import", await writeCampaign(folder, 3)]);
    const db = new Database(join(folder, "ses-mail.db"));
    onTestFinished(() => void db.close());
    const state = () =>
      ["message", "topic", "suppression", "api_key", "signing_key"].map((table) =>
        db.prepare(`select count(*) from ${table}`).pluck().get(),
      );
    const before = state();
    const pending = db.prepare("select pending, not_before from topic").all();
    db.exec("begin immediate");
    const server = await sesServer(await workFolder());
    const signal = command.startsWith("cancel") ? "SIGTERM" : "SIGINT";
    // A notice comes after five seconds; time passes faster for this process.
    const running = start(folder, command.split(" "), {
      env: { ...server.env, ...hurry(), SES_MAIL_API_KEY: API_KEY },
    });
    await until(() => running.stderr().includes("Waiting for another process"), "word of the wait");
    running.kill(signal);
    db.exec("rollback");
    const { code } = await running.finished;
    expect(code).toBe(signal === "SIGTERM" ? 143 : 130);
    expect(state()).toEqual(before);
    expect(db.prepare("select pending, not_before from topic").all()).toEqual(pending);
    expect(server.received()).toEqual([]);
  });
});

/** What makes time pass ten times as fast in a process. */
function hurry(): Record<string, string> {
  return {
    HURRY: "10",
    HURRY_FROM: String(process.hrtime.bigint()),
    NODE_OPTIONS: `--import ${new URL("../support/hurry.js", import.meta.url).pathname}`,
  };
}
