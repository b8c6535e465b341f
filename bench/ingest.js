// Events of a sent campaign against reading the same lines and doing nothing with them, in turn; the second time (all
// duplicates); memory.
import { execFileSync } from "node:child_process";
import { createWriteStream, rmSync } from "node:fs";
import { Database } from "../dist/store/sqlite/driver.js";
import { cli, machine, median, scratch, script, writeCampaign } from "./support.js";
import { deliveryEvent, mailOf, notification, sendEvent } from "./ses-events.js";

export async function run([count = "300000", pairs = "3"]) {
  await scratch(async (folder) => {
    const messages = Number(count);
    const csv = await writeCampaign(folder, messages, { htmlBytes: 500 });
    const [ratios, ofProcessor] = [[], []];
    for (let pair = 0; pair < Number(pairs); pair++) {
      const db = `${folder}/${pair}.db`;
      await cli(["import", csv, "--db", db, "--json"]);
      const sent = await writeEvents(`${folder}/sent.ndjson`, db, sendEvent);
      const proven = await cli(["ingest-events", sent, "--db", db, "--json"]);
      const dump = await writeEvents(`${folder}/delivered.ndjson`, db, deliveryEvent);
      // A dump still on its way to the disk would be in the way of every commit.
      execFileSync("sync");
      const naive = await script("naive-ingest.js", [dump]);
      const first = await cli(["ingest-events", dump, "--db", db, "--json"]);
      const second = await cli(["ingest-events", dump, "--db", db, "--json"]);
      const [ours, theirs] = [messages / first.seconds, messages / naive.seconds];
      ratios.push(ours / theirs);
      ofProcessor.push(naive.cpuSeconds / first.cpuSeconds);
      console.log(
        `pair ${pair + 1}: ses-mail ${ours.toFixed(0)} lines/s (${first.answer.applied} applied, peak ${first.peakMb.toFixed(0)} MB), ` +
          `again ${(messages / second.seconds).toFixed(0)} lines/s (${second.answer.duplicates} duplicates, peak ${second.peakMb.toFixed(0)} MB), ` +
          `proving ${(messages / proven.seconds).toFixed(0)} lines/s, ` +
          `two JSON.parse ${theirs.toFixed(0)} lines/s, ratio ${(ours / theirs).toFixed(2)} ` +
          `(of processor time ${ofProcessor.at(-1).toFixed(2)})`,
      );
      for (const file of [db, sent, dump]) rmSync(file);
    }
    console.log(
      `ingest ratio, median of ${pairs}: ${median(ratios).toFixed(2)}, ` +
        `of processor time ${median(ofProcessor).toFixed(2)} (goal 0.65)   [${machine()}]`,
    );
  });
}

/** One event for each message of the job file, as SNS would hand it over: about 2.3 KB a line. */
async function writeEvents(file, db, eventOf) {
  const job = new Database(db, { readonly: true });
  const jobId = job.prepare("select id from job").pluck().get();
  const out = createWriteStream(file);
  for (const { id, email } of job.prepare("select id, email from message order by id").iterate()) {
    const line = `${JSON.stringify(notification(eventOf(mailOf(jobId, id, email), email), id))}\n`;
    if (!out.write(line)) await new Promise((resolve) => out.once("drain", resolve));
  }
  await new Promise((resolve) => out.end(resolve));
  job.close();
  return file;
}
