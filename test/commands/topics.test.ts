/** `topics` with more topics than it holds at a time. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { Database } from "../../src/store/sqlite/driver.ts";
import { writeCampaign } from "../support/campaign.ts";
import { run, workFolder } from "../support/run.ts";

it("lists thousands of topics, page after page, oldest first, in each format", async () => {
  const folder = await workFolder();
  const csv = await writeCampaign(folder, 2);
  await run(folder, ["import", csv, "--topic", "first", "--db", "many.db"]);
  const db = new Database(join(folder, "many.db"));
  db.exec(
    `insert into topic (name, content_id, created_at)
     with recursive n (i) as (select 1 union all select i + 1 from n where i < 2500)
     select 'topic ' || i, (select min(id) from content), 1 from n`,
  );
  db.close();
  const names = ["first", ...Array.from({ length: 2500 }, (_, i) => `topic ${i + 1}`)];
  const text = await run(folder, ["topics", "--names", "--db", "many.db"]);
  expect(text.stdout).toBe(`${names.join("\n")}\n`);
  const short = await run(folder, ["topics", "--names", "--json", "--db", "many.db"]);
  expect(short.json).toEqual({ topics: names });
  const { json } = await run(folder, ["topics", "--json", "--db", "many.db"]);
  expect((json as unknown as { topics: { topic: string }[] }).topics.map(({ topic }) => topic)).toEqual(names);
  const table = (await run(folder, ["topics", "--db", "many.db"])).stdout.trimEnd().split("\n");
  expect(table.length).toBe(names.length + 1);
  expect(table.at(-1)).toMatch(/^topic 2500 /);
});
