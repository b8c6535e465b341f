/** A topic is cancelled and put back in parts. Whenever that is killed, the same command goes on, and others send meanwhile. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { inJob } from "../support/job.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";

const PEOPLE = 300_000;
const KILLS = 3;
const OTHERS = 300;

/** How many messages of topic june are in a state. The counters of both topics must agree with their messages at that instant. */
async function inState(path: string, state: "pending" | "cancelled"): Promise<number> {
  const [row] = await inJob(
    path,
    `select (select sum(${state}) from sm.topic_count) as counted, count(*) as found, sum(case when id <= ${PEOPLE} then 1 else 0 end) as june
     from sm.message where state = '${state}'`,
  );
  expect(Number(row?.["counted"])).toBe(Number(row?.["found"]));
  return Number(row?.["june"] ?? 0);
}

it("kill -9 in the middle of it, again and again, then the same command, while another topic is sent", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, PEOPLE)]);
  await run(folder, ["import", await writeCampaign(folder, OTHERS, "july")]);
  const server = await sesServer(folder);
  const sending = start(folder, ["send", "--topic", "july", "--rate", "20", "--json"], { env: server.env });
  for (const [args, left] of [
    [["cancel", "june"], "pending"],
    [["retry", "june", "--state", "cancelled", "--yes"], "cancelled"],
  ] as const) {
    let killed = 0;
    for (let n = 0; n < KILLS; n++) {
      const before = await inState(path, left);
      const process = start(folder, [...args]);
      await until(async () => (await inState(path, left)) < before, "a part");
      process.kill("SIGKILL");
      await process.finished;
      if ((await inState(path, left)) > 0) killed++;
    }
    expect(killed).toBeGreaterThan(0);
    expect((await run(folder, [...args, "--json"])).code).toBe(0);
    expect(await inState(path, left)).toBe(0);
    expect(await inState(path, left === "pending" ? "cancelled" : "pending")).toBe(PEOPLE);
  }
  const { code, json } = await sending.finished;
  expect(code).toBe(0);
  expect(json.totals).toMatchObject({ sent: OTHERS, in_doubt: 0, failed: 0 });
  expect(server.received()).toHaveLength(OTHERS);
  expect(duplicates(server.received())).toEqual([]);
}, 300_000);

it("kill -9 in the middle of a cancel: nobody is sent anything, and a retry of something else sends none of the rest", async () => {
  const folder = await workFolder();
  const path = join(folder, "ses-mail.db");
  await run(folder, ["import", await writeCampaign(folder, PEOPLE)]);
  const server = await sesServer(folder);
  const process = start(folder, ["cancel", "june"]);
  await until(async () => (await inState(path, "pending")) < PEOPLE, "a part");
  process.kill("SIGKILL");
  await process.finished;
  const left = await inState(path, "pending");
  expect(left).toBeGreaterThan(0);
  await run(folder, ["send", "--topic", "june", "--json"], { env: server.env });
  expect(server.received()).toEqual([]);
  await run(folder, ["retry", "june", "--state", "failed", "--yes"]);
  expect(await inState(path, "pending")).toBe(0);
  expect(await inState(path, "cancelled")).toBe(PEOPLE);
  await run(folder, ["send", "--topic", "june", "--json"], { env: server.env });
  expect(server.received()).toEqual([]);
}, 300_000);
