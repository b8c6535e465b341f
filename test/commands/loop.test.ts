/** The whole loop as it is documented: send, let SES speak (late, twice, out of order), take it in, look. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { HTML } from "../support/campaign.ts";
import { run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";

const simulator = (mailbox: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${mailbox}+${index}@simulator.amazonses.com`);

const LIST = [
  ...Array.from({ length: 40 }, (_, index) => `p${index}@example.net`),
  ...simulator("bounce", 3),
  ...simulator("complaint", 2),
  ...simulator("softbounce", 2),
  ...simulator("open", 3),
  ...simulator("click", 2),
  ...simulator("unsubscribe", 1),
  ...simulator("reject", 1),
  ...simulator("ooto", 1),
  ...simulator("delay", 1),
];
const LOUD = [...simulator("bounce", 3), ...simulator("complaint", 2), ...simulator("unsubscribe", 1)];

async function writeList(folder: string, name: string, addresses: string[]): Promise<string> {
  await writeFile(join(folder, `${name}.csv`), `email,name\n${addresses.map((each) => `${each},Ann`).join("\n")}\n`);
  await writeFile(join(folder, `${name}.html`), HTML);
  return `${name}.csv`;
}

const COUNTS = {
  total: 56,
  sent: 56,
  in_doubt: 0,
  delivered: 50,
  bounced_permanent: 3,
  bounced_transient: 3,
  complained: 2,
  opened: 5,
  clicked: 2,
  rejected: 1,
  delayed: 1,
};

it("R10 R11 R12 G6–G9: what came back is counted once, settles what was in doubt, and keeps the next campaign clean", async () => {
  const folder = await workFolder();
  const file = await writeList(folder, "june", LIST);
  const events = join(folder, "events.ndjson");
  const server = await sesServer(folder, {
    events,
    eventDelayMs: 300,
    eventCopies: 2,
    eventShuffle: true,
    faults: ["accept-then-drop:every=8"],
  });
  const sent = await run(folder, ["send", file, "--json"], { env: server.env });
  expect(sent.json.totals).toMatchObject({ total: 56, sent: 49, in_doubt: 7 });
  expect(sent.code).toBe(1);
  await server.sandbox.close();

  const first = await run(folder, ["ingest-events", "events.ndjson", "--json"]);
  const { records, events: count, applied, duplicates, unmatched } = first.json;
  expect(first.json).toMatchObject({ unmatched: 0, ignored: 0, malformed: 0, settled: 7, suppressed: LOUD.length });
  expect({ records, applied, duplicates }).toEqual({ records: count, applied: count / 2, duplicates: count / 2 });
  expect(count).toBe(applied + duplicates + unmatched);
  expect(first.code).toBe(0);
  expect((await run(folder, ["stats", "june", "--json"])).json).toMatchObject(COUNTS);

  const again = await run(folder, ["ingest-events", "-", "--json"], { stdin: await readFile(events) });
  expect(again.json).toMatchObject({ applied: 0, duplicates: count, settled: 0, suppressed: 0 });
  expect((await run(folder, ["stats", "june", "--json"])).json).toMatchObject(COUNTS);

  const rows: Record<string, string>[] = (await run(folder, ["export", "june", "--json"])).json.messages;
  const byAddress = new Map(rows.map((row) => [row["email"] ?? "", row]));
  const row = (mailbox: string) => byAddress.get(`${mailbox}+0@simulator.amazonses.com`);
  expect(row("bounce")).toMatchObject({ state: "sent", bounce_type: "Permanent", bounce_subtype: "General" });
  expect(row("softbounce")).toMatchObject({ bounce_type: "Transient", bounce_subtype: "MailboxFull" });
  const INSTANT = /^\d{4}-\d\d-\d\dT/;
  expect(row("complaint")?.["complained_at"]).toMatch(INSTANT);
  expect(row("open")?.["opened_at"]).toMatch(INSTANT);
  expect(row("click")?.["clicked_at"]).toMatch(INSTANT);
  expect(row("delay")?.["delivered_at"]).toMatch(INSTANT);

  // The next campaign to the same people leaves out those who do not want it or are not there.
  const next = await sesServer(await workFolder());
  const july = await run(folder, ["send", await writeList(folder, "july", LIST), "--json"], { env: next.env });
  expect(july.json.totals).toMatchObject({ total: 56, sent: 50, suppressed: LOUD.length });
  expect(next.received().filter((address) => LOUD.includes(address))).toEqual([]);
  expect(july.code).toBe(0);
});

it("a list that bounces is stopped, until somebody says otherwise; a topic that is done stops nothing", async () => {
  const folder = await workFolder();
  const bad = [...Array.from({ length: 520 }, (_, index) => `p${index}@example.net`), ...simulator("bounce", 40)];
  // The bounces among the first, so that some are left to send.
  const file = await writeList(folder, "bad", [...bad].reverse());
  const events = join(folder, "events.ndjson");
  const server = await sesServer(folder, { events });
  const send = (...args: string[]) => run(folder, ["send", ...args, "--rate", "2000", "--json"], { env: server.env });
  expect((await send(file, "--max", "550")).json).toMatchObject({ outcome: "limit", run: { sent: 550 } });
  await server.sandbox.close();
  await run(folder, ["ingest-events", "events.ndjson"]);

  const again = await sesServer(await workFolder());
  const resume = (args: string[], env: Record<string, string> = {}) =>
    run(folder, ["send", ...args, "--json"], { env: { ...again.env, ...env } });
  const halted = await resume([file]);
  expect(halted.json).toMatchObject({
    outcome: "halted",
    reason: expect.stringMatching(/"bad".*bounce rate of 7\.273 % \(40 of 550 messages\).*5 %.*ses-mail cancel bad/),
    run: { attempts: 0 },
    totals: { pending: 10 },
  });
  expect(halted.code).toBe(3);
  expect((await resume([], { SES_MAIL_MAX_BOUNCE_RATE: "7" })).code).toBe(3);
  expect((await resume(["--max-bounce-rate", "many"])).stderr).toContain("--max-bounce-rate expects percent");
  expect(again.received()).toEqual([]);

  expect((await resume(["--max-bounce-rate", "8", "--max", "5"])).json).toMatchObject({ run: { sent: 5 } });
  expect((await resume(["--max-bounce-rate", "off"])).json).toMatchObject({ outcome: "finished", run: { sent: 5 } });
  // Nothing of it is left: cron goes on with other topics.
  await run(folder, ["import", await writeList(folder, "good", ["ann@example.net"])]);
  expect(await resume([])).toMatchObject({ code: 0 });
});
