// kill -9 at any moment, again and again: while the list goes in, before the first call, in the middle of many. Who got a mail twice,
// who got none, how much was in doubt, and how much of that the events of SES settle.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { withPostgres } from "./postgres-server.js";
import { cli, machine, receiver, scratch, startCli, writeCampaign } from "./support.js";
import { deliveryEvent, mailOf, notification } from "./ses-events.js";

const [RATE, CONCURRENCY, LATENCY_MS] = [400, 32, 40];
/** A list that lasts until the last kill. */
const ROWS_A_KILL = 150;
/** A third of the processes die so long after their start at most, the others so long after their first call. */
const START_MS = 1_500;
const SENDING_MS = 500;

export async function run([kills = "100", stores = "file,postgres"]) {
  for (const store of stores.split(","))
    await scratch((folder) =>
      store === "postgres"
        ? withPostgres(({ url }) => campaign(folder, Number(kills), { store, db: url }))
        : campaign(folder, Number(kills), { store, db: `${folder}/job.db` }),
    );
  console.log(`[${machine()}]`);
}

async function campaign(folder, kills, { store, db }) {
  const far = await receiver({ latencyMs: LATENCY_MS, keepsMails: true });
  const count = kills * ROWS_A_KILL;
  const csv = await writeCampaign(folder, count, { htmlBytes: 2_000 });
  const env = { AWS_ENDPOINT_URL_SESV2: far.url };
  const command = async (...args) => {
    const done = await cli([...args, "--db", db, "--json"], { env });
    if (done.code > 1) throw new Error(`${args[0]} ended with ${done.code}: ${done.stderr}`);
    return done.answer;
  };
  const send = ["send", csv, "--yes", "--rate", String(RATE), "--concurrency", String(CONCURRENCY), "--db", db];

  const killed = await killOften(kills, far, () => startCli(send, env));
  await command("send", csv, "--yes", "--rate", "1000000");
  const first = await far.take();
  const [before] = (await command("topics")).topics;

  writeFileSync(`${folder}/events.ndjson`, first.mails.map(eventOf).join(""));
  await command("ingest-events", `${folder}/events.ndjson`);
  const [settled] = (await command("topics")).topics;
  // What the receiver never saw is all that is left, so it may be sent again.
  if (settled.in_doubt > 0) {
    await command("retry", "campaign", "--state", "in_doubt", "--yes");
    await command("send", "--rate", "1000000");
  }
  const mails = [...first.mails, ...(await far.take()).mails];
  far.stop();
  const people = new Set(mails.map(({ address }) => address));
  console.log(
    `${store}: ${killed} kills, ${count} recipients: ${mails.length - people.size} mails twice, ${count - people.size} lost (goal 0 and 0); ` +
      `in doubt ${before.in_doubt}, ${(before.in_doubt / killed).toFixed(1)} a kill with ${CONCURRENCY} in flight at most; ` +
      `after the events ${settled.in_doubt}, none of which had arrived`,
  );
}

/** Starts `send` and kills it at a moment that nobody chose. Resolves to how often it was killed. */
async function killOften(kills, far, startSend) {
  for (let killed = 0; killed < kills; killed++) {
    const before = await far.count();
    const child = startSend();
    const over = once(child, "exit");
    const isRunning = () => child.exitCode === null;
    if (killed % 3 > 0) while (isRunning() && (await far.count()) === before) await setTimeout(5);
    await Promise.race([over, setTimeout(Math.random() * (killed % 3 > 0 ? SENDING_MS : START_MS))]);
    if (!isRunning()) return killed;
    child.kill("SIGKILL");
    await over;
  }
  return kills;
}

function eventOf({ address, sesId, tags }, index) {
  const mail = mailOf(tags["ses-mail-job"], tags["ses-mail-message"], address, new Date().toISOString(), sesId);
  return `${JSON.stringify(notification(deliveryEvent(mail, address, mail.timestamp), index))}\n`;
}
