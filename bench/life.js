// The whole life of a long campaign, with the real commands one after another on one job file: what each costs, and with two sizes how
// much faster its cost grows than its work. Half of the list is sent, in several runs; the other half is cancelled and put back.
import { createWriteStream, rmSync, statfsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { Database } from "../dist/store/sqlite/driver.js";
import { cli, machine, receiver, scratch, writeCampaign } from "./support.js";
import { deliveryEvent, mailOf, notification } from "./ses-events.js";

/** What a row of the list, and one of a dump of events, take on the disk at most: list, job file, log, staged rows. */
const ROW_BYTES = 1_200;
const EVENT_BYTES = 2_500;

/** `sizes`: how many recipients. `share`: how much of them is sent. `piece`: how many by one run of send. */
export async function run([sizes = "10000000", share = "0.5", piece = "1000000"]) {
  const lives = [];
  for (const count of sizes.split(",").map(Number)) {
    const need = count * ROW_BYTES + Math.min(count * Number(share), Number(piece)) * EVENT_BYTES;
    const { bavail, bsize } = statfsSync(tmpdir());
    if (bavail * bsize < need)
      return console.log(
        `life: ${tmpdir()} needs ${(need / 1e9).toFixed(0)} GB for ${count} recipients (or set TMPDIR)`,
      );
    console.log(`\n${count} recipients   [${machine()}]`);
    lives.push(await scratch((folder) => live(folder, count, { share: Number(share), piece: Number(piece) })));
  }
  if (lives.length === 2) compare(...lives);
}

/** Runs the commands. Resolves to what each took in all, by its name. */
async function live(folder, count, { share, piece }) {
  const csv = await writeCampaign(folder, count);
  const db = `${folder}/job.db`;
  const about = ["--db", db];
  const took = new Map();
  const measure = async (name, rows, args, options) => {
    const done = await cli([...args, ...about], options);
    if (done.code !== 0 && !(name === "send" && done.code === 3))
      throw new Error(`${name} ended with ${done.code}: ${done.stderr}`);
    note(took, name, rows, done);
    tell(name, rows, done, db);
    return done;
  };

  await measure("import", count, ["import", csv, "--json"]);
  await measure("import again", count, ["import", csv, "--json"]);
  await measure("stats", count, ["stats"]);
  const sent = await sendAndHear(folder, Math.round(count * share), piece, { db, measure });
  await measure("stats", count, ["stats"]);
  await measure("topics", count, ["topics"]);
  await measure("report", count, ["report", "campaign", "--output", "/dev/null"]);
  await measure("export", count, ["export", "campaign", "--output", "/dev/null"]);
  await measure("cancel", count - sent, ["cancel", "campaign", "--json"]);
  await measure("retry", count - sent, ["retry", "campaign", "--state", "cancelled", "--yes", "--json"]);
  await cli(["cancel", "campaign", ...about]);
  makeOld(db);
  await measure("prune", count, ["prune", "--older", "90d", "--yes", "--json"]);
  return took;
}

/** Sends piece after piece, and takes in the events that SES would write about each. Resolves to how many were sent. */
async function sendAndHear(folder, most, piece, { db, measure }) {
  const far = await receiver({ firstOnly: true });
  const env = { AWS_ENDPOINT_URL_SESV2: far.url };
  let sent = 0;
  for (let afterId = 0; sent < most;) {
    const max = Math.min(piece, most - sent);
    const args = ["send", "--rate", "1000000", "--concurrency", "256", "--max", String(max), "--json"];
    const started = Date.now();
    const done = await measure("send", max, args, { env });
    const { firstAt } = await far.take();
    console.log(
      `${" ".repeat(14)}first call ${((firstAt - started) / 1000).toFixed(2)} s after the start of the process (goal 1.5)`,
    );
    if (done.answer.run.sent !== max) throw new Error(`send: ${JSON.stringify(done.answer.run)}`);
    sent += max;
    const dump = `${folder}/events.ndjson`;
    afterId = await writeDeliveries(dump, db, afterId);
    await measure("ingest-events", max, ["ingest-events", dump, "--json"]);
    rmSync(dump);
  }
  far.stop();
  return sent;
}

/** Writes a delivery for each message that was sent and has a larger id than `afterId`. Resolves to the largest id. */
async function writeDeliveries(file, db, afterId) {
  const job = new Database(db, { readonly: true });
  const jobId = job.prepare("select id from job").pluck().get();
  const out = createWriteStream(file);
  const sent = job.prepare(
    "select id, email, ses_message_id, sent_at from message where id > ? and state = 'sent' order by id",
  );
  let last = afterId;
  for (const { id, email, ses_message_id: messageId, sent_at: at } of sent.iterate(afterId)) {
    last = id;
    const mail = mailOf(jobId, id, email, new Date(at).toISOString(), messageId);
    const delivered = new Date(at + 300 + ((id * 7919) % 20_000)).toISOString();
    const line = `${JSON.stringify(notification(deliveryEvent(mail, email, delivered), id))}\n`;
    if (!out.write(line)) await new Promise((resolve) => out.once("drain", resolve));
  }
  await new Promise((resolve) => out.end(resolve));
  job.close();
  return last;
}

/** As if the campaign had ended long ago. */
function makeOld(path) {
  const db = new Database(path);
  db.exec(`update ingest set created_at = 1000000000000;
    update topic set created_at = 1000000000000, called_at = 1000000000000, not_before = null,
      cancelled_at = iif(cancelled_at is null, null, 1000000000000), last_sent_at = 1000000000000`);
  db.close();
}

function note(took, name, rows, { cpuSeconds, peakMb }) {
  const known = took.get(name) ?? { rows: 0, cpuSeconds: 0, peakMb: 0 };
  took.set(name, {
    rows: known.rows + rows,
    cpuSeconds: known.cpuSeconds + cpuSeconds,
    peakMb: Math.max(known.peakMb, peakMb),
  });
}

/** Seconds by the clock that a command may take at most. */
const GOALS = { stats: 0.3, topics: 0.3, report: 5 };

function tell(name, rows, { seconds, cpuSeconds, peakMb }, db) {
  const goal = GOALS[name] === undefined ? "" : ` (goal ${GOALS[name]})`;
  const mb = (path) => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) / 1e6;
  console.log(
    `${name.padEnd(14)}${String(rows).padStart(9)} rows  ${seconds.toFixed(2)} s${goal}, CPU ${cpuSeconds.toFixed(2)} s ` +
      `(${((cpuSeconds / rows) * 1e6).toFixed(2)} us a row), peak ${peakMb.toFixed(0)} MB, file ${mb(db).toFixed(0)} MB and log ${mb(`${db}-wal`).toFixed(0)} MB`,
  );
}

function compare(small, large) {
  console.log("\ngrowth of CPU over growth of work (goal 1.1), and of the peak (goal 0.9 to 1.1, 120 MB)");
  for (const [name, more] of large) {
    const less = small.get(name);
    const growth = more.cpuSeconds / less.cpuSeconds / (more.rows / less.rows);
    console.log(
      `${name.padEnd(14)}${growth.toFixed(2)}, ${(more.peakMb / less.peakMb).toFixed(2)} (${more.peakMb.toFixed(0)} MB)`,
    );
  }
}
