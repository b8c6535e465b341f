// SES allows a third of what is asked: how long until throttling is rare, how rare, and how much of the allowance is used.
import { cli, machine, receiver, scratch, writeCampaign } from "./support.js";

export async function run([asked = "90", allowed = "30", seconds = "40"]) {
  await scratch(async (folder) => {
    const far = await receiver({ allowed: Number(allowed), latencyMs: 30 });
    const csv = await writeCampaign(folder, Number(allowed) * Number(seconds), { htmlBytes: 2_000 });
    const env = { AWS_ENDPOINT_URL_SESV2: far.url };
    const { answer } = await cli(["send", csv, "--db", `${folder}/job.db`, "--rate", asked, "--json"], { env });
    const { accepted, throttled } = await far.take();
    far.stop();
    const start = Math.min(accepted[0], throttled[0] ?? Infinity);
    const settled = (instants) => instants.filter((at) => at > start + 5_000);
    const after = { accepted: settled(accepted), throttled: settled(throttled) };
    const span = (Math.max(...accepted) - start - 5_000) / 1000;
    const share = after.throttled.length / (after.accepted.length + after.throttled.length);
    const used = after.accepted.length / span / Number(allowed);
    console.log(
      `asked ${asked}/s, allowed ${allowed}/s: ${throttled.length} throttled in all; after 5 s ${(100 * share).toFixed(1)} % of calls (goal < 5), ${used.toFixed(2)} of the allowance used (goal 0.85); ${answer.run.failed} failed   [${machine()}]`,
    );
  });
}
