/** What commands say, and leave behind, when there is nothing to do. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { run, workFolder } from "../support/run.ts";

/** A command makes no job when it says that there is none. */
async function hasNoJob(folder: string): Promise<boolean> {
  const { code, stderr } = await run(folder, ["topics"]);
  return code === 2 && /there is no job/.test(stderr);
}

it("ingest-events of a folder that is empty today says so, is no error and makes no job", async () => {
  const folder = await workFolder();
  await mkdir(join(folder, "events"));
  const { code, stdout, stderr } = await run(folder, ["ingest-events", "events"]);
  expect([code, stderr]).toEqual([0, expect.stringContaining("events: no file to read in this folder")]);
  expect(stdout).toMatch(/no events to take in\n$/);
  expect((await run(folder, ["ingest-events", "events", "--json"])).json).toMatchObject({ records: 0, applied: 0 });
  expect(await hasNoJob(folder)).toBe(true);
});

it("ingest-events of a file that is not there makes no job", async () => {
  const folder = await workFolder();
  expect((await run(folder, ["ingest-events", "nope.json"])).code).toBe(2);
  expect(await hasNoJob(folder)).toBe(true);
});

it("prune says in words that there is nothing to remove", async () => {
  const folder = await workFolder();
  await writeCampaign(folder, 2);
  await run(folder, ["import", "june.csv"]);
  const age = ["prune", "--older", "2y"];
  const done = await run(folder, [...age, "--yes"], { tty: true });
  expect([done.code, done.stdout]).toEqual([0, "nothing to remove: nothing finished longer than 2y ago\n"]);
  // The bar is drawn over; a line would stay.
  expect(done.stderr).not.toMatch(/removed 0[^\n]*\n/);
  const asked = await run(folder, [...age, "--dry-run"]);
  expect(asked.stdout).toBe("A prune would remove nothing: nothing finished longer than 2y ago\n");
  expect((await run(folder, [...age, "--yes", "--json"])).json).toEqual({ topics: 0, messages: 0, events: 0 });
});

it("suppress import counts one row as one row", async () => {
  const folder = await workFolder();
  await writeFile(join(folder, "left.csv"), "email\nnobody\n");
  const { code, stdout } = await run(folder, ["suppress", "import", "left.csv"]);
  expect([code, stdout]).toEqual([1, "1 row: 0 added, 0 known before, 1 rejected\n"]);
});
