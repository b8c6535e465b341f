/** A long list goes into a job file in parts. Whenever that is killed, nothing of it is there or all of it will be, and the same command puts all of it in. */
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Database } from "../../src/store/sqlite/driver.ts";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { inJob } from "../support/job.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";
import { standStill } from "../support/stand-still.ts";

const PEOPLE = 200_000;
const OTHERS = 400;

interface OnItsWay {
  pid: number;
  dropped: 0 | 1;
  joins: number | null;
  recipients: number;
  messages: number;
}

/** The list that is on its way, by what the file holds of it. */
async function onItsWay(path: string): Promise<OnItsWay | undefined> {
  const [row] = await inJob(
    path,
    `select pid, dropped, joins, (select count(*) from sm.recipient r where r.topic_id = a.topic_id) as recipients,
       (select count(*) from sm.message m where m.topic_id = a.topic_id) as messages from sm.arriving a`,
  );
  return row as OnItsWay | undefined;
}

/** When a process is killed. */
const MOMENTS: Record<string, (list: OnItsWay, pid: number | undefined) => boolean> = {
  "the first recipients are there": (list, pid) => list.pid === pid && list.recipients > 0,
  "the first messages are there": (list, pid) => list.pid === pid && list.messages > 0,
  // The process that sends may have removed it before this one came.
  "what the one before has left is being removed, or is gone": (list, pid) =>
    list.messages < PEOPLE / 2 && (list.dropped === 1 || list.pid === pid),
  "most messages are there": (list, pid) => list.pid === pid && list.messages > PEOPLE / 2,
};

it("kill -9 in the middle of it, again and again, then the same command, while another topic is sent", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, OTHERS, "july")]);
  const csv = await writeCampaign(folder, PEOPLE);
  const server = await sesServer(folder);
  const sending = start(folder, ["send", "--topic", "july", "--rate", "20", "--json"], { env: server.env });
  const expectNoList = async () => {
    const { json } = await run(folder, ["topics", "--json"]);
    expect(JSON.stringify(json)).not.toContain("june");
    expect((await run(folder, ["stats", "--topic", "june"])).code).toBe(2);
  };
  for (const [moment, isNow] of Object.entries(MOMENTS)) {
    const importing = start(folder, ["import", csv]);
    await until(async () => {
      const list = await onItsWay(path);
      return list !== undefined && isNow(list, importing.child.pid);
    }, moment);
    importing.kill("SIGKILL");
    // It was in the middle. What it has left the process that sends removes when its time comes, which may be now.
    expect((await importing.finished).signal).toBe("SIGKILL");
    await expectNoList();
  }
  const { json: imported } = await run(folder, ["import", csv, "--json"]);
  expect(imported.ingest).toMatchObject({ added: PEOPLE, duplicates: 0, suppressed: 0 });
  expect(await onItsWay(path)).toBeUndefined();
  const { json: again } = await run(folder, ["import", csv, "--json"]);
  expect(again.ingest).toMatchObject({ added: 0, duplicates: PEOPLE });
  const found = await inJob(
    path,
    "select m.email from sm.message m join sm.topic t on t.id = m.topic_id where t.name = 'june' order by m.id",
  );
  expect(found.map(({ email }) => email)).toEqual(addresses(PEOPLE));
  expect(await inJob(path, "select count(*) as rest from sm.recipient")).toEqual([{ rest: PEOPLE + OTHERS }]);
  const { code, json } = await sending.finished;
  expect(code).toBe(0);
  expect(json.totals).toMatchObject({ sent: OTHERS, in_doubt: 0, failed: 0 });
  expect(server.received()).toHaveLength(OTHERS);
  expect(duplicates(server.received())).toEqual([]);
}, 300_000);

it("SIGINT in the middle of it: nothing of it is left", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, 3, "july")]);
  const importing = start(folder, ["import", await writeCampaign(folder, PEOPLE)]);
  await until(async () => ((await onItsWay(path))?.messages ?? 0) > 0, "the first messages");
  importing.kill("SIGINT");
  expect((await importing.finished).code).toBe(130);
  expect(await inJob(path, "select count(*) as rest from sm.message")).toEqual([{ rest: 3 }]);
  expect(await inJob(path, "select count(*) as rest from sm.recipient")).toEqual([{ rest: 3 }]);
  expect(await onItsWay(path)).toBeUndefined();
}, 60_000);

/** True when nobody holds the write lock of the file. */
function isFree(path: string): boolean {
  const db = new Database(path, { timeout: 0 });
  try {
    db.exec("begin immediate; rollback");
    return true;
  } catch {
    return false;
  } finally {
    db.close();
  }
}

it.each([
  ["both live", "none"],
  ["the one that was first is killed", "first"],
])(
  "two of one new list at once, %s: each says what became of its rows",
  async (_name, killed) => {
    const folder = await workFolder();
    const path = join(folder, "ses-mail.db");
    await run(folder, ["import", await writeCampaign(folder, 3, "july")]);
    const csv = await writeCampaign(folder, PEOPLE);
    const importing = () => start(folder, ["import", csv]);
    const first = importing();
    await until(async () => {
      if (((await onItsWay(path))?.recipients ?? 0) === 0) return false;
      await standStill(first.child.pid);
      // In the middle of a part it would hold the second up.
      if (isFree(path)) return true;
      first.kill("SIGCONT");
      return false;
    }, "the first, between two parts");
    // It found no topic of this name, as the first did, and is done before the first goes on.
    const second = await run(folder, ["import", csv]);
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining(`200,000 rows, 200,000 added\n`) });
    if (killed === "first") first.kill("SIGKILL");
    else first.kill("SIGCONT");
    const { stdout } = await first.finished;
    expect(stdout).toBe(killed === "first" ? "" : "june: 200,000 rows, 0 added, 200,000 in the topic already\n");
    const again = await run(folder, ["import", csv]);
    expect(again.stdout).toBe("june: 200,000 rows, 0 added, 200,000 in the topic already\n");
    expect(await onItsWay(path)).toBeUndefined();
    expect(await inJob(path, "select count(*) as rest from sm.message")).toEqual([{ rest: PEOPLE + 3 }]);
  },
  120_000,
);

/** So many of them have the topic before. */
const OLD = 40_000;

const LAST_JOINING_MOMENT = "some messages have joined, by who goes on with it";

const JOINING_MOMENTS: Record<string, (list: OnItsWay) => boolean> = {
  "the first recipients are there": ({ joins, recipients }) => joins === null && recipients > 0,
  "most messages are there": ({ joins, messages }) => joins === null && messages > (PEOPLE - OLD) / 2,
  "some recipients have joined": ({ joins, recipients }) =>
    joins !== null && recipients > 0 && recipients < PEOPLE - OLD,
  [LAST_JOINING_MOMENT]: ({ joins, recipients, messages }) =>
    joins !== null && recipients === 0 && messages > 0 && messages < PEOPLE - OLD,
};

it("kill -9 in the middle of one for a topic that exists, again and again, while its topic is sent", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, OLD)]);
  const csv = await writeCampaign(folder, PEOPLE);
  const server = await sesServer(folder);
  const sending = start(folder, ["send", "--topic", "june", "--rate", "40", "--max", "1000", "--json"], {
    env: server.env,
  });
  const seen: [string, boolean][] = [];
  // That the topic takes it.
  let isCertain = false;
  for (const [moment, isNow] of Object.entries(JOINING_MOMENTS)) {
    const importing = start(folder, ["import", csv]);
    await until(async () => {
      const list = await onItsWay(path);
      isCertain ||= (list?.joins ?? null) !== null;
      const isHere = list !== undefined && list.pid === importing.child.pid && isNow(list);
      return isHere || importing.child.exitCode !== null;
    }, moment);
    importing.kill("SIGKILL");
    const { code, signal } = await importing.finished;
    // The process that sends goes on with what was left when its time comes, and then the last of these may find all of it done.
    expect([signal, code]).toEqual(moment === LAST_JOINING_MOMENT && signal === null ? [null, 0] : ["SIGKILL", null]);
    const isJoining = ((await onItsWay(path))?.joins ?? null) !== null;
    const { total } = (await run(folder, ["topics", "--json"])).json.topics[0];
    seen.push([moment, isJoining || total === (isCertain ? PEOPLE : OLD)]);
  }
  expect(seen).toEqual(Object.keys(JOINING_MOMENTS).map((moment) => [moment, true]));
  const { json: again } = await run(folder, ["import", csv, "--json"]);
  expect(again.ingest).toMatchObject({ added: 0, duplicates: PEOPLE });
  expect(await onItsWay(path)).toBeUndefined();
  const found = await inJob(path, "select m.email from sm.message m order by m.id");
  expect(found.map(({ email }) => email)).toEqual(addresses(PEOPLE));
  expect(await inJob(path, "select count(*) as rest from sm.recipient")).toEqual([{ rest: PEOPLE }]);
  expect((await sending.finished).code).toBe(0);
  expect(server.received()).toHaveLength(1_000);
  expect(duplicates(server.received())).toEqual([]);
  const { json } = await run(folder, ["topics", "--json"]);
  expect(json.topics).toMatchObject([{ total: PEOPLE, sent: 1_000, pending: PEOPLE - 1_000 }]);
}, 300_000);

it("SIGINT once it is certain that the topic takes it: all of it is there", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, OLD)]);
  const importing = start(folder, ["import", await writeCampaign(folder, PEOPLE)]);
  await until(async () => ((await onItsWay(path))?.joins ?? null) !== null, "the decision");
  importing.kill("SIGINT");
  await importing.finished;
  expect(await onItsWay(path)).toBeUndefined();
  expect(await inJob(path, "select count(*) as total, max(pending) as waiting from sm.message, sm.topic")).toEqual([
    { total: PEOPLE, waiting: PEOPLE },
  ]);
}, 120_000);

it("two that add some of the same to one topic at once: nobody is there twice", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, OLD)]);
  const [header = "", ...rows] = (await readFile(join(folder, await writeCampaign(folder, PEOPLE)), "utf8")).split(
    "\n",
  );
  await copyFile(join(folder, "june.html"), join(folder, "other.html"));
  await writeFile(join(folder, "other.csv"), [header, ...rows.slice(0, OLD), ...rows.slice(PEOPLE / 2)].join("\n"));
  const importing = ["june.csv", "other.csv"].map((csv) => start(folder, ["import", csv, "--topic", "june", "--json"]));
  const added = await Promise.all(importing.map(async ({ finished }) => (await finished).json.ingest.added));
  expect(added.reduce((sum, each) => sum + each, 0)).toBe(PEOPLE - OLD);
  expect(await inJob(path, "select count(*) as total, count(distinct email) as people from sm.message")).toEqual([
    { total: PEOPLE, people: PEOPLE },
  ]);
  expect(await onItsWay(path)).toBeUndefined();
}, 120_000);
