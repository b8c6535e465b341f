/** `topics` and `stats` as scripts see them. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { totals } from "../support/expected.ts";
import { run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

it("topics", async () => {
  const folder = await workFolder();
  await run(folder, ["import", await writeCampaign(folder, 2)]);
  expect((await run(folder, ["topics", "--json"])).json).toEqual({
    topics: [
      {
        topic: "june",
        not_before: null,
        cancelled_at: null,
        paused_at: null,
        paused_until: null,
        ...totals({ pending: 2 }),
      },
    ],
  });
  expect((await run(folder, ["topics"])).stdout).toContain("june");
});

it("stats: the same fields in JSON and CSV", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 4);
  const server = await sesServer(folder);
  await run(folder, ["send", file, "--rate", "100", "--max", "3"], { env: server.env });
  const one = (await run(folder, ["stats", "june", "--json"])).json;
  const fields =
    "topic,total,pending,sending,sent,in_doubt,failed,cancelled,suppressed,delivered,bounced_permanent,bounced_transient,complained,opened,clicked,rejected,delayed,unsubscribed,first_sent_at,last_sent_at,delivery_rate,bounce_rate,complaint_rate,open_rate,click_rate";
  expect(Object.keys(one)).toEqual(fields.split(","));
  expect(one).toMatchObject({
    topic: "june",
    total: 4,
    sent: 3,
    pending: 1,
    delivered: null,
    unsubscribed: 0,
    delivery_rate: null,
  });
  expect(one.first_sent_at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  expect((await run(folder, ["stats", "--json"])).json).toEqual({ topics: [one] });
  const csv = (await run(folder, ["stats", "--format", "csv"])).stdout.trim().split("\n");
  expect(csv[0]).toBe(fields);
  expect(csv).toHaveLength(2);
  expect((await run(folder, ["stats", "june", "--hours", "1", "--json"])).json).toMatchObject({ sent: 3, total: 3 });
  expect((await run(folder, ["stats", "july"])).code).toBe(2);
  const written = await run(folder, ["stats", "june", "--format", "csv", "--output", "stats.csv"]);
  expect(written.stdout).toBe("");
  expect((await readFile(join(folder, "stats.csv"), "utf8")).split("\n")[0]).toBe(fields);
});
