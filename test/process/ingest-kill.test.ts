/** Events are all or nothing by transaction, so it does not matter when the reader dies: it reads the same dump again. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bounce, complaint, delivery, type Json, open, simple, sns } from "../feedback/events.ts";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { inJob } from "../support/job.ts";

const PEOPLE = 6_000;
const KILLS = 6;

/** About 20,000 of them, of messages known and unknown, with copies. */
function history(job: string): Json[] {
  const events: Json[] = [];
  for (const [index, address] of addresses(PEOPLE).entries()) {
    const id = index + 1;
    const options = { id, to: [address], job, headers: false };
    events.push(simple("Send", "send", {}, options), open(options));
    events.push(id % 50 === 0 ? bounce("Permanent", "General", options) : delivery(options));
    if (id % 200 === 7) events.push(complaint(options));
    if (id % 10 === 3) events.push(delivery({ ...options, job: "another" }), open(options));
  }
  // Far from in order.
  return events.map((_, index) => events[(index * 7_919) % events.length] ?? {});
}

/** All that events change, without the instants at which we learnt it. */
async function state(path: string): Promise<Record<string, unknown[]>> {
  const all = (columns: string) => inJob(path, `select ${columns} order by 1, 2`);
  // When SES reported first is when it was taken in, which differs, and one job was made after the other.
  const undated = (row: object) => ({ ...row, reported_at: null, created_at: null });
  return {
    topic: (await all("* from sm.topic")).map(undated),
    counters: (await all("* from sm.topic_count")).map(undated),
    message: await all("* from sm.message"),
    feedback: await all("* from sm.feedback"),
    event: await all("* from sm.event"),
    unmatched: await all("key, body from sm.unmatched"),
    suppression: await all("address, reason, source, detail from sm.suppression"),
  };
}

it("R11 G7: kill -9 at any moment while events are taken in, and again: the same as one undisturbed run", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, PEOPLE);
  const [killed, undisturbed] = [join(folder, "killed.db"), join(folder, "whole.db")];
  for (const each of [killed, undisturbed]) await run(folder, ["import", file, "--db", each]);
  // Two jobs that events take for one.
  const [{ id: job }] = await inJob(killed, "select id from sm.job");
  await inJob(undisturbed, `update sm.job set id = '${job}'`);
  const events = history(job);
  await writeFile(join(folder, "events.ndjson"), events.map((event) => `${JSON.stringify(sns(event))}\n`).join(""));
  const args = (path: string) => ["ingest-events", "events.ndjson", "--db", path, "--json"];

  const taken = async () => Number((await inJob(killed, "select count(*) as taken from sm.event"))[0].taken);
  const whole = await run(folder, args("whole.db"));
  expect(whole.json).toMatchObject({ records: events.length, malformed: 0 });
  const distinct: number = whole.json.applied;
  expect(whole.json.duplicates).toBeGreaterThan(0);
  expect(whole.json.unmatched).toBeGreaterThan(0);

  let inTheMiddle = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const before = await taken();
    const reader = start(folder, args("killed.db"));
    // A reader that goes over what it took in before takes in nothing new for a while.
    const more = kill % 3 === 0 ? 0 : Math.floor((Math.random() * distinct) / KILLS);
    await until(
      async () => (await taken()) > before + more || reader.child.exitCode !== null,
      "the events after which it is killed",
    );
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 15));
    reader.kill("SIGKILL");
    await reader.finished;
    const now = await taken();
    if (now > 0 && now < distinct) inTheMiddle++;
  }
  expect(inTheMiddle).toBeGreaterThan(0);
  expect((await run(folder, args("killed.db"))).code).toBe(0);
  expect(await state(killed)).toEqual(await state(undisturbed));
}, 120_000);
