/** The PostgreSQL database of messages-api-gateway, read only. */
import pg from "pg";
import { UserError } from "../../errors.ts";
import type * as foreign from "../foreign.ts";
import { foreignOf, NOT_FOREIGN_HINT, stateSql } from "../foreign.ts";
import { type Address, type Environment, type Host, parseAddress } from "./address.ts";
import { briefly } from "./answers.ts";
import { passwordFor } from "./password.ts";
import { end } from "./pool.ts";
import { codeOf, explain, type Given, isAway } from "./trouble.ts";

/** The library's own limit is none at all. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Connects, and reads the database as it is now. `env` has the variables of libpq.
 * @throws UserError when the address, the password or the database is wrong; AwayError when the server cannot be reached.
 */
export async function openForeign(location: string, env: Environment): Promise<foreign.Foreign> {
  const address = parseAddress(location, env);
  try {
    const client = await connectAny(address);
    try {
      return await read(client, address);
    } catch (error) {
      end(client);
      throw error;
    }
  } catch (error) {
    throw inWords(error, address.displayed, "open");
  }
}

async function connectAny(address: Address): Promise<pg.Client> {
  let last: unknown = null;
  for (const host of address.hosts) {
    try {
      return await connect(address, host);
    } catch (error) {
      if (!isAway(error)) throw error;
      last = error;
    }
  }
  throw last;
}

/** Unlike a store it may be of any age, and a standby: it is only read. */
async function connect(address: Address, at: Host): Promise<pg.Client> {
  const { host, port } = at;
  const { user, database, ssl } = address;
  const client = new pg.Client({
    host,
    port,
    user,
    database,
    ssl,
    password: () => passwordFor(address, at),
    application_name: NAME,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  });
  // Without a listener the error of an idle connection would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    end(client);
    throw error;
  }
}

/** Tells our own connections from those of the other program. */
const NAME = "ses-mail adopt";

/** Begins the transaction in which everything is read. */
async function read(client: pg.Client, address: Address): Promise<foreign.Foreign> {
  const sql = statementsFor(await columnsOf(client, address.displayed));
  const use = await othersIn(client);
  await client.query("begin transaction isolation level repeatable read read only");
  // While a page is stored, the server hears nothing of us.
  await client.query("set local idle_in_transaction_session_timeout = 0");
  await client.query("set local statement_timeout = 0");
  // Times are read as text.
  await client.query("set local timezone = 'UTC'");
  await client.query("set local datestyle = 'ISO, YMD'");
  const [clock] = await briefly<{ now: string }>(client, "select now()::text as now");
  // What is not as it should be is found before anything is stored.
  for (const each of [sql.count, sql.rows("sent", true), sql.content, sql.results(true), sql.changed])
    await client.query(`prepare ses_mail_try as ${each}`).then(() => client.query("deallocate ses_mail_try"));
  return reader(client, { name: address.displayed, sql, use, since: clock?.now ?? "" });
}

/** The types of columns, by `table.column`. They differ: programs that were changed have, say, ids of another type. */
type Columns = ReadonlyMap<string, string>;

const COLUMNS = ["id", "topic_id", "to_email", "content_id", "scheduled_at", "status", "error", "updated_at"];

async function columnsOf(client: pg.Client, name: string): Promise<Columns> {
  const found = await briefly<{ name: string; type: string }>(
    client,
    `select t.name || '.' || attname as name, format_type(atttypid, null) as type
     from unnest(array['email_requests', 'email_contents', 'email_results']) as t (name)
       join pg_attribute on attrelid = to_regclass(t.name) and attnum > 0 and not attisdropped`,
  );
  const columns = new Map(found.map((column) => [column.name, column.type]));
  const needed = [...COLUMNS.map((column) => `email_requests.${column}`), "email_contents.id", "email_results.id"];
  if (needed.every((column) => columns.has(column))) return columns;
  throw new UserError(`${name} is not the database of messages-api-gateway`, NOT_FOREIGN_HINT);
}

async function othersIn(client: pg.Client): Promise<string | null> {
  const [seen] = await briefly<{ others: number }>(
    client,
    `select count(*)::int as others from pg_stat_activity where datname = current_database()
       and pid <> pg_backend_pid() and application_name not like 'ses-mail%' and backend_type = 'client backend'`,
  );
  const others = seen?.others ?? 0;
  if (others === 0) return null;
  return `${others} other ${others === 1 ? "connection shows" : "connections show"} that somebody works on it`;
}

interface Opened {
  name: string;
  sql: Statements;
  use: string | null;
  since: string;
}

function reader(client: pg.Client, { name, sql, use, since }: Opened): foreign.Foreign {
  const ask = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> => {
    try {
      return (await client.query<Row>(text, values)).rows;
    } catch (error) {
      throw inWords(error, name, "work");
    }
  };
  const slice = <Row extends pg.QueryResultRow>(text: (isBehind: boolean) => string, at: foreign.Slice<string>) =>
    ask<Row>(text(at.after !== null), [at.most, ...(at.after === null ? [] : [at.after])]);
  return foreignOf({
    program: "messages-api-gateway",
    location: name,
    counts: () => ask<foreign.StatusCount>(sql.count),
    rows: (state, at) => slice<foreign.ForeignRow>((isBehind) => sql.rows(state, isBehind), at),
    async content(id) {
      // It names none, and is no number or uuid.
      if (id === "") return null;
      const [found] = await ask<foreign.ForeignContent>(sql.content, [id]);
      return found ?? null;
    },
    results: (at) => slice<foreign.ForeignResult>(sql.results, at),
    placeOf,
    use: () => Promise.resolve(use),
    async changed() {
      await ask("commit");
      const [found] = await ask<{ changed: boolean }>(sql.changed, [since]);
      return found?.changed === true;
    },
    close: () => client.end(),
  });
}

/** Rows without an id come last, and nothing tells them apart. */
function placeOf({ id }: { id: string }): string {
  if (id === "") throw new UserError("there are rows without an id", "give each an id, or delete them");
  return id;
}

/** What is asked. Pages have at most $1 rows, and begin behind the id $2, or at the beginning. */
interface Statements {
  count: string;
  rows(state: foreign.ForeignState, isBehind: boolean): string;
  /** $1: the id. */
  content: string;
  results(isBehind: boolean): string;
  /** $1: the moment since when. */
  changed: string;
}

/** Everything comes as text, whatever its type is. Only what an index helps with is compared as what it is, where both sides are the same. */
function statementsFor(columns: Columns): Statements {
  const type = (column: string) => columns.get(column) ?? "text";
  const isSame = (one: string, other: string) => type(one) === type(other);
  const isOfRow = isSame("email_results.request_id", "email_requests.id")
    ? "e.request_id = r.id"
    : "e.request_id::text = r.id::text";
  const raw = type("email_results.raw").startsWith("json") ? "e.raw #>> '{}'" : "e.raw::text";
  const areNumbers = CONTENT_IDS.every((each) => INTEGER.has(type(each)));
  const sameContent = areNumbers
    ? "id = $1::bigint"
    : isSame(...CONTENT_IDS)
      ? `id = $1::${type("email_contents.id")}`
      : "id::text = $1::text";
  const behind = (table: string, id: string, isBehind: boolean) =>
    isBehind ? `${id} > $2::${type(`${table}.id`)}` : "true";
  return {
    count: "select status::text as status, count(*)::float8 as rows from email_requests group by 1",
    rows: (state, isBehind) => `${rowSql(state, { raw, isOfRow })}
      where ${behind("email_requests", "r.id", isBehind)} and ${stateSql(state, "r.status::text")} order by r.id limit $1::int`,
    content: `select subject::text as subject, content::text as html from email_contents where ${sameContent}`,
    results: (
      isBehind,
    ) => `select coalesce(e.id::text, '') as id, coalesce(e.status::text, '') as status, ${raw} as raw,
        e.created_at::text as at, null as "sesMessageId", r.to_email::text as email
      from email_results e left join email_requests r on ${isOfRow}
      where ${behind("email_results", "e.id", isBehind)} order by e.id limit $1::int`,
    changed: `select exists (
      select from email_requests where greatest(updated_at, created_at)::timestamptz >= $1::timestamptz) as changed`,
  };
}

const CONTENT_IDS = ["email_requests.content_id", "email_contents.id"] as const;
const INTEGER: ReadonlySet<string> = new Set(["smallint", "integer", "bigint"]);

/** It keeps no ids of SES. A report that it took in names one. */
function rowSql(state: foreign.ForeignState, { raw, isOfRow }: { raw: string; isOfRow: string }): string {
  const proof =
    state === "sent" || state === "processing"
      ? `(select ${raw} from email_results e where ${isOfRow} and e.status::text <> 'Open' limit 1)`
      : "null";
  return `select coalesce(r.id::text, '') as id, coalesce(r.topic_id::text, '') as topic, coalesce(r.to_email::text, '') as email,
      coalesce(r.content_id::text, '') as "contentId", r.created_at::text as "createdAt",
      r.scheduled_at::text as "scheduledAt", r.updated_at::text as "updatedAt",
      null as "sesMessageId", nullif(r.error::text, '') as error, ${proof} as proof
    from email_requests r`;
}

const GIVEN: Given = {
  says: "the address that you named says",
  by: "the address",
  right: "the right to read email_requests, email_contents and email_results",
};

/** Class 42 is about tables and columns that are not there or of another type, class 22 about values that are no such type. */
const SHAPE = /^(?:42|22)/;

/** What the server refuses, in words. Nothing of it is ours, so that its tables are wrong is always for the person to mend. */
function inWords(error: unknown, name: string, phase: "open" | "work"): unknown {
  const code = codeOf(error);
  // 42501: no right to read it.
  if (!SHAPE.test(code) || code === "42501" || !(error instanceof Error)) return explain(error, name, phase, GIVEN);
  return new UserError(
    `the tables of ${name} are not those of messages-api-gateway: ${error.message} (${code})`,
    "expected email_requests, email_contents and email_results with the columns that messages-api-gateway gives them",
  );
}
