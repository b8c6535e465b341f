// Start-up: whole-process and processor time of the light commands against `node -e 0`, in turn; and the first call on a long job file.
import { spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { cli, machine, median, receiver, scratch, writeCampaign } from "./support.js";

/** So many times as long as `node -e 0`, at most. */
const GOALS = { "--version": 2, "--help": 2.2, topics: 3.5 };

const CLI = fileURLToPath(new URL("../bin/ses-mail.js", import.meta.url));

export async function run([count = "1000000", rounds = "15"]) {
  await scratch(async (folder) => {
    const small = `${folder}/small.db`;
    await cli(["import", await writeCampaign(folder, 10, { name: "small" }), "--db", small]);
    for (const args of [["--version"], ["--help"], ["topics", "--db", small]]) {
      const [ratios, ofProcessor] = [[], []];
      for (let round = 0; round < Number(rounds); round++) {
        ratios.push(timed([CLI, ...args]) / timed(["-e", "0"]));
        ofProcessor.push(processorTime([CLI, ...args]) / processorTime(["-e", "0"]));
      }
      console.log(
        `${args[0]}: ${median(ratios).toFixed(2)} × node -e 0 (goal ${GOALS[args[0]]}), ` +
          `of processor time ${median(ofProcessor).toFixed(2)}`,
      );
    }
    const db = `${folder}/long.db`;
    await cli(["import", await writeCampaign(folder, Number(count), { name: "long" }), "--db", db]);
    for (const args of [["stats"], ["topics"]])
      console.log(
        `${args[0]} on ${count} messages: ${median([1, 2, 3, 4, 5].map(() => timed([CLI, ...args, "--json", "--db", db]))).toFixed(0)} ms (goal 300)`,
      );
    console.log(
      `first call of send on ${count} messages: ${(await firstCall(db)).toFixed(0)} ms after the start of the process (goal 1500)`,
    );
    console.log(`[${machine()}]`);
  });
}

// The variable makes Node read certificates before anything else, also for `node -e 0`, which would flatter us.
const { NODE_EXTRA_CA_CERTS: _certificates, ...ENV } = process.env;

function timed(args) {
  const started = performance.now();
  spawnSync(process.execPath, args, { stdio: "ignore", env: ENV });
  return performance.now() - started;
}

/** Seconds of ten runs: a machine that others work on makes them wait, and does not make them work more. */
function processorTime(args) {
  const ten = 'for i in 0 1 2 3 4 5 6 7 8 9; do "$@" >/dev/null 2>&1; done';
  const { stderr } = spawnSync("time", ["-f", "%U %S", "sh", "-c", ten, "sh", process.execPath, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    env: ENV,
  });
  const [user, system] = stderr.trim().split(" ").map(Number);
  return user + system;
}

async function firstCall(db) {
  const far = await receiver();
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL_SESV2: far.url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "bench",
    AWS_SECRET_ACCESS_KEY: "bench",
  };
  const started = performance.now();
  const child = spawn(process.execPath, [CLI, "send", "--db", db, "--max", "1", "--rate", "1"], {
    env,
    stdio: "ignore",
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  let calls = 0;
  while (calls === 0 && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    calls = (await far.take()).accepted.length;
  }
  const elapsed = performance.now() - started;
  await exited;
  far.stop();
  return elapsed;
}
