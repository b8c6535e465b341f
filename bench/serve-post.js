// POST of 10,000 addresses, answered when durable, against a bare insert of the same rows into the same tables: pairs in turn.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { machine, median, receiver, scratch } from "./support.js";
import { post, startServe } from "./serve-support.js";

export async function run([count = "10000", pairs = "9"]) {
  await scratch(async (folder) => {
    const far = await receiver();
    const served = await startServe(folder, ["--db", `${folder}/serve.db`], {
      env: { AWS_ENDPOINT_URL_SESV2: far.url },
    });
    const bare = fork(fileURLToPath(new URL("bare-accept.js", import.meta.url)), [`${folder}/bare.db`]);
    const ratios = [];
    // The first pair warms both up and does not count.
    for (let pair = 0; pair <= Number(pairs); pair++) {
      const topic = `bench-${pair}`;
      const emails = Array.from({ length: Number(count) }, (_, i) => `reader${i}.x${pair}@example${i % 97}.com`);
      // Due tomorrow, so that nothing of what is measured is sending.
      const notBefore = Date.now() + 86_400_000;
      bare.send({ topic, emails, notBefore });
      const [floor] = await once(bare, "message");
      const { ours, answer } = await timed(served, topic, emails, new Date(notBefore).toISOString());
      if (answer.success !== Number(count)) throw new Error(JSON.stringify(answer));
      if (pair > 0) ratios.push(ours / floor);
      console.log(
        `${pair === 0 ? "warm-up" : `pair ${pair}`}: POST ${(ours * 1000).toFixed(0)} ms (${answer.duration_ms.toFixed(0)} ms of it to check and store), ` +
          `bare insert ${(floor * 1000).toFixed(0)} ms, ratio ${(ours / floor).toFixed(2)}`,
      );
    }
    await served.stop();
    bare.disconnect();
    far.stop();
    console.log(`post ratio, median of ${pairs}: ${median(ratios).toFixed(2)} (goal 3)   [${machine()}]`);
  });
}

async function timed(served, topic_id, emails, scheduled_at) {
  const content = `<p>${"Lorem ipsum dolor sit amet. ".repeat(360)}</p>`;
  const started = performance.now();
  const answer = await post(served, "/v1/messages", {
    messages: [{ topic_id, emails, subject: "News", content, scheduled_at }],
  });
  return { ours: (performance.now() - started) / 1000, answer };
}
