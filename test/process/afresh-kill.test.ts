/** A rehearsal is removed in steps. Whenever that is killed, the same command goes on: nobody is mailed twice, and nobody is lost. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock } from "../../src/time/clock.ts";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { RESTS_IN_STORE } from "../support/long-rests.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";
import { inJob, openJob } from "../support/job.ts";

const PEOPLE = 130_000;
const KILLS = 5;

/** As if all of a list had gone to the sandbox, with an event of each mail. */
async function play(path: string): Promise<void> {
  await inJob(
    path,
    `begin;
    update sm.message set state = 'sent', attempts = 1, sent_at = 1000 + id, ses_message_id = 'sandbox-' || id;
    insert into sm.feedback (message_id, ses_message_id, mailed_at, delivered_at)
      select id, ses_message_id, sent_at, sent_at from sm.message;
    insert into sm.event (message_id, key, type, at) select id, 1, 'delivery', sent_at from sm.message;
    update sm.topic set endpoint = 'sandbox', called_at = 1001;
    update sm.topic_count set first_sent_at = 1001, last_sent_at = (select max(sent_at) from sm.message),
      pending = 0, sent = (select count(*) from sm.message), delivered = (select count(*) from sm.message);
    commit`,
  );
}

/** How many messages are still as `play` left them, and how many were sent since. */
async function sentIn(path: string, how: "sandbox" | "real"): Promise<number> {
  const when = how === "sandbox" ? "sent_at < 1000000" : "sent_at > 1000000";
  return Number((await inJob(path, `select count(*) as sent from sm.message where ${when}`))[0].sent);
}

it("kill -9 in the middle of it, again and again, then the same command", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, PEOPLE);
  await run(folder, ["import", file]);
  const path = join(folder, "ses-mail.db");
  await play(path);
  const server = await sesServer(folder);
  const sandboxed = () => sentIn(path, "sandbox");
  let killed = 0;
  for (let n = 1; n <= KILLS; n++) {
    const before = await sandboxed();
    // The first one in its rest: a machine that is too busy to look would else find all of it done.
    const env = { ...server.env, ...(n === 1 && RESTS_IN_STORE) };
    const process = start(folder, ["send", file, "--rate", "1", "--max", "1"], { env });
    // Killed when it has done something, and not all of it.
    await until(async () => (await sandboxed()) < before || process.child.exitCode !== null, "a step");
    process.kill("SIGKILL");
    await process.finished;
    if ((await sandboxed()) > 0) killed++;
    // Nobody sends it meanwhile, not as a rehearsal either.
    expect((await sandboxed()) > 0 && (await sentIn(path, "real")) > 0).toBe(false);
  }
  expect(killed).toBeGreaterThan(0);
  const last = await run(folder, ["send", file, "--rate", "100000", "--max", "400", "--json"], { env: server.env });
  expect(last.code).toBe(0);
  expect(await sandboxed()).toBe(0);
  const received = server.received();
  expect(duplicates(received)).toEqual([]);
  expect(last.json.totals).toMatchObject({ total: PEOPLE, in_doubt: 0, failed: 0, sent: received.length });
  expect(last.json.totals.pending).toBe(PEOPLE - received.length);
  const everybody = new Set(addresses(PEOPLE));
  expect(received.every((address) => everybody.has(address))).toBe(true);
  const store = await openJob(path, systemClock);
  expect(await store.topic("june")).toMatchObject({ endpoint: "ses", afreshAt: null, delivered: 0 });
  await store.close();
}, 300_000);

it("a signal ends it, and the same command goes on", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, PEOPLE);
  await run(folder, ["import", file]);
  const path = join(folder, "ses-mail.db");
  await play(path);
  const server = await sesServer(folder);
  const sandboxed = () => sentIn(path, "sandbox");
  const process = start(folder, ["send", "--topic", "june", "--max", "3"], {
    env: { ...server.env, ...RESTS_IN_STORE },
  });
  await until(async () => (await sandboxed()) < PEOPLE, "a step");
  process.kill("SIGINT");
  expect((await process.finished).code).toBe(130);
  expect(await sandboxed()).toBeGreaterThan(0);
  expect((await run(folder, ["send", "--topic", "june", "--sandbox", "--max", "1"])).code).toBe(0);
  expect(server.received()).toEqual([]);
}, 300_000);
