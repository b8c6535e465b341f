/** What keeps the memory of `send` small. */
import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { runProcess, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

it("from its first collection on, the old space of send may grow by half until the next one", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 100);
  const server = await sesServer(folder);
  const traced = { NODE_OPTIONS: `--import ${new URL("../support/collections.js", import.meta.url).pathname}` };
  const sent = await runProcess(folder, ["send", file, "--yes", "--rate", "1000"], {
    env: { ...server.env, ...traced },
  });
  expect(sent.code).toBe(0);
  // V8's own factor is up to 4.
  const factors = Array.from(sent.stdout.matchAll(/HeapController\] Limit: .*\((\d\.\d)\)/g), ([, factor]) =>
    Number(factor),
  );
  expect(factors.length).toBeGreaterThan(0);
  expect(factors.filter((factor) => factor !== 1.5)).toEqual([]);
}, 60_000);
