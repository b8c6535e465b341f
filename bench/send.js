// Messages per second without a rate limit, durable, against a bare SDK loop: pairs in turn, the ratio of each pair.
import { cli, machine, median, receiver, scratch, script, writeCampaign } from "./support.js";

export async function run([count = "8000", pairs = "5"]) {
  await scratch(async (folder) => {
    const far = await receiver();
    const csv = await writeCampaign(folder, Number(count));
    const env = { AWS_ENDPOINT_URL_SESV2: far.url };
    const ratios = [];
    for (let pair = 0; pair < Number(pairs); pair++) {
      const bare = (await script("bare-loop.js", [far.url, count, 10_000])).answer.messages_per_second;
      const db = `${folder}/${pair}.db`;
      const sent = await cli(["send", csv, "--db", db, "--rate", "1000000", "--concurrency", "64", "--json"], { env });
      const ours = sent.answer.run.messages_per_second;
      ratios.push(ours / bare);
      console.log(
        `pair ${pair + 1}: ses-mail ${ours.toFixed(0)}/s, bare loop ${bare.toFixed(0)}/s, ratio ${(ours / bare).toFixed(3)}, peak ${sent.peakMb.toFixed(0)} MB`,
      );
      await far.take();
    }
    far.stop();
    console.log(`send ratio, median of ${pairs}: ${median(ratios).toFixed(3)} (goal 0.95)   [${machine()}]`);
  });
}
