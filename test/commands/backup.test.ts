/** `backup` as users type it: beside a campaign that is going out, and put back. */
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { run, start, workFolder } from "../support/run.ts";

async function campaign(rows: number): Promise<string> {
  const folder = await workFolder();
  const list = Array.from({ length: rows }, (_, index) => `p${index}@example.com`);
  await writeFile(join(folder, "june.csv"), `email\n${list.join("\n")}\n`);
  await writeFile(join(folder, "june.html"), "---\nsubject: June\nfrom: news@example.com\n---\n<p>Hello</p>\n");
  return folder;
}

describe("bad input", () => {
  it("writes nothing and overwrites nothing", async () => {
    const folder = await campaign(3);
    expect(await run(folder, ["backup", "copy.db"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no job file"),
    });
    await run(folder, ["import", "june.csv"]);
    await writeFile(join(folder, "there.db"), "mine");
    await mkdir(join(folder, "folder"));
    const before = (await readdir(folder)).toSorted();
    for (const [file, words] of [
      ["there.db", "overwrites nothing"],
      ["ses-mail.db", "overwrites nothing"],
      ["folder", "overwrites nothing"],
      ["none/copy.db", "no folder"],
    ] as const)
      expect(await run(folder, ["backup", file])).toMatchObject({ code: 2, stderr: expect.stringContaining(words) });
    expect(await run(folder, ["backup"])).toMatchObject({ code: 2 });
    expect((await readdir(folder)).toSorted()).toEqual(before);
    expect((await stat(join(folder, "there.db"))).size).toBe(4);
  });
});

it("copies a job file that is being sent, and the copy goes on where it was made", { timeout: 60_000 }, async () => {
  const folder = await campaign(200);
  const sending = start(folder, ["send", "june.csv", "--sandbox", "--rate", "50", "--yes"]);
  const sent = async () => (await run(folder, ["stats", "june", "--json"])).json.sent as number;
  await vi.waitFor(async () => expect(await sent()).toBeGreaterThan(10), { timeout: 20_000, interval: 100 });
  const { code, json } = await run(folder, ["backup", "copy.db", "--json"]);
  expect([code, json]).toEqual([
    0,
    { file: "copy.db", bytes: (await stat(join(folder, "copy.db"))).size, messages: 200 },
  ]);
  expect((await stat(join(folder, "copy.db"))).mode & 0o777).toBe(0o600);
  expect((await sending.finished).code).toBe(0);
  expect(await sent()).toBe(200);

  for (const end of ["", "-wal", "-shm"]) await rm(join(folder, `ses-mail.db${end}`), { force: true });
  await rename(join(folder, "copy.db"), join(folder, "ses-mail.db"));
  const { json: totals } = await run(folder, ["stats", "june", "--json"]);
  expect(totals.total).toBe(200);
  expect(totals.sent).toBeGreaterThan(10);
  expect(totals.pending).toBeGreaterThan(0);
});
