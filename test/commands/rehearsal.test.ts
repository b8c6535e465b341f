/** Rehearse, then send for real: the same command without `--sandbox`. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { totals } from "../support/expected.ts";
import { ahead, type Finished, type Json, run, workFolder } from "../support/run.ts";
import { sesServer } from "../support/ses-server.ts";
import { inJob } from "../support/job.ts";

const HTML = "---\nsubject: Hello {{ name }}\nfrom: News <news@example.com>\n---\n<p>Hello {{ name }}</p>\n";
const SIMULATOR = ["bounce", "complaint"].map((mailbox) => `${mailbox}@simulator.amazonses.com`);

async function campaign(people: readonly string[] = ["ann@example.net", ...SIMULATOR]): Promise<string> {
  const folder = await workFolder();
  writeFileSync(join(folder, "june.csv"), `email,name\n${people.map((email) => `${email},Ann\n`).join("")}`);
  writeFileSync(join(folder, "june.html"), HTML);
  return folder;
}

const ok = (finished: Finished): Json => {
  expect({ code: finished.code, stderr: finished.stderr }).toMatchObject({ code: 0 });
  return finished.json;
};
const rehearse = async (folder: string, ...args: string[]): Promise<Json> =>
  ok(await run(folder, ["send", "june.csv", "--sandbox", "--rate", "1000", "--json", ...args]));

describe("after a rehearsal", () => {
  it("the same command without --sandbox sends everybody, once, and says what it removed", async () => {
    const folder = await campaign();
    const server = await sesServer(folder);
    expect(await rehearse(folder)).toMatchObject({ outcome: "finished", totals: totals({ sent: 3 }) });
    expect(await rehearse(folder)).toMatchObject({ outcome: "nothing_to_send" });
    const real = await run(folder, ["send", "june.csv", "--json"], { env: server.env });
    expect(ok(real)).toMatchObject({
      outcome: "finished",
      ingest: { rows: 3, added: 0, duplicates: 3 },
      run: { sent: 3 },
      totals: totals({ sent: 3 }),
      rehearsal_removed: { sent: 3, bounced_permanent: 1, complained: 1 },
    });
    expect(real.stderr).toContain('The rehearsal of "june" is removed: 3 sent, 1 bounce, 1 complaint.');
    expect(server.received().sort()).toEqual(["ann@example.net", ...SIMULATOR]);
    expect(server.calls().some((call) => "ses-mail-rehearsal" in call.tags)).toBe(false);
    const stats = ok(await run(folder, ["stats", "june", "--json"]));
    expect(stats).toMatchObject({ sent: 3 });
    expect(stats).not.toHaveProperty("endpoint");
    // And again: nobody.
    expect(ok(await run(folder, ["send", "june.csv", "--json"], { env: server.env }))).toMatchObject({
      run: { sent: 0 },
    });
    const again = await run(folder, ["send", "june.csv", "--sandbox"]);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('"june" went to Amazon SES, it cannot be rehearsed any more');
    expect(again.stderr).toContain("--topic");
  });

  it("an interrupted one, with messages of every kind, is no different", async () => {
    const folder = await campaign(Array.from({ length: 30 }, (_, index) => `p${index}@example.net`));
    const server = await sesServer(folder);
    await rehearse(folder, "--max", "10");
    await inJob(
      join(folder, "ses-mail.db"),
      `update sm.message set state = 'failed', error = 'x', sent_at = null where id in (1, 2);
       update sm.message set state = 'in_doubt', error = 'x', sent_at = null where id = 3;
       update sm.topic_count set sent = sent - 3, failed = 2, in_doubt = 1`,
    );
    const real = ok(await run(folder, ["send", "--topic", "june", "--json"], { env: server.env }));
    expect(real).toMatchObject({
      run: { sent: 30 },
      totals: totals({ sent: 30 }),
      rehearsal_removed: { sent: 7, failed: 2, in_doubt: 1 },
    });
    expect(new Set(server.received()).size).toBe(30);
  });

  it("a corrected mail may be sent at once, because nobody got the other one", async () => {
    const folder = await campaign(["ann@example.net"]);
    const server = await sesServer(folder, { outbox: join(folder, "outbox") });
    await rehearse(folder);
    writeFileSync(join(folder, "june.html"), HTML.replace("Hello {{ name }}", "Corrected {{ name }}"));
    expect((await run(folder, ["send", "june.csv", "--sandbox"])).code).toBe(2);
    ok(await run(folder, ["send", "june.csv", "--json"], { env: server.env }));
    const [name = ""] = readdirSync(join(folder, "outbox"));
    expect(readFileSync(join(folder, "outbox", name), "utf8")).toContain("Subject: Corrected Ann");
  });

  it("a list whose topic is cancelled is refused as ever, and stays as it is", async () => {
    const folder = await campaign();
    const server = await sesServer(folder);
    await rehearse(folder, "--max", "1");
    await run(folder, ["cancel", "june"]);
    for (const args of [["june.csv"], ["--topic", "june"]]) {
      const refused = await run(folder, ["send", ...args], { env: server.env });
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("is cancelled") });
      expect(refused.stderr).toContain("ses-mail retry june --state cancelled");
    }
    expect(ok(await run(folder, ["topics", "--json"])).topics).toMatchObject([
      { endpoint: "sandbox", sent: 1, cancelled: 2 },
    ]);
  });

  it("a run of all topics leaves it alone, and says so", async () => {
    const folder = await campaign();
    const server = await sesServer(folder);
    await rehearse(folder, "--max", "1");
    const cron = await run(folder, ["send", "--quiet", "--json"], { env: server.env });
    expect(ok(cron)).toMatchObject({ run: { sent: 0 }, totals: totals({ sent: 1, pending: 2 }) });
    expect(cron.stderr).toContain('Not sent: topic "june" was only rehearsed, and 2 of its messages wait');
    expect(cron.stderr).toContain("to send it for real, name it: ses-mail send --topic june\n");
    await rehearse(folder);
    expect((await run(folder, ["send", "--quiet"], { env: server.env })).stderr).toBe("");
    expect((await run(folder, ["send"], { env: server.env })).stderr).toContain('"june" was only rehearsed');
    expect(server.received()).toEqual([]);
  });

  it("of all topics leaves alone what has gone to SES, and says so", async () => {
    const folder = await campaign();
    const server = await sesServer(folder);
    await run(folder, ["send", "june.csv", "--max", "1", "--yes"], { env: server.env });
    const { code, stderr } = await run(folder, ["send", "--sandbox", "--yes"]);
    expect(code).toBe(0);
    const left = 'Not rehearsed: topic "june" has gone to SES, and 2 of its messages wait';
    expect(stderr).toContain(`${left}; for real: ses-mail send --topic june\n`);
    await run(folder, ["send", "--yes"], { env: server.env });
    expect((await run(folder, ["send", "--sandbox", "--yes"])).stderr).not.toContain("Not rehearsed");
  });

  it("of which nothing was due, a run of all topics sends what was scheduled or imported for real", async () => {
    const folder = await campaign(["ann@example.net"]);
    const server = await sesServer(folder);
    await run(folder, ["schedule", "june.csv", "--at", "+1d"]);
    expect(await rehearse(folder)).toMatchObject({ outcome: "nothing_to_send" });
    await run(folder, ["import", "june.csv", "--topic", "paused"]);
    await run(folder, ["pause", "paused"]);
    expect((await run(folder, ["send", "june.csv", "--topic", "paused", "--sandbox"])).code).toBe(3);
    await run(folder, ["resume", "paused"]);
    const { topics } = ok(await run(folder, ["topics", "--json"]));
    expect((topics as Json[]).some((topic) => "endpoint" in topic)).toBe(false);
    const cron = await run(folder, ["send", "--json"], { env: server.env, clock: ahead(86_500_000) });
    expect(ok(cron)).toMatchObject({ run: { sent: 2 } });
    expect(server.received()).toEqual(["ann@example.net", "ann@example.net"]);
  });

  it("import says that a run of all topics leaves it alone, and what sends it", async () => {
    const folder = await campaign();
    await rehearse(folder);
    const imported = await run(folder, ["import", "june.csv", "--quiet", "--json"]);
    expect(ok(imported)).toMatchObject({ outcome: "imported", ingest: { added: 0, duplicates: 3 } });
    expect(imported.stderr).toContain("leaves it alone; for real: ses-mail send --topic june");
  });

  it.each([["june.csv"], ["--topic", "june"]])(
    "schedule %s moves all of it, and nobody is mailed before",
    async (...which) => {
      const folder = await campaign();
      const server = await sesServer(folder);
      await rehearse(folder, "--max", "1");
      const scheduled = await run(folder, ["schedule", ...which, "--at", "+1d", "--json"]);
      expect(ok(scheduled)).toMatchObject({ outcome: "scheduled", totals: totals({ pending: 3 }) });
      expect(scheduled.stderr).toContain("The rehearsal of");
      expect(ok(await run(folder, ["send", "--json"], { env: server.env }))).toMatchObject({ run: { sent: 0 } });
      const later = { env: server.env, clock: ahead(86_500_000) };
      expect(ok(await run(folder, ["send", "--json"], later))).toMatchObject({ run: { sent: 3 } });
    },
  );

  it("each recipient's own time holds for those who were rehearsed, too", async () => {
    const folder = await workFolder();
    writeFileSync(
      join(folder, "june.csv"),
      "email,name,zone\na@x.example,A,Asia/Seoul\nb@x.example,B,America/New_York\n",
    );
    writeFileSync(join(folder, "june.html"), HTML);
    await rehearse(folder);
    ok(await run(folder, ["schedule", "june.csv", "--at", "2090-01-01 09:00", "--tz-column", "zone", "--json"]));
    const waiting = await inJob(join(folder, "ses-mail.db"), "select not_before from sm.message order by id");
    const times = waiting.map(({ not_before: time }) => time);
    expect(times).toEqual(["2090-01-01T00:00:00Z", "2090-01-01T14:00:00Z"].map((time) => Date.parse(time)));
  });

  it("on a terminal it is said before the question, and a no leaves the rehearsal", async () => {
    const folder = await campaign();
    const server = await sesServer(folder);
    await rehearse(folder);
    const before = await readState(folder);
    const no = await run(folder, ["send", "june.csv"], { env: server.env, tty: true, stdin: "n\n" });
    expect(no.code).not.toBe(0);
    expect(no.stderr).toMatch(/Rehearsal +it is removed first: 3 sent, 1 bounce[^]*Send now\?/);
    expect(await readState(folder)).toEqual(before);
    const yes = await run(folder, ["send", "june.csv"], { env: server.env, tty: true, stdin: "y\n" });
    expect(yes.stderr).toMatch(/Send now\?[^]*The rehearsal of "june" is removed/);
    expect(server.received()).toHaveLength(3);
  });
});

describe("before a rehearsal", () => {
  it("a part of a topic whose other messages are scheduled for real is refused, and cron still sends them", async () => {
    const folder = await campaign();
    const server = await sesServer(folder);
    await run(folder, ["schedule", "june.csv", "--at", "+1h"]);
    writeFileSync(
      join(folder, "june.csv"),
      `${readFileSync(join(folder, "june.csv"), "utf8").trimEnd()}\nnew@example.com,New\n`,
    );
    const before = await readState(folder);
    const refused = await run(folder, ["send", "june.csv", "--sandbox"]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toMatch(
      /topic "june" wait to be sent for real \(the next .*\); rehearse .*--topic june-test/,
    );
    expect(await readState(folder)).toEqual(before);
    const cron = await run(folder, ["send"], { env: server.env, clock: ahead(2 * 3_600_000) });
    expect(cron.code).toBe(0);
    expect(server.received()).toHaveLength(3);
  });

  it("what is scheduled stays scheduled when the rehearsal has nothing to send", async () => {
    const folder = await campaign();
    const server = await sesServer(folder);
    ok(await run(folder, ["schedule", "june.csv", "--at", "+1d", "--json"]));
    expect(await rehearse(folder)).toMatchObject({ outcome: "nothing_to_send", totals: totals({ pending: 3 }) });
    expect(ok(await run(folder, ["topics", "--json"])).topics[0]).not.toHaveProperty("endpoint");
    const cron = await run(folder, ["send", "--json"], { env: server.env, clock: ahead(86_500_000) });
    expect(ok(cron)).toMatchObject({ run: { sent: 3 } });
  });

  it("a try without an answer of SES is no obstacle; the topic is rehearsed, and then sent", async () => {
    const folder = await campaign();
    const server = await sesServer(folder);
    const paused = await sesServer(folder, { faults: ["pause"] });
    expect((await run(folder, ["send", "june.csv"], { env: paused.env })).code).toBe(3);
    expect(await rehearse(folder)).toMatchObject({ run: { sent: 3 } });
    expect(ok(await run(folder, ["send", "june.csv", "--json"], { env: server.env }))).toMatchObject({
      run: { sent: 3 },
    });
  });

  it("a job file of the version before knows its rehearsals", async () => {
    const folder = await campaign();
    const server = await sesServer(folder);
    await rehearse(folder);
    await inJob(join(folder, "ses-mail.db"), "update sm.topic set called_at = null");
    expect(ok(await run(folder, ["send", "june.csv", "--json"], { env: server.env }))).toMatchObject({
      run: { sent: 3 },
    });
  });
});

describe("the figures of a rehearsal", () => {
  it("show what the sandbox published, and are said to be of a rehearsal everywhere", async () => {
    const folder = await campaign();
    await rehearse(folder);
    expect(ok(await run(folder, ["stats", "june", "--json"]))).toMatchObject({
      endpoint: "sandbox",
      delivered: 2,
      bounced_permanent: 1,
      complained: 1,
    });
    expect((await run(folder, ["stats", "june"])).stdout).toContain("a rehearsal: nothing left this machine");
    expect((await run(folder, ["stats"])).stdout).toContain("rehears");
    expect((await run(folder, ["topics"])).stdout).toContain("(rehearsal)");
    expect(ok(await run(folder, ["export", "june", "--json"]))).toMatchObject({ topic: "june", endpoint: "sandbox" });
    await run(folder, ["report", "june"]);
    expect(readFileSync(join(folder, "report.html"), "utf8")).toContain("Sandbox: nothing left this machine");
  });

  it("what it suppressed is marked, goes from file to file marked, and keeps no real mail back", async () => {
    const folder = await campaign();
    const server = await sesServer(folder);
    await rehearse(folder);
    const listed = ok(await run(folder, ["suppress", "list", "--json"])).suppressions;
    expect(listed).toMatchObject(SIMULATOR.map((address) => ({ address, rehearsal: true })));
    expect((await run(folder, ["suppress", "list"])).stdout).toContain("rehearsals only");
    const exported = (await run(folder, ["suppress", "export"])).stdout;
    expect(exported.split("\n")[0]).toBe("email,reason,source,created_at,detail,list,scope,rehearsal");
    writeFileSync(join(folder, "list.csv"), exported);
    await run(folder, ["suppress", "import", "list.csv", "--db", "other.db"]);
    expect(ok(await run(folder, ["suppress", "list", "--json", "--db", "other.db"])).suppressions).toEqual(listed);
    // A second rehearsal leaves them out, the real thing does not.
    expect(await rehearse(folder, "--topic", "again")).toMatchObject({ ingest: { added: 1, suppressed: 2 } });
    const real = ok(await run(folder, ["send", "june.csv", "--topic", "july", "--json"], { env: server.env }));
    expect(real).toMatchObject({ ingest: { added: 3, suppressed: 0 }, run: { sent: 3 } });
    ok(await run(folder, ["suppress", "remove", ...SIMULATOR, "--json"]));
    expect(ok(await run(folder, ["suppress", "list", "--json"])).suppressions).toEqual([]);
    // Without any of rehearsals the file is as it always was.
    await run(folder, ["suppress", "add", "ann@example.net"]);
    expect((await run(folder, ["suppress", "export"])).stdout).not.toContain("rehearsal");
  });

  it("events that are taken in from a file when the real thing has begun change nothing of it", async () => {
    const folder = await campaign();
    const server = await sesServer(folder);
    await rehearse(folder, "--sandbox-events", "events.ndjson");
    ok(await run(folder, ["send", "june.csv", "--max", "1", "--json"], { env: server.env }));
    const taken = ok(await run(folder, ["ingest-events", "events.ndjson", "--json"]));
    expect(taken).toMatchObject({ applied: 0, settled: 0, suppressed: 0 });
    expect(ok(await run(folder, ["stats", "june", "--json"]))).toMatchObject({ sent: 1, pending: 2 });
  });
});

describe("the outbox of a rehearsal", () => {
  it("has a mail for each address, and pages to click through", async () => {
    const folder = await campaign();
    await rehearse(folder);
    const outbox = join(folder, "ses-mail-outbox");
    expect(readdirSync(join(outbox, "june")).sort()).toEqual(
      [...["ann@example.net", ...SIMULATOR].map((address) => `${address}.eml`), "index.html", "view"].sort(),
    );
    expect(readFileSync(join(outbox, "index.html"), "utf8")).toContain('href="june/index.html"');
    expect(readFileSync(join(outbox, "june", "index.html"), "utf8")).toContain("Hello Ann");
  });

  it("goes where --outbox says, and without a place for it nothing is changed", async () => {
    const folder = await campaign();
    for (const outbox of ["/proc/here", "june.csv", "june.csv/deep"]) {
      const refused = await run(folder, ["send", "june.csv", "--outbox", outbox]);
      expect({ outbox, code: refused.code, stderr: refused.stderr }).toEqual({
        outbox,
        code: 2,
        stderr: expect.stringContaining("outbox"),
      });
    }
    expect(await rehearse(folder, "--outbox", "a/b")).toMatchObject({ run: { sent: 3 } });
    expect(existsSync(join(folder, "a/b/june/ann@example.net.eml"))).toBe(true);
    expect(existsSync(join(folder, "ses-mail-outbox"))).toBe(false);
  });

  it("that can take no more stops the run: resumable, and with one line that says why", async () => {
    const folder = await campaign();
    await rehearse(folder, "--max", "1");
    writeFileSync(join(folder, "ses-mail-outbox", "july"), "in the way");
    const stopped = await run(folder, ["send", "june.csv", "--sandbox", "--topic", "july", "--json"]);
    expect(stopped.code).toBe(3);
    expect(stopped.json).toMatchObject({ outcome: "halted", totals: totals({ pending: 3 }) });
    expect(stopped.json.reason).toContain("the outbox");
  });
});

async function readState(folder: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const table of ["topic", "topic_count", "message", "event", "feedback"])
    found.push(await inJob(join(folder, "ses-mail.db"), `select * from sm.${table} order by 1, 2`));
  return found;
}
