/** A result is not given until it is written: every command, stdout and files alike. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { type Finished, run, runProcess, start, until, workFolder } from "../support/run.ts";

const hasFull = existsSync("/dev/full");
const oneLine = ({ stderr }: Finished) =>
  stderr
    .trimEnd()
    .split("\n")
    .filter((line) => / ses-mail: /.test(line));

const RESULTS = [
  "stats",
  "stats --json",
  "stats --format csv",
  "topics",
  "topics --json",
  "export june",
  "export june --json",
  "suppress list",
  "suppress list --json",
  "suppress export",
  "key list",
  "preview june.csv",
  "preview june.csv --json",
  "report june --output -",
  "completion bash",
  "backup copy.db",
  "import june.csv --json",
  "stats --output /dev/full",
  "export june --output /dev/full",
  "--help",
  "send --help",
  "--version",
];

it.skipIf(!hasFull).each(RESULTS)("on a full disk: %s is exit 3 and one line", async (command) => {
  const folder = await workFolder();
  await run(folder, ["import", await writeCampaign(folder, 3)]);
  const result = await runProcess(folder, [], { shell: `$SES_MAIL ${command} > /dev/full` });
  expect(result.code).toBe(3);
  expect(oneLine(result)).toEqual([expect.stringMatching(/cannot write .*the disk is full/)]);
});

it.skipIf(!hasFull)("an error is an error also when its JSON cannot be written", async () => {
  const folder = await workFolder();
  const result = await runProcess(folder, [], { shell: "$SES_MAIL stats --json > /dev/full" });
  expect(result.code).toBe(2);
  expect(result.stderr).toContain("there is no job file");
});

it("a disk that takes only a part of the result is full, too", async ({ skip }) => {
  const folder = await workFolder();
  const disk = join(folder, "disk");
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8k", "tmpfs", disk], { stdio: "ignore" });
  } catch {
    return skip("mounting needs root");
  }
  onTestFinished(() => void execFileSync("umount", ["-l", disk]));
  writeFileSync(join(disk, "ballast"), Buffer.alloc(4_096));
  const result = await runProcess(folder, [], { shell: `$SES_MAIL completion bash > ${join(disk, "out")}` });
  expect(result.code).toBe(3);
});

it("what a killed process left is removed by the next one that writes there, and what belongs to a living one stays", async () => {
  const folder = await workFolder();
  await run(folder, ["import", await writeCampaign(folder, 20_000)]);
  const temporary = () => readdirSync(folder).filter((name) => name.startsWith(".ses-mail-"));
  // The next row never comes, so the file of rejected rows stays unfinished.
  const list = `email,name\n${"nobody,N\n".repeat(20_000)}`;
  const waiting = () =>
    start(folder, ["import", "-", "--content", "june.html", "--topic", "may"], { stdin: list, holdStdin: true });
  const dead = waiting();
  await until(() => temporary().length === 1, "a temporary file");
  const [left] = temporary();
  dead.kill("SIGKILL");
  await dead.finished;
  const living = waiting();
  await until(() => temporary().length === 1 && temporary()[0] !== left, "only the file of the living one");
  const [kept] = temporary();
  expect((await run(folder, ["backup", "copy.db"])).code).toBe(0);
  expect((await run(folder, ["export", "june", "--output", "out.csv"])).code).toBe(0);
  expect(temporary()).toEqual([kept]);
  living.kill("SIGTERM");
  expect((await living.finished).code).toBe(143);
  expect(temporary()).toEqual([]);
});
