/** What happens when the disk of the database is full, and when there is room again. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { addresses, writeCampaign } from "../../support/campaign.ts";
import { endWell, expectAllSent, fleet, type Fleet } from "../../support/fleet.ts";
import { run, until } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";
import { duplicates } from "../../support/ses-server.ts";

const PEOPLE = 1_500;

/** Gives new tables of the database a disk of so many megabytes; null where one may not mount. */
async function smallDisk({ folder, database }: Fleet, megabytes: number): Promise<string | null> {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0777`, "tmpfs", disk], { stdio: "ignore" });
  } catch {
    return null;
  }
  onTestFinished(() => void execFileSync("umount", ["-l", disk]));
  const space = join(disk, "space");
  mkdirSync(space, { mode: 0o700 });
  execFileSync("chown", ["--reference", new URL(`file://${database.logFile}`).pathname, space]);
  // The server's user has to get there.
  execFileSync("chmod", ["a+x", folder]);
  await database.query(`create tablespace small location '${space}'`);
  await database.query("grant create on tablespace small to mail");
  await database.query("alter database mail set default_tablespace = small");
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
  return () => rmSync(filler, { force: true });
}

describe.skipIf(requireServers("postgres"))("the disk of the database is full", () => {
  it(
    "nothing more leaves, a list is refused whole, and all goes on when there is room",
    { timeout: 240_000 },
    async ({ skip }) => {
      const here = await fleet();
      const disk = await smallDisk(here, 48);
      if (disk === null) return skip("may not mount here");
      await writeCampaign(here.folder, PEOPLE);
      await here.ask("import", "june.csv");
      const worker = await here.work(["--rate", "60"]);
      await until(() => here.ses.received().length > 5, "the first mail");
      const free = fill(disk);
      await until(() => worker.stderr().includes("no space left"), "the worker to say what is wrong");
      const july =
        "email,name\n" +
        addresses(5_000)
          .map((address) => `july-${address},Ann\n`)
          .join("");
      writeFileSync(join(here.folder, "july.csv"), july);
      const refused = await run(here.folder, ["import", "july.csv", "--content", "june.html", "--topic", "july"], {
        env: here.env(),
      });
      expect(refused).toMatchObject({
        code: 3,
        stderr: expect.stringContaining("no space left on the disk of the database"),
      });
      const halted = here.ses.received().length;
      expect(halted).toBeLessThan(PEOPLE);
      expect(await here.rows("select count(*)::int as count from sm.topic where name = 'july'")).toEqual([
        { count: 0 },
      ]);
      free();
      await until(() => here.ses.received().length >= PEOPLE, "everybody");
      await endWell([worker]);
      expect(duplicates(here.ses.received())).toEqual([]);
      await expectAllSent(here, PEOPLE);
    },
  );
});
