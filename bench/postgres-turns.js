// Turns on PostgreSQL against the floor: the same work as one prepared statement from pgbench, in turn, on the same server.
import { writeFileSync } from "node:fs";
import { cli, machine, scratch, script, writeCampaign } from "./support.js";
import { withPostgres } from "./postgres-server.js";

export async function run([processes = "1,4,16", each = "50", seconds = "4", rounds = "3"]) {
  await withPostgres(({ url, pgbench }) =>
    scratch(async (folder) => {
      const csv = await writeCampaign(folder, 1_000_000, { htmlBytes: 2_000 });
      for (const hands of processes.split(",").map(Number)) {
        const ratios = [];
        for (let round = 0; round < Number(rounds); round++) {
          await fill(url, csv);
          const ours = await turns(url, hands, each, seconds);
          const floor = await lowest(folder, pgbench, hands, each, seconds);
          ratios.push(ours.perSecond / floor);
          console.log(
            `${hands} process(es), ${each} a turn: ${ours.perSecond.toFixed(0)} messages/s, a turn p50 ${ours.p50.toFixed(1)} ms p99 ${ours.p99.toFixed(1)} ms; floor ${floor.toFixed(0)}/s; ratio ${(ours.perSecond / floor).toFixed(2)}`,
          );
        }
      }
      console.log(`goal: 0.5 of the floor, 4,000 messages/s with four   [${machine()}]`);
    }),
  );
}

/** A job with nothing but the list. */
async function fill(url, csv) {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("drop schema if exists ses_mail cascade");
  const { code, stderr } = await cli(["import", csv, "--db", url]);
  if (code !== 0) throw new Error(stderr);
  await client.query("vacuum analyze ses_mail.message");
  await client.end();
}

async function turns(url, hands, each, seconds) {
  const runs = await Promise.all(
    Array.from({ length: hands }, () => script("postgres-turner.js", [url, each, seconds])),
  );
  const failed = runs.find(({ code }) => code !== 0);
  if (failed) throw new Error(failed.stderr);
  const answers = runs.map(({ answer }) => answer);
  return {
    perSecond: answers.reduce((sum, { messages }) => sum + messages, 0) / Number(seconds),
    p50: Math.max(...answers.map(({ p50 }) => p50)),
    p99: Math.max(...answers.map(({ p99 }) => p99)),
  };
}

/** Settles what the client holds and claims as much again, in one statement and one durable transaction. Counters are a row each client. */
async function lowest(folder, pgbench, hands, each, seconds) {
  const file = `${folder}/floor.sql`;
  writeFileSync(
    file,
    `with settled as (update ses_mail.message set state = 'sent', claimed_by = null, attempts = attempts + 1, error = null,
        ses_message_id = '0102018c' || id || '-5f1e', sent_at = 1 where claimed_by = :client_id returning id),
      due as materialized (select id from ses_mail.message where state = 'pending' and not_before = 0 and priority = 5 and topic_id = 1
        order by id limit ${each} for no key update skip locked),
      claimed as (update ses_mail.message m set state = 'sending', claimed_by = :client_id from due where m.id = due.id
        returning m.id, m.topic_id, m.content_id, m.ingest_id, m.email, m.fields, m.attempts),
      n as (select (select count(*) from claimed) as claimed, (select count(*) from settled) as settled),
      counted as (insert into ses_mail.topic_count as c (topic_id, sending) select 1000 + :client_id, claimed from n
        on conflict (topic_id) do update set sending = c.sending + excluded.sending)
      select * from claimed;\n`,
  );
  const said = pgbench(["-n", "-M", "prepared", "-c", String(hands), "-j", "2", "-T", String(seconds), "-f", file]);
  const perSecond = Number(/tps = ([\d.]+)/.exec(said)?.[1]);
  return perSecond * Number(each);
}
