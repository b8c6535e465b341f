/** The PostgreSQL database of messages-api-gateway, read only. */
import pg from "pg";
import { UserError } from "../../errors.ts";
import {
  type Foreign,
  FOREIGN_PAGE,
  type ForeignContent,
  type ForeignResult,
  type ForeignRow,
  type ForeignState,
  foreignState,
  NOT_FOREIGN_HINT,
  stateSql,
} from "../foreign.ts";
import { type Address, type Environment, type Host, parseAddress } from "./address.ts";
import { briefly } from "./answers.ts";
import { passwordFor } from "./password.ts";
import { end } from "./pool.ts";
import { explain, isAway } from "./trouble.ts";

/** The library's own limit is none at all. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Connects, and reads the database as it is now. `env` has the variables of libpq.
 * @throws UserError when the address, the password or the database is wrong; AwayError when the server cannot be reached.
 */
export async function openForeign(location: string, env: Environment): Promise<Foreign> {
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
    throw explain(error, address.displayed, "open");
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
async function read(client: pg.Client, address: Address): Promise<Foreign> {
  await checkTables(client, address.displayed);
  const use = await othersIn(client);
  await client.query("begin transaction isolation level repeatable read read only");
  // While a page is stored, the server hears nothing of us.
  await client.query("set local idle_in_transaction_session_timeout = 0");
  await client.query("set local statement_timeout = 0");
  const [clock] = await briefly<{ now: string }>(client, "select now()::text as now");
  return reader(client, { name: address.displayed, use, since: clock?.now ?? "" });
}

const COLUMNS = ["id", "topic_id", "to_email", "content_id", "scheduled_at", "status", "error", "updated_at"];

async function checkTables(client: pg.Client, name: string): Promise<void> {
  const found = await briefly<{ name: string }>(
    client,
    `select attname as name from pg_attribute
     where attrelid = to_regclass('email_requests') and attnum > 0 and not attisdropped
       and to_regclass('email_contents') is not null and to_regclass('email_results') is not null`,
  );
  const names = new Set(found.map((column) => column.name));
  if (COLUMNS.every((column) => names.has(column))) return;
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

function reader(client: pg.Client, { name, use, since }: { name: string; use: string | null; since: string }): Foreign {
  const ask = async <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> => {
    try {
      return (await client.query<Row>(sql, values)).rows;
    } catch (error) {
      throw explain(error, name);
    }
  };
  return {
    program: "messages-api-gateway",
    location: name,
    async counts() {
      const rows = await ask<{ status: string | null; rows: number }>(
        "select status::text as status, count(*)::float8 as rows from email_requests group by 1",
      );
      const counts = new Map<ForeignState, number>();
      for (const each of rows) {
        const state = foreignState(each.status);
        counts.set(state, (counts.get(state) ?? 0) + each.rows);
      }
      return counts;
    },
    rows: (state) =>
      pages(FOREIGN_PAGE.rows, "00000000-0000-0000-0000-000000000000", (after, most) =>
        ask<ForeignRow>(rowSql(state), [after, most]),
      ),
    async content(id) {
      const [found] = await ask<ForeignContent>(
        "select subject, content as html from email_contents where id = $1::bigint",
        [id],
      );
      return found ?? null;
    },
    results: () =>
      pages(FOREIGN_PAGE.results, "-9223372036854775808", (after, most) => ask<ForeignResult>(RESULTS, [after, most])),
    use: () => Promise.resolve(use),
    async changed() {
      await ask("commit");
      const [found] = await ask<{ changed: boolean }>(
        `select exists (select from email_requests where greatest(updated_at, created_at) >= $1::timestamptz) as changed`,
        [since],
      );
      return found?.changed === true;
    },
    close: () => client.end(),
  };
}

async function* pages<Row extends { id: string }>(
  most: number,
  least: string,
  read: (after: string, most: number) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  for (let after = least; ;) {
    const rows = await read(after, most);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    after = last.id;
  }
}

const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`;

/** It keeps no ids of SES. A report that it took in names one. */
function rowSql(state: ForeignState): string {
  const proof =
    state === "sent" || state === "processing"
      ? "(select e.raw #>> '{}' from email_results e where e.request_id = r.id and e.status <> 'Open' limit 1)"
      : "null";
  return `select r.id::text as id, r.topic_id as topic, r.to_email as email, r.content_id::text as "contentId",
      ${ms("r.created_at")} as "createdAt", ${ms("r.scheduled_at")} as "scheduledAt", ${ms("r.updated_at")} as "updatedAt",
      null as "sesMessageId", nullif(r.error, '') as error, ${proof} as proof
    from email_requests r where r.id > $1::uuid and ${stateSql(state, "r.status::text")} order by r.id limit $2`;
}

const RESULTS = `select e.id::text as id, e.status, e.raw #>> '{}' as raw, ${ms("e.created_at")} as at,
    null as "sesMessageId", r.to_email as email
  from email_results e left join email_requests r on r.id = e.request_id where e.id > $1::bigint order by e.id limit $2`;
