// Messages without a rate limit, durable, against a bare SDK loop: pairs in turn, the ratios of each pair.
import { cli, machine, median, receiver, scratch, script, writeCampaign } from "./support.js";

/** What a message costs once all is loaded and warm: the difference of a long and a short run. */
const perMessage = (long, short, count) => ((long.cpuSeconds - short.cpuSeconds) / (count - count / 5)) * 1e6;

export async function run([count = "40000", pairs = "3"]) {
  const [long, short] = [Number(count), Number(count) / 5];
  await scratch(async (folder) => {
    const far = await receiver();
    const lists = [await writeCampaign(folder, long), await writeCampaign(folder, short, { name: "short" })];
    const env = { AWS_ENDPOINT_URL_SESV2: far.url };
    const ours = async (list, wire) => {
      const db = `${folder}/${Math.random()}.db`;
      await cli(["import", list, "--db", db]);
      const args = ["send", "--db", db, "--rate", "1000000", "--concurrency", "256", "--json"];
      const sent = await cli(args, { env: { ...env, SES_MAIL_WIRE: wire } });
      await far.take();
      return sent;
    };
    const bare = async (each) => {
      const done = await script("bare-loop.js", [far.url, each, 10_000]);
      await far.take();
      return done;
    };
    const ratios = { cpu: [], speed: [], sdk: [] };
    for (let pair = 1; pair <= Number(pairs); pair++) {
      const [theirs, theirStart] = [await bare(long), await bare(short)];
      const [mine, myStart] = [await ours(lists[0], "own"), await ours(lists[1], "own")];
      const [sdk, sdkStart] = [await ours(lists[0], "sdk"), await ours(lists[1], "sdk")];
      const [b, o, s] = [
        perMessage(theirs, theirStart, long),
        perMessage(mine, myStart, long),
        perMessage(sdk, sdkStart, long),
      ];
      const [fast, slow] = [mine.answer.run.messages_per_second, theirs.answer.messages_per_second];
      ratios.cpu.push(b / o);
      ratios.speed.push(fast / slow);
      ratios.sdk.push(s / o);
      console.log(
        `pair ${pair}: processor time a message: ses-mail ${o.toFixed(0)} us, by the SDK's wire ${s.toFixed(0)} us, bare loop ${b.toFixed(0)} us (${(b / o).toFixed(2)}); messages/s ${fast.toFixed(0)} and ${slow.toFixed(0)} (${(fast / slow).toFixed(2)}); peak ${mine.peakMb.toFixed(0)} MB`,
      );
    }
    far.stop();
    console.log(
      `send, medians of ${pairs}: processor time 1/${median(ratios.cpu).toFixed(2)} of the bare loop's (goal 1/5.5), 1/${median(ratios.sdk).toFixed(2)} of that by the SDK's wire; messages/s ${median(ratios.speed).toFixed(2)} times (goal 4)   [${machine()}]`,
    );
  });
}
