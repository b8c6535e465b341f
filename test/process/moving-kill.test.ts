/** A topic is cancelled, put back and moved in parts. Whenever that is killed, the same command or others go on, and others send meanwhile. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { inJob } from "../support/job.ts";
import { RESTS_IN_STORE } from "../support/long-rests.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { serve } from "../support/serve.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";

const PEOPLE = 200_000;
const KILLS = 3;
const OTHERS = 300;

/** How many messages of topic june are in a state. The counters of both topics must agree with their messages at that instant. */
async function inState(path: string, state: "pending" | "cancelled"): Promise<number> {
  const [row] = await inJob(
    path,
    `select (select sum(${state}) from sm.topic_count) as counted, count(*) as found, sum(case when id <= ${PEOPLE} then 1 else 0 end) as june
     from sm.message where state = '${state}'`,
  );
  expect(Number(row?.["counted"])).toBe(Number(row?.["found"]));
  return Number(row?.["june"] ?? 0);
}

it("kill -9 in the middle of it, again and again, then the same command, while another topic is sent", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, PEOPLE)]);
  await run(folder, ["import", await writeCampaign(folder, OTHERS, "july")]);
  const server = await sesServer(folder);
  const sending = start(folder, ["send", "--topic", "july", "--rate", "20", "--json"], { env: server.env });
  for (const [args, left] of [
    [["cancel", "june"], "pending"],
    [["retry", "june", "--state", "cancelled", "--yes"], "cancelled"],
  ] as const) {
    let killed = 0;
    for (let n = 0; n < KILLS; n++) {
      const before = await inState(path, left);
      // The first one in its rest: a machine that is too busy to look would else find all of it done.
      const process = start(folder, [...args], { env: n === 0 ? RESTS_IN_STORE : {} });
      await until(async () => (await inState(path, left)) < before || process.child.exitCode !== null, "a part");
      process.kill("SIGKILL");
      await process.finished;
      if ((await inState(path, left)) > 0) killed++;
    }
    expect(killed).toBeGreaterThan(0);
    expect((await run(folder, [...args, "--json"])).code).toBe(0);
    expect(await inState(path, left)).toBe(0);
    expect(await inState(path, left === "pending" ? "cancelled" : "pending")).toBe(PEOPLE);
  }
  const { code, json } = await sending.finished;
  expect(code).toBe(0);
  expect(json.totals).toMatchObject({ sent: OTHERS, in_doubt: 0, failed: 0 });
  expect(server.received()).toHaveLength(OTHERS);
  expect(duplicates(server.received())).toEqual([]);
}, 300_000);

it("kill -9 in the middle of a cancel: nobody is sent anything, and a retry of something else sends none of the rest", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, PEOPLE)]);
  const server = await sesServer(folder);
  const process = start(folder, ["cancel", "june"]);
  await until(async () => (await inState(path, "pending")) < PEOPLE, "a part");
  process.kill("SIGKILL");
  await process.finished;
  const left = await inState(path, "pending");
  expect(left).toBeGreaterThan(0);
  await run(folder, ["send", "--topic", "june", "--json"], { env: server.env });
  expect(server.received()).toEqual([]);
  await run(folder, ["retry", "june", "--state", "failed", "--yes"]);
  expect(await inState(path, "pending")).toBe(0);
  expect(await inState(path, "cancelled")).toBe(PEOPLE);
  await run(folder, ["send", "--topic", "june", "--json"], { env: server.env });
  expect(server.received()).toEqual([]);
}, 300_000);

/** How many messages of the job are pending with a time, and what the topic says. */
async function moved(path: string): Promise<{ moved: number; isLater: boolean; isMarked: boolean }> {
  const [row] = await inJob(
    path,
    `select (select count(*) from sm.message where state = 'pending' and not_before > 0) as moved,
       (select count(*) from sm.topic where not_before is not null) as later,
       (select count(*) from sm.topic where moving_at is not null) as marked`,
  );
  const { moved, later, marked } = row ?? {};
  return { moved: Number(moved), isLater: Number(later) === 1, isMarked: Number(marked) === 1 };
}

/** As if it had died half a minute ago. */
const ageMarks = (path: string) =>
  inJob(
    path,
    `update sm.topic set cancelling_at = cancelling_at - 60000 where cancelling_at is not null;
     update sm.topic set moving_at = moving_at - 60000 where moving_at is not null`,
  );

const LATER = ["schedule", "--topic", "june", "--at", "+2h"];

it("kill -9 in the middle of a schedule --topic, again and again: nobody is sent anything before all have the later time", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, PEOPLE)]);
  const server = await sesServer(folder);
  const afresh =
    "update sm.message set not_before = 0; update sm.topic set not_before = null, moving_at = null, moving_to = null";
  let killed = 0;
  for (let n = 0; n < KILLS; n++) {
    await inJob(path, afresh);
    const process = start(folder, LATER);
    // Right after the first transaction, and later.
    await until(async () => {
      const { isLater, moved: count } = await moved(path);
      return isLater && count >= (n * PEOPLE) / KILLS;
    }, "a part");
    process.kill("SIGKILL");
    await process.finished;
    if ((await moved(path)).moved < PEOPLE) killed++;
    await run(folder, ["send", "--topic", "june", "--max", "5", "--json"], { env: server.env });
    expect(server.received()).toEqual([]);
  }
  expect(killed).toBeGreaterThan(0);
  expect(await run(folder, [...LATER, "--json"])).toMatchObject({ code: 0, json: { moved: PEOPLE } });
  expect(await moved(path)).toEqual({ moved: PEOPLE, isLater: true, isMarked: false });
}, 300_000);

it("kill -9 in the middle of a schedule --topic: the next process that opens the job half a minute later moves the rest", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, PEOPLE)]);
  const server = await sesServer(folder);
  const process = start(folder, LATER);
  await until(async () => (await moved(path)).moved > 0, "a part");
  process.kill("SIGKILL");
  await process.finished;
  const half = await moved(path);
  expect(half).toMatchObject({ isLater: true, isMarked: true });
  expect(half.moved).toBeLessThan(PEOPLE);
  expect(await run(folder, ["send", "--topic", "june", "--json"], { env: server.env })).toMatchObject({
    code: 3,
    json: { outcome: "halted", reason: expect.stringContaining("is being given another time") },
  });
  await ageMarks(path);
  const { code, json } = await run(folder, ["send", "--topic", "june", "--json"], { env: server.env });
  expect(code).toBe(0);
  expect(json.totals).toMatchObject({ pending: PEOPLE, sent: 0 });
  expect(await moved(path)).toEqual({ moved: PEOPLE, isLater: true, isMarked: false });
  expect(server.received()).toEqual([]);
}, 300_000);

it("kill -9 of a cancel and of a schedule beside a gateway, which finishes both", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, PEOPLE)]);
  const server = await sesServer(folder);
  // It sends nothing of what is for later, so that all is left to be cancelled.
  const later = await run(folder, ["schedule", "--topic", "june", "--at", "+1h"]);
  expect(later.code).toBe(0);
  const { running } = await serve(folder, [], { env: server.env });
  const moving = start(folder, LATER);
  await until(async () => (await moved(path)).isMarked, "the mark");
  moving.kill("SIGKILL");
  await moving.finished;
  expect((await moved(path)).isMarked).toBe(true);
  await ageMarks(path);
  await until(async () => !(await moved(path)).isMarked, "the rest moved");
  const [{ times } = {}] = await inJob(path, "select count(distinct not_before) as times from sm.message");
  expect(Number(times)).toBe(1);
  const cancelling = start(folder, ["cancel", "june"]);
  await until(async () => (await inState(path, "pending")) < PEOPLE, "a part");
  cancelling.kill("SIGKILL");
  await cancelling.finished;
  expect(await inState(path, "pending")).toBeGreaterThan(0);
  expect(await run(folder, [...LATER, "--json"])).toMatchObject({ code: 2 });
  await ageMarks(path);
  await until(async () => (await inState(path, "cancelled")) === PEOPLE, "the rest cancelled");
  running.kill("SIGTERM");
  expect((await running.finished).code).toBe(0);
  expect(server.received()).toEqual([]);
}, 300_000);

it("what a cancel and a schedule leave that are killed beside a plain send, it finishes", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  for (const topic of ["june", "july", "august"]) await run(folder, ["import", await writeCampaign(folder, 60, topic)]);
  const server = await sesServer(folder);
  const sending = start(folder, ["send", "--topic", "august", "--rate", "2", "--json"], { env: server.env });
  await until(() => server.received().length > 0, "the first mail");
  const [ago, later] = [Date.now() - 60_000, Date.now() + 3_600_000];
  await inJob(
    path,
    `update sm.topic set cancelled_at = ${ago}, cancelling_at = ${ago} where name = 'june';
     update sm.topic set moving_at = ${ago}, moving_to = '{"time":{"notBefore":${later},"last":1000,"times":null,"begunAt":${ago}},"content":null}' where name = 'july'`,
  );
  const marked = "select name from sm.topic where moving_at is not null or cancelling_at is not null";
  await until(async () => (await inJob(path, marked)).length === 0, "the rest");
  expect(await inState(path, "cancelled")).toBe(60);
  expect((await moved(path)).moved).toBe(60);
  expect(sending.child.exitCode).toBeNull();
  sending.kill("SIGINT");
  expect(await sending.finished).toMatchObject({ code: 130, json: { totals: { failed: 0, in_doubt: 0 } } });
}, 300_000);

it("cancelled, or given another time, while it is moved: the command says so, and a retry brings all of it back for one time", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, PEOPLE)]);
  const times = async () => {
    const rows = await inJob(path, "select distinct m.not_before, t.not_before as topic from sm.message m, sm.topic t");
    return rows.map(({ not_before: at, topic }) => Number(at) - Number(topic));
  };
  const moving = start(folder, LATER);
  await until(async () => (await moved(path)).moved > 0, "a part");
  expect((await run(folder, ["cancel", "june"])).code).toBe(0);
  const { code, stdout } = await moving.finished;
  expect(code).toBe(1);
  expect(stdout).toContain(
    "somebody cancelled the topic meanwhile; reopen it with: ses-mail retry june --state cancelled",
  );
  expect(stdout).not.toContain("due");
  expect(await inState(path, "cancelled")).toBe(PEOPLE);
  expect((await run(folder, ["retry", "june", "--state", "cancelled", "--yes"])).code).toBe(0);
  expect(await times()).toEqual([0]);

  const first = start(folder, LATER);
  await until(async () => (await moved(path)).isMarked, "the mark");
  const second = await run(folder, ["schedule", "--topic", "june", "--at", "+5h", "--json"]);
  expect(second).toMatchObject({ code: 0, json: { moved: PEOPLE } });
  const other = await first.finished;
  expect(other.code).toBe(1);
  expect(other.stdout).toContain(
    "somebody gave it another time meanwhile, or added mail with another one; see: ses-mail topics",
  );
  expect(await times()).toEqual([0]);
}, 300_000);
