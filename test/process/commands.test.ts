/** Every command once as people start it, from bin/ to the exit code: a campaign from the list to the backup. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { rustDatabase, STATUS } from "../support/ancestors.ts";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { noTrace } from "../support/expected.ts";
import { runProcess, start, until, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";
import { jobServer } from "../support/place.ts";

/** In this order; each leaves what the next one needs. */
const STORY: [args: string[], stdout: unknown][] = [
  [["import", "june.csv"], { topic: "june", outcome: "imported" }],
  [["preview", "june.csv"], { to: "p1@example.net", subject: "Hello Person 1" }],
  [["check", "june.csv", "--no-account", "--no-dns"], { topic: "june" }],
  [["send", "--rate", "100"], { outcome: "finished", totals: { sent: 3 } }],
  [["ingest-events", "events.ndjson"], { malformed: 0, unmatched: 0 }],
  [["stats", "june"], { topic: "june", sent: 3, delivered: 3 }],
  [["export", "june"], { messages: [{ state: "sent" }, { state: "sent" }, { state: "sent" }] }],
  [["report", "june", "--output", "june-report.html"], { topic: "june" }],
  [["trace", "p1@example.net"], { messages: [{ topic: "june", state: "sent" }] }],
  [["schedule", "june.csv", "--topic", "july", "--at", "+1d"], { topic: "july", outcome: "scheduled" }],
  [["pause", "july", "--for", "2h"], { topic: "july", pending: 3 }],
  [["resume", "july"], { topic: "july", resumed: true }],
  [["cancel", "july"], { cancelled: 3 }],
  [["retry", "july", "--state", "cancelled", "--yes"], { retried: 3 }],
  [["topics"], { topics: [{ topic: "june" }, { topic: "july", pending: 3 }] }],
  [["prune", "--older", "90d", "--yes"], { topics: 0, messages: 0, events: 0 }],
  [["forget", "nobody@example.net", "--yes"], { address: "nobody@example.net", forgotten: { messages: 0 } }],
  [["suppress", "add", "ann@example.net"], { added: 1 }],
  [["template", "add", "june", "june.html"], { name: "june", version: 1 }],
  [["template", "list"], { templates: [{ name: "june", version: 1 }] }],
  [["key", "add", "ci"], { name: "ci" }],
  [["dead"], { dead: [] }],
  [["workers"], { workers: [], rate: { per_second: null, limit: null } }],
  [["adopt", "sqlite3.db", "--from", "news@example.com"], { program: "aws-ses-sender", rows: 1, added: 1 }],
];
/** Of a job file. */
const BACKUP: (typeof STORY)[number] = [["backup", "copy.db"], { file: "copy.db", messages: 7 }];
/** Three that go on until they are told to end, one that makes a script, and one after which a job is elsewhere. */
const OTHERS = ["serve", "work", "sandbox", "completion", "copy"];

it("from the list to the backup", { timeout: 600_000 }, async () => {
  const folder = await workFolder();
  await writeCampaign(folder, 3);
  rustDatabase(join(folder, "sqlite3.db"), { requests: [{ status: STATUS.stopped }] });
  const events = join(folder, "events.ndjson");
  const server = await sesServer(folder, { events });
  const files = jobServer() === null;
  for (const [args, stdout] of files ? [...STORY, BACKUP] : STORY) {
    if (args[0] === "ingest-events") await server.sandbox.close();
    const result = await runProcess(folder, [...args, "--json"], { env: server.env });
    expect({ args, code: result.code, json: result.json }).toMatchObject({ args, code: 0, json: stdout });
    noTrace(result.stderr);
  }
  expect(server.received().sort()).toEqual(addresses(3));
  const left = ["june-report.html", ...(files ? ["ses-mail.db", "copy.db"] : [])];
  expect(await readdir(folder)).toEqual(expect.arrayContaining(left));
});

// A signal is how a service ends, so it is no interruption.
it.each([
  ["serve", "SIGTERM", ["--port", "0", "--from", "news@example.com", "--sandbox"]],
  ["serve", "SIGINT", ["--port", "0", "--from", "news@example.com", "--sandbox"]],
  ["sandbox", "SIGTERM", ["--port", "0"]],
  ["sandbox", "SIGINT", ["--port", "0"]],
] as const)("%s listens until %s, and ends well", async (command, signal, args) => {
  const env = { SES_MAIL_API_KEY: "a-key-for-the-tests-only" };
  const running = start(await workFolder(), [command, ...args], { env });
  await until(() => /listening on http/.test(running.stderr()) || running.child.exitCode !== null, "it to listen");
  running.kill(signal);
  const { code, stderr } = await running.finished;
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/listening on http/) });
  noTrace(stderr);
});

it("completion", async () => {
  const { code, stdout, stderr } = await runProcess(await workFolder(), ["completion", "bash"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("complete -F");
});

it("there is no other command", async () => {
  const { code, stdout } = await runProcess(await workFolder(), ["--help"]);
  const [, commands = ""] = /^Send:\n([^]*)^Start here:/m.exec(stdout) ?? [];
  const named = [...commands.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name).filter((name) => name !== "help");
  expect(code).toBe(0);
  expect(new Set(named)).toEqual(new Set([...[...STORY, BACKUP].map(([[name]]) => name), ...OTHERS]));
});
