// While a newsletter goes out at full rate, a verification code every second: from the POST to its arrival at the far end.
import { setTimeout as sleep } from "node:timers/promises";
import { machine, precision, receiver, scratch } from "./support.js";
import { post, startServe } from "./serve-support.js";

export async function run([count = "10000", rate = "100", codes = "60"]) {
  await scratch(async (folder) => {
    const far = await receiver({ latencyMs: 50, watch: "code" });
    const served = await startServe(folder, ["--db", `${folder}/job.db`, "--rate", rate], {
      env: { AWS_ENDPOINT_URL_SESV2: far.url },
    });
    const emails = Array.from({ length: Number(count) }, (_, i) => `reader${i}@example${i % 97}.com`);
    const content = `<p>${"Lorem ipsum dolor sit amet. ".repeat(360)}</p>`;
    await post(served, "/v1/messages", {
      messages: [{ topic_id: "newsletter", emails, subject: "News", content, priority: "low" }],
    });
    await sleep(2_000);
    const posted = new Map();
    for (let i = 0; i < Number(codes); i++) {
      const email = `code${i}@example.com`;
      posted.set(email, performance.timeOrigin + performance.now());
      await post(served, "/v1/messages", {
        messages: [{ emails: [email], subject: "Your code", content: "<p>123456</p>", priority: "high" }],
      });
      await sleep(1_000);
    }
    const { accepted, watched } = await far.take();
    await served.stop();
    far.stop();
    const arrivals = new Map(watched);
    const late = [...posted].map(([email, at]) => (arrivals.get(email) ?? Infinity) - at).sort((a, b) => a - b);
    const at = (share) => late[Math.min(late.length - 1, Math.ceil(share * late.length) - 1)].toFixed(0);
    const { most, mean } = precision(accepted);
    const full = accepted.length < Number(count) ? "" : " (the newsletter ended before the last code: take more)";
    console.log(`${accepted.length} mails at ${mean.toFixed(1)}/s, at most ${most} in a second${full}`);
    console.log(
      `priority, ${codes} codes: median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms (goal 1,000)   [${machine()}]`,
    );
  });
}
