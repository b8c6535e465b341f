/** A disk that is full, a file that is locked or may not be written: one clear line or a patient wait, and nothing lost. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Database } from "../../src/store/sqlite/driver.ts";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../src/store/sqlite/store.ts";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { ingest } from "../support/store-actions.ts";
import { type Finished, run, runProcess, start, until, workFolder } from "../support/run.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";

/** A disk of `megabytes` mounted in `folder`, or null where one may not mount. */
function smallDisk(folder: string, megabytes: number): string | null {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", disk], { stdio: "ignore" });
  } catch {
    return null;
  }
  onTestFinished(() => void execFileSync("umount", ["-l", disk]));
  return disk;
}

/** Takes all the space that is left; calling the result frees it. */
function fill(disk: string): () => void {
  const filler = join(disk, "filler");
  const { bavail, bsize } = statfsSync(disk);
  try {
    writeFileSync(filler, Buffer.alloc(bavail * bsize));
  } catch {
    // Full is what it was to be.
  }
  return () => rmSync(filler);
}

const canMount = (() => {
  const probe = join("/tmp", `ses-mail-mount-${process.pid}`);
  mkdirSync(probe);
  try {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", probe], { stdio: "ignore" });
    execFileSync("umount", [probe]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { recursive: true });
  }
})();

/** What makes time pass `times` as fast in the processes that are given it. */
const hurry = (times: number) => ({
  HURRY: String(times),
  HURRY_FROM: String(process.hrtime.bigint()),
  NODE_OPTIONS: `--import ${new URL("../support/hurry.js", import.meta.url).pathname}`,
});

const oneLine = (result: Finished) => result.stderr.trimEnd().split("\n");

describe.skipIf(!canMount)("R4 G5: a full disk", () => {
  it("while a list goes in: exit 3, one line, nothing of it is there; with space the same command does it", async () => {
    const folder = await workFolder();
    const disk = smallDisk(folder, 4) ?? "";
    const file = await writeCampaign(folder, 20_000);
    const args = ["import", file, "--db", join(disk, "job.db")];
    const free = fill(disk);
    const full = await run(folder, args);
    expect(full.code).toBe(3);
    expect(oneLine(full)).toHaveLength(1);
    expect(full.stderr).toMatch(/no space left.*free some space/);
    free();

    // Space for the file itself, but not for the list.
    writeFileSync(join(disk, "ballast"), Buffer.alloc(3 * 1024 * 1024));
    const half = await run(folder, args);
    expect(half.code).toBe(3);
    expect(oneLine(half)).toHaveLength(1);
    rmSync(join(disk, "ballast"));
    const topics = await run(folder, ["topics", "--db", join(disk, "job.db"), "--json"]);
    expect(topics.json).toEqual({ topics: [] });

    execFileSync("mount", ["-o", "remount,size=64m", disk]);
    const done = await run(folder, [...args, "--json"]);
    expect(done.code).toBe(0);
    expect(done.json.totals).toMatchObject({ total: 20_000, pending: 20_000 });
  }, 60_000);

  it("reading works, also when a killed process left a log; where nothing may be written at all, too", async () => {
    const folder = await workFolder();
    const disk = smallDisk(folder, 4) ?? "";
    const db = join(disk, "job.db");
    await run(folder, ["import", await writeCampaign(folder, 50), "--db", db]);
    await run(folder, ["suppress", "add", "ann@example.net", "--db", db]);
    const kept = new Database(db);
    kept.exec(
      "insert into suppression (address, reason, source, created_at) values ('log@example.net', 'x', 'test', 1)",
    );
    // As a killed process leaves them: the log, and no index of it.
    for (const name of [db, `${db}-wal`]) copyFileSync(name, name.replace("job.db", "left.db"));
    kept.close();
    fill(disk);
    const look = async (name: string) => {
      for (const args of ["stats", "topics", "export june", "suppress list", "key list", "report june --output -"]) {
        const { code, stderr } = await run(folder, [...args.split(" "), "--db", join(disk, name)]);
        expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
      }
      const { json } = await run(folder, ["suppress", "list", "--json", "--db", join(disk, name)]);
      const rows = json.suppressions ?? json;
      expect(rows.map((row: { address: string }) => row.address)).toEqual(["ann@example.net", "log@example.net"]);
    };
    await look("job.db");
    await look("left.db");
    execFileSync("mount", ["-o", "remount,ro", disk]);
    await look("job.db");
    await look("left.db");
    expect((await run(folder, ["cancel", "june", "--db", join(disk, "left.db")])).code).toBe(3);
  }, 60_000);

  it("while mail comes in: ready says so for as long as it may be full, and then looks again", async () => {
    const folder = await workFolder();
    const disk = smallDisk(folder, 4) ?? "";
    const clock = new ManualClock();
    const store = await openStore(join(disk, "job.db"), clock);
    onTestFinished(() => store.close());
    await store.ping();
    const free = fill(disk);
    const full = ingest(store, addresses(20_000));
    await expect(full).rejects.toThrow("no space left");
    await expect(store.ping()).rejects.toThrow("no space left");
    free();
    await expect(store.ping()).rejects.toThrow("no space left");
    clock.pass(10_000);
    await store.ping();
  });

  it("while sending: stops, exit 3, waits for space for the answers it has, and loses none of them", async () => {
    const folder = await workFolder();
    const disk = smallDisk(folder, 16) ?? "";
    const file = await writeCampaign(folder, 400);
    const server = await sesServer(folder, { latencyMs: 100 });
    const args = ["send", file, "--db", join(disk, "job.db"), "--rate", "100", "--concurrency", "10", "--json"];
    const found = join(folder, "found-full");
    const watched = {
      FULL_DISK_FILE: found,
      NODE_OPTIONS: `--import ${new URL("../support/full-disk.js", import.meta.url).pathname}`,
    };
    const sending = start(folder, args, { env: { ...server.env, ...watched } });
    await until(() => server.calls().length >= 40, "40 calls");
    const free = fill(disk);
    // Calls that stand still would not tell it: so they do when the program stands still.
    await until(() => existsSync(found), "the program to find the disk full");
    free();
    const stopped = await sending.finished;
    expect(stopped.code).toBe(3);
    expect(stopped.stderr).toMatch(/no space left/);
    expect(stopped.stderr).not.toMatch(/\n\s+at /);
    expect(stopped.json.totals).toMatchObject({ total: 400, in_doubt: 0, sending: 0 });
    expect(stopped.json.totals.sent).toBe(server.received().length);

    const rest = await run(folder, args, { env: server.env });
    expect(rest.code).toBe(0);
    expect(rest.json.totals).toMatchObject({ total: 400, sent: 400 });
    expect(duplicates(server.received())).toEqual([]);
    expect(server.received().sort()).toEqual(addresses(400).sort());
  }, 60_000);

  it("that stays full: gives up after a while; what it could not write is in doubt, not sent again", async () => {
    const folder = await workFolder();
    const disk = smallDisk(folder, 16) ?? "";
    const file = await writeCampaign(folder, 200);
    const server = await sesServer(folder, { latencyMs: 100 });
    const args = ["send", file, "--db", join(disk, "job.db"), "--rate", "100", "--concurrency", "10", "--json"];
    // It gives up after half a minute, which need not be one of ours.
    const env = { ...server.env, ...hurry(10) };
    const sending = start(folder, args, { env });
    await until(() => server.calls().length >= 20, "20 calls");
    const free = fill(disk);
    const stopped = await sending.finished;
    expect(stopped.code).toBe(3);
    expect(stopped.stderr).toMatch(/no space left/);
    expect(stopped.stderr).not.toMatch(/\n\s+at /);
    free();
    const rest = await runProcess(folder, args, { env });
    expect(rest.json.totals).toMatchObject({ total: 200, pending: 0, sending: 0, failed: 0 });
    expect(rest.json.totals.sent + rest.json.totals.in_doubt).toBe(200);
    expect(rest.json.totals.in_doubt).toBeLessThanOrEqual(10);
    expect(duplicates(server.received())).toEqual([]);
    expect(server.received()).toHaveLength(200);
  }, 60_000);
});

it("a file system that may only be read: exit 2, one line", async ({ skip }) => {
  const folder = await workFolder();
  const disk = canMount ? (smallDisk(folder, 8) ?? "") : "";
  if (disk === "") skip("may not mount here");
  const file = await writeCampaign(folder, 2);
  const db = join(disk, "job.db");
  expect((await run(folder, ["import", file, "--db", db])).code).toBe(0);
  execFileSync("mount", ["-o", "remount,ro", disk]);
  const server = await sesServer(folder);
  const result = await run(folder, ["send", file, "--db", db, "--rate", "100"], { env: server.env });
  expect(result.code).toBe(2);
  expect(oneLine(result)).toHaveLength(1);
  expect(result.stderr).toMatch(/cannot be written.*permissions/);
  expect(server.calls()).toEqual([]);
});

it.skipIf(process.getuid?.() === 0)("a file that may only be read: exit 2, one line", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 2);
  await run(folder, ["import", file]);
  chmodSync(join(folder, "ses-mail.db"), 0o400);
  const result = await run(folder, ["send", file, "--rate", "100"]);
  expect(result.code).toBe(2);
  expect(oneLine(result)).toHaveLength(1);
});

it("locked by another process: waits, says so, and goes on when it is free", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 10);
  const server = await sesServer(folder);
  await run(folder, ["import", file]);
  const other = new Database(join(folder, "ses-mail.db"));
  onTestFinished(() => void other.close());
  other.exec("begin immediate");
  const sending = start(folder, ["send", "--topic", "june", "--rate", "100", "--json"], { env: server.env });
  await until(
    () => sending.stderr().includes("Waiting for another process") || sending.child.exitCode !== null,
    "word of the wait",
  );
  expect(server.received()).toEqual([]);
  other.exec("commit");
  const result = await sending.finished;
  expect(result.code).toBe(0);
  expect(result.json.totals).toMatchObject({ sent: 10 });
  expect(server.received().sort()).toEqual(addresses(10).sort());
});
