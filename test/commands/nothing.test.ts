/** What commands say, and leave behind, when there is nothing to do. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { run, workFolder } from "../support/run.ts";

/** A command makes no job when it says that there is none. */
async function hasNoJob(folder: string): Promise<boolean> {
  const { code, stderr } = await run(folder, ["topics"]);
  return code === 2 && /there is no job/.test(stderr);
}

const REFUSED: [name: string, list: string, told: RegExp][] = [
  ["empty", "", /is empty/],
  ["only a header", "email,name\n", /no rows/],
  ["without addresses", "name\nAnn\n", /no column holds addresses/],
  ["only rows that are refused", "email,name\nbad,Ann\n", /no valid recipient/],
  ["cut off in a quoted field", 'email,name\na@example.com,"Ann\n', /./],
];
const COMMANDS = [
  ["import", "june.csv"],
  ["send", "june.csv", "--sandbox", "--yes"],
  ["send", "-", "--topic", "june", "--content", "june.html", "--sandbox", "--yes"],
  ["schedule", "june.csv", "--at", "+2h"],
];

it.each(REFUSED)("a list that is %s is refused, and no job is made for it", async (_name, list, told) => {
  for (const command of COMMANDS) {
    const folder = await workFolder();
    await writeCampaign(folder, 1);
    await writeFile(join(folder, "june.csv"), list);
    const stdin = command.includes("-") ? list : "";
    const { code, stderr } = await run(folder, command, { stdin });
    expect([command, code, stderr]).toEqual([command, 2, expect.stringMatching(told)]);
    expect(await hasNoJob(folder)).toBe(true);
  }
});

it("a time that is past somewhere makes no job", async () => {
  const folder = await workFolder();
  await writeCampaign(folder, 1);
  const rows = ["Etc/GMT+12", "Etc/GMT-14"].map((zone, index) => `p${index}@example.net,Ann,${zone}`);
  await writeFile(join(folder, "june.csv"), `email,name,zone\n${rows.join("\n")}\n`);
  // Now in the zone that is behind all others, so over in the one before all others.
  const at = new Date(Date.now() - 11 * 3_600_000).toISOString().slice(0, 16).replace("T", " ");
  const { code, stderr } = await run(folder, ["schedule", "june.csv", "--at", at, "--tz-column", "zone"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("already past")]);
  expect(await hasNoJob(folder)).toBe(true);
});

it("a list makes the same of a new job as of one that is there, however long it is", async () => {
  const outcomes = [];
  for (const isNew of [true, false]) {
    const folder = await workFolder();
    await writeCampaign(folder, 1);
    if (!isNew) await run(folder, ["import", "june.csv", "--topic", "before"]);
    // More than what is kept of a list while there is no job.
    const rows = Array.from(
      { length: 30_000 },
      (_, n) => `p${n % 29_990}@example.net,${n % 1_000 ? "Person" : ""} ${n}`,
    );
    await writeFile(join(folder, "june.csv"), ["email,name", "bad,Ann", ...rows, "worse,"].join("\n"));
    const { code, json } = await run(folder, ["import", "june.csv", "--json"]);
    const { stdout } = await run(folder, ["export", "june"]);
    outcomes.push({ code, json, stdout, rejects: await readFile(join(folder, "june.csv.rejects.csv"), "utf8") });
  }
  expect(outcomes[0]).toMatchObject({ code: 1, json: { ingest: { rows: 30_002, rejected: 2, duplicates: 10 } } });
  expect(outcomes[1]).toEqual(outcomes[0]);
});

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
