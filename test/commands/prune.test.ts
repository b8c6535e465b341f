/** `prune`: old topics lose their messages and keep their totals. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { noTrace } from "../support/expected.ts";
import { inJob } from "../support/job.ts";
import { run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

const DAY_MS = 86_400_000;

/** As if all that is there had happened so many days earlier. */
async function age(folder: string, days: number): Promise<void> {
  const by = days * DAY_MS;
  await inJob(
    join(folder, "ses-mail.db"),
    `update sm.topic set created_at = created_at - ${by}, called_at = called_at - ${by};
     update sm.topic_count set first_sent_at = first_sent_at - ${by}, last_sent_at = last_sent_at - ${by};
     update sm.ingest set created_at = created_at - ${by};
     update sm.message set sent_at = sent_at - ${by}, created_at = created_at - ${by};`,
  );
}

/** Topic june was sent 100 days ago, july now; a third waits. */
async function campaigns() {
  const folder = await workFolder();
  const events = join(folder, "events.ndjson");
  const server = await sesServer(folder, { events });
  await run(folder, ["send", await writeCampaign(folder, 3), "--rate", "100"], { env: server.env });
  await age(folder, 100);
  await run(folder, ["send", await writeCampaign(folder, 2, "july"), "--rate", "100"], { env: server.env });
  await run(folder, ["import", await writeCampaign(folder, 1, "august")]);
  await server.sandbox.close();
  await run(folder, ["ingest-events", "events.ndjson"]);
  return { folder, env: server.env };
}

it("removes what finished before, and leaves its totals", async () => {
  const { folder } = await campaigns();
  const before = (await run(folder, ["stats", "june", "--json"])).json;
  const plan = { topics: 1, messages: 3, events: 6 };
  const dry = await run(folder, ["prune", "--older", "90d", "--dry-run", "--json"]);
  expect([dry.code, dry.json]).toEqual([0, plan]);
  const shown = await run(folder, ["prune", "--older", "90d", "--dry-run"]);
  expect(shown.stdout).toMatch(/Nothing was removed.*june: 3 messages.*1 topic, 3 messages, 6 events/s);
  const pruned = await run(folder, ["prune", "--older", "90d", "--yes", "--json"]);
  expect([pruned.code, pruned.json]).toEqual([0, plan]);
  expect((await run(folder, ["stats", "june", "--json"])).json).toEqual(before);
  expect((await run(folder, ["export", "july", "--json"])).json.messages).toHaveLength(2);
  expect((await run(folder, ["prune", "--older", "90d", "--yes", "--json"])).json).toEqual({
    topics: 0,
    messages: 0,
    events: 0,
  });
  expect((await run(folder, ["trace", "p3@example.net", "--json"])).code).toBe(1);
});

it("everything that shows messages says what is missing", async () => {
  const { folder } = await campaigns();
  await run(folder, ["prune", "--older", "90d", "--yes"]);
  const table = await run(folder, ["stats", "june"]);
  expect(table.stdout).toContain("pruned: only these totals are left of it");
  expect((await run(folder, ["stats"])).stdout).toContain(`pruned, with only totals left: "june"`);
  const by = await run(folder, ["stats", "june", "--by", "domain"]);
  expect(by.stderr).toMatch(/3 messages of "june" were removed/);
  expect((await run(folder, ["stats", "june", "--by", "hour", "--json"])).json).toMatchObject({ rows: [], removed: 3 });
  const exported = await run(folder, ["export", "june"]);
  expect(exported.stderr).toMatch(/3 messages of "june" were removed/);
  expect(exported.stdout.trimEnd().split("\n")).toHaveLength(1);
  const report = await run(folder, ["report", "june", "--output", "june-report.html"]);
  expect(report.code).toBe(0);
  expect(await readFile(join(folder, "june-report.html"), "utf8")).toContain("3 messages removed.");
  expect((await run(folder, ["stats", "july"])).stdout).not.toContain("pruned");
});

it("a pruned topic takes nobody any more, and says so", async () => {
  const { folder, env } = await campaigns();
  await run(folder, ["prune", "--older", "90d", "--yes"]);
  for (const [args, words] of [
    [["import", "june.csv"], /was pruned and takes no further recipients.*--topic/],
    [["send", "june.csv", "--rate", "100"], /was pruned/],
    [["retry", "june", "--state", "failed", "--yes"], /was pruned: its messages are gone/],
  ] as const) {
    const { code, stderr } = await run(folder, [...args], { env });
    expect({ args, code, stderr }).toEqual({ args, code: 2, stderr: expect.stringMatching(words) });
    noTrace(stderr);
  }
  const cancelled = await run(folder, ["cancel", "june"]);
  expect(cancelled.code).toBe(0);
  expect(cancelled.stderr).toContain("It was pruned");
  expect(cancelled.stderr).not.toContain("retry");
});

it("asks, and takes a no; without a terminal it wants --yes; less than a day is refused", async () => {
  const { folder } = await campaigns();
  const no = await run(folder, ["prune", "--older", "90d"], { tty: true, stdin: "n\n" });
  expect(no.code).toBe(2);
  expect(no.stderr).toMatch(/june: 3 messages.*Remove this\?/s);
  for (const older of ["12h", "0d", "soon", "2 years", "1e9y", ""]) {
    const { code, stderr } = await run(folder, ["prune", "--older", older, "--yes"]);
    expect({ older, code }).toEqual({ older, code: 2 });
    expect(stderr).toMatch(/at least a day|expects|argument/);
    noTrace(stderr);
  }
  expect((await run(folder, ["prune", "--yes"])).code).toBe(2);
  expect((await run(folder, ["prune", "--older", "90d"])).code).toBe(2);
  expect((await run(await workFolder(), ["prune", "--older", "90d", "--yes"])).code).toBe(2);
  expect((await run(folder, ["prune", "--older", "1y", "--dry-run", "--json"])).json.topics).toBe(0);
  const yes = await run(folder, ["prune", "--older", "90d"], { tty: true, stdin: "y\n" });
  expect(yes.code).toBe(0);
  expect(yes.stdout).toContain("1 topic, 3 messages, 6 events removed");
});

it("says how long an age may be", async () => {
  const folder = await workFolder();
  for (const older of ["999y", "1h"]) {
    const { code, stderr } = await run(folder, ["prune", "--older", older, "--yes"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/at least a day.*at most 100 years/);
  }
});
