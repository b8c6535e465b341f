import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HTML } from "../support/campaign.ts";
import { run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

it("export: one row per recipient, and its output is again a recipients file", async () => {
  const folder = await workFolder();
  const server = await sesServer(folder, { faults: ["reject:to=bo@example.net"] });
  await writeFile(join(folder, "june.html"), HTML);
  await writeFile(join(folder, "june.csv"), "email,name\nann@example.net,=1+1\nbo@example.net,Bo\n");
  await run(folder, ["send", "june.csv", "--rate", "100"], { env: server.env });
  const all = await run(folder, ["export", "june"]);
  const lines = all.stdout.trim().split("\n");
  expect(lines[0]).toBe(
    "email,state,attempts,ses_message_id,error,sent_at,delivered_at,bounced_at,bounce_type,bounce_subtype,complained_at,opened_at,reader_opened_at,clicked_at,unsubscribed_at,name",
  );
  expect(lines[1]).toMatch(/^ann@example\.net,sent,1,[^,]+,,\d{4}.*,'=1\+1$/);
  expect(lines[2]).toMatch(/^bo@example\.net,failed,1,,Address blacklisted\.,/);
  expect((await run(folder, ["export", "june", "--raw"])).stdout).toContain(",=1+1\n");
  await run(folder, ["export", "june", "--state", "failed", "--output", "again.csv"]);
  const again = await run(folder, ["import", "again.csv", "--content", "june.html", "--topic", "again", "--json"]);
  expect(again.code).toBe(0);
  expect(again.json.ingest).toMatchObject({ rows: 1, added: 1 });
  expect((await run(folder, ["export", "june", "--state", "lost"])).code).toBe(2);
});
