/** Databases that a job may find: strange names, others' tables, settings that some administrator chose; and those it must refuse. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { StoppedError, UserError } from "../../../src/errors.ts";
import { parseAddress } from "../../../src/store/postgres/address.ts";
import { createJob, type Job, read, snapshot } from "../../../src/store/postgres/connection.ts";
import { NO_WAITING } from "../../../src/store/postgres/waits.ts";
import { transaction } from "../../../src/store/postgres/transaction.ts";
import { lockKey } from "../../../src/store/postgres/locks.ts";
import { type PostgresOptions as OpenOptions, openStore, storeExists } from "../../../src/store/postgres/store.ts";
import { createDatabaseTime } from "../../../src/store/postgres/time.ts";
import type { Opened } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { databaseProxy } from "../../support/database-proxy.ts";
import { type Postgres, queryOnce, startPostgres } from "../../support/postgres.ts";
import { requireServers } from "../../support/servers.ts";
import { dropSchema, newSchema, onServer, sharedServer } from "../../support/shared-postgres.ts";
import { startPair } from "../../support/standby.ts";
import { EVERYTHING, failed, ingest, messagesOf, sent, settle, states, turn } from "../../support/store-actions.ts";
import { counts } from "../bench.ts";
import { everything } from "../sound.ts";

const addresses = (count: number): string[] => Array.from({ length: count }, (_, index) => `p${index}@x.example`);

async function opened(url: string, options: OpenOptions = {}): Promise<Opened> {
  const store = await openStore(url, systemClock, options);
  onTestFinished(() => store.close());
  return store;
}

/** Opens a job in a schema of the shared server. */
async function inSchema(schema: string): Promise<Opened> {
  onTestFinished(() => dropSchema(schema));
  return opened((await sharedServer()).url, { schema });
}

/** What an opening is refused with. Nothing else may come of it. */
async function refusal(url: string, options: OpenOptions = {}): Promise<UserError | StoppedError> {
  const error: unknown = await openStore(url, systemClock, options).then(
    async (store) => (await store.close(), new Error("it opened")),
    (reason: unknown) => reason,
  );
  expect(error).toSatisfy((each) => each instanceof UserError || each instanceof StoppedError);
  const { message } = error as UserError;
  expect(message).not.toContain("\n");
  expect(message, "the password").not.toContain(new URL(url).password);
  return error as UserError | StoppedError;
}

const word = (): string => `x${randomBytes(6).toString("hex")}`;

/** A database of its own on the shared server, with settings that hold for all who connect to it. */
async function database(settings: Record<string, string> = {}, options = ""): Promise<string> {
  const { url, adminUrl } = await sharedServer();
  const name = word();
  const owner = new URL(url).username;
  await onServer(`create database ${name} owner ${owner} template template0 ${options}`);
  onTestFinished(async () => void (await onServer(`drop database ${name} with (force)`)));
  for (const [setting, value] of Object.entries(settings))
    await queryOnce(at(adminUrl, name), `alter database ${name} set ${setting} = '${value}'`);
  return at(url, name);
}

const at = (url: string, name: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href;

const tablesOf = async (schema: string): Promise<unknown[]> =>
  onServer("select relname from pg_class where relnamespace = to_regnamespace($1) order by 1", [`"${schema}"`]);

describe.skipIf(requireServers("postgres"))("on a server", { timeout: 120_000 }, () => {
  describe("a schema", () => {
    schemas();
  });
  describe("a schema that is not ours, or not as we know it,", () => {
    strangeSchemas();
  });
  describe("a database that cannot be used", () => {
    refused();
  });
  describe("a server", () => {
    servers();
  });
  describe("settings of an administrator", () => {
    settings();
  });

  describe("questions that are not answered for long", () => {
    longQuestions();
  });
});

function schemas(): void {
  it.each(["select", "user", "_", "x", "a".repeat(63)])("may have the name %s", async (name) => {
    const store = await inSchema(name);
    await ingest(store, ["a@x.example"]);
    await settle(store, sent((await turn(store, 1)).claims[0]));
    expect(await states(store)).toEqual({ "a@x.example": "sent" });
    expect(await storeExists((await sharedServer()).url, { schema: name })).toBe(true);
  });

  it.each(["", "pg_mine", "Mail", "a b", 'a"b', "ä", "1a", "a-b", "a".repeat(64), "a;drop"])(
    "cannot have the name %j",
    async (schema) => {
      const { url } = await sharedServer();
      expect(await refusal(url, { schema })).toMatchObject({
        constructor: UserError,
        message: expect.stringContaining(
          `SES_MAIL_DB_SCHEMA expects a name of small letters, digits and _, 63 at most`,
        ),
      });
    },
  );

  it("keeps a job apart from that in another schema of the same database", async () => {
    const [one, two] = [await inSchema(newSchema()), await inSchema(newSchema())];
    expect(one.jobId).not.toBe(two.jobId);
    await ingest(one, addresses(3));
    await one.suppress([{ address: "p0@x.example", reason: "manual", source: "test" }]);
    const before = await everything(two);
    expect(await two.topics()).toEqual([]);
    expect((await turn(two, 9)).claims).toEqual([]);
    await ingest(two, addresses(3));
    const [a] = (await turn(two, 1)).claims;
    await two.cancel("june");
    expect(await one.totals("june")).toMatchObject({ pending: 2, suppressed: 1 });
    await settle(one, failed(a));
    expect(await two.totals("june")).toMatchObject({ sending: 1, cancelled: 2 });
    expect(before).not.toEqual(await everything(two));
  });

  it("is made once when ten processes begin at the same moment", async () => {
    const schema = newSchema();
    onTestFinished(() => dropSchema(schema));
    const { url } = await sharedServer();
    const stores = await Promise.all(Array.from({ length: 10 }, () => opened(url, { schema, connections: 2 })));
    expect(new Set(stores.map(({ jobId }) => jobId)).size).toBe(1);
    await Promise.all(stores.map((store, index) => counts(store, [`p${index}@x.example`])));
    expect(await stores[0]?.totals(null)).toMatchObject({ pending: 10 });
  });

  it("is not made by who only looks", async () => {
    const schema = newSchema();
    expect(await storeExists((await sharedServer()).url, { schema })).toBe(false);
    expect(await tablesOf(schema)).toEqual([]);
  });

  it("that an administrator made empty is used by a role that may not make one", async () => {
    const { adminUrl } = await sharedServer();
    const [role, schema] = [await newRole(), newSchema()];
    onTestFinished(() => dropSchema(schema));
    await onServer(`create schema ${schema} authorization ${role.name}`);
    const store = await opened(role.address(adminUrl), { schema });
    expect(await counts(store, ["a@x.example"])).toEqual([1, 0, 0]);
  });
}

/** A role that may log in, and nothing else. */
async function newRole(): Promise<{ name: string; address(url: string): string }> {
  const name = word();
  await onServer(`create role ${name} login password 'secret of ${name}'`);
  onTestFinished(async () => void (await onServer(`drop owned by ${name}; drop role ${name}`)));
  return {
    name,
    address: (url) => Object.assign(new URL(url), { username: name, password: `secret of ${name}` }).href,
  };
}

function strangeSchemas(): void {
  it.each<[string, string]>([
    ["tables of another program", "create table $.users (id int); create table $.message (id int)"],
    ["a table job of another program", "create table $.job (id int, title text); create table $.message (id int)"],
    ["a view only", "create view $.report as select 1 as one"],
  ])("with %s is refused, and stays as it is", async (_name, sql) => {
    const { url } = await sharedServer();
    const schema = newSchema();
    onTestFinished(() => dropSchema(schema));
    await onServer(`create schema ${schema}; ${sql.replaceAll("$", schema)}`);
    const before = await tablesOf(schema);
    const error = await refusal(url, { schema });
    expect(error).toMatchObject({
      constructor: UserError,
      message: expect.stringContaining(`the schema ${schema} of the database`),
      hint: "choose another schema with SES_MAIL_DB_SCHEMA",
    });
    expect(error.message).toContain("has tables of another program");
    await expect(storeExists(url, { schema })).rejects.toThrow("another program");
    expect(await tablesOf(schema)).toEqual(before);
  });

  it("with other programs' functions and types only is used", async () => {
    const schema = newSchema();
    await onServer(`create schema ${schema} authorization mail; create type ${schema}.colour as enum ('red')`);
    expect(await counts(await inSchema(schema), ["a@x.example"])).toEqual([1, 0, 0]);
  });

  it.each([
    "drop table $.message cascade",
    "drop table $.event",
    "drop table $.staging",
    "delete from $.job",
    "update $.job set schema_version = 0",
  ])("that lost a part is refused: %s", async (sql) => {
    const schema = newSchema();
    const store = await inSchema(schema);
    await ingest(store, addresses(2));
    await store.close();
    await onServer(sql.replaceAll("$", `"${schema}"`));
    const before = await tablesOf(schema);
    expect(await refusal((await sharedServer()).url, { schema })).toMatchObject({
      constructor: UserError,
      message: expect.stringContaining("is only half there"),
      hint: expect.stringContaining("restore it from a backup"),
    });
    expect(await tablesOf(schema)).toEqual(before);
  });

  it("of a newer program is used while that says so, and refused otherwise", async () => {
    const schema = newSchema();
    const store = await inSchema(schema);
    await ingest(store, addresses(2));
    await onServer(
      `update "${schema}".job set schema_version = 99; alter table "${schema}".message add column novel int`,
    );
    const older = await inSchema(schema);
    expect(await older.totals(null)).toMatchObject({ pending: 2 });
    expect(await counts(older, ["new@x.example"])).toEqual([1, 0, 0]);
    await onServer(`update "${schema}".job set oldest_program = 98`);
    const error = await refusal((await sharedServer()).url, { schema });
    expect(error).toMatchObject({ constructor: UserError, hint: expect.stringContaining("update ses-mail") });
    expect(error.message).toMatch(/was written by a newer ses-mail \(schema 99, this program knows \d+\)$/);
    expect(await onServer(`select schema_version, oldest_program from "${schema}".job`)).toEqual([
      { schema_version: 99, oldest_program: 98 },
    ]);
  });
}

function refused(): void {
  it("with a wrong password says so", async () => {
    const { url } = await sharedServer();
    const error = await refusal(Object.assign(new URL(url), { password: "wrong-and-long" }).href);
    expect(error).toMatchObject({ constructor: UserError, hint: expect.stringContaining("PGPASSWORD") });
    expect(error.message).toMatch(
      /^the database postgres:\/\/mail@.* says: password authentication failed for user "mail"$/,
    );
  });

  it("that is not there says so", async () => {
    const { url } = await sharedServer();
    const error = await refusal(at(url, "nowhere"));
    expect(error).toMatchObject({ constructor: UserError, hint: expect.stringContaining("createdb") });
    expect(error.message).toMatch(/ says: database "nowhere" does not exist$/);
    await expect(storeExists(at(url, "nowhere"))).rejects.toThrow(UserError);
  });

  it("in which the role may do nothing says so, with a schema and without", async () => {
    const { url } = await sharedServer();
    const role = await newRole();
    const theirs = newSchema();
    await inSchema(theirs);
    for (const schema of [newSchema(), theirs]) {
      const error = await refusal(role.address(url), { schema });
      expect(error).toMatchObject({ constructor: UserError, hint: expect.stringContaining("grant this user") });
      expect(error.message).toContain(" refuses: permission denied for ");
    }
  });

  it("of another encoding says which it needs", async () => {
    const url = await database({}, "encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'");
    const error = await refusal(url);
    expect(error).toMatchObject({ constructor: UserError, hint: expect.stringContaining("createdb --encoding=UTF8") });
    expect(error.message).toMatch(/ has the encoding SQL_ASCII, ses-mail needs UTF8$/);
  });

  it("because an administrator made it read-only says so", async () => {
    const error = await refusal(await database({ default_transaction_read_only: "on" }));
    expect(error).toMatchObject({ constructor: UserError, hint: expect.stringContaining("name the primary") });
    expect(error.message).toContain("is read-only");
  });
}

function servers(): void {
  async function server(): Promise<Postgres> {
    const postgres = await startPostgres();
    onTestFinished(() => postgres.dispose());
    return postgres;
  }

  it("that is away is waited for, and is no mistake of the user's", async () => {
    const postgres = await server();
    await (await opened(postgres.url)).close();
    await postgres.stop();
    const error = await refusal(postgres.url, { openPatienceMs: 200 });
    expect(error).toBeInstanceOf(StoppedError);
    expect(error).toMatchObject({ hint: expect.stringContaining("is the server running?") });
    expect(error.message).toMatch(/^cannot reach the database .*: connection refused \(ECONNREFUSED\)$/);
    const waiting = opened(postgres.url, { openPatienceMs: 60_000 });
    await postgres.start();
    expect(await (await waiting).topics()).toEqual([]);
  });

  it("that ends connections all the time moves many messages once, and counts them once", async () => {
    const url = await database();
    const proxy = await databaseProxy(url);
    onTestFinished(() => proxy.close());
    const store = await opened(proxy.url);
    await ingest(store, addresses(20_000));
    const stop = await endConnections(url, () => proxy.commits());
    onTestFinished(stop);
    const at = Object.fromEntries(addresses(20_000).map((email) => [email, Date.UTC(2040, 1, 1) + email.length]));
    expect(await store.reschedule("june", { notBefore: 1, times: null })).toBe(20_000);
    expect(await store.cancel("june")).toEqual({ cancelled: 20_000, inFlight: 0 });
    expect(await store.retry("june", ["cancelled"])).toBe(20_000);
    expect(await store.reschedule("june", { notBefore: 1, times: { column: "email", at } })).toBe(20_000);
    expect(await messagesOf(store)).toHaveLength(20_000);
    await stop();
    expect(await store.totals("june")).toMatchObject({ pending: 20_000, cancelled: 0 });
    expect((await store.outlook(EVERYTHING)).due).toBe(0);
    expect((await messagesOf(store)).map(({ email }) => email)).toEqual(addresses(20_000));
  });

  it("that is a standby is refused, and passed over for the primary", async () => {
    const pair = await startPair({ synchronous: false });
    onTestFinished(() => pair.dispose());
    await counts(await opened(pair.primary.url), ["a@x.example"]);
    await pair.caughtUp();
    const error = await refusal(pair.standby.url);
    expect(error).toMatchObject({ constructor: UserError, hint: expect.stringContaining("name the primary") });
    expect(error.message).toContain("is read-only: a standby");
    const hosts = [pair.standby, pair.primary].map(({ port }) => `127.0.0.1:${port}`).join(",");
    const { username, password } = new URL(pair.primary.url);
    const both = await opened(`postgres://${username}:${password}@${hosts}/mail`);
    expect(await counts(both, ["b@x.example"])).toEqual([1, 0, 0]);
  });
}

/**
 * Ends all connections to a database again and again, each time after another COMMIT: a store whose attempts all end half-way takes the
 * server for away. Returns what stops that.
 */
async function endConnections(url: string, commits: () => number): Promise<() => Promise<void>> {
  const { adminUrl } = await sharedServer();
  const admin = new pg.Client({ connectionString: at(adminUrl, "postgres") });
  await admin.connect();
  const over = new AbortController();
  const ending = (async () => {
    while (!over.signal.aborted) {
      await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [
        new URL(url).pathname.slice(1),
      ]);
      const before = commits();
      do await new Promise((done) => setTimeout(done, 300 + 500 * Math.random()));
      while (commits() === before && !over.signal.aborted);
    }
    await admin.end();
  })();
  return async () => {
    over.abort();
    await ending;
  };
}

/** Does some of everything in a database. */
async function campaign(url: string): Promise<unknown> {
  const store = await opened(url, { schema: "campaign" });
  await ingest(store, [...addresses(40), "İstanbul@x.example", "ISTANBUL@x.example", "é@x.example", "É@x.example"]);
  await ingest(store, addresses(5), { topic: "later", at: Date.UTC(2040, 1, 1) });
  await store.suppress([{ address: "I@x.example", reason: "manual", source: "test" }]);
  expect(await store.suppressionsOf("i@x.example")).toHaveLength(1);
  const { claims } = await turn(store, 20);
  const [a, b, ...rest] = claims;
  await settle(store, sent(a), failed(b, "1,5 \\ 'no'"), ...rest.map((claim) => sent(claim)));
  await store.applyVisits([{ kind: "open", messageId: a?.id ?? 0, at: 1_790_000_000_123, machine: false, link: null }]);
  await store.addKey({ name: "key", digest: Buffer.alloc(32, 200), scopes: ["send"] });
  await store.signingKeys();
  expect((await store.keys())[0]?.digest).toEqual(Buffer.alloc(32, 200));
  await store.pause("later", 3_600_000);
  await store.cancel("june");
  await store.retry("june", ["failed", "cancelled"]);
  const people = await messagesOf(store);
  expect(await store.nextDueInMs({ ...EVERYTHING, topic: "june" })).toBe(0);
  const lines = await store.breakdown("june", new AbortController().signal, async (asked) => ({
    domains: await asked.byDomain(10),
    failures: await asked.failures(10),
    opens: await asked.opens(),
  }));
  const suppressions: string[] = [];
  for await (const { address } of store.suppressions()) suppressions.push(address);
  const totals = await store.totals(null);
  await store.close();
  return { people: people.map(({ sentAt: _sentAt, ...person }) => person), lines, suppressions, totals };
}

function settings(): void {
  it.each<[string, Record<string, string>]>([
    [
      "a time zone, and dates as somewhere else",
      { TimeZone: "Asia/Kathmandu", DateStyle: "German, DMY", IntervalStyle: "sql_standard" },
    ],
    ["numbers with few digits and bytes in the old way", { extra_float_digits: "-5", bytea_output: "escape" }],
    ["a search path that leads elsewhere", { search_path: "pg_catalog" }],
    ["a stricter isolation", { default_transaction_isolation: "serializable", default_transaction_deferrable: "on" }],
    ["no plans by index", { enable_indexscan: "off", enable_bitmapscan: "off", plan_cache_mode: "force_generic_plan" }],
    ["compiled statements", { jit: "on", jit_above_cost: "0" }],
    ["no more memory than there must be", { work_mem: "64kB" }],
  ])("that say %s change nothing", async (_name, given) => {
    expect(await campaign(await database(given))).toEqual(await campaign(await database()));
  });

  it.for<[string, string]>([
    ["C.utf8", "locale 'C.utf8'"],
    ["Turkish, where I is the capital of ı", "locale 'C' locale_provider icu icu_locale 'tr-TR'"],
    ["an order without case", "locale 'C' locale_provider icu icu_locale 'und-u-ks-level2'"],
  ])("that make the locale %s change nothing", async ([_name, options], context) => {
    const [{ version }] = await onServer("select current_setting('server_version_num')::int as version");
    // Older servers have no database of such a locale.
    if (version < 150_000 && options.includes("icu")) context.skip();
    expect(await campaign(await database({}, options))).toEqual(await campaign(await database()));
  });

  it("that end statements and locks early do not end ours", async () => {
    const url = await database({
      statement_timeout: "250ms",
      lock_timeout: "1ms",
      idle_in_transaction_session_timeout: "250ms",
    });
    const store = await opened(url);
    await ingest(store, addresses(30_000));
    expect(await messagesOf(store)).toHaveLength(30_000);
    const domains = await store.breakdown("june", new AbortController().signal, async (lines) => {
      await new Promise((done) => setTimeout(done, 400));
      return lines.byDomain(5);
    });
    expect(domains.rows).toMatchObject([{ total: 30_000 }]);
    expect(await store.cancel("june")).toMatchObject({ cancelled: 30_000 });
    const job = await jobAt(url);
    const slow = "select pg_sleep(0.4)";
    expect(await read(job, slow)).toHaveLength(1);
    expect(await snapshot(job, (ask) => ask(slow))).toHaveLength(1);
    expect(await transaction(job, (tx) => tx.query(slow))).toHaveLength(1);
  });

  it("that end statements early do not end a list that comes in slowly", async () => {
    const url = await database({ statement_timeout: "250ms" });
    const list = await (await opened(url)).stage();
    onTestFinished(() => list.discard());
    const add = (email: string) => list.add([{ email, fields: "[]", notBefore: 0 }]);
    await add("a@x.example");
    expect(await list.forecast("june")).toMatchObject({ added: 1 });
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    onTestFinished(() => other.end());
    const [{ name }] = await queryOnce(url, "select name from ses_mail.staging");
    await other.query(`begin; lock table ses_mail.${name} in access exclusive mode`);
    await add("b@x.example");
    const foreseen = list.forecast("june");
    const waiting = `select 1 as waits from pg_locks where relation = 'ses_mail.${name}'::regclass and not granted`;
    await expect.poll(() => queryOnce(url, waiting)).toEqual([{ waits: 1 }]);
    await new Promise((done) => setTimeout(done, 400));
    await other.query("commit");
    expect(await foreseen).toMatchObject({ added: 2 });
  });

  it("that let isolation be strict do not let a writer see the past", async () => {
    const url = await database({ default_transaction_isolation: "serializable" });
    const job = await jobAt(url);
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    onTestFinished(() => other.end());
    await other.query("begin");
    await other.query("select pg_advisory_xact_lock($1::bigint)", [lockKey(job.schema, "writer")]);
    const seen = transaction(job, (tx) => tx.query("select one from sm.pace"));
    const waiting =
      "select 1 as waits from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())";
    await expect.poll(() => queryOnce(url, waiting)).toEqual([{ waits: 1 }]);
    await other.query("insert into bare.pace (state, postmaster) values ('{}', now())");
    await other.query("commit");
    expect(await seen).toEqual([{ one: true }]);
  });

  it.each([
    ["off", "on"],
    ["local", "on"],
    ["on", "on"],
    ["remote_apply", "remote_apply"],
  ])("synchronous_commit = %s is %s where mail is written", async (value, ours) => {
    const job = await jobAt(await database({ synchronous_commit: value }));
    const show = "select current_setting('synchronous_commit') as setting";
    expect(await transaction(job, (tx) => tx.query(show))).toEqual([{ setting: ours }]);
    expect(await snapshot(job, (ask) => ask(show))).toEqual([{ setting: value }]);
  });
}

function longQuestions(): void {
  it("are answered in the end when the server works on them", async () => {
    const job = await jobAt(await database());
    expect(await read(job, "select pg_sleep(15)")).toHaveLength(1);
    expect(job.pool.connects()).toBe(1);
  });

  it.each<[string, (job: Job) => Promise<unknown[]>]>([
    ["read", (job) => read(job, "select 1")],
    ["snapshot", (job) => snapshot(job, (query) => query("select 1"))],
    ["transaction", (job) => transaction(job, (tx) => tx.query("select 1"))],
  ])("go to another connection when theirs leads nowhere: %s", async (_kind, ask) => {
    const proxy = await databaseProxy(await database());
    onTestFinished(() => proxy.close());
    const job = await jobAt(proxy.url);
    expect(await ask(job)).toHaveLength(1);
    proxy.swallow();
    expect(await ask(job)).toHaveLength(1);
    expect(job.pool.connects()).toBe(2);
  });
}

/** The connections of a job, which is made, without the store around them. */
async function jobAt(url: string): Promise<Job> {
  const schema = "bare";
  await (await openStore(url, systemClock, { schema })).close();
  const job = createJob({
    address: parseAddress(url),
    schema,
    connections: 2,
    clock: systemClock,
    time: createDatabaseTime(systemClock),
    fixedNow: () => null,
    waiting: NO_WAITING,
  });
  onTestFinished(() => job.pool.close());
  return job;
}
