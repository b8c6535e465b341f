// Open pixels a second, each with a valid token of its own, over connections that stay; and whether each was counted.
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../dist/time/clock.js";
import { openLinks } from "../dist/tracking/links.js";
import { machine, median, receiver, scratch } from "./support.js";
import { get, hammer, rawRequest, residentMb, sentCampaign, startServe } from "./serve-support.js";

const SECRET = "a secret of the benchmark only";
const HEADERS = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", accept: "image/*" };

export async function run([count = "50000", connections = "50", rounds = "3"]) {
  await scratch(async (folder) => {
    const db = `${folder}/job.db`;
    const { jobId, messages } = await sentCampaign(folder, db, Number(count));
    const env = { SES_MAIL_SECRET: SECRET };
    const links = await openLinks({ jobId, signingKeys: async () => [] }, env, systemClock);
    const requests = messages.map(({ id }) =>
      rawRequest("GET", `/v1/events/open?request_id=${links.open(id)}`, HEADERS),
    );
    const far = await receiver();
    const served = await startServe(folder, ["--db", db], {
      env: { ...env, AWS_ENDPOINT_URL_SESV2: far.url },
      core: 0,
    });
    const figures = [];
    for (let round = 0; round < Number(rounds); round++) {
      const seconds = await hammer(served.url, requests, Number(connections));
      figures.push(requests.length / seconds);
      console.log(
        `round ${round + 1}: ${(requests.length / seconds).toFixed(0)} pixels/s, ${residentMb(served.pid).now.toFixed(0)} MB`,
      );
    }
    // Opens are counted after the picture is answered.
    await sleep(2_000);
    const { opened } = await get(served, "/v1/topics/campaign");
    await served.stop();
    far.stop();
    console.log(
      `pixels, median of ${rounds}${served.pinned ? ", gateway on one core" : ""}: ${median(figures).toFixed(0)}/s (goal 5,000), ` +
        `${opened} of ${count} messages opened   [${machine()}]`,
    );
  });
}
