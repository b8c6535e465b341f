// Export of a long topic into a pipe, as CSV and as JSON, against the import of the same list, in turn; memory.
import { cli, machine, median, scratch, writeCampaign } from "./support.js";

export async function run([count = "1000000", rounds = "3"]) {
  await scratch(async (folder) => {
    const csv = await writeCampaign(folder, Number(count));
    const ratios = { CSV: [], JSON: [] };
    for (let round = 1; round <= Number(rounds); round++) {
      const db = `${folder}/${round}.db`;
      const imported = await cli(["import", csv, "--db", db, "--json"]);
      const args = ["export", "campaign", "--db", db];
      const exported = {
        CSV: await cli(args, { drops: true }),
        JSON: await cli([...args, "--json"], { drops: true }),
      };
      for (const [name, each] of Object.entries(exported)) ratios[name].push(each.cpuSeconds / imported.cpuSeconds);
      console.log(
        `round ${round}: import ${told(imported)}; export ${Object.entries(exported)
          .map(([name, each]) => `${name} ${told(each)}`)
          .join(", ")} (goal 120 MB)`,
      );
    }
    for (const [name, each] of Object.entries(ratios))
      console.log(
        `export as ${name}, median of ${rounds}: ${median(each).toFixed(2)} of the processor time of import (goal 1.0)`,
      );
    console.log(`[${machine()}]`);
  });
}

const told = ({ seconds, cpuSeconds, peakMb }) =>
  `${seconds.toFixed(2)} s (${cpuSeconds.toFixed(2)} s of CPU, peak ${peakMb.toFixed(0)} MB)`;
