// Rate precision: most in any sliding second, and the mean, for several processes on one job: a file, or a server. The promise is about
// departures; what the receiver sees has its own stalls in it. "stopped": all the time one of the processes stands still (SIGSTOP).
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { withPostgres } from "./postgres-server.js";
import { cli, machine, precision, receiver, scratch, startCli, writeCampaign } from "./support.js";

export async function run([rates = "14,100,400,1000", processes = "1,4", seconds = "12", store = "sqlite", how = ""]) {
  const job = { seconds: Number(seconds), isStopped: how === "stopped" };
  if (store === "postgres") await withPostgres(({ url }) => measure(rates, processes, { ...job, url }));
  else await measure(rates, processes, { ...job, url: null });
}

async function measure(rates, processes, { seconds, isStopped, url }) {
  let jobs = 0;
  const far = await receiver({ latencyMs: 20 });
  for (const rate of rates.split(",").map(Number)) {
    for (const hands of processes.split(",").map(Number)) {
      await scratch(async (folder) => {
        const env = { AWS_ENDPOINT_URL_SESV2: far.url, SES_MAIL_DB_SCHEMA: `rate_${++jobs}` };
        const db = url ?? `${folder}/job.db`;
        const csv = await writeCampaign(folder, Math.ceil(rate * seconds), { htmlBytes: 2_000 });
        await cli(["import", csv, "--db", db], { env });
        const logs = Array.from({ length: hands }, (_, hand) => `${folder}/${hand}.log`);
        const children = logs.map((log) =>
          startCli(["send", "--db", db, "--rate", String(rate)], { ...env, ...noting(log) }),
        );
        const over = Promise.all(children.map((child) => once(child, "exit")));
        if (isStopped) await Promise.all([over, stopInTurn(children)]);
        await over;
        const { most, mean, count } = precision(logs.flatMap(instantsIn));
        const seen = precision((await far.take()).accepted).most;
        // With more than four, and with one that stands still, the promise is 3 % and no mean.
        const isHard = hands > 4 || isStopped;
        const verdict =
          most <= (isHard ? 1.03 * rate : rate) + 1 && (isHard || mean >= 0.98 * rate) ? "holds" : "MISSED";
        console.log(
          `${rate}/s, ${hands} process(es): at most ${most} in a second (${seen} at the receiver), mean ${mean.toFixed(2)} (${((100 * mean) / rate).toFixed(1)} %), ${count} mails: ${verdict}`,
        );
      });
    }
  }
  far.stop();
  console.log(`[${machine()}]`);
}

/** Stops one process after the other for a while, until all have ended. */
async function stopInTurn(children) {
  const running = () => children.filter(({ exitCode }) => exitCode === null);
  while (running().length > 0) {
    const child = running()[Math.floor(Math.random() * running().length)];
    child.kill("SIGSTOP");
    await setTimeout(100 + Math.random() * 1_500);
    child.kill("SIGCONT");
    await setTimeout(Math.random() * 500);
  }
}

/** Makes a process write down when its calls leave. */
const noting = (log) => ({
  DEPARTURES_FILE: log,
  NODE_OPTIONS: `--import=${fileURLToPath(new URL("../test/support/departures.js", import.meta.url))}`,
});

/** Of many processes some come too late to send anything. */
const instantsIn = (log) =>
  existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").filter(Boolean).map(Number) : [];
