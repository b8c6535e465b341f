/** The settings of a store on a server, which only the environment has: they are about this machine, not about one command. */
import { UserError } from "../errors.ts";
import { displayed, isServer } from "./address.ts";

/** The environment of the program. */
type Env = Record<string, string | undefined>;

/** How a store on a server is used. */
export interface ServerSettings {
  /** The schema with our tables. */
  schema: string;
  /** The most connections of one process at once, without the one that listens. */
  connections: number;
  /** The address to listen at for changes, where the other one is that of a pooler. Not set: the same. */
  listen?: string;
  /** Where the password and the settings of libpq (`PGPASSWORD`, `PGSSLMODE`, …) are read from. */
  env: Env;
}

const SCHEMA = "ses_mail";
const CONNECTIONS = 4;
const MOST_CONNECTIONS = 100;
/** Bytes of a name in PostgreSQL. It cuts longer ones without an error. */
const MOST_NAME = 63;

/**
 * Reads `SES_MAIL_DB_SCHEMA` (`ses_mail`), `SES_MAIL_DB_CONNECTIONS` (4; older programs called it `DB_MAX_CONNECTIONS`), and
 * `SES_MAIL_DB_LISTEN`.
 * @throws UserError for the first that cannot be used.
 */
export function readServerSettings(env: Env): ServerSettings {
  const listen = readListen(env["SES_MAIL_DB_LISTEN"]);
  return {
    schema: readSchema(env["SES_MAIL_DB_SCHEMA"]),
    connections: readConnections(env),
    ...(listen !== undefined && { listen }),
    env,
  };
}

function readSchema(text: string | undefined): string {
  return text === undefined ? SCHEMA : checkSchemaName(text);
}

/**
 * Returns the name. Small letters only, because PostgreSQL takes others for small ones wherever a person does not quote them.
 * @throws UserError when it cannot be the name of a schema.
 */
export function checkSchemaName(name: string): string {
  if (/^[a-z_][a-z0-9_]*$/.test(name) && name.length <= MOST_NAME && !name.startsWith("pg_")) return name;
  throw new UserError(
    `SES_MAIL_DB_SCHEMA expects a name of small letters, digits and _, ${MOST_NAME} at most, that does not begin with pg_, got ${JSON.stringify(name)}`,
    `leave it out for ${SCHEMA}`,
  );
}

function readConnections(env: Env): number {
  const name = env["SES_MAIL_DB_CONNECTIONS"] === undefined ? "DB_MAX_CONNECTIONS" : "SES_MAIL_DB_CONNECTIONS";
  const text = env[name];
  if (text === undefined || text === "") return CONNECTIONS;
  const count = /^\d{1,4}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (count >= 1 && count <= MOST_CONNECTIONS) return count;
  throw new UserError(`${name} expects a whole number from 1 to ${MOST_CONNECTIONS}, got ${JSON.stringify(text)}`);
}

function readListen(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  // `displayed` shows nothing of an address that it cannot read.
  if (isServer(text) && displayed(text) !== "postgres://…") return text;
  throw new UserError(
    "SES_MAIL_DB_LISTEN expects the address of a server such as postgres://user@host/database",
    "it names the server itself where --db names a pooler",
  );
}
