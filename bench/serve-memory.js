// Resident size of the gateway while many messages come in and go out at full speed: it must stay flat.
// npm run bench -- serve-memory 100 10000: a million; a quarter of an hour.
import { setTimeout as sleep } from "node:timers/promises";
import { machine, receiver, scratch } from "./support.js";
import { post, residentMb, startServe } from "./serve-support.js";

export async function run([posts = "100", size = "10000"]) {
  await scratch(async (folder) => {
    const total = Number(posts) * Number(size);
    const far = await receiver();
    const args = ["--db", `${folder}/job.db`, "--rate", "1000000", "--concurrency", "64"];
    const served = await startServe(folder, args, { env: { AWS_ENDPOINT_URL_SESV2: far.url } });
    const started = performance.now();
    const sizes = [];
    const progress = { taken: 0, arrived: 0, said: 0, failed: null };
    takeIn(served, Number(posts), Number(size), progress).catch((error) => (progress.failed = error));
    while (progress.arrived < total) {
      if (progress.failed) throw progress.failed;
      await sleep(1_000);
      progress.arrived += (await far.take()).accepted.length;
      sizes.push(residentMb(served.pid).now);
      if (progress.arrived < (progress.said + 0.1) * total) continue;
      progress.said = Math.floor((10 * progress.arrived) / total) / 10;
      console.log(`${progress.taken} taken in, ${progress.arrived} sent: ${sizes.at(-1).toFixed(0)} MB`);
    }
    const seconds = (performance.now() - started) / 1000;
    const { peak } = residentMb(served.pid);
    await served.stop();
    far.stop();
    const of = (part) => Math.max(...part).toFixed(0);
    const half = Math.ceil(sizes.length / 2);
    console.log(
      `${total} messages in ${seconds.toFixed(0)} s: peak ${peak.toFixed(0)} MB (goal 200), at most ${of(sizes.slice(0, half))} MB in the first half, ` +
        `${of(sizes.slice(half - 1))} MB in the second   [${machine()}]`,
    );
  });
}

async function takeIn(served, posts, size, progress) {
  const content = `<p>${"Lorem ipsum dolor sit amet. ".repeat(360)}</p>`;
  for (let i = 0; i < posts; i++) {
    const emails = Array.from({ length: size }, (_, n) => `reader${n}.x${i}@example${n % 97}.com`);
    await post(served, "/v1/messages", { messages: [{ topic_id: `bench-${i}`, emails, subject: "News", content }] });
    progress.taken += size;
  }
}
