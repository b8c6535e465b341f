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

it("export: a column `email` is there when it says something else than the addresses of those who are asked for", async () => {
  const folder = await workFolder();
  const server = await sesServer(folder, { faults: ["reject:to=p200@example.net"] });
  await writeFile(join(folder, "june.html"), HTML);
  const rows = Array.from({ length: 250 }, (_, row) => `p${row}@example.net,P${row}`);
  await writeFile(join(folder, "june.csv"), ["email,name", ...rows].join("\n"));
  await run(folder, ["import", "june.csv"]);
  const heading = async (...more: string[]) =>
    (await run(folder, ["export", "june", ...more])).stdout.split("\n")[0]?.split(",").slice(15);
  expect(await heading()).toEqual(["name"]);
  // The address is another column's, so the list's own column may say what it likes.
  const other = ["address,Email,name", "q1@example.net,q1@example.net,Q1", "p200@example.net,somebody else,P200"];
  await writeFile(join(folder, "other.csv"), other.join("\n"));
  const from = ["--content", "june.html", "--email-column", "address", "--topic", "july"];
  await run(folder, ["send", "other.csv", ...from, "--rate", "100"], { env: server.env });
  const july = async (...more: string[]) =>
    (await run(folder, ["export", "july", ...more])).stdout.split("\n")[0]?.split(",").slice(15);
  expect(await july()).toEqual(["address", "csv_Email", "name"]);
  expect(await july("--state", "failed")).toEqual(["address", "csv_Email", "name"]);
  expect(await july("--state", "sent")).toEqual(["address", "name"]);
});
