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

it("copies a job file that is being sent, and the copy goes on where it was made", async () => {
  const folder = await campaign(2_000);
  // Slow enough that it is under way for minutes, however slow this machine is.
  const sending = start(folder, ["send", "june.csv", "--sandbox", "--rate", "10", "--yes"]);
  const stats = async () => (await run(folder, ["stats", "june", "--json"])).json;
  await vi.waitFor(async () => expect((await stats()).sent).toBeGreaterThan(3), { timeout: 30_000, interval: 100 });
  const { code, json } = await run(folder, ["backup", "copy.db", "--json"]);
  const { size, mode } = await stat(join(folder, "copy.db"));
  expect([code, json]).toEqual([0, { file: "copy.db", bytes: size, messages: 2_000 }]);
  expect(mode & 0o777).toBe(0o600);
  sending.kill("SIGTERM");
  expect((await sending.finished).code).toBe(143);
  const live = await stats();

  for (const end of ["", "-wal", "-shm"]) await rm(join(folder, `ses-mail.db${end}`), { force: true });
  await rename(join(folder, "copy.db"), join(folder, "ses-mail.db"));
  const copied = await stats();
  expect(copied.total).toBe(2_000);
  expect(copied.sent).toBeGreaterThan(3);
  expect(copied.sent).toBeLessThanOrEqual(live.sent);
  expect(copied.pending).toBeGreaterThan(0);
});
