/** A rehearsal is removed in steps. Whenever that is killed, the same command goes on: nobody is mailed twice, and nobody is lost. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { Database } from "../../src/store/sqlite/driver.ts";
import { openStore } from "../../src/store/sqlite/store.ts";
import { systemClock } from "../../src/time/clock.ts";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";

const PEOPLE = 130_000;
const KILLS = 5;

/** As if all of a list had gone to the sandbox, with an event of each mail. */
function play(path: string): void {
  const db = new Database(path);
  db.exec(`begin;
    update message set state = 'sent', attempts = 1, sent_at = 1000 + id, ses_message_id = 'sandbox-' || id;
    insert into feedback (message_id, ses_message_id, mailed_at, delivered_at) select id, ses_message_id, sent_at, sent_at from message;
    insert into event (message_id, key, type, at) select id, 1, 'delivery', sent_at from message;
    update topic set endpoint = 'sandbox', called_at = 1001, first_sent_at = 1001, last_sent_at = (select max(sent_at) from message),
      pending = 0, sent = (select count(*) from message), delivered = (select count(*) from message);
    commit`);
  db.close();
}

it("kill -9 in the middle of it, again and again, then the same command", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, PEOPLE);
  await run(folder, ["import", file]);
  const path = join(folder, "ses-mail.db");
  play(path);
  const server = await sesServer(folder);
  const db = new Database(path, { readonly: true });
  const sandboxed = db.prepare("select count(*) from message where sent_at < 1000000").pluck();
  const real = db.prepare("select count(*) from message where sent_at > 1000000").pluck();
  let killed = 0;
  for (let n = 1; n <= KILLS; n++) {
    const before = Number(sandboxed.get());
    const process = start(folder, ["send", file, "--rate", "1", "--max", "1"], { env: server.env });
    // Killed when it has done something, and not all of it.
    await until(() => Number(sandboxed.get()) < before, "a step");
    process.kill("SIGKILL");
    await process.finished;
    if (Number(sandboxed.get()) > 0) killed++;
    // Nobody sends it meanwhile, not as a rehearsal either.
    expect(Number(sandboxed.get()) > 0 && Number(real.get()) > 0).toBe(false);
  }
  expect(killed).toBeGreaterThan(0);
  const last = await run(folder, ["send", file, "--rate", "100000", "--max", "400", "--json"], { env: server.env });
  expect(last.code).toBe(0);
  expect(Number(sandboxed.get())).toBe(0);
  db.close();
  const received = server.received();
  expect(duplicates(received)).toEqual([]);
  expect(last.json.totals).toMatchObject({ total: PEOPLE, in_doubt: 0, failed: 0, sent: received.length });
  expect(last.json.totals.pending).toBe(PEOPLE - received.length);
  const everybody = new Set(addresses(PEOPLE));
  expect(received.every((address) => everybody.has(address))).toBe(true);
  const store = await openStore(path, systemClock);
  expect(await store.topic("june")).toMatchObject({ endpoint: "ses", afreshAt: null, delivered: 0 });
  await store.close();
}, 180_000);

it("a signal ends it, and the same command goes on", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, PEOPLE);
  await run(folder, ["import", file]);
  const path = join(folder, "ses-mail.db");
  play(path);
  const server = await sesServer(folder);
  const db = new Database(path, { readonly: true });
  const sandboxed = db.prepare("select count(*) from message where sent_at < 1000000").pluck();
  const process = start(folder, ["send", "--topic", "june", "--max", "3"], { env: server.env });
  await until(() => Number(sandboxed.get()) < PEOPLE, "a step");
  process.kill("SIGINT");
  expect((await process.finished).code).toBe(130);
  expect(Number(sandboxed.get())).toBeGreaterThan(0);
  expect((await run(folder, ["send", "--topic", "june", "--sandbox", "--max", "1"])).code).toBe(0);
  db.close();
  expect(server.received()).toEqual([]);
}, 180_000);
