// How long a process that makes small writes waits at most while a command moves a whole topic or removes what nobody uses, and the peak memory of that command.
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { beside, cli, machine, scratch, writeCampaign } from "./support.js";

const ALONE_MS = 15_000;

/** Contents of 2 KB that nobody uses any more. */
function plantContents(path, count) {
  const db = new Database(path);
  db.exec(`insert into content (hash, body, created_at)
    with recursive n (at) as (select 1 union all select at + 1 from n where at < ${count})
    select 'unused ' || at, json_object('html', hex(zeroblob(1000))), 0 from n`);
  db.close();
}

/** As if all of topic campaign had been sent long ago. */
function sendLongAgo(path) {
  const db = new Database(path);
  db.exec(`begin;
    update message set state = 'sent', attempts = 1, sent_at = 1000000000000 + id, ses_message_id = 'old-' || id;
    insert into feedback (message_id, ses_message_id, mailed_at, delivered_at)
      select id, ses_message_id, sent_at, sent_at from message;
    insert into event (message_id, key, type, at) select id, 1, 'delivery', sent_at from message;
    update ingest set created_at = 1000000000000;
    update topic set endpoint = 'ses', called_at = 1000000000000, created_at = 1000000000000, not_before = null,
      reported_at = 1000000000000, first_sent_at = 1000000000001, last_sent_at = 1000000000000 + (select max(id) from message),
      sent = sent + pending, delivered = sent + pending, pending = 0;
    commit`);
  db.close();
}

export async function run([
  count = "1000000",
  only = "import,again,another,schedule,cancel,retry,contents,prune,half",
]) {
  const wanted = new Set(only.split(","));
  await scratch(async (folder) => {
    const db = `${folder}/job.db`;
    const csv = await writeCampaign(folder, Number(count));
    const half = await writeCampaign(folder, Math.floor(Number(count) / 2), { name: "half" });
    const about = ["--db", db, "--json"];
    // Makes the file.
    await cli(["suppress", "add", "somebody@example.com", ...about]);
    const commands = {
      import: ["import", csv, "--topic", "campaign", ...about],
      again: ["import", csv, "--topic", "campaign", ...about],
      another: ["import", csv, "--topic", "campaign", "--subject", "Another", "--replace-content", ...about],
      schedule: ["schedule", "--topic", "campaign", "--at", "+1h", ...about],
      cancel: ["cancel", "campaign", ...about],
      retry: ["retry", "campaign", "--state", "cancelled", "--yes", ...about],
      contents: ["forget", "nobody@example.com", "--yes", ...about],
      prune: ["prune", "--older", "90d", "--yes", ...about],
      // A list of which half is new.
      half: ["import", csv, "--topic", "half", ...about],
    };
    // How long the small writes take by themselves, with all else that the machine does.
    const alone = await beside(db, () => sleep(ALONE_MS, {}));
    console.log(`nothing   a neighbour waited at most ${alone.longestMs.toFixed(0)} ms`);
    for (const [name, args] of Object.entries(commands)) {
      if (!wanted.has(name) && name !== "import") continue;
      if (name === "contents") plantContents(db, Number(count));
      if (name === "prune") sendLongAgo(db);
      if (name === "half") await cli(["import", half, "--topic", "half", ...about]);
      const { code, stderr, longestMs, peakMb, seconds, cpuSeconds } = await beside(db, () => cli(args));
      if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr}`);
      console.log(
        `${name.padEnd(9)} ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU, peak ${peakMb.toFixed(0)} MB (goal 120); a neighbour waited at most ${longestMs.toFixed(0)} ms (goal 250)`,
      );
    }
  });
  console.log(`${count} recipients   [${machine()}]`);
}
