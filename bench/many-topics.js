// What many topics cost: job files with 10, 10,000 and 100,000 of them, each topic with a few messages that were sent long ago. First POST to a
// gateway on each file, in turn: p50, p99, and the ratio to the file with the fewest topics. Then what the dashboard asks for, and
// the commands, each with its time, processor time, peak memory and the time until it says something.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Database } from "../dist/store/sqlite/driver.js";
import { withPostgres } from "./postgres-server.js";
import { AWS_ENV, cli, machine, median, receiver, scratch, writeCampaign } from "./support.js";
import { post, startServe } from "./serve-support.js";

const CLI = fileURLToPath(new URL("../bin/ses-mail.js", import.meta.url));
const LONG_AGO = 1_600_000_000_000;
const [MESSAGES, DAY] = [3, 86_400_000];
/** So many of the newest topics have mail that waits for tomorrow. */
const MOST_WAITING = 20;

export async function run([
  counts = "10,10000,100000",
  rounds = "100",
  only = "post,dashboard,commands",
  store = "files",
]) {
  if (store === "postgres") await withPostgres(({ url }) => measure(counts, rounds, only, url));
  else await measure(counts, rounds, only, null);
}

/** `server`: the address of a PostgreSQL server on which the jobs are; null: they are files. */
async function measure(counts, rounds, only, server) {
  const wanted = new Set(only.split(","));
  await scratch(async (folder) => {
    const files = [];
    for (const count of counts.split(",").map(Number)) {
      const db = await makeFile(folder, count);
      files.push(
        server === null ? { count, db, env: {} } : { count, ...(await copied(db, server, `topics_${count}`)) },
      );
    }
    if (wanted.has("post") || wanted.has("dashboard"))
      await benchGateways(folder, files, { rounds: Number(rounds), wanted });
    if (wanted.has("commands")) for (const file of files) await benchCommands(folder, file);
  });
  console.log(`[${machine()}]`);
}

/** The same job on a server, in a schema of its own. */
async function copied(file, server, schema) {
  const env = { SES_MAIL_DB_SCHEMA: schema };
  const { code, stderr } = await cli(["copy", file, server], { env });
  if (code !== 0) throw new Error(stderr);
  return { db: server, env };
}

/** A job file with `count` topics, of which all but the newest are finished. */
export async function makeFile(folder, count) {
  const db = `${folder}/topics-${count}.db`;
  const csv = await writeCampaign(folder, 1, { name: "first", htmlBytes: 500 });
  const { code, stderr } = await cli(["import", csv, "--db", db, "--topic", "first"]);
  if (code !== 0) throw new Error(stderr);
  const job = new Database(db);
  const [later, total] = [Date.now() + DAY, count - 1];
  const finished = total - Math.min(MOST_WAITING, total >> 1);
  const fill = job.transaction(() => {
    job.exec(`
      create temp table made as with recursive n (i) as (select 1 union all select i + 1 from n where i < ${total}) select i from n;
      insert into topic (id, name, content_id, created_at, not_before, endpoint, called_at, reported_at)
        select 10 + i, printf('campaign-%06d', i), (select min(id) from content), ${LONG_AGO} + i,
          iif(i > ${finished}, ${later}, null), 'ses', ${LONG_AGO}, ${LONG_AGO} from made;
      insert into ingest (id, topic_id, file, columns, first_id, last_id, created_at)
        select 10 + i, 10 + i, 'made.csv', '[]', 100 + ${MESSAGES} * i, 99 + ${MESSAGES} * (i + 1), ${LONG_AGO} from made;
      insert into message (id, topic_id, content_id, ingest_id, email, fields, state, attempts, sent_at, ses_message_id, not_before)
        select 100 + ${MESSAGES} * i + j.value, 10 + i, (select min(id) from content), 10 + i,
          'reader' || j.value || '.x' || i || '@example.com', '[]', iif(i > ${finished}, 'pending', 'sent'),
          iif(i > ${finished}, 0, 1), iif(i > ${finished}, null, ${LONG_AGO} + i), iif(i > ${finished}, null, 'made-' || i || '-' || j.value),
          iif(i > ${finished}, ${later}, 0)
        from made join json_each('${JSON.stringify([...Array(MESSAGES).keys()])}') j;
      insert into recipient (address, topic_id, message_id) select lower(email), topic_id, id from message where topic_id > 10
        order by 1, 2;
      insert into feedback (message_id, ses_message_id, mailed_at, delivered_at)
        select id, ses_message_id, sent_at, sent_at from message where topic_id > 10 and state = 'sent';
      update topic set pending = iif(id > ${10 + finished}, ${MESSAGES}, 0), sent = iif(id > ${10 + finished}, 0, ${MESSAGES}),
        first_sent_at = iif(id > ${10 + finished}, null, created_at),
        last_sent_at = iif(id > ${10 + finished}, null, created_at) where id > 10;
      update topic set delivered = sent where id > 10;
    `);
  });
  fill();
  job.close();
  return db;
}

// The gateway --------------------------------------------------------------------------------------------------------

async function benchGateways(folder, files, { rounds, wanted }) {
  const far = await receiver();
  const served = [];
  for (const { count, db, env } of files) {
    const began = performance.now();
    const gateway = await startServe(folder, ["--db", db, "--rate", "1000"], {
      env: { ...env, AWS_ENDPOINT_URL_SESV2: far.url },
    });
    console.log(`serve with ${count} topics listens after ${(performance.now() - began).toFixed(0)} ms`);
    served.push({ count, gateway });
  }
  if (wanted.has("post"))
    for (const [kind, make] of Object.entries(KINDS)) await benchPosts(served, { kind, make, rounds });
  if (wanted.has("dashboard")) for (const each of served) await benchDashboard(each);
  for (const { gateway } of served) await gateway.stop();
  far.stop();
}

const mail = { subject: "News", content: "<p>Hello</p>" };
const KINDS = {
  "a new topic each": (n) => ({ ...mail, emails: [`new${n}@example.com`], topic_id: `posted-${n}` }),
  "an existing topic": (n) => ({ ...mail, emails: [`more${n}@example.com`], topic_id: "campaign-000001" }),
  "no topic": (n) => ({ ...mail, emails: [`code${n}@example.com`], content: `<p>Your code is ${n}</p>` }),
};

async function benchPosts(served, { kind, make, rounds }) {
  const times = served.map(() => []);
  // The first rounds warm the processes up.
  for (let round = -20; round < rounds; round++)
    for (const [index, { gateway }] of served.entries()) {
      const started = performance.now();
      await post(gateway, "/v1/messages", { messages: [make(round + 20)] });
      if (round >= 0) times[index].push(performance.now() - started);
    }
  const [floor] = times.map(median);
  for (const [index, { count }] of served.entries()) {
    const p50 = median(times[index]);
    console.log(
      `POST, ${kind}, ${count} topics: p50 ${p50.toFixed(1)} ms, p99 ${quantile(times[index], 0.99).toFixed(1)} ms, ratio ${(p50 / floor).toFixed(2)} (goal 2)`,
    );
  }
}

function quantile(values, part) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)];
}

/** What the pages ask for: time and size of each answer. */
async function benchDashboard({ count, gateway }) {
  for (const path of [
    "/v1/overview",
    "/v1/topics",
    "/v1/overview/topics?limit=50&q=n-000001",
    "/v1/overview/topics?limit=50&q=no-such",
    "/v1/overview/topics?limit=50&waiting=true",
    "/v1/topics/campaign-000001/overview",
    "/v1/topics/campaign-000001/activity",
    "/v1/topics/campaign-000001/troubles?limit=50",
    "/v1/troubles?limit=100",
    "/metrics",
  ]) {
    const times = [];
    let bytes = 0;
    for (let round = 0; round < 7; round++) {
      const started = performance.now();
      const answer = await fetch(`${gateway.url}${path}`, { headers: { "x-api-key": gateway.key } });
      bytes = (await answer.arrayBuffer()).byteLength;
      times.push(performance.now() - started);
      if (!answer.ok) console.log(`  ${path}: ${answer.status}`);
    }
    console.log(`${count} topics, GET ${path}: ${median(times).toFixed(1)} ms, ${(bytes / 1000).toFixed(1)} kB`);
  }
  const before = processorMs(gateway.pid);
  const { events, bytes } = await listenFor(gateway, 5_000);
  const spent = processorMs(gateway.pid) - before;
  console.log(
    `${count} topics, the stream for 5 s: ${events} overviews, ${(bytes / 1000).toFixed(1)} kB, ${(spent / 5).toFixed(0)} ms of processor time a second`,
  );
}

function processorMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Listens as a dashboard does, while something changes twice a second. */
async function listenFor(gateway, ms) {
  const closing = new AbortController();
  const answer = await fetch(`${gateway.url}/v1/stream`, {
    headers: { "x-api-key": gateway.key },
    signal: closing.signal,
  });
  let [events, bytes, n] = [0, 0, 0];
  const posting = setInterval(
    () => void post(gateway, "/v1/messages", { messages: [KINDS["no topic"](`s${n++}.${Date.now()}`)] }),
    500,
  );
  setTimeout(() => closing.abort(), ms);
  try {
    for await (const chunk of answer.body) {
      bytes += chunk.length;
      events += Buffer.from(chunk).toString("latin1").split("event: overview").length - 1;
    }
  } catch {
    // Aborted.
  }
  clearInterval(posting);
  return { events, bytes };
}

// Commands -----------------------------------------------------------------------------------------------------------

async function benchCommands(folder, { count, db, env }) {
  const about = ["--db", db];
  const tell = (name, { first, seconds, cpuSeconds, peakMb, bytes }) =>
    console.log(
      `${count} topics, ${name}: first line after ${(first * 1000).toFixed(0)} ms, ${seconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} s of CPU, ${peakMb.toFixed(0)} MB, ${(bytes / 1000).toFixed(0)} kB`,
    );
  for (const args of [
    ["topics"],
    ["topics", "--json"],
    ["topics", "--names"],
    ["stats"],
    ["stats", "--json"],
    ["stats", "--format", "csv"],
    ["stats", "campaign-000001"],
    ["report", "campaign-000001", "--output", `${folder}/report.html`],
    ["prune", "--older", "2y", "--dry-run"],
    ["cancel", "campaign-000001"],
  ])
    tell(args.join(" "), await told([...args, ...about], { env }));
  tell("topics | head -3", await told(["topics", ...about], { env, lines: 3 }));
  const far = await receiver();
  tell("send", await told(["send", "--rate", "1000", ...about], { env: { ...env, AWS_ENDPOINT_URL_SESV2: far.url } }));
  far.stop();
}

/** Runs a command; `lines`: closes the pipe after so many lines. */
function told(args, { env = {}, lines = Infinity } = {}) {
  const started = performance.now();
  const child = spawn("/usr/bin/env", ["time", "-f", "%M %U %S", process.execPath, CLI, ...args], {
    env: {
      ...AWS_ENV,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [first, bytes, seen, stderr] = [NaN, 0, 0, ""];
  child.stdout.on("data", (chunk) => {
    if (Number.isNaN(first)) first = (performance.now() - started) / 1000;
    bytes += chunk.length;
    seen += chunk.toString("latin1").split("\n").length - 1;
    if (seen >= lines) child.stdout.destroy();
  });
  child.stderr.on("data", (chunk) => (stderr += chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      const [, kib, user, system] = /(\d+) ([\d.]+) ([\d.]+)\s*$/.exec(stderr) ?? [];
      if (code > 1) console.log(`  ${args.join(" ")} ended with ${code}: ${stderr.slice(0, 300)}`);
      const seconds = (performance.now() - started) / 1000;
      resolve({ first, bytes, seconds, cpuSeconds: Number(user) + Number(system), peakMb: Number(kib) / 1024 });
    });
  });
}
