/** `topics` and `stats` with more topics than they hold at a time. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { Database } from "../../src/store/sqlite/driver.ts";
import { writeCampaign } from "../support/campaign.ts";
import { run, workFolder } from "../support/run.ts";

const NAMES = ["first", ...Array.from({ length: 2500 }, (_, i) => `topic ${i + 1}`)];

/** A folder with a job file of these topics. The last one is a rehearsal with a failed message. */
async function manyTopics(): Promise<string> {
  const folder = await workFolder();
  const csv = await writeCampaign(folder, 2);
  await run(folder, ["import", csv, "--topic", "first", "--db", "many.db"]);
  const db = new Database(join(folder, "many.db"));
  db.exec(
    `insert into topic (name, content_id, created_at)
     with recursive n (i) as (select 1 union all select i + 1 from n where i < 2500)
     select 'topic ' || i, (select min(id) from content), 1 from n;
     update topic set failed = 1, endpoint = 'sandbox' where name = 'topic 2500'`,
  );
  db.close();
  return folder;
}

it("topics lists thousands, page after page, oldest first, in each format", async () => {
  const folder = await manyTopics();
  const text = await run(folder, ["topics", "--names", "--db", "many.db"]);
  expect(text.stdout).toBe(`${NAMES.join("\n")}\n`);
  const short = await run(folder, ["topics", "--names", "--json", "--db", "many.db"]);
  expect(short.json).toEqual({ topics: NAMES });
  const { json } = await run(folder, ["topics", "--json", "--db", "many.db"]);
  expect((json as unknown as { topics: { topic: string }[] }).topics.map(({ topic }) => topic)).toEqual(NAMES);
  const table = (await run(folder, ["topics", "--db", "many.db"])).stdout.trimEnd().split("\n");
  // The last thousand needs other columns, so there is a second heading, after an empty line.
  expect(table.filter((line) => line.startsWith("topic  "))).toHaveLength(2);
  expect(table.length).toBe(NAMES.length + 1 + 2);
  expect(table.at(-1)).toMatch(/^topic 2500 +\(rehearsal\) +1 +0 +1$/);
});

it("stats counts thousands, page after page, in each format, and says what there is to say of them", async () => {
  const folder = await manyTopics();
  const { json } = await run(folder, ["stats", "--json", "--db", "many.db"]);
  const { topics } = json as unknown as { topics: { topic: string; endpoint?: string }[] };
  expect(topics.map(({ topic }) => topic)).toEqual(NAMES);
  expect(topics.filter(({ endpoint }) => endpoint === "sandbox").map(({ topic }) => topic)).toEqual(["topic 2500"]);
  const csv = (await run(folder, ["stats", "--format", "csv", "--db", "many.db"])).stdout.trimEnd().split("\n");
  expect(csv.map((line) => line.split(",")[0])).toEqual(["topic", ...NAMES]);
  const table = (await run(folder, ["stats", "--db", "many.db"])).stdout.trimEnd().split("\n");
  expect(table.at(-1)).toBe('only rehearsed: "topic 2500"');
  // With the last thousand there is a column more.
  expect(table.filter((line) => line.startsWith("topic  "))).toHaveLength(2);
  expect(table.length).toBe(NAMES.length + 2 + 1 + 1);
});
