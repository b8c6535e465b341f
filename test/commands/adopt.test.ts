/** `adopt`: nothing of another program's database is lost, nobody is written to twice, and it may be run again at any time. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Database } from "../../src/store/sqlite/driver.ts";
import { gatewayDatabase, goDatabase, type Old, type OldRow, rustDatabase, STATUS } from "../support/ancestors.ts";
import { run, workFolder } from "../support/run.ts";
import { requireServers } from "../support/servers.ts";

const NO_POSTGRES = requireServers("postgres");
const FROM = ["--from", "News <news@example.com>"];

const EVERY: OldRow[] = [
  { status: STATUS.created, scheduledAt: "2099-05-06 00:00:00" },
  { status: STATUS.created, scheduledAt: "2026-01-01 00:00:00" },
  { status: STATUS.processing },
  { status: STATUS.sent, messageId: "ses-4" },
  { status: STATUS.failed, error: "service error" },
  { status: STATUS.stopped },
];

interface Kind {
  program: string;
  make(folder: string, old: Old): Promise<string>;
}

const RUST: Kind = {
  program: "aws-ses-sender",
  async make(folder, old) {
    rustDatabase(join(folder, "sqlite3.db"), old);
    return "sqlite3.db";
  },
};
const GO: Kind = {
  program: "aws-ses-sender-go",
  async make(folder, old) {
    goDatabase(join(folder, "app.db"), old);
    return "app.db";
  },
};
const GATEWAY: Kind = { program: "messages-api-gateway", make: async (_, old) => (await gatewayDatabase(old)).url };

it("a row that repeats another is known, in the dry run, too, and is not due", async () => {
  const folder = await workFolder();
  const [past, future] = ["2026-01-01 00:00:00", "2099-05-06 00:00:00"];
  const created = (email: string, scheduledAt: string, topic = "june"): OldRow => ({
    status: STATUS.created,
    email,
    topic,
    scheduledAt,
  });
  const requests = [
    { status: STATUS.sent, email: "old@example.net", topic: "june", messageId: "ses-1" },
    created("ann@example.net", past),
    created("ANN@example.net", future),
    created("old@example.net", past),
    created("bob@example.net", future),
    created("ann@example.net", past, "july"),
    { ...created("ann@example.net", past), content: 2 },
    created("ann@example.net", past, ""),
    created("ann@example.net", past, ""),
  ];
  const contents = [1, 2].map((n) => ({ subject: `News ${n}`, content: "<p>News</p>" }));
  const database = await RUST.make(folder, { requests, contents });
  const expected = {
    rows: 9,
    added: 7,
    duplicates: 2,
    states: { pending: 6, sent: 1, in_doubt: 0, failed: 0, cancelled: 0 },
    due: { now: 5, later: 1, first: "2026-01-01T00:00:00.000Z" },
  };
  expect((await run(folder, ["adopt", database, "--dry-run", "--json"])).json).toMatchObject(expected);
  expect((await run(folder, ["adopt", database, ...FROM, "--json"])).json).toMatchObject(expected);
});

it("a database that is not there is told before the sender that is missing, and where its address was named", async () => {
  const folder = await workFolder();
  const nowhere = await run(folder, ["adopt", "nofile.db"]);
  expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining("there is no file ") });
  const away = await run(folder, ["adopt", "postgres://u:p@127.0.0.1:1/x"]);
  expect(away.stderr).toContain("is the server running? the address that you named says where;");
  expect(away.stderr).not.toContain("SES_MAIL_DB");
  const database = await RUST.make(folder, { requests: EVERY });
  expect((await run(folder, ["adopt", database])).stderr).toContain("the mail has no sender; give it with --from");
});

it("nobody who is suppressed counts as due", async () => {
  const folder = await workFolder();
  await run(folder, ["suppress", "add", "p1@example.net"]);
  const database = await RUST.make(folder, { requests: [1, 2].map(() => ({ status: STATUS.created })) });
  const { json } = await run(folder, ["adopt", database, ...FROM, "--json"]);
  expect(json).toMatchObject({ added: 1, suppressed: 1, due: { now: 1, later: 0 } });
});

const messagesOf = async (folder: string, topic: string) =>
  (await run(folder, ["export", topic, "--json"])).json.messages;

describe.each([RUST, GO, GATEWAY])("$program", ({ program, make }) => {
  it.skipIf(program === GATEWAY.program && NO_POSTGRES)("every status becomes a state of ours", async () => {
    const folder = await workFolder();
    const database = await make(folder, { requests: EVERY });
    const { code, json } = await run(folder, ["adopt", database, ...FROM, "--json"]);
    expect({ code, json }).toMatchObject({
      code: 0,
      json: {
        program,
        rows: 6,
        added: 6,
        duplicates: 0,
        rejected: 0,
        suppressed: 0,
        states: { pending: 2, sent: 1, in_doubt: 1, failed: 1, cancelled: 1 },
        due: { now: 1, later: 1, first: "2026-01-01T00:00:00.000Z" },
        rejects_file: null,
        changed_meanwhile: false,
      },
    });
    const stats = await run(folder, ["stats", "newsletter_2024_01", "--json"]);
    expect(stats.json).toMatchObject({
      total: 6,
      pending: 2,
      sending: 0,
      sent: 1,
      in_doubt: 1,
      failed: 1,
      cancelled: 1,
    });
    const messages = await messagesOf(folder, "newsletter_2024_01");
    const of = (n: number) => messages.find(({ email }: { email: string }) => email === `p${n}@example.net`);
    const known = program !== GATEWAY.program;
    expect(of(4)).toMatchObject({
      state: "sent",
      ses_message_id: known ? "ses-4" : null,
      sent_at: expect.stringMatching(/^2026-01-02T03:05:00/),
    });
    expect(of(3)).toMatchObject({ state: "in_doubt", error: expect.stringContaining(program) });
    expect(of(5)).toMatchObject({ state: "failed", error: "service error" });
    expect(of(6)).toMatchObject({ state: "cancelled" });
  });

  it.skipIf(program === GATEWAY.program && NO_POSTGRES)("running it again adds nothing", async () => {
    const folder = await workFolder();
    const database = await make(folder, { requests: EVERY });
    await run(folder, ["adopt", database, ...FROM]);
    const again = await run(folder, ["adopt", database, "--from", "other@example.com", "--json"]);
    expect(again).toMatchObject({ code: 0, stderr: "", json: { rows: 6, added: 0, duplicates: 6 } });
    expect((await run(folder, ["stats", "newsletter_2024_01", "--json"])).json.total).toBe(6);
  });

  it.skipIf(program === GATEWAY.program && NO_POSTGRES)("a dry run stores nothing, and says the same", async () => {
    const folder = await workFolder();
    const database = await make(folder, { requests: EVERY });
    const dry = await run(folder, ["adopt", database, "--dry-run", "--json"]);
    const { json } = await run(folder, ["adopt", database, ...FROM, "--json"]);
    expect(dry.json).toEqual({ ...json, dry_run: true });
  });

  it.skipIf(program === GATEWAY.program && NO_POSTGRES)("an empty database has nothing to adopt", async () => {
    const folder = await workFolder();
    const { code, json } = await run(folder, ["adopt", await make(folder, { requests: [] }), ...FROM, "--json"]);
    expect({ code, json }).toMatchObject({ code: 0, json: { rows: 0, added: 0, due: { first: null } } });
  });

  it.skipIf(program === GATEWAY.program && NO_POSTGRES)("what cannot be mail goes into the rejects file", async () => {
    const folder = await workFolder();
    const database = await make(folder, {
      contents: [
        { subject: "Hello", content: "<p>Hello</p>" },
        { subject: "Bcc: x\r\nHello", content: "<p>Hello</p>" },
        { subject: "Hello", content: " " },
      ],
      requests: [
        { status: STATUS.created },
        { status: STATUS.created, email: "nobody" },
        { status: STATUS.created, content: 2 },
        { status: STATUS.created, content: 3 },
        { status: 7 },
      ],
    });
    const { code, json } = await run(folder, ["adopt", database, ...FROM, "--json"]);
    expect({ code, json }).toMatchObject({ code: 1, json: { rows: 5, added: 1, rejected: 4 } });
    const lines = readFileSync(join(folder, json.rejects_file), "utf8").trim().split("\n");
    expect(lines).toHaveLength(5);
    expect(lines[0]).toBe("line,reason,id,email,topic_id,status,scheduled_at,error,content_id");
    expect(lines.slice(1).join("\n")).toMatch(/has no @[^]*control characters[^]*content is empty[^]*none of 0 to 4/);
  });

  it.skipIf(program === GATEWAY.program && NO_POSTGRES)("rows without a topic are single mails", async () => {
    const folder = await workFolder();
    const twice = { status: STATUS.created, topic: "", email: "ann@example.net" };
    const database = await make(folder, { requests: [twice, twice] });
    expect((await run(folder, ["adopt", database, ...FROM, "--json"])).json).toMatchObject({ added: 2 });
    expect((await run(folder, ["stats", "no-topic", "--json"])).json).toMatchObject({ pending: 2 });
  });

  it.skipIf(program === GATEWAY.program && NO_POSTGRES)(
    "of several with one content in one topic, what was sent counts",
    async () => {
      const folder = await workFolder();
      const same = { email: "ann@example.net" };
      const bob = { email: "bob@example.net" };
      const database = await make(folder, {
        requests: [
          { ...same, status: STATUS.stopped },
          { ...same, status: STATUS.created },
          { ...same, status: STATUS.sent },
          { ...bob, status: STATUS.failed },
          { ...bob, status: STATUS.created },
        ],
      });
      const { json } = await run(folder, ["adopt", database, ...FROM, "--json"]);
      expect(json).toMatchObject({ rows: 5, added: 2, duplicates: 3, states: { sent: 1, pending: 1 } });
      expect(await messagesOf(folder, "newsletter_2024_01")).toMatchObject([
        { email: "ann@example.net", state: "sent" },
        { email: "bob@example.net", state: "pending" },
      ]);
    },
  );
});

const bounce = (messageId: string, email: string) =>
  JSON.stringify({
    notificationType: "Bounce",
    bounce: {
      bounceType: "Permanent",
      bounceSubType: "General",
      bouncedRecipients: [{ emailAddress: email, status: "5.1.1", diagnosticCode: "smtp; 550 5.1.1" }],
      timestamp: "2026-01-02T03:06:00.000Z",
      feedbackId: `f-${messageId}`,
    },
    mail: { timestamp: "2026-01-02T03:05:00.000Z", messageId, destination: [email] },
  });

it.each([RUST, GO, GATEWAY])("$program: whoever complained is suppressed, whatever was kept of that", async (kind) => {
  if (kind === GATEWAY && NO_POSTGRES) return;
  const folder = await workFolder();
  const requests = [1, 2, 3, 4, 5].map((n): OldRow => ({
    status: STATUS.sent,
    messageId: n === 2 ? null : `ses-${n}`,
  }));
  const database = await kind.make(folder, {
    requests,
    results: [
      { request: 1, status: "Complaint", raw: null },
      { request: 2, status: "Complaint", raw: "{}" },
      { request: 3, status: "Bounce", raw: JSON.stringify({ bounce: { bounceType: "Permanent" } }) },
      { request: 4, status: "Bounce", raw: "{}" },
      { request: 5, status: "Delivery", raw: "{}" },
      { request: 5, status: "Delivery", raw: null },
    ],
  });
  const adopt = () => run(folder, ["adopt", database, ...FROM]);
  const { code, stderr } = await adopt();
  expect(code).toBe(0);
  expect(stderr).toContain("1 report was passed over: each is a bounce, and does not say that it is final.");
  expect(stderr).toContain('2 reports were passed over: each has the status "Delivery", and no event of SES.');
  const suppressed = async () =>
    (await run(folder, ["suppress", "list", "--json"])).json.suppressions
      .map(({ address, reason }: Record<string, string>) => `${address} ${reason}`)
      .sort();
  expect(await suppressed()).toEqual(["p1@example.net complaint", "p2@example.net complaint", "p3@example.net bounce"]);
  // Whoever was allowed again stays so.
  await run(folder, ["suppress", "remove", "p1@example.net", "p2@example.net"]);
  const { json } = await run(folder, ["adopt", database, ...FROM, "--json"]);
  expect(json).toMatchObject({ events: { events: 3, duplicates: 3, suppressed: 0, ignored: 3 } });
  expect(await suppressed()).toEqual(["p3@example.net bounce"]);
  expect((await run(folder, ["stats", "newsletter_2024_01", "--json"])).json).toMatchObject(
    kind === GATEWAY ? { total: 5 } : { total: 5, complained: 1, bounced_permanent: 1 },
  );
});

it.each([RUST, GO])("$program: reports become events, and bounces suppress", async ({ make }) => {
  const folder = await workFolder();
  const database = await make(folder, {
    contents: [
      { subject: "One", content: "<p>One</p>" },
      { subject: "Two", content: "<p>Two</p>" },
    ],
    requests: [
      { status: STATUS.sent, messageId: "ses-1", email: "gone@example.net" },
      { status: STATUS.sent, messageId: "ses-2", email: "ann@example.net" },
      { status: STATUS.created, email: "gone@example.net", content: 2 },
      { status: STATUS.processing, email: "bob@example.net" },
    ],
    results: [
      { request: 1, status: "Bounce", raw: bounce("ses-1", "gone@example.net") },
      { request: 2, status: "Open", raw: null, at: "2026-01-03 00:00:00" },
      { request: 2, status: "Open", raw: null, at: "2026-01-04 00:00:00" },
      { request: 4, status: "Bounce", raw: bounce("ses-4", "bob@example.net") },
      { request: 2, status: "Delivery", raw: "no JSON" },
    ],
  });
  const args = ["adopt", database, ...FROM, "--json"];
  const { code, json, stderr } = await run(folder, args);
  expect({ code, json }).toMatchObject({
    code: 0,
    json: {
      // The report proves that the mail left which was being sent.
      states: { sent: 3, pending: 0, in_doubt: 0 },
      suppressed: 1,
      events: { records: 5, events: 4, applied: 4, malformed: 1, suppressed: 2 },
    },
  });
  expect(stderr).toContain("report 5 in email_results");
  expect((await run(folder, ["stats", "newsletter_2024_01", "--json"])).json).toMatchObject({
    sent: 3,
    suppressed: 1,
    bounced_permanent: 2,
    opened: 1,
  });
  expect((await run(folder, args)).json).toMatchObject({ added: 0, events: { applied: 0, duplicates: 4 } });
});

it("a late event still finds the mail that the other program sent", async () => {
  const folder = await workFolder();
  rustDatabase(join(folder, "sqlite3.db"), { requests: [{ status: STATUS.sent, messageId: "ses-1" }] });
  await run(folder, ["adopt", "sqlite3.db", ...FROM]);
  writeFileSync(join(folder, "late.json"), bounce("ses-1", "p1@example.net"));
  expect((await run(folder, ["ingest-events", "late.json", "--json"])).json).toMatchObject({
    applied: 1,
    suppressed: 1,
  });
});

it("rows that were deleted are left out", async () => {
  const folder = await workFolder();
  goDatabase(join(folder, "app.db"), {
    requests: [{ status: STATUS.created, deleted: true }, { status: STATUS.created }],
  });
  expect((await run(folder, ["adopt", "app.db", ...FROM, "--json"])).json).toMatchObject({ rows: 1, added: 1 });
});

it("a recipient with a display name is read as Go read it", async () => {
  const folder = await workFolder();
  goDatabase(join(folder, "app.db"), { requests: [{ status: STATUS.created, email: "Ann Lee <ann@example.net>" }] });
  await run(folder, ["adopt", "app.db", ...FROM]);
  expect(await messagesOf(folder, "newsletter_2024_01")).toMatchObject([{ email: "ann@example.net" }]);
});

it.each([RUST, GO])("$program: junk is never taken for something valid", async ({ program, make }) => {
  const folder = await workFolder();
  const junk = ["status = 'abc'", "status = ''", "status = '0x'", "status = 0.5", "status = x'30'"];
  const others = [
    "content_id = '1abc'",
    "content_id = x'31'",
    `"${program === GO.program ? "to" : "email"}" = x'614062'`,
  ];
  const times = ["scheduled_at = x'323032362d30312d30312030303a30303a3030'"];
  const sets = [...junk, ...others, ...times, "content_id = 2", "content_id = 3"];
  const database = await make(folder, {
    contents: ["One", "Two", "Three"].map((subject) => ({ subject, content: `<p>${subject}</p>` })),
    requests: [...sets.map(() => ({ status: STATUS.created })), { status: STATUS.created }],
  });
  const db = new Database(join(folder, database));
  db.pragma("foreign_keys = off");
  for (const [at, set] of sets.entries()) db.exec(`update email_requests set ${set} where id = ${at + 1}`);
  db.exec(
    "update email_contents set subject = x'41' where id = 2; update email_contents set content = x'41' where id = 3",
  );
  db.close();
  const { code, json } = await run(folder, ["adopt", database, ...FROM, "--json"]);
  expect({ code, json }).toMatchObject({ code: 1, json: { rows: 12, added: 1, rejected: 11 } });
  const text = readFileSync(join(folder, json.rejects_file), "utf8");
  expect(text.match(/its status is none of 0 to 4/g)).toHaveLength(junk.length);
  expect(text.match(/its content is missing/g)).toHaveLength(2);
  expect(text).toMatch(/its time cannot be read[^]*its subject is no text[^]*its content is no text/);
});

it.each(["next Tuesday", "", " "])("a time that cannot be read is never now: '%s'", async (scheduledAt) => {
  const folder = await workFolder();
  rustDatabase(join(folder, "sqlite3.db"), { requests: [{ status: STATUS.created, scheduledAt }] });
  const { code, json } = await run(folder, ["adopt", "sqlite3.db", ...FROM, "--json"]);
  expect({ code, json }).toMatchObject({ code: 1, json: { added: 0, rejected: 1 } });
});

it("topics that cannot be called so here get a name of their own", async () => {
  const folder = await workFolder();
  rustDatabase(join(folder, "sqlite3.db"), {
    requests: [
      { status: STATUS.created, topic: "news/june" },
      { status: STATUS.created, topic: "news-june" },
      { status: STATUS.created, topic: "news\u200bjune" },
      { status: STATUS.created, topic: "n".repeat(200) },
    ],
  });
  const { json } = await run(folder, ["adopt", "sqlite3.db", ...FROM, "--json"]);
  expect(json).toMatchObject({ added: 4, rejected: 0, renamed: [{}, {}, {}] });
  const { topics } = (await run(folder, ["topics", "--json"])).json;
  expect(topics).toHaveLength(4);
  expect(topics.map(({ topic }: { topic: string }) => topic)).toEqual(
    expect.arrayContaining([expect.stringMatching(/^news-june \([0-9a-f]{8}\)$/), "news-june"]),
  );
});

it("two databases of one program do not take each other's rows for theirs", async () => {
  const folder = await workFolder();
  rustDatabase(join(folder, "one.db"), { requests: [{ status: STATUS.created, email: "ann@example.net" }] });
  rustDatabase(join(folder, "two.db"), { requests: [{ status: STATUS.created, email: "bob@example.net" }] });
  await run(folder, ["adopt", "one.db", ...FROM]);
  expect((await run(folder, ["adopt", "two.db", ...FROM, "--json"])).json).toMatchObject({ added: 1, duplicates: 0 });
});

it("a topic that is cancelled here refuses its rows, and the others are taken", async () => {
  const folder = await workFolder();
  rustDatabase(join(folder, "first.db"), { requests: [{ status: STATUS.created, topic: "june" }] });
  await run(folder, ["adopt", "first.db", ...FROM]);
  await run(folder, ["cancel", "june"]);
  rustDatabase(join(folder, "second.db"), {
    requests: [
      { status: STATUS.created, topic: "june", email: "ann@example.net" },
      { status: STATUS.created, topic: "july", email: "ann@example.net" },
    ],
  });
  const { code, json } = await run(folder, ["adopt", "second.db", ...FROM, "--json"]);
  expect({ code, json }).toMatchObject({ code: 1, json: { added: 1, rejected: 1 } });
  expect(readFileSync(join(folder, "second.db.rejects.csv"), "utf8")).toContain("cancelled");
});

it("contents with braces are sent as they are", async () => {
  const folder = await workFolder();
  rustDatabase(join(folder, "sqlite3.db"), {
    contents: [{ subject: "{{ hello }}", content: "<p>{{ name }} {% if %}</p>" }],
    requests: [{ status: STATUS.created }],
  });
  await run(folder, ["adopt", "sqlite3.db", ...FROM]);
  const sent = await run(folder, ["send", "--topic", "newsletter_2024_01", "--sandbox", "--yes", "--json"]);
  expect(sent.json).toMatchObject({ run: { sent: 1 } });
});

it("the first version of aws-ses-sender had subject and content in each row", async () => {
  const folder = await workFolder();
  const db = new Database(join(folder, "sqlite3.db"));
  db.exec(`create table email_requests (id integer primary key autoincrement, topic_id varchar(255) not null,
      message_id varchar(255), email varchar(255) not null, subject varchar(255) not null, content text not null,
      scheduled_at datetime not null, status tinyint not null default 0, error varchar(255),
      created_at datetime not null default (datetime('now')), updated_at datetime not null default (datetime('now')),
      deleted_at datetime);
    create table email_results (id integer primary key autoincrement, request_id integer not null, status varchar(50) not null,
      raw text, created_at datetime not null default (datetime('now')));
    insert into email_requests (topic_id, email, subject, content, scheduled_at) values
      ('june', 'ann@example.net', 'Hello', '<p>Hello</p>', '2026-01-01 09:00:00')`);
  db.close();
  const { json } = await run(folder, ["adopt", "sqlite3.db", ...FROM, "--json"]);
  expect(json).toMatchObject({ added: 1, due: { first: "2026-01-01T09:00:00.000Z" } });
});

describe("what is no database of theirs", () => {
  const withTable = (path: string) => {
    const db = new Database(path);
    db.exec("create table email_requests (id integer primary key, note text)");
    db.close();
  };
  it.each<[string, (path: string) => void, RegExp]>([
    ["a missing file", () => undefined, /there is no file .*old\.db/],
    ["no SQLite file", (path) => writeFileSync(path, "hello ".repeat(1_000)), /is no SQLite database/],
    ["an empty file", (path) => writeFileSync(path, ""), /is not the database/],
    ["a database of something else", withTable, /is not the database of a program/],
    ["a folder", (path) => mkdirSync(path), /is no file/],
  ])("%s", async (_, make, words) => {
    const folder = await workFolder();
    make(join(folder, "old.db"));
    const { code, stderr } = await run(folder, ["adopt", "old.db", ...FROM]);
    expect(stderr).toMatch(words);
    expect(code).toBe(2);
  });

  it("a job file of ours", async () => {
    const folder = await workFolder();
    rustDatabase(join(folder, "one.db"), { requests: [{ status: STATUS.created }] });
    await run(folder, ["adopt", "one.db", "--db", "ours.db", ...FROM], { env: { SES_MAIL_DB: "" } });
    const { code, stderr } = await run(folder, ["adopt", "ours.db", ...FROM]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(/job file of ses-mail|no file/) });
  });

  it.skipIf(NO_POSTGRES)("another PostgreSQL database, of which no password is shown", async () => {
    const { url, query } = await gatewayDatabase({ requests: [] });
    await query("drop table email_results");
    const folder = await workFolder();
    const { code, stderr } = await run(folder, ["adopt", url, ...FROM]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("is not the database of") });
    expect(stderr).not.toContain(new URL(url).password);
  });
});

describe.skipIf(NO_POSTGRES)("a gateway with columns of other types", () => {
  const UNTIED = "alter table email_requests drop constraint email_requests_content_id_fkey;";
  const UUID = "('00000000-0000-4000-8000-' || lpad(%::text, 12, '0'))::uuid";
  const retyped = (table: string, column: string, type: string, using = `${column}::${type}`) =>
    `alter table ${table} alter column ${column} drop default, alter column ${column} type ${type} using ${using};`;
  const uuids = [
    ["email_contents", "id"],
    ["email_requests", "content_id"],
  ].map(([table = "", column = ""]) => retyped(table, column, "uuid", UUID.replace("%", column)));

  it.each<[string, string]>([
    ["uuids name contents", UNTIED + uuids.join("")],
    ["texts name contents", UNTIED + retyped("email_requests", "content_id", "text")],
    ["contents have bigger numbers", UNTIED + retyped("email_contents", "id", "bigint")],
    ["status is a text", retyped("email_requests", "status", "text")],
    ["status is a bigger number", retyped("email_requests", "status", "bigint")],
    ["reports are texts", retyped("email_results", "raw", "text", "raw #>> '{}'")],
    ["times have no zone", retyped("email_requests", "scheduled_at", "timestamp", "scheduled_at at time zone 'UTC'")],
  ])("%s", async (_, sql) => {
    const folder = await workFolder();
    const { url, query } = await gatewayDatabase({
      requests: EVERY,
      results: [{ request: 3, status: "Bounce", raw: bounce("ses-3", "p3@example.net") }],
    });
    await query(sql);
    const { code, json, stderr } = await run(folder, ["adopt", url, ...FROM, "--json"]);
    expect({ code, json, stderr }).toMatchObject({
      code: 0,
      json: { added: 6, states: { pending: 2, sent: 2 }, due: { first: "2026-01-01T00:00:00.000Z" } },
    });
  });

  it("a row that names no content is refused", async () => {
    const folder = await workFolder();
    const { url, query } = await gatewayDatabase({ requests: EVERY });
    await query(
      "alter table email_requests alter content_id drop not null; update email_requests set content_id = null where status = 2",
    );
    const { code, json } = await run(folder, ["adopt", url, ...FROM, "--json"]);
    expect({ code, json }).toMatchObject({ code: 1, json: { added: 5, rejected: 1 } });
  });

  it("rows without an id are told of", async () => {
    const folder = await workFolder();
    const { url, query } = await gatewayDatabase({ requests: EVERY });
    await query(
      "alter table email_requests drop constraint email_requests_pkey cascade; alter table email_requests alter id drop not null; update email_requests set id = null where status = 2",
    );
    const { code, stderr } = await run(folder, ["adopt", url, ...FROM]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("without an id") });
  });

  it("junk in them is never taken for something valid", async () => {
    const folder = await workFolder();
    const { url, query } = await gatewayDatabase({ requests: Array.from({ length: 4 }, () => ({ status: 0 })) });
    const set = (at: number, what: string) => `update email_requests set ${what} where id::text like '%${at}';`;
    await query(
      UNTIED +
        retyped("email_requests", "status", "text") +
        retyped("email_requests", "content_id", "text") +
        set(1, "status = 'abc'") +
        set(2, "content_id = '1abc'") +
        set(3, "scheduled_at = 'infinity'"),
    );
    const { code, json } = await run(folder, ["adopt", url, ...FROM, "--json"]);
    expect({ code, json }).toMatchObject({ code: 1, json: { added: 1, rejected: 3 } });
    const text = readFileSync(join(folder, json.rejects_file), "utf8");
    expect(text).toMatch(
      /its content is missing[^]*its time cannot be read: ""infinity""[^]*its status is none of 0 to 4/,
    );
  });

  it.each([
    ["a column is missing", "alter table email_results drop column created_at", /created_at/],
    ["a time is a truth", retyped("email_requests", "updated_at", "boolean", "true"), /boolean/],
  ])("%s: that is said in one line", async (_, sql, words) => {
    const folder = await workFolder();
    const { url, query } = await gatewayDatabase({ requests: EVERY });
    await query(sql);
    const { code, stderr } = await run(folder, ["adopt", url, ...FROM]);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/expected email_requests, email_contents and email_results/);
    expect({ code, lines: stderr.trim().split("\n").length }).toEqual({ code: 2, lines: 1 });
  });
});

it("without a sender nothing is stored", async () => {
  const folder = await workFolder();
  rustDatabase(join(folder, "sqlite3.db"), { requests: EVERY });
  const { code, stderr } = await run(folder, ["adopt", "sqlite3.db"]);
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("--from") });
  expect(stderr).not.toContain("front matter");
});

it("warns of a program that has the file open, and of what it wrote meanwhile", async () => {
  const folder = await workFolder();
  rustDatabase(join(folder, "sqlite3.db"), { requests: EVERY });
  const theirs = new Database(join(folder, "sqlite3.db"));
  theirs.prepare("update email_requests set error = 'x' where id = 1").run();
  const { code, stderr } = await run(folder, ["adopt", "sqlite3.db", ...FROM]);
  theirs.close();
  expect(stderr).toMatch(/Stop aws-ses-sender before you adopt/);
  expect(code).toBe(0);
});

it.skipIf(NO_POSTGRES)("a gateway that is still connected is told of", async () => {
  const folder = await workFolder();
  const { url, connect } = await gatewayDatabase({ requests: EVERY });
  await connect();
  const { stderr } = await run(folder, ["adopt", url, "--dry-run"]);
  expect(stderr).toMatch(/Stop messages-api-gateway before you adopt what it has: 1 other connection/);
});
