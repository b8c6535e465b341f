// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** `forget`: a person is removed, and not written to again. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock } from "../../src/time/clock.ts";
import { writeCampaign } from "../support/campaign.ts";
import { noTrace } from "../support/expected.ts";
import { inJob, openJob } from "../support/job.ts";
import { jobServer } from "../support/place.ts";
import { run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

async function sentCampaign(people = 3) {
  const folder = await workFolder();
  const server = await sesServer(folder);
  await run(folder, ["send", await writeCampaign(folder, people), "--rate", "100"], { env: server.env });
  return { folder, env: server.env, received: server.received };
}

it("says what was removed, leaves the others, and writes to him no more", async () => {
  const { folder, env, received } = await sentCampaign();
  const { code, json } = await run(folder, ["forget", "P2@EXAMPLE.net", "--yes", "--json"]);
  expect(code).toBe(0);
  expect(json).toEqual({ address: "P2@example.net", forgotten: { messages: 1, events: 0, suppressions: 0 } });
  const again = await run(folder, ["forget", "p2@example.net", "--yes", "--json"]);
  expect(again.json).toEqual({ address: "p2@example.net", forgotten: { messages: 0, events: 0, suppressions: 0 } });
  const rows = await inJob(join(folder, "ses-mail.db"), "select email from sm.message order by id");
  expect(rows.map(({ email }) => email)).toEqual(["p1@example.net", "p3@example.net"]);
  const before = received().length;
  const next = await run(folder, ["send", "june.csv", "--topic", "july", "--rate", "100", "--json"], { env });
  expect(next.json.totals).toMatchObject({ sent: 2, suppressed: 1 });
  expect(received().slice(before)).not.toContain("p2@example.net");
});

it("trace says that he was forgotten, and when, and no more", async () => {
  const { folder } = await sentCampaign();
  await run(folder, ["forget", "p2@example.net", "--yes"]);
  const { code, stdout } = await run(folder, ["trace", "p2@example.net"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^p2@example\.net was forgotten on \d{4}-\S+Z, and is not written to\n$/);
  const { json } = await run(folder, ["trace", "p2@example.net", "--json"]);
  expect(json.messages).toEqual([]);
  expect(json.suppressions).toMatchObject([{ reason: "forgotten", source: "manual", detail: null }]);
});

it("knows the address in any case, and its domain in any form", async () => {
  const { folder } = await sentCampaign();
  const store = await openJob(join(folder, "ses-mail.db"), systemClock);
  await store.suppress([{ address: "ann@xn--mnchen-3ya.example", reason: "manual", source: "manual" }]);
  await store.close();
  const { json } = await run(folder, ["forget", "Ann@München.example", "--yes", "--json"]);
  expect(json).toEqual({
    address: "Ann@xn--mnchen-3ya.example",
    forgotten: { messages: 0, events: 0, suppressions: 1 },
  });
  const list = await run(folder, ["suppress", "list", "--json"]);
  expect(JSON.stringify(list.json)).not.toMatch(/mnchen/);
});

it("is refused while mail to him waits, and says which; nothing is changed then", async () => {
  const { folder, env } = await sentCampaign();
  await run(folder, ["import", "june.csv", "--topic", "july"]);
  const { code, stderr } = await run(folder, ["forget", "p2@example.net", "--yes"]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/"july" \(1 pending\).*ses-mail cancel july/);
  noTrace(stderr);
  expect((await run(folder, ["trace", "p2@example.net", "--json"])).json.messages).toHaveLength(2);
  await run(folder, ["cancel", "july"]);
  expect((await run(folder, ["forget", "p2@example.net", "--yes", "--json"])).json.forgotten.messages).toBe(2);
  expect((await run(folder, ["stats", "june", "--json"], { env })).json).toMatchObject({ total: 3, sent: 3 });
});

it("asks, and takes a no; without a terminal it wants --yes; what is no address is refused", async () => {
  const { folder } = await sentCampaign();
  const no = await run(folder, ["forget", "p2@example.net"], { tty: true, stdin: "n\n" });
  expect(no.code).toBe(2);
  expect(no.stderr).toMatch(/Forget p2@example\.net\?.*not confirmed; nothing was changed/s);
  for (const args of [
    ["forget", "p2@example.net"],
    ["forget", "p2", "--yes"],
    ["forget", "--yes"],
  ]) {
    const { code, stderr } = await run(folder, args);
    expect({ args, code }).toEqual({ args, code: 2 });
    noTrace(stderr);
  }
  expect((await run(folder, ["trace", "p2@example.net", "--json"])).json.messages).toHaveLength(1);
  const yes = await run(folder, ["forget", "p2@example.net"], { tty: true, stdin: "y\n" });
  expect(yes.code).toBe(0);
  expect(yes.stderr).toMatch(/backups/);
  expect((await run(await workFolder(), ["forget", "p2@example.net", "--yes"])).code).toBe(2);
});

it.skipIf(jobServer() !== null)("nothing of him is in the file, once it was copied", async () => {
  const { folder } = await sentCampaign(300);
  await run(folder, ["forget", "p222@example.net", "--yes"]);
  await run(folder, ["backup", "copy.db"]);
  const bytes = await readFile(join(folder, "copy.db"));
  expect(bytes.includes("p221@example.net")).toBe(true);
  for (const word of ["p222@example.net", 'Person 222"']) expect(bytes.includes(word), word).toBe(false);
});
