/** Databases as the programs make them whose work ses-mail carries on: their tables, their types and the texts that they write. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { onTestFinished } from "vitest";
import { type Connection, Database } from "../../src/store/sqlite/driver.ts";
import { onServer, sharedServer } from "./shared-postgres.ts";

export const STATUS = { created: 0, processing: 1, sent: 2, failed: 3, stopped: 4 } as const;

export interface OldRow {
  status: number;
  email?: string;
  topic?: string;
  content?: number;
  messageId?: string | null;
  error?: string | null;
  /** UTC, `2030-01-01 00:00:00`. */
  scheduledAt?: string | null;
  updatedAt?: string;
  deleted?: boolean;
}

interface OldResult {
  request: number;
  status: string;
  raw: string | null;
  at?: string;
}

export interface Old {
  contents?: readonly { subject: string; content: string }[];
  requests: readonly OldRow[];
  results?: readonly OldResult[];
}

const CONTENTS = [{ subject: "1월 뉴스레터", content: "<h1>안녕하세요!</h1>" }];
const MADE = "2026-01-02 03:04:05";

const RUST = `
  create table email_contents (id integer primary key autoincrement, subject varchar(255) not null, content text not null,
    created_at datetime not null default (datetime('now')));
  create table email_requests (id integer primary key autoincrement, topic_id varchar(255) not null, content_id integer not null,
    message_id varchar(255) default null, email varchar(255) not null, scheduled_at datetime not null,
    status tinyint not null default 0, error varchar(255) default null, created_at datetime not null default (datetime('now')),
    updated_at datetime not null default (datetime('now')), deleted_at datetime,
    foreign key (content_id) references email_contents (id));
  create index idx_requests_status_scheduled on email_requests (status, scheduled_at asc);
  create index idx_requests_status_topic on email_requests (status, topic_id);
  create table email_results (id integer primary key autoincrement, request_id integer not null, status varchar(50) not null,
    raw text, created_at datetime not null default (datetime('now')), foreign key (request_id) references email_requests (id));
  create index idx_results_request_id on email_results (request_id);`;

const GO = `
  create table \`email_contents\` (\`id\` integer primary key autoincrement, \`created_at\` datetime, \`updated_at\` datetime,
    \`deleted_at\` datetime, \`subject\` varchar(255) not null, \`content\` text not null);
  create table \`email_requests\` (\`id\` integer primary key autoincrement, \`created_at\` datetime, \`updated_at\` datetime,
    \`deleted_at\` datetime, \`topic_id\` varchar(50) default "", \`message_id\` varchar(100), \`to\` varchar(255) not null,
    \`content_id\` integer not null, \`scheduled_at\` timestamp not null, \`status\` smallint not null default 0,
    \`error\` varchar(255), constraint \`fk_email_requests_content\` foreign key (\`content_id\`) references \`email_contents\` (\`id\`));
  create index \`idx_topic_status\` on \`email_requests\` (\`topic_id\`, \`status\`);
  create table \`email_results\` (\`id\` integer primary key autoincrement, \`created_at\` datetime, \`updated_at\` datetime,
    \`deleted_at\` datetime, \`request_id\` integer not null, \`status\` varchar(50) not null, \`raw\` json,
    constraint \`fk_email_results_request\` foreign key (\`request_id\`) references \`email_requests\` (\`id\`));
  create index \`idx_request_status\` on \`email_results\` (\`request_id\`, \`status\`);`;

const GATEWAY = `
  create table email_contents (id serial primary key, subject varchar(255) not null, content text not null,
    created_at timestamptz not null default now(), updated_at timestamptz not null default now());
  create table email_requests (id uuid primary key, topic_id varchar(50) not null default '', to_email varchar(255) not null,
    content_id integer not null references email_contents (id), scheduled_at timestamptz, status smallint not null default 0,
    error varchar(255), created_at timestamptz not null default now(), updated_at timestamptz not null default now());
  create table email_results (id serial primary key, request_id uuid not null references email_requests (id),
    status varchar(50) not null, raw jsonb not null, created_at timestamptz not null default now(),
    updated_at timestamptz not null default now());
  create index idx_email_results_request_status on email_results (request_id, status);`;

/** As go-sqlite3 writes a time. */
const goTime = (utc: string): string => `${utc}.123456789+00:00`;

/** sqlite3.db of aws-ses-sender, which is stopped. */
export function rustDatabase(path: string, old: Old): void {
  const db = sqlite(path, RUST, old.contents ?? CONTENTS);
  const insert = db.prepare(
    `insert into email_requests (topic_id, content_id, message_id, email, scheduled_at, status, error, created_at, updated_at, deleted_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (const row of old.requests.map(whole))
    insert.run(
      row.topic,
      row.content,
      row.messageId,
      row.email,
      row.scheduledAt,
      row.status,
      row.error,
      MADE,
      row.updatedAt,
      row.deleted ? MADE : null,
    );
  const report = db.prepare("insert into email_results (request_id, status, raw, created_at) values (?, ?, ?, ?)");
  for (const { request, status, raw, at = MADE } of old.results ?? []) report.run(request, status, raw, at);
  db.close();
}

/** data/app.db of aws-ses-sender-go, which is stopped. */
export function goDatabase(path: string, old: Old): void {
  const db = sqlite(path, GO, old.contents ?? CONTENTS);
  const insert = db.prepare(
    `insert into email_requests (topic_id, content_id, message_id, \`to\`, scheduled_at, status, error, created_at, updated_at, deleted_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (const row of old.requests.map(whole))
    insert.run(
      row.topic,
      row.content,
      row.messageId ?? "",
      row.email,
      goTime(row.scheduledAt ?? MADE),
      row.status,
      row.error ?? "",
      goTime(MADE),
      goTime(row.updatedAt),
      row.deleted ? goTime(MADE) : null,
    );
  const report = db.prepare("insert into email_results (request_id, status, raw, created_at) values (?, ?, ?, ?)");
  for (const { request, status, raw, at = MADE } of old.results ?? [])
    report.run(request, status, raw ?? "{}", goTime(at));
  db.close();
}

/** The id that the n-th row has there, from 1. */
const gatewayId = (n: number): string => `01940000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;

export interface GatewayDatabase {
  url: string;
  query(sql: string, values?: unknown[]): Promise<pg.QueryResult>;
  /** Connects as the gateway does, until the test is over. */
  connect(): Promise<pg.Client>;
}

/** The PostgreSQL database of messages-api-gateway, on the server of the tests. It is gone when the test is. */
export async function gatewayDatabase(old: Old): Promise<GatewayDatabase> {
  const name = `gateway_${randomBytes(6).toString("hex")}`;
  const url = new URL((await sharedServer()).url);
  await onServer(`create database ${name} owner "${url.username}"`);
  url.pathname = `/${name}`;
  onTestFinished(() => onServer(`drop database ${name} with (force)`).then(() => undefined));
  const connect = async () => {
    const connected = new pg.Client({ connectionString: url.href, application_name: "gateway" });
    // The database is dropped below it.
    connected.on("error", () => undefined);
    await connected.connect();
    return connected;
  };
  const client = await connect();
  await client.query(GATEWAY);
  for (const { subject, content } of old.contents ?? CONTENTS)
    await client.query("insert into email_contents (subject, content) values ($1, $2)", [subject, content]);
  for (const [at, row] of old.requests.map(whole).entries())
    await client.query(
      `insert into email_requests (id, topic_id, to_email, content_id, scheduled_at, status, error, created_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        gatewayId(at + 1),
        row.topic,
        row.email,
        row.content,
        row.scheduledAt === null ? null : `${row.scheduledAt}Z`,
        row.status,
        row.error,
        `${MADE}Z`,
        `${row.updatedAt}Z`,
      ],
    );
  for (const { request, status, raw } of old.results ?? [])
    await client.query("insert into email_results (request_id, status, raw) values ($1, $2, $3)", [
      gatewayId(request),
      status,
      // The whole event as one JSON text.
      JSON.stringify(raw),
    ]);
  await client.end();
  const query: GatewayDatabase["query"] = async (sql, values) => {
    const asked = await connect();
    try {
      return await asked.query(sql, values);
    } finally {
      await asked.end();
    }
  };
  return { url: url.href, query, connect };
}

function whole(row: OldRow, at: number): Required<OldRow> {
  return {
    email: `p${at + 1}@example.net`,
    topic: "newsletter_2024_01",
    content: 1,
    messageId: null,
    error: null,
    scheduledAt: MADE,
    updatedAt: "2026-01-02 03:05:00",
    deleted: false,
    ...row,
  };
}

function sqlite(path: string, ddl: string, contents: readonly { subject: string; content: string }[]): Connection {
  const db = new Database(path);
  db.pragma("journal_mode = wal");
  db.exec(ddl);
  const insert = db.prepare("insert into email_contents (subject, content, created_at) values (?, ?, ?)");
  for (const { subject, content } of contents) insert.run(subject, content, MADE);
  return db;
}
