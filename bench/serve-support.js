// What the benchmarks of the gateway share: `ses-mail serve` as a process, and a client that costs as little as it can.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { availableParallelism } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Database } from "../dist/store/sqlite/driver.js";
import { AWS_ENV, cli, writeCampaign } from "./support.js";

const CLI = fileURLToPath(new URL("../bin/ses-mail.js", import.meta.url));
const KEY = randomBytes(24).toString("hex");

/**
 * `ses-mail serve` on a free port. `core`: the processor it may use, where taskset is and there is more than one; the load then
 * comes from the others.
 */
export async function startServe(folder, args, { env = {}, core = null } = {}) {
  const command = [process.execPath, CLI, "serve", "--port", "0", "--from", "News <news@example.com>", ...args];
  const pinned = core !== null && availableParallelism() > 1 && spawnSync("taskset", ["--version"]).status === 0;
  if (pinned) command.unshift("taskset", "--cpu-list", String(core));
  const child = spawn(command[0], command.slice(1), {
    cwd: folder,
    env: {
      ...AWS_ENV,
      SES_MAIL_API_KEY: KEY,
      ...env,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const url = await listening(child, ended);
  return {
    url,
    pinned,
    pid: child.pid,
    key: KEY,
    /** Resolves to the exit code when everything in flight is written. */
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

/** The rest of stderr is read and forgotten: a full pipe would hold the process. */
async function listening(child, ended) {
  let stderr = "";
  const ready = new Promise((resolve) => {
    child.stderr.on("data", (chunk) => {
      if (stderr.length > 100_000) return;
      stderr += chunk;
      const [, url] = /^listening on (http:\S+)$/m.exec(stderr) ?? [];
      if (url) resolve(url);
    });
  });
  const url = await Promise.race([ready, ended]);
  if (typeof url !== "string") throw new Error(`serve did not start:\n${stderr}`);
  return url;
}

/** Resident size of a process in MB: now, and the most there was. */
export function residentMb(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
  return { now: of("VmRSS"), peak: of("VmHWM") };
}

/** POSTs JSON; resolves to the answer. Throws when it is not 200. */
export function post({ url, key }, path, body) {
  return exchange(`${url}${path}`, "POST", key, JSON.stringify(body));
}

export function get({ url, key }, path) {
  return exchange(`${url}${path}`, "GET", key, "");
}

/** Seconds of processor time that a process has taken so far, with all its threads (Linux). */
export function cpuSecondsOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((id) =>
    Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ")[0]),
  );
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e9;
}

/** Resolves to the JSON of the answer. Throws when it is not 200. */
export function exchange(url, method, key, body) {
  return new Promise((resolve, reject) => {
    const headers = {
      "x-api-key": key,
      ...(body && { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    };
    const asked = request(url, { method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () =>
        response.statusCode === 200
          ? resolve(JSON.parse(text))
          : reject(new Error(`${response.statusCode}: ${text.slice(0, 500)}`)),
      );
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** A request as bytes, to be sent over a connection that stays. */
export function rawRequest(method, path, headers = {}, body = "") {
  const fields = { host: "127.0.0.1", ...headers, ...(body && { "content-length": Buffer.byteLength(body) }) };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

/** Sends prepared requests over `connections`, one after the other on each. Resolves to seconds; throws unless all are answered 200. */
export async function hammer(url, requests, connections) {
  const started = performance.now();
  const queue = requests.values();
  await Promise.all(Array.from({ length: connections }, () => converse(new URL(url), queue)));
  return (performance.now() - started) / 1000;
}

function converse({ hostname, port }, queue) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const next = () => {
      const { value, done } = queue.next();
      if (!done) return socket.write(value);
      socket.end();
      resolve();
    };
    let answer = "";
    socket.setEncoding("latin1");
    socket.on("connect", next);
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the connection was closed")));
    socket.on("data", (chunk) => {
      answer += chunk;
      const head = answer.indexOf("\r\n\r\n");
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(answer)?.[1] ?? 0);
      if (answer.length < head + 4 + length) return;
      if (!answer.startsWith("HTTP/1.1 200")) return reject(new Error(answer));
      answer = answer.slice(head + 4 + length);
      next();
    });
  });
}

/** A job file with `count` messages that were sent. Resolves to its job id and its messages. */
export async function sentCampaign(folder, db, count) {
  const csv = await writeCampaign(folder, count, { htmlBytes: 500 });
  const { code, stderr } = await cli(["import", csv, "--db", db, "--json"]);
  if (code !== 0) throw new Error(stderr);
  const job = new Database(db);
  const now = Date.now();
  job.transaction(() => {
    job
      .prepare("update message set state = 'sent', attempts = 1, sent_at = ?, ses_message_id = 'bench-' || id")
      .run(now);
    job
      .prepare(
        "insert into feedback (message_id, ses_message_id, mailed_at) select id, ses_message_id, sent_at from message",
      )
      .run();
    job.prepare("update topic set sent = pending, pending = 0, first_sent_at = ?, last_sent_at = ?").run(now, now);
  })();
  const jobId = job.prepare("select id from job").pluck().get();
  const messages = job.prepare("select id, email from message order by id").all();
  job.close();
  return { jobId, messages };
}
