/** Events are all or nothing by transaction, so it does not matter when the reader dies: it reads the same dump again. */
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Database } from "../../src/store/sqlite/driver.ts";
import { expect, it } from "vitest";
import { bounce, complaint, delivery, type Json, open, simple, sns } from "../feedback/events.ts";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { run, start, until, workFolder } from "../support/run.ts";

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
function state(path: string): Record<string, unknown[]> {
  const db = new Database(path, { readonly: true });
  const all = (sql: string) => db.prepare(sql).all();
  const found = {
    // When SES reported first is when it was taken in, which differs.
    topic: all("select * from topic").map((row) => ({ ...(row as object), reported_at: null })),
    message: all("select * from message"),
    feedback: all("select * from feedback"),
    event: all("select * from event"),
    unmatched: all("select key, body from unmatched"),
    suppression: all("select address, reason, source, detail from suppression"),
  };
  db.close();
  return found;
}

it("R11 G7: kill -9 at any moment while events are taken in, and again: the same as one undisturbed run", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, PEOPLE);
  await run(folder, ["import", file, "--db", "killed.db"]);
  const killed = join(folder, "killed.db");
  const db = new Database(killed, { readonly: true });
  const job = db.prepare<[], string>("select id from job").pluck().get() ?? "";
  const events = history(job);
  await writeFile(join(folder, "events.ndjson"), events.map((event) => `${JSON.stringify(sns(event))}\n`).join(""));
  await copyFile(killed, join(folder, "whole.db"));
  const args = (path: string) => ["ingest-events", "events.ndjson", "--db", path, "--json"];

  const taken = () => Number(db.prepare("select count(*) from event").pluck().get());
  const whole = await run(folder, args("whole.db"));
  expect(whole.json).toMatchObject({ records: events.length, malformed: 0 });
  const distinct: number = whole.json.applied;
  expect(whole.json.duplicates).toBeGreaterThan(0);
  expect(whole.json.unmatched).toBeGreaterThan(0);

  let inTheMiddle = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const before = taken();
    const reader = start(folder, args("killed.db"));
    // A reader that goes over what it took in before takes in nothing new for a while.
    const more = kill % 3 === 0 ? 0 : Math.floor((Math.random() * distinct) / KILLS);
    await until(() => taken() > before + more || reader.child.exitCode !== null, "the events after which it is killed");
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 15));
    reader.kill("SIGKILL");
    await reader.finished;
    if (taken() > 0 && taken() < distinct) inTheMiddle++;
  }
  db.close();
  expect(inTheMiddle).toBeGreaterThan(0);
  expect((await run(folder, args("killed.db"))).code).toBe(0);
  expect(state(killed)).toEqual(state(join(folder, "whole.db")));
}, 120_000);
