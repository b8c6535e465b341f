// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** `cancel` and `retry` as scripts see them. */
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { TopicRow } from "../../src/store/rows.ts";
import { systemClock } from "../../src/time/clock.ts";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { noTrace, totals } from "../support/expected.ts";
import { openJob } from "../support/job.ts";
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
    expect(retried.json).toEqual({
      topic: "june",
      retried: 3,
      expired: 0,
      totals: totals({ sent: 2, pending: 3 }),
      reason: null,
    });
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

  describe("by somebody else, while a command moves messages of the topic", () => {
    const MANY = 4_000;

    /** Runs the command, and cancels the topic as soon as `isBegun` says so of it. */
    async function cutShort(args: string[], isBegun: (topic: TopicRow) => boolean) {
      const folder = await workFolder();
      await run(folder, ["import", await writeCampaign(folder, MANY)]);
      if (args[0] === "retry") await run(folder, ["cancel", "june"]);
      const other = await openJob(join(folder, "ses-mail.db"), systemClock);
      const moving = { isDone: false };
      const work = run(folder, args).finally(() => (moving.isDone = true));
      let isCut = false;
      while (!isCut && !moving.isDone) {
        isCut = isBegun((await other.topic("june")) as TopicRow);
        if (isCut) await other.cancel("june");
        await setImmediate();
      }
      const finished = await work;
      const totals = await other.totals("june");
      await other.close();
      const { code, stdout } = finished;
      return { code, stdout, isCut, totals };
    }

    const NEXT = "somebody cancelled the topic meanwhile; reopen it with: ses-mail retry june --state ";

    it("retry says so in one line, and that not everything was done", async () => {
      const args = ["retry", "june", "--state", "failed,cancelled", "--yes", "--quiet"];
      const { code, stdout, isCut, totals } = await cutShort(args, ({ pending }) => pending > 0);
      expect(isCut).toBe(true);
      expect(totals).toMatchObject({ pending: 0, cancelled: MANY });
      expect(stdout).toMatch(/^june: [\d,]+ back to pending; .*\n$/);
      expect(stdout).toContain(`${NEXT}failed,cancelled\n`);
      expect(code).toBe(1);
    });

    it("retry --json has it, too", async () => {
      const args = ["retry", "june", "--state", "cancelled", "--yes", "--json"];
      const { code, stdout, isCut } = await cutShort(args, ({ pending }) => pending > 0);
      expect(isCut).toBe(true);
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ topic: "june", reason: `${NEXT}cancelled` });
    });

    it.each([[[]], [["--json"]]])("schedule %s", async (json) => {
      const args = ["schedule", "--topic", "june", "--at", "+2h", "--quiet", ...json];
      const { code, stdout, isCut } = await cutShort(args, ({ notBefore }) => notBefore !== null);
      expect(isCut).toBe(true);
      expect(code).toBe(1);
      expect(stdout).toContain(`${NEXT}cancelled`);
      expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    });
  });

  it("a retry that leaves a cancelled topic closed, because nothing was in that state, is done", async () => {
    const folder = await workFolder();
    await run(folder, ["import", await writeCampaign(folder, 1)]);
    await run(folder, ["cancel", "june"]);
    const { code, json } = await run(folder, ["retry", "june", "--state", "failed", "--yes", "--json"]);
    expect({ code, json }).toMatchObject({ code: 0, json: { retried: 0, reason: null } });
  });
});
