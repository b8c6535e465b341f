// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** `cancel` and `retry` as scripts see them. */
import { describe, expect, it } from "vitest";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { noTrace, totals } from "../support/expected.ts";
import { run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

describe("cancel and retry", () => {
  it("cancel takes back what was not handed over; the topic is closed until retry reopens it", async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 5);
    const server = await sesServer(folder);
    await run(folder, ["send", file, "--rate", "100", "--max", "2"], { env: server.env });
    const cancelled = await run(folder, ["cancel", "june", "--json"]);
    expect(cancelled.code).toBe(0);
    expect(cancelled.json).toEqual({
      topic: "june",
      cancelled: 3,
      in_flight: 0,
      totals: totals({ sent: 2, cancelled: 3 }),
    });
    const closed = await run(folder, ["import", file]);
    expect(closed.code).toBe(2);
    expect(closed.stderr).toMatch(/cancelled.*retry/);
    expect((await run(folder, ["send", "--json"], { env: server.env })).json.outcome).toBe("nothing_to_send");

    const unasked = await run(folder, ["retry", "june", "--state", "cancelled"]);
    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toContain("--yes");
    const retried = await run(folder, ["retry", "june", "--state", "failed,in_doubt,cancelled", "--yes", "--json"]);
    expect(retried.code).toBe(0);
    expect(retried.json).toEqual({ topic: "june", retried: 3, expired: 0, totals: totals({ sent: 2, pending: 3 }) });
    const rest = await run(folder, ["send", "--rate", "100", "--json"], { env: server.env });
    expect(rest.json.totals).toEqual(totals({ sent: 5 }));
    expect(server.received().sort()).toEqual(addresses(5).sort());
  });

  it("what was sent is never retried; unknown topics and states are exit 2", async () => {
    const folder = await workFolder();
    await run(folder, ["import", await writeCampaign(folder, 1)]);
    for (const args of [
      ["retry", "june", "--state", "sent", "--yes"],
      ["retry", "june", "--state", "lost", "--yes"],
      ["retry", "june", "--yes"],
      ["retry", "july", "--state", "failed", "--yes"],
      ["cancel", "july"],
      ["cancel"],
    ]) {
      const result = await run(folder, args);
      expect(result.code, args.join(" ")).toBe(2);
      noTrace(result.stderr);
    }
  });
});
