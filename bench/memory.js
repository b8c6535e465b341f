// Peak memory (the kernel's figure for the whole process) of import and send, at two sizes: it must not grow with the list.
import { cli, machine, receiver, scratch, writeCampaign } from "./support.js";

export async function run([sizes = "100000,1000000", sendMost = "60000"]) {
  for (const count of sizes.split(",").map(Number)) {
    await scratch(async (folder) => {
      const far = await receiver();
      const csv = await writeCampaign(folder, count);
      const db = `${folder}/job.db`;
      const imported = await cli(["import", csv, "--db", db, "--json"]);
      const env = { AWS_ENDPOINT_URL_SESV2: far.url };
      // Memory settles within the first ten thousand; a million calls of the SDK would take a quarter of an hour.
      const sent = await cli(
        ["send", "--db", db, "--rate", "1000000", "--concurrency", "64", "--max", sendMost, "--json"],
        { env },
      );
      far.stop();
      console.log(
        `${count} recipients: import ${imported.peakMb.toFixed(0)} MB, send of ${sent.answer.run.sent} ${sent.peakMb.toFixed(0)} MB (goal 120)`,
      );
    });
  }
  console.log(`[${machine()}]`);
}
