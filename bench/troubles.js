// The newest messages that need a person, of all topics, with many that failed. npm run bench -- troubles 300000
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { openConnection } from "../dist/store/sqlite/connection.js";
import { createFailedMessages } from "../dist/store/sqlite/failed-messages.js";
import { systemClock } from "../dist/time/clock.js";
import { machine, median, scratch } from "./support.js";

/** As many as the dashboard shows. */
const LIMIT = 50;
const ROUNDS = 9;

export async function run([count = "300000"]) {
  await scratch(async (folder) => {
    for (const topics of [1, 30, 30_000]) {
      const db = await build(`${folder}/${topics}.db`, Number(count), topics);
      const steps = createFailedMessages(db);
      const whole = wholeLook(db);
      const found = { steps: await ids(steps(null, LIMIT)), whole: await ids(whole()) };
      if (found.steps !== found.whole) throw new Error("they do not find the same");
      const cpu = { steps: [], whole: [] };
      const held = { steps: [], whole: [] };
      for (let round = 0; round < ROUNDS; round++) {
        await measure(() => steps(null, LIMIT), cpu.steps, held.steps);
        await measure(whole, cpu.whole, held.whole);
      }
      const [mine, other] = [median(cpu.steps), median(cpu.whole)];
      console.log(
        `${count} failed in ${topics} topics: ${mine.toFixed(1)} ms CPU, a look at all ${other.toFixed(1)} ms (${(other / mine).toFixed(1)} x); ` +
          `others held up for ${median(held.steps).toFixed(1)} and ${median(held.whole).toFixed(1)} ms`,
      );
      db.close();
    }
    console.log(`[${machine()}]`);
  });
}

const ids = async (found) => (await found).map(({ id }) => id).join();

async function measure(work, cpu, held) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await wait(5);
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  await wait(5);
  delay.disable();
  cpu.push((user + system) / 1000);
  held.push(delay.max / 1e6);
}

/** One statement for all, as it was. */
function wholeLook(db) {
  const all = db.prepare(
    `select m.id, t.name as topic, m.email, m.state, m.attempts, m.error
     from message m indexed by message_trouble join topic t on t.id = m.topic_id
     where m.state in ('failed', 'in_doubt') order by m.id desc limit ?`,
  );
  return async () => all.all(LIMIT);
}

/** A third of the messages failed, spread over the topics in turn. */
async function build(file, failed, topics) {
  const db = await openConnection(file, systemClock);
  db.pragma("synchronous = off");
  db.pragma("foreign_keys = off");
  db.exec(`begin;
    insert into content (id, hash, body, created_at) values (1, 'bench', '{}', 0);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < ${topics})
    insert into topic (id, name, content_id, created_at) select i, 'topic ' || i, 1, 0 from n;
    with recursive n (i) as (select 1 union all select i + 1 from n where i < ${failed * 3})
    insert into message (id, topic_id, content_id, ingest_id, email, fields, state, attempts, error)
    select i, 1 + (i / 3) % ${topics}, 1, 1, 'user' || i || '@example.com', '["user' || i || '@example.com","First","Last"]',
      iif(i % 3 = 0, 'failed', 'pending'), i % 3 = 0, iif(i % 3 = 0, 'MessageRejected: no', null) from n;
    commit`);
  return db;
}
