// Rate precision: most in any sliding second, and the mean, for several processes on one job: a file, or a server. The promise is about
// departures; what the receiver sees has its own stalls in it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { withPostgres } from "./postgres-server.js";
import { cli, machine, precision, receiver, scratch, writeCampaign } from "./support.js";

export async function run([rates = "14,100,400,1000", processes = "1,4", seconds = "12", store = "sqlite"]) {
  if (store === "postgres") await withPostgres(({ url }) => measure(rates, processes, seconds, url));
  else await measure(rates, processes, seconds, null);
}

async function measure(rates, processes, seconds, url) {
  let jobs = 0;
  const far = await receiver({ latencyMs: 20 });
  for (const rate of rates.split(",").map(Number)) {
    for (const hands of processes.split(",").map(Number)) {
      await scratch(async (folder) => {
        const env = { AWS_ENDPOINT_URL_SESV2: far.url, SES_MAIL_DB_SCHEMA: `rate_${++jobs}` };
        const db = url ?? `${folder}/job.db`;
        const csv = await writeCampaign(folder, Math.ceil(rate * Number(seconds)), { htmlBytes: 2_000 });
        await cli(["import", csv, "--db", db], { env });
        const logs = Array.from({ length: hands }, (_, hand) => `${folder}/${hand}.log`);
        await Promise.all(
          logs.map((log) =>
            cli(["send", "--db", db, "--rate", String(rate), "--json"], { env: { ...env, ...noting(log) } }),
          ),
        );
        const { most, mean, count } = precision(logs.flatMap(instantsIn));
        const seen = precision((await far.take()).accepted).most;
        const verdict = most <= rate + 1 && mean >= 0.98 * rate ? "holds" : "MISSED";
        console.log(
          `${rate}/s, ${hands} process(es): at most ${most} in a second (${seen} at the receiver), mean ${mean.toFixed(2)} (${((100 * mean) / rate).toFixed(1)} %), ${count} mails: ${verdict}`,
        );
      });
    }
  }
  far.stop();
  console.log(`[${machine()}]`);
}

/** Makes a process write down when its calls leave. */
const noting = (log) => ({
  DEPARTURES_FILE: log,
  NODE_OPTIONS: `--import=${fileURLToPath(new URL("../test/support/departures.js", import.meta.url))}`,
});

const instantsIn = (log) => readFileSync(log, "utf8").trim().split("\n").map(Number);
