// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** People are forgotten and old topics pruned in parts. Whenever that is killed, the same command goes on, and others go on meanwhile. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock } from "../../src/time/clock.ts";
import { accept, content, message } from "../store/bench.ts";
import { writeCampaign } from "../support/campaign.ts";
import { inJob, openJob } from "../support/job.ts";
import { RESTS_IN_STORE } from "../support/long-rests.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";

const PEOPLE = 30_000;
const KILLS = 3;
const LONG_AGO = 1_000_000_000_000;

const count = async (path: string, sql: string): Promise<number> => Number((await inJob(path, sql))[0]?.["n"]);
const messages = (path: string, where = "true") => count(path, `select count(*) as n from sm.message where ${where}`);

/** Topic june, sent to everybody long ago, with an event of each mail. */
async function oldTopic(folder: string, path: string): Promise<void> {
  await run(folder, ["import", await writeCampaign(folder, PEOPLE)]);
  await inJob(
    path,
    `begin;
    update sm.message set state = 'sent', attempts = 1, sent_at = ${LONG_AGO} + id, ses_message_id = 'old-' || id;
    insert into sm.feedback (message_id, ses_message_id, mailed_at, delivered_at)
      select id, ses_message_id, sent_at, sent_at from sm.message;
    insert into sm.event (message_id, key, type, at) select id, 1, 'delivery', sent_at from sm.message;
    update sm.topic set endpoint = 'ses', called_at = ${LONG_AGO}, created_at = ${LONG_AGO}, reported_at = ${LONG_AGO};
    update sm.ingest set created_at = ${LONG_AGO};
    update sm.topic_count set first_sent_at = ${LONG_AGO}, last_sent_at = (select max(sent_at) from sm.message),
      pending = 0, sent = ${PEOPLE}, delivered = ${PEOPLE};
    commit`,
  );
}

it("prune: kill -9 in the middle of it, again and again, while another process sends", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await oldTopic(folder, path);
  await run(folder, ["import", await writeCampaign(folder, 300, "july")]);
  const server = await sesServer(folder);
  const sending = start(folder, ["send", "--topic", "july", "--rate", "30", "--json"], { env: server.env });
  const left = () => messages(path, "sent_at < 1100000000000");
  let killed = 0;
  for (let n = 0; n < KILLS; n++) {
    const before = await left();
    // The first one in its rest: a machine that is too busy to look would else find all of it done.
    const process = start(folder, ["prune", "--older", "90d", "--yes"], { env: n === 0 ? RESTS_IN_STORE : {} });
    await until(async () => (await left()) < before || process.child.exitCode !== null, "a part");
    process.kill("SIGKILL");
    await process.finished;
    const after = await left();
    if (after > 0) killed++;
    // Counters are messages and what was removed, wherever it was killed.
    expect(await count(path, "select sum(messages) as n from sm.removed")).toBe(PEOPLE - after);
  }
  expect(killed).toBeGreaterThan(0);
  // In a job file their recipients are still there then.
  const almost = start(folder, ["prune", "--older", "90d", "--yes"]);
  await until(async () => (await left()) === 0, "all messages gone");
  almost.kill("SIGKILL");
  await almost.finished;
  const last = await run(folder, ["prune", "--older", "90d", "--yes", "--json"]);
  expect(last.code).toBe(0);
  expect(await left()).toBe(0);
  expect((await run(folder, ["stats", "june", "--json"])).json).toMatchObject({
    total: PEOPLE,
    sent: PEOPLE,
    delivered: PEOPLE,
  });
  const { json } = await sending.finished;
  expect(json.totals).toMatchObject({ sent: 300, in_doubt: 0, failed: 0 });
  expect(duplicates(server.received())).toEqual([]);
  for (const table of ["event", "feedback"])
    expect(await count(path, `select count(*) as n from sm.${table} where message_id <= ${PEOPLE}`), table).toBe(0);
  expect(await count(path, "select count(*) as n from sm.recipient")).toBe(300);
}, 300_000);

it("prune: a signal ends it between two parts, and the same command goes on", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await oldTopic(folder, path);
  const process = start(folder, ["prune", "--older", "90d", "--yes"], { env: RESTS_IN_STORE });
  await until(async () => (await messages(path)) < PEOPLE, "a part");
  process.kill("SIGINT");
  expect((await process.finished).code).toBe(130);
  const left = await messages(path);
  expect(left).toBeGreaterThan(0);
  expect((await run(folder, ["prune", "--older", "90d", "--yes", "--json"])).json).toMatchObject({
    topics: 1,
    messages: left,
  });
}, 300_000);

it("forget: kill -9 in the middle of it, then the same command; nobody writes to him from the first moment", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  const address = "ann@example.net";
  const store = await openJob(path, systemClock);
  for (let round = 0; round < 20; round++) {
    const requests = Array.from({ length: 300 }, (_, n) =>
      message([address, `p${n}@example.net`], { topic: null, content: content(`code ${round}-${n}`) }),
    );
    await accept(store, requests);
  }
  await store.cancel("no-topic");
  await store.close();
  const his = () => messages(path, `email = '${address}'`);
  const all = await his();
  let killed = 0;
  for (let n = 0; n < KILLS; n++) {
    const before = await his();
    // As above. It has few parts.
    const process = start(folder, ["forget", address, "--yes"], { env: n === 0 ? RESTS_IN_STORE : {} });
    await until(async () => (await his()) < before || process.child.exitCode !== null, "a part");
    process.kill("SIGKILL");
    await process.finished;
    if ((await his()) > 0) killed++;
    const next = await openJob(path, systemClock);
    const result = await accept(next, [message([address], { topic: "new" })]);
    expect(result).toMatchObject({ counts: { added: 0 } });
    await next.close();
  }
  expect(killed).toBeGreaterThan(0);
  expect((await run(folder, ["forget", address, "--yes", "--json"])).code).toBe(0);
  expect(await his()).toBe(0);
  expect(await messages(path)).toBe(all);
  const again = await run(folder, ["forget", address, "--yes", "--json"]);
  expect(again.json.forgotten).toEqual({ messages: 0, events: 0, suppressions: 0 });
}, 300_000);
