import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openScratchStore, openSqliteStore, openStore, requireStore, storeExists } from "../../src/store/open.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { ingest } from "../support/store-actions.ts";

async function location(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ses-mail-open-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "job.db");
}

it("who only looks makes no job file", async () => {
  const path = await location();
  await expect(requireStore(path)).rejects.toThrow(`there is no job file ${path}`);
  expect(await storeExists(path)).toBe(false);
});

it("who only looks leaves an empty file empty: it may be anybody's", async () => {
  const path = await location();
  await writeFile(path, "");
  await expect(requireStore(path)).rejects.toThrow(`there is no job file ${path}`);
  expect((await stat(path)).size).toBe(0);
  const store = await openStore(path, new ManualClock());
  await store.close();
  expect(await storeExists(path)).toBe(true);
});

it("who writes makes one, which the next one finds", async () => {
  const path = await location();
  const clock = new ManualClock();
  const first = await openStore(path, clock);
  await ingest(first, ["a@x.example"]);
  await first.close();
  expect(await storeExists(path)).toBe(true);
  await requireStore(path);
  const second = await openSqliteStore(path, clock);
  onTestFinished(() => second.close());
  expect(second).toMatchObject({ jobId: first.jobId, recovered: 0 });
  expect((await second.totals("june")).pending).toBe(1);
  expect(await second.backup(`${path}.copy`)).toMatchObject({ messages: 1 });
});

it("a scratch store takes a list and is gone with its handle", async () => {
  const clock = new ManualClock();
  const scratch = await openScratchStore(clock);
  expect(await ingest(scratch, ["a@x.example"])).toMatchObject({ added: 1 });
  await scratch.close();
  const other = await openScratchStore(clock);
  onTestFinished(() => other.close());
  expect(await other.topics()).toEqual([]);
});
