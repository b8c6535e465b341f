import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HTML } from "../support/campaign.ts";
import { run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

const ROWS = 100_000;

it("100,000 rows: every one accounted for, the second time all of them are duplicates", async () => {
  const folder = await workFolder();
  const rows = Array.from({ length: ROWS }, (_, index) => {
    // Every 1,000th is bad, every 500th (but those) is somebody we had.
    if (index % 1000 === 999) return `person${index},Person ${index}`;
    if (index % 500 === 499) return `PERSON0@example.net,Again`;
    return `person${index}@example.net,"Person, no. ${index}"`;
  });
  await writeFile(join(folder, "june.csv"), `email,name\n${rows.join("\n")}\n`);
  await writeFile(join(folder, "june.html"), HTML);
  const first = await run(folder, ["import", "june.csv", "--json"]);
  expect(first.code).toBe(1);
  const counts = { rows: ROWS, added: ROWS - 200, duplicates: 100, rejected: 100, suppressed: 0 };
  expect(first.json.ingest).toMatchObject(counts);
  expect(first.json.totals).toMatchObject({ total: ROWS - 200, pending: ROWS - 200 });

  const second = await run(folder, ["import", "june.csv", "--json"]);
  expect(second.json.ingest).toMatchObject({ added: 0, duplicates: ROWS - 100, rejected: 100 });
  expect(second.json.totals).toEqual(first.json.totals);

  const exported = (await run(folder, ["export", "june"])).stdout.trimEnd().split("\n");
  expect(exported).toHaveLength(ROWS - 200 + 1);
  expect(new Set(exported.map((line) => line.split(",")[0])).size).toBe(ROWS - 200 + 1);

  const server = await sesServer(folder);
  const sent = await run(folder, ["send", "--rate", "500", "--max", "100", "--json"], { env: server.env });
  expect(sent.json).toMatchObject({ outcome: "limit", totals: { total: ROWS - 200, sent: 100, pending: ROWS - 300 } });
}, 60_000);
