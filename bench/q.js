import { cli, receiver, scratch, writeCampaign, script } from "./support.js";
export async function run([count = "8000", rounds="3", conc="256"]) {
  await scratch(async (folder) => {
    const far = await receiver();
    const csv = await writeCampaign(folder, Number(count));
    for (let r = 0; r < Number(rounds); r++) {
      const bare = await script("bare-loop.js", [far.url, count, 10_000]);
      console.log("bare", (bare.cpuSeconds/Number(count)*1e6).toFixed(0), "us", bare.answer.messages_per_second.toFixed(0)+"/s");
      for (const wire of ["sdk", "own"]) {
        const base = `${folder}/${r}${wire}.db`;
        await cli(["import", csv, "--db", base]);
        const sent = await cli(["send", csv, "--db", base, "--rate", "1000000", "--concurrency", conc, "--json"], { env: { AWS_ENDPOINT_URL_SESV2: far.url, SES_MAIL_WIRE: wire } });
        if (sent.code!==0) console.log(sent.stderr);
        console.log(wire, (sent.cpuSeconds/Number(count)*1e6).toFixed(0), "us (whole process)", sent.answer?.run.messages_per_second.toFixed(0)+"/s", sent.peakMb.toFixed(0)+" MB");
      }
      await far.take();
    }
    far.stop();
  });
}
