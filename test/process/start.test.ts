/** What a light command loads: each file costs time at every start, and an ES module costs the most. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { runProcess, workFolder } from "../support/run.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** The files that `ses-mail <args>` required, from the root of the package; a library by its name. */
async function required(folder: string, args: string[]): Promise<string[]> {
  const file = join(folder, "required");
  const env = {
    REQUIRED_FILE: file,
    NODE_OPTIONS: `--import ${new URL("../support/required.js", import.meta.url).pathname}`,
  };
  expect((await runProcess(folder, args, { env })).code).toBe(0);
  const paths = (await readFile(file, "utf8")).split("\n").map((path) => path.replace(ROOT, ""));
  return paths.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path);
}

it("topics requires all of its files, and no library that it has no use for", async () => {
  const folder = await workFolder();
  await writeCampaign(folder, 3);
  expect((await runProcess(folder, ["import", "june.csv"])).code).toBe(0);
  const files = await required(folder, ["topics"]);
  expect(files).toEqual(expect.arrayContaining(["bin/ses-mail.js", "dist/cli.js", "dist/work/topics.js", "commander"]));
  const needless = ["chalk", "cli-progress", "csv-parse", "liquidjs", "luxon", "@aws-sdk/client-sesv2"];
  expect(files.filter((name) => needless.includes(name))).toEqual([]);
});

it("the help requires no store and no terminal, and the version only what writes it", async () => {
  const folder = await workFolder();
  const files = await required(folder, ["--help"]);
  expect(files).toContain("dist/commands/parse.js");
  expect(files.filter((name) => /^dist\/(?:store|terminal\/terminal)|better-sqlite3/.test(name))).toEqual([]);
  const ours = (await required(folder, ["--version"])).filter((name) => name.startsWith("dist/"));
  expect(ours.toSorted()).toEqual(["dist/cli.js", "dist/errors.js", "dist/terminal/pipes.js", "dist/time/clock.js"]);
});

it("a driver that was built for another version of Node is no bug of ours", async () => {
  const folder = await workFolder();
  await writeCampaign(folder, 3);
  const otherNode = { NODE_OPTIONS: `--import ${new URL("../support/other-node.js", import.meta.url).pathname}` };
  const { code, stdout, stderr } = await runProcess(folder, ["import", "june.csv"], { env: otherNode });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr.trim().split("\n")).toEqual([
    expect.stringMatching(
      /the driver of SQLite was not built for this machine and Node \d+.*; .*npm rebuild better-sqlite3/,
    ),
  ]);
  expect((await runProcess(folder, ["import", "june.csv"])).code).toBe(0);
});

it("in a folder that was deleted: exit 2, one line", async () => {
  const folder = await workFolder();
  const shell = "mkdir gone && cd gone && rmdir ../gone && exec $SES_MAIL topics";
  const { code, stdout, stderr } = await runProcess(folder, [], { shell });
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toBe("ses-mail: the working folder is gone or cannot be reached (ENOENT); cd to another one\n");
});
