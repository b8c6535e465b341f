// What the benchmarks share: scratch folders, lists, the CLI as a process, and a receiver in a process of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../bin/ses-mail.js", import.meta.url));

/** A folder that is gone when `work` ends, and when somebody ends the benchmark. */
export async function scratch(work) {
  const folder = mkdtempSync(join(tmpdir(), "ses-mail-bench-"));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  const leave = () => process.exit(130);
  process.on("exit", remove).on("SIGINT", leave).on("SIGTERM", leave);
  try {
    return await work(folder);
  } finally {
    process.off("exit", remove).off("SIGINT", leave).off("SIGTERM", leave);
    remove();
  }
}

/** A list of `count` recipients with six columns, and a content of about `htmlBytes`. Returns the path of the CSV. */
export async function writeCampaign(folder, count, { name = "campaign", htmlBytes = 10_000 } = {}) {
  const csv = join(folder, `${name}.csv`);
  const out = createWriteStream(csv);
  out.write("email,first_name,last_name,city,plan,joined\n");
  for (let i = 0; i < count; i++) {
    // Addresses in no order, as lists are.
    const n = (i * 7_919_993) % 99_999_989;
    const line = `user${n}.x${i}@example${i % 97}.com,First${i % 5000},Last${i % 7000},City${i % 300},plan${i % 4},2025-0${(i % 9) + 1}-11\n`;
    if (!out.write(line)) await new Promise((resolve) => out.once("drain", resolve));
  }
  await new Promise((resolve) => out.end(resolve));
  const paragraph =
    "<p>Dear {{ first_name }} {{ last_name }} in {{ city }}, this month there is a lot to tell about {{ plan }}.</p>\n";
  const filler =
    "<p>Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore.</p>\n";
  const html = `<html><body>${paragraph}${filler.repeat(Math.max(0, Math.round((htmlBytes - 150) / filler.length)))}</body></html>`;
  writeFileSync(
    join(folder, `${name}.html`),
    `---\nsubject: News for {{ first_name }}\nfrom: News <news@example.com>\n---\n${html}`,
  );
  return csv;
}

/** The environment of a program that calls a receiver. */
export const AWS_ENV = {
  ...process.env,
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "bench",
  AWS_SECRET_ACCESS_KEY: "bench",
};

/** Runs the CLI; resolves as `timed` does. */
export function cli(args, { env = {}, ...options } = {}) {
  return timed(process.execPath, [CLI, ...args], {
    ...options,
    env: {
      ...AWS_ENV,
      ...env,
    },
  });
}

/** Starts the CLI; to be killed. Its output is not read. */
export function startCli(args, env) {
  return spawn(process.execPath, [CLI, ...args], { stdio: "ignore", env: { ...AWS_ENV, ...env } });
}

/**
 * Runs a program with `input` on stdin; resolves to its JSON answer, exit code, whole-process seconds (wall and CPU) and peak memory
 * (MB). `drops`: what it prints is read and not kept.
 */
export function timed(program, args, { input = "", drops = false, ...options } = {}) {
  const started = performance.now();
  // GNU time reads the peak from the kernel when the process ends.
  const child = spawn("/usr/bin/env", ["time", "-f", "%M %U %S", program, ...args], {
    stdio: [input === "" ? "ignore" : "pipe", "pipe", "pipe"],
    ...options,
  });
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      if (!drops) stdout += chunk;
    });
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      const seconds = (performance.now() - started) / 1000;
      const [, kib, user, system] = /(\d+) ([\d.]+) ([\d.]+)\s*$/.exec(stderr) ?? [];
      let answer = null;
      try {
        answer = JSON.parse(stdout);
      } catch {
        // Not every command answers in JSON.
      }
      resolve({
        code,
        answer,
        stdout,
        stderr,
        seconds,
        peakMb: Number(kib) / 1024,
        cpuSeconds: Number(user) + Number(system),
      });
    });
  });
}

/** Runs `work` beside a process that makes small writes to the job at `location`. Adds how long the longest of them took (ms). */
export async function beside(location, work) {
  const file = fileURLToPath(new URL("neighbour.js", import.meta.url));
  const neighbour = spawn(process.execPath, [file, location], { stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  neighbour.stdout.on("data", (chunk) => (said += chunk));
  // It is at work when it has said something.
  await once(neighbour.stdout, "data");
  const result = await work();
  neighbour.stdin.end();
  await once(neighbour, "close");
  return { ...result, longestMs: Number(said.trim().split("\n").at(-1)) };
}

/** Runs a script beside this one; resolves to what it prints, as JSON. */
export async function script(name, args, options = {}) {
  const file = fileURLToPath(new URL(name, import.meta.url));
  return timed(process.execPath, [file, ...args.map(String)], options);
}

/** A receiver in its own process: answers SendEmail at once, or as `options` say, and keeps the instants. */
export async function receiver(options = {}) {
  const file = fileURLToPath(new URL("receiver.js", import.meta.url));
  const child = spawn(process.execPath, [file, JSON.stringify(options)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const { port } = await new Promise((resolve) => child.once("message", resolve));
  const ask = (question) =>
    new Promise((resolve) => {
      child.once("message", resolve);
      child.send(question);
    });
  return {
    url: `http://127.0.0.1:${port}`,
    /**
     * Instants (ms) of every accepted call since the last `take`, and of every throttled one; when the first was accepted (ms since the
     * epoch); the mails, where they are kept.
     */
    take: () => ask("take"),
    /** How many calls were accepted so far. */
    count: async () => (await ask("count")).count,
    stop: () => child.kill(),
  };
}

/** Most arrivals in any half-open second, and the mean rate between the first and the last. */
export function precision(instants) {
  const sorted = [...instants].sort((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < sorted.length; last++) {
    while (sorted[last] - sorted[first] >= 1000) first++;
    most = Math.max(most, last - first + 1);
  }
  const span = (sorted.at(-1) - sorted[0]) / 1000;
  return { most, mean: (sorted.length - 1) / span, count: sorted.length };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

export function machine() {
  return `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}, ${new Date().toISOString().slice(0, 10)}`;
}
