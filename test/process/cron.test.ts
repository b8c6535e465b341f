/** `send` as cron starts it: by `sh -c`, with next to nothing in its environment. */
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { undated } from "../support/expected.ts";
import { placed } from "../support/place.ts";
import { run, start, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

const BIN = new URL("../../bin/ses-mail.js", import.meta.url).pathname;

/** As cron(8) does: HOME, PATH and SHELL are all that it sets. A crontab may set PATH, and has to when Node is elsewhere. */
function cron(folder: string, line: string) {
  const path = `${dirname(process.execPath)}:/usr/bin:/bin`;
  const quoted = line.replaceAll("'", String.raw`'\''`);
  return start(folder, [], {
    shell: `cd / && exec env -i PATH='${path}' HOME='${folder}' SHELL=/bin/sh /bin/sh -c '${quoted}'`,
  }).finished;
}

it("the line for cron says nothing when all is well, and what is wrong in words that cron can mail, with the time", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 3);
  const server = await sesServer(folder);
  const settings = {
    ...placed(folder, { args: [], env: server.env }).env,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "secret",
  };
  const dotenv = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(folder, ".env"), dotenv.join(""));
  await run(folder, ["import", file]);
  const line = `cd ${folder} && ${BIN} send --quiet --max-late 2h`;
  const silent = { code: 0, stdout: "", stderr: "" };
  expect(await cron(folder, line)).toMatchObject(silent);
  expect(server.received()).toHaveLength(3);
  expect(await cron(folder, line)).toMatchObject(silent);

  await run(folder, ["import", file, "--topic", "paused"]);
  await run(folder, ["pause", "paused"]);
  expect(await cron(folder, line)).toMatchObject(silent);
  const stopped = await cron(folder, `${line} --topic paused`);
  expect(stopped.code).toBe(3);
  expect(undated(stopped.stderr)).toMatch(/^topic "paused" is paused; resume it with: ses-mail resume paused/);
  expect(undated(stopped.stdout)).toMatch(/^paused: 0 sent/);
}, 60_000);
