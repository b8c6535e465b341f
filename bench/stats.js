// What a person waits for who asks a full job file: whole processes, from start to exit. npm run bench -- stats 10000000
import { statSync } from "node:fs";
import { openConnection } from "../dist/store/sqlite/connection.js";
import { systemClock } from "../dist/time/clock.js";
import { cli, machine, median, scratch } from "./support.js";

/** Those that only read counters have a goal; the others read every message. */
const QUESTIONS = [
  { args: "topics", goal: true },
  { args: "stats", goal: true },
  { args: "stats june", goal: true },
  { args: "stats --hours 24" },
  { args: "stats june --by hour" },
  { args: "stats june --by domain" },
  { args: "stats june --by bounce-reason" },
  { args: "stats june --by failure" },
  { args: "stats june --by link" },
  { args: "report june --output /dev/null" },
];

export async function run([count = "1000000", times = "5"]) {
  await scratch(async (folder) => {
    const file = `${folder}/job.db`;
    const built = performance.now();
    await build(file, Number(count));
    const seconds = ((performance.now() - built) / 1000).toFixed(0);
    console.log(`${count} messages, ${(statSync(file).size / 1e6).toFixed(0)} MB, built in ${seconds} s`);
    for (const { args, goal = false } of QUESTIONS) {
      const runs = [];
      for (let i = 0; i < (goal ? Number(times) : 1); i++) runs.push(await cli([...args.split(" "), "--db", file]));
      if (runs.some((one) => one.code !== 0)) throw new Error(runs[0]?.stderr);
      const seconds = median(runs.map((one) => one.seconds)).toFixed(2);
      const peak = Math.max(...runs.map((one) => one.peakMb)).toFixed(0);
      console.log(
        `${args.padEnd(32)} ${seconds} s, peak ${peak} MB${goal ? "  (goal 0.3 s at 1,000,000, 2 s at 10,000,000)" : ""}`,
      );
    }
    console.log(`[${machine()}]`);
  });
}

/** A topic sent at 100 a second: 97 % of it sent, of which most is delivered, a third opened, some clicked or bounced. */
async function build(file, count) {
  const db = await openConnection(file, systemClock);
  db.pragma("synchronous = off");
  db.pragma("cache_size = -262144");
  const start = Date.now() - Math.min(count * 10, 20 * 86_400_000);
  db.exec("begin");
  db.exec(`
    insert into content (id, hash, body, created_at) values (1, 'bench', '{"subject":"News","from":"news@example.com"}', ${start});
    insert into topic (id, name, content_id, created_at, endpoint) values (1, 'june', 1, ${start}, 'ses');
    insert into ingest values (1, 1, 'june.csv', '["email","first_name","last_name","city","plan","joined"]', 1, ${count}, ${start});
    with recursive n (i) as (select 1 union all select i + 1 from n where i < ${count})
    insert into message (id, topic_id, content_id, ingest_id, email, fields, state, attempts, ses_message_id, error, sent_at)
    select i, 1, 1, 1, 'user' || i || '@example' || (i * i % 5003) || '.com',
      '["user' || i || '@example","First' || (i % 5000) || '","Last' || (i % 7000) || '","City","plan","2025-01-11"]',
      case i % 100 when 0 then 'failed' when 1 then 'in_doubt' when 2 then 'pending' else 'sent' end,
      1, iif(i % 100 > 2, '0100019cadc69a80-e882f9d0-8719-4f02-bf30-' || printf('%012d', i), null),
      case i % 100 when 0 then 'MessageRejected: user' || i || '@example is blocked' when 1 then 'no answer' end,
      iif(i % 100 > 2, ${start} + i * 10, null)
    from n;
    insert into feedback (message_id, ses_message_id, mailed_at, delivered_at, bounced_at, bounce_type, bounce_subtype, opened_at, reader_opened_at, clicked_at)
    select id, ses_message_id, sent_at, iif(id % 50 > 3, sent_at + 300 + id % 5000, null),
      iif(id % 50 = 3, sent_at + 900, null), iif(id % 50 = 3, 'Permanent', null), iif(id % 50 = 3, 'General', null),
      iif(id % 3 = 0, sent_at + id % 172800000, null), iif(id % 4 = 0, sent_at + id % 172800000, null), iif(id % 20 = 7, sent_at + id % 172800000, null)
    from message where state = 'sent';
    insert into event (message_id, key, type, at, machine, detail) select message_id, 1, 'delivery', delivered_at, 0, null from feedback where delivered_at is not null;
    insert or ignore into event (message_id, key, type, at, machine, detail) select message_id, 2, 'bounce', bounced_at, 0, 'smtp; 550 5.1.1 <user' || message_id || '@example> unknown' from feedback where bounced_at is not null;
    insert or ignore into event (message_id, key, type, at, machine, detail) select message_id, 3, 'open', opened_at, 0, null from feedback where opened_at is not null;
    insert or ignore into event (message_id, key, type, at, machine, detail) select message_id, 4, 'click', clicked_at, 0, 'https://www.example.com/offer?who=' || message_id from feedback where clicked_at is not null;
  `);
  const states = ["pending", "sent", "in_doubt", "failed"].map(
    (state) => `${state} = (select count(*) from message where state = '${state}')`,
  );
  const marks = Object.entries({
    delivered: "delivered_at",
    bounced_permanent: "bounced_at",
    opened: "opened_at",
    clicked: "clicked_at",
  });
  const events = marks.map(([name, mark]) => `${name} = (select count(${mark}) from feedback)`);
  db.exec(`update topic set ${[...states, ...events].join(", ")},
    first_sent_at = (select min(sent_at) from message), last_sent_at = (select max(sent_at) from message)`);
  db.exec("commit");
  db.pragma("wal_checkpoint(truncate)");
  db.close();
}
