// What a message costs side by side: ses-mail, the SDK in a loop, and what else npm has for sending many mails through SES. The peers
// are installed from npm into a scratch folder.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cli, machine, median, receiver, scratch, script, writeCampaign } from "./support.js";

const PEERS = ["nodemailer", "node-ses"];

/** What a mail costs once all is loaded and compiled is the difference of a long and a short run. The short one has to be warm as well. */
export async function run([count = "40000", rounds = "3"]) {
  const [long, short] = [Number(count), Number(count) / 5];
  await scratch(async (folder) => {
    writeFileSync(`${folder}/package.json`, "{}");
    execFileSync("npm", ["install", "--silent", "--no-audit", "--no-fund", ...PEERS, "@aws-sdk/client-sesv2"], {
      cwd: folder,
    });
    const versionOf = (name) => JSON.parse(readFileSync(`${folder}/node_modules/${name}/package.json`, "utf8")).version;
    const far = await receiver();
    const lists = {
      [long]: await writeCampaign(folder, long),
      [short]: await writeCampaign(folder, short, { name: "short" }),
    };
    const ours = async (each) => {
      const db = `${folder}/${Math.random()}.db`;
      await cli(["import", lists[each], "--db", db]);
      const args = ["send", "--db", db, "--rate", "1000000", "--concurrency", "256", "--json"];
      return cli(args, { env: { AWS_ENDPOINT_URL_SESV2: far.url } });
    };
    const runs = {
      "ses-mail, durable, 256 in flight": ours,
      [`@aws-sdk/client-sesv2 ${versionOf("@aws-sdk/client-sesv2")} and p-limit, 64 in flight`]: (each) =>
        script("bare-loop.js", [far.url, each, 10_000]),
      ...Object.fromEntries(
        PEERS.map((name) => [
          `${name} ${versionOf(name)}, 64 in flight`,
          (each) => script("peer.js", [name, folder, far.url, each]),
        ]),
      ),
    };
    const found = Object.fromEntries(Object.keys(runs).map((name) => [name, { us: [], mb: 0 }]));
    for (let round = 0; round < Number(rounds); round++)
      for (const [name, go] of Object.entries(runs)) {
        const [all, some] = [await go(long), await go(short)];
        if (all.code !== 0) throw new Error(`${name}: ${all.stderr}`);
        found[name].us.push(((all.cpuSeconds - some.cpuSeconds) / (long - short)) * 1e6);
        found[name].mb = Math.max(found[name].mb, all.peakMb);
        await far.take();
      }
    far.stop();
    const own = median(Object.values(found)[0].us);
    for (const [name, { us, mb }] of Object.entries(found))
      console.log(
        `${name}: ${median(us).toFixed(0)} us of processor time a message (${(median(us) / own).toFixed(1)} x), ${mb.toFixed(0)} MB`,
      );
    console.log(`medians of ${rounds}   [${machine()}]`);
  });
}
