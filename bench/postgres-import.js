// Import of a long list into PostgreSQL against a bare COPY of its messages into the same table with its indexes, in turn.
import process from "node:process";
import { beside, cli, machine, median, scratch, writeCampaign } from "./support.js";
import { withPostgres } from "./postgres-server.js";

export async function run([count = "1000000", pairs = "3"]) {
  await withPostgres(({ url }) =>
    scratch(async (folder) => {
      const { default: pg } = await import("pg");
      const csv = await writeCampaign(folder, Number(count));
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const ratios = [];
      for (let pair = 0; pair < Number(pairs); pair++) {
        await client.query("drop schema if exists ses_mail cascade");
        // Makes the schema.
        await cli(["suppress", "add", "somebody@example.com", "--db", url]);
        const first = await beside(url, () => cli(["import", csv, "--db", url, "--json"]));
        const second = await cli(["import", csv, "--db", url, "--json"]);
        const copied = await bareCopy(client, count);
        const ours = Number(count) / first.seconds;
        ratios.push(ours / copied);
        console.log(
          `pair ${pair + 1}: ses-mail ${ours.toFixed(0)} rows/s (${first.answer?.ingest.added} added, peak ${first.peakMb.toFixed(0)} MB), ` +
            `again ${(Number(count) / second.seconds).toFixed(0)} rows/s (${second.answer?.ingest.duplicates} duplicates), bare COPY ${copied.toFixed(0)} rows/s, ` +
            `ratio ${(ours / copied).toFixed(2)}; others waited at most ${first.longestMs.toFixed(0)} ms for a write`,
        );
      }
      await client.end();
      console.log(`import ratio, median of ${pairs}: ${median(ratios).toFixed(2)} (goal 0.25)   [${machine()}]`);
    }),
  );
}

/** Rows/s of COPY from the messages to a table like them. The rows come from the server's own file, so nothing else is measured. */
async function bareCopy(client, count) {
  const file = `/tmp/ses-mail-bench-${process.pid}.copy`;
  await client.query(`copy ses_mail.message to '${file}'`);
  await client.query("create table ses_mail.bare (like ses_mail.message including all)");
  const started = performance.now();
  await client.query(`copy ses_mail.bare from '${file}'`);
  const seconds = (performance.now() - started) / 1000;
  await client.query("drop table ses_mail.bare");
  await client.query(`copy (select 1 where false) to program 'rm -f ${file}'`);
  return Number(count) / seconds;
}
