// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { noTrace } from "../support/expected.ts";
import { run, runProcess, workFolder } from "../support/run.ts";

it("pipes: a reader that has seen enough is no error", async () => {
  const folder = await workFolder();
  await run(folder, ["import", await writeCampaign(folder, 5000)]);
  for (const command of [
    "serve --help",
    "export june",
    "export june --json",
    "topics",
    "stats --format csv",
    "send --help",
  ]) {
    const result = await runProcess(folder, [], { shell: `$SES_MAIL ${command} | head -1; exit 0` });
    expect(result.stdout.split("\n").length, command).toBe(2);
    noTrace(result.stderr);
  }
}, 60_000);
