// Import of a long list against the shell of SQLite, which puts the same list into the same tables, in turn; the same list again; memory.
// And once, on a tenth of the list, against the program everybody writes first.
import { cli, machine, median, scratch, script, writeCampaign } from "./support.js";
import { importAgain, importFirst, makeFile, schemaOf, whyNoShell } from "./sqlite-shell.js";

const COLUMNS = ["email", "first_name", "last_name", "city", "plan", "joined"];

export async function run([count = "1000000", pairs = "3"]) {
  const missing = whyNoShell();
  if (missing !== null) return console.log(`import: ${missing}`);
  await scratch(async (folder) => {
    const csv = await writeCampaign(folder, Number(count));
    const schema = await emptySchema(folder);
    const ratios = { wall: [], cpu: [], again: [], second: [] };
    for (let pair = 1; pair <= Number(pairs); pair++) {
      const [db, bare] = [`${folder}/${pair}.db`, `${folder}/shell-${pair}.db`];
      await makeFile(bare, schema);
      const theirs = await importFirst(bare, { csv, columns: COLUMNS });
      const ours = await cli(["import", csv, "--db", db, "--json"]);
      const theirAgain = await importAgain(bare, { csv, columns: COLUMNS });
      const again = await cli(["import", csv, "--db", db, "--json"]);
      ratios.wall.push(theirs.seconds / ours.seconds);
      ratios.cpu.push(theirs.cpuSeconds / ours.cpuSeconds);
      ratios.again.push(theirAgain.seconds / again.seconds);
      ratios.second.push(ours.seconds / again.seconds);
      console.log(
        `pair ${pair}: ses-mail ${told(ours)} (${ours.answer.ingest.added} added), sqlite3 ${told(theirs)}; ` +
          `again ses-mail ${told(again)} (${again.answer.ingest.duplicates} duplicates), sqlite3 ${told(theirAgain)}`,
      );
    }
    console.log(
      `import, medians of ${pairs}: ${x(ratios.wall)} of the shell's rows/s (goal 1.0), by processor time ${x(ratios.cpu)}; ` +
        `the same list again ${x(ratios.second)} of the first time (goal 1.0), ${x(ratios.again)} of the shell's`,
    );
    await againstNaive(folder, Number(count) / 10);
    console.log(`[${machine()}]`);
  });
}

const x = (values) => median(values).toFixed(2);
const told = ({ seconds, cpuSeconds, peakMb }) =>
  `${seconds.toFixed(2)} s (${cpuSeconds.toFixed(2)} s of CPU, peak ${peakMb.toFixed(0)} MB)`;

/** The schema of a job file that the program made, and that is as good as empty. */
async function emptySchema(folder) {
  const file = `${folder}/empty.db`;
  await cli(["suppress", "add", "somebody@example.com", "--db", file]);
  await cli(["suppress", "remove", "somebody@example.com", "--db", file]);
  return schemaOf(file);
}

async function againstNaive(folder, count) {
  const csv = await writeCampaign(folder, count, { name: "naive" });
  const naive = await script("naive-import.js", [csv, `${folder}/naive.db`]);
  const ours = await cli(["import", csv, "--db", `${folder}/beside-naive.db`, "--json"]);
  console.log(
    `${count} rows: ${(naive.seconds / ours.seconds).toFixed(2)} times the rows/s of csv-parse objects, one insert a row and 1,000 a transaction (${naive.seconds.toFixed(1)} s)`,
  );
}
