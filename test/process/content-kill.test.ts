/** A long topic is given another content in parts. Whenever that is killed, nothing leaves with the former one, and others go on. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { inJob } from "../support/job.ts";
import { RESTS_IN_STORE } from "../support/long-rests.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { duplicates, sesServer, type SesServer } from "../support/ses-server.ts";

const PEOPLE = 60_000;
const REPLACE = ["import", "june.csv", "--replace-content", "--json"];

/** Topic june, imported; the edition is a tag of its mails. */
async function edition(folder: string, name: string): Promise<void> {
  const file = join(folder, "june.html");
  const html = await readFile(file, "utf8");
  await writeFile(file, html.replace(/^---\n(tags:\n.*\n)?/, `---\ntags:\n  edition: ${name}\n`));
}

async function imported(people: number): Promise<{ folder: string; path: string; server: SesServer }> {
  const folder = await workFolder();
  await writeCampaign(folder, people);
  await edition(folder, "first");
  await run(folder, ["import", "june.csv"]);
  return { folder, path: join(folder, "ses-mail.db"), server: await sesServer(folder) };
}

const editions = (server: SesServer) => server.calls().map(({ tags }) => tags["edition"]);

/** How many messages do not have the topic's content yet, and whether it is being given to them. */
async function former(path: string): Promise<{ left: number; isMarked: boolean }> {
  const [row] = await inJob(
    path,
    `select (select count(*) from sm.message m join sm.topic t on t.id = m.topic_id where m.content_id <> t.content_id) as "left",
       (select count(*) from sm.topic where moving_at is not null) as marked`,
  );
  return { left: Number(row?.["left"]), isMarked: Number(row?.["marked"]) === 1 };
}

/** Begins to give it, and kills that when so many messages or fewer are left. A machine that is too busy to look may find all of it done. */
async function killed(
  folder: string,
  path: string,
  { most, env = {} }: { most: number; env?: Record<string, string> },
): ReturnType<typeof former> {
  const process = start(folder, REPLACE, { env });
  await until(async () => {
    const { left, isMarked } = await former(path);
    return (isMarked && left <= most) || process.child.exitCode !== null;
  }, "a part");
  process.kill("SIGKILL");
  await process.finished;
  return former(path);
}

const sendSome = (folder: string, server: SesServer) =>
  run(folder, ["send", "--topic", "june", "--max", "5", "--json"], { env: server.env });

it("kill -9 in the middle of it, again and again: nothing is sent before all have the new content", async () => {
  const { folder, path, server } = await imported(PEOPLE);
  const leftovers: number[] = [];
  const answers: unknown[] = [];
  for (const [name, moment] of [
    ["second", { most: PEOPLE, env: RESTS_IN_STORE }],
    ["third", { most: PEOPLE - 1 }],
    ["fourth", { most: PEOPLE / 2 }],
  ] as const) {
    await edition(folder, name);
    const { left, isMarked } = await killed(folder, path, moment);
    leftovers.push(left);
    if (isMarked || left > 0) answers.push((await sendSome(folder, server)).json);
  }
  const halted = expect.objectContaining({ outcome: "halted", run: expect.objectContaining({ sent: 0 }) });
  expect(answers).toEqual(answers.map(() => halted));
  expect(Math.max(...leftovers)).toBeGreaterThan(0);
  expect(await run(folder, REPLACE)).toMatchObject({ code: 0, json: { ingest: { added: 0, duplicates: PEOPLE } } });
  expect(await former(path)).toEqual({ left: 0, isMarked: false });
  expect((await sendSome(folder, server)).json).toMatchObject({ run: { sent: 5 } });
  expect(editions(server)).toEqual(Array.from({ length: 5 }, () => "fourth"));
}, 300_000);

it("kill -9 in the middle of it: the next process that opens the job half a minute later does the rest", async () => {
  const { folder, path, server } = await imported(PEOPLE);
  await edition(folder, "second");
  expect((await killed(folder, path, { most: PEOPLE - 1, env: RESTS_IN_STORE })).left).toBeGreaterThan(0);
  const halted = await sendSome(folder, server);
  expect(halted).toMatchObject({
    code: 3,
    json: { reason: expect.stringContaining("is being given another content") },
  });
  // As if it had died half a minute ago.
  await inJob(path, "update sm.topic set moving_at = moving_at - 60000");
  expect((await sendSome(folder, server)).json).toMatchObject({ run: { sent: 5 } });
  expect(await former(path)).toEqual({ left: 0, isMarked: false });
  expect(editions(server)).toEqual(Array.from({ length: 5 }, () => "second"));
}, 300_000);

it("a send that is under way waits for it, and goes on with the new content", async () => {
  const { folder, path, server } = await imported(PEOPLE);
  const sending = start(folder, ["send", "--topic", "june", "--rate", "50", "--json"], { env: server.env });
  await until(() => server.received().length >= 20, "some mails");
  await edition(folder, "second");
  expect((await start(folder, REPLACE).finished).code).toBe(0);
  const before = editions(server).length;
  await until(() => server.received().length >= before + 40, "more mails");
  expect(new Set(editions(server).slice(before))).toEqual(new Set(["second"]));
  expect(editions(server)[0]).toBe("first");
  expect(sending.child.exitCode).toBeNull();
  sending.kill("SIGINT");
  const { code, json } = await sending.finished;
  expect({ code, totals: json.totals }).toMatchObject({ code: 130, totals: { in_doubt: 0, failed: 0 } });
  expect(duplicates(server.received())).toEqual([]);
  // What was sent tells with which content.
  const [row] = await inJob(
    path,
    `select count(*) as "left" from sm.message m join sm.topic t on t.id = m.topic_id
     where m.state <> 'sent' and m.content_id <> t.content_id`,
  );
  expect(Number(row?.["left"])).toBe(0);
}, 300_000);
