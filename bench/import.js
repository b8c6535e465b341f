// Import of a long list against the pipeline everybody writes first, in turn; the second import (all duplicates); memory.
import { cli, machine, median, scratch, script, writeCampaign } from "./support.js";

export async function run([count = "1000000", pairs = "3"]) {
  await scratch(async (folder) => {
    const csv = await writeCampaign(folder, Number(count));
    const ratios = [];
    for (let pair = 0; pair < Number(pairs); pair++) {
      const naive = await script("naive-import.js", [csv, `${folder}/naive-${pair}.db`]);
      const first = await cli(["import", csv, "--db", `${folder}/${pair}.db`, "--json"]);
      const second = await cli(["import", csv, "--db", `${folder}/${pair}.db`, "--json"]);
      const ours = Number(count) / first.seconds;
      const theirs = naive.answer.rows_per_second;
      ratios.push(ours / theirs);
      console.log(
        `pair ${pair + 1}: ses-mail ${ours.toFixed(0)} rows/s (${first.answer.ingest.added} added, peak ${first.peakMb.toFixed(0)} MB), ` +
          `again ${(Number(count) / second.seconds).toFixed(0)} rows/s (${second.answer.ingest.duplicates} duplicates, peak ${second.peakMb.toFixed(0)} MB), ` +
          `naive ${theirs.toFixed(0)} rows/s, ratio ${(ours / theirs).toFixed(2)}`,
      );
    }
    console.log(`import ratio, median of ${pairs}: ${median(ratios).toFixed(2)} (goal 3)   [${machine()}]`);
  });
}
