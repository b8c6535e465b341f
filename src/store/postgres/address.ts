/** Reads the address of a database, as libpq understands it. */
import { homedir } from "node:os";
import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { parse } from "pg-connection-string";
import { UserError } from "../../errors.ts";
import { displayed } from "../address.ts";

/** One server of an address. */
export interface Host {
  /** A name, an IP address without brackets, or the folder of a Unix socket. */
  host: string;
  port: number;
}

/** What an address and the environment say about a database. */
export interface Address {
  /** In the order in which they are tried. */
  hosts: Host[];
  user: string;
  /** Undefined: none is given, so `passwordFile` is looked into. */
  password: string | undefined;
  /** A path, whether or not there is such a file. */
  passwordFile: string;
  database: string;
  ssl: false | ConnectionOptions;
  /** For people: `postgres://user@host/database`. It holds nothing secret. */
  displayed: string;
}

/** Variables as the process has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

const EXAMPLE = "write it like postgres://user@host:5432/database";

/**
 * Reads `postgres://user:password@host:port,host:port/database?sslmode=…`. What the address leaves out comes from the variables of libpq
 * (PGHOST, PGPORT, PGUSER, PGPASSWORD, PGPASSFILE, PGDATABASE, PGSSLMODE, PGSSLROOTCERT).
 * @throws UserError when it cannot be understood, or names a certificate that cannot be read.
 */
export function parseAddress(text: string, env: Environment = {}): Address {
  const parameters = parametersOf(text);
  checkTls(parameters, env);
  checkPort(text);
  const { address, hosts } = splitHosts(text, env);
  const parsed = understood(address, env);
  const user = parsed.user || env["PGUSER"] || env["USER"] || "postgres";
  const database = parameters.get("dbname") || pathOf(text) || env["PGDATABASE"] || user;
  const found = hosts ?? [
    { host: parsed.host || env["PGHOST"] || "localhost", port: portOf(parsed.port || env["PGPORT"]) },
  ];
  return {
    hosts: found,
    user,
    password: parsed.password || env["PGPASSWORD"] || undefined,
    passwordFile: env["PGPASSFILE"] || join(homedir(), ".pgpass"),
    database,
    ssl: sslOf(parsed.ssl),
    displayed: displayed(text),
  };
}

function parametersOf(text: string): URLSearchParams {
  const at = text.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : text.slice(at + 1));
}

/** The database of an address. The library would leave "%2F" and "%3A" in its name as they are. */
function pathOf(text: string): string {
  const path = /^[a-z]+:\/\/[^/?#]*\/([^?#]*)/i.exec(text)?.[1] ?? "";
  try {
    return decodeURIComponent(path);
  } catch {
    return refuse(text);
  }
}

const SSL_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"];
const SSL_PARAMETERS = ["ssl", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation"];

/** What is misspelt here would be passed over in silence, and the connection be less safe than it was meant to be. */
function checkTls(parameters: URLSearchParams, env: Environment): void {
  const hint = `what there is: ${SSL_PARAMETERS.join(", ")}`;
  for (const name of parameters.keys()) {
    if (!/ssl|tls/i.test(name) || SSL_PARAMETERS.includes(name)) continue;
    throw new UserError(`the address of a database has no parameter ${JSON.stringify(name)}`, hint);
  }
  const mode = parameters.getAll("sslmode").at(-1) || env["PGSSLMODE"] || undefined;
  if (mode !== undefined && !SSL_MODES.includes(mode)) {
    throw new UserError(`sslmode expects ${SSL_MODES.join(", ")}, got ${JSON.stringify(mode)}`);
  }
  if (mode === "verify-ca" && !parameters.get("sslrootcert") && !env["PGSSLROOTCERT"]) {
    throw new UserError(
      "sslmode=verify-ca needs the authority's certificate",
      "add sslrootcert=/path/ca.pem, or use verify-full",
    );
  }
}

/** A URL has one host; libpq takes several, separated by commas. */
function splitHosts(text: string, env: Environment): { address: string; hosts: Host[] | null } {
  const found = /^(postgres(?:ql)?:\/\/)([^/?#]*@)?([^/?#@]*,[^/?#@]*)(.*)$/is.exec(text);
  if (!found) return { address: text, hosts: null };
  const [, scheme = "", credentials = "", list = "", rest = ""] = found;
  const hosts = list.split(",").map((each) => {
    const [, bracketed, name, port] = /^(?:\[(.+)\]|([^:[\]]+))(?::(\d+))?$/.exec(each) ?? refuse(text);
    return { host: decodeURIComponent(bracketed ?? name ?? ""), port: portOf(port ?? env["PGPORT"]) };
  });
  return { address: `${scheme}${credentials}localhost${rest}`, hosts };
}

function understood(address: string, env: Environment): ReturnType<typeof parse> {
  try {
    return parse(withSslOf(address, env), { useLibpqCompat: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT" && "path" in error) {
      throw new UserError(
        `the certificate ${String(error.path)} cannot be read`,
        "check sslrootcert, sslcert and sslkey of --db",
      );
    }
    return refuse(address);
  }
}

/** What an address leaves out about TLS may stand in variables. */
function withSslOf(address: string, env: Environment): string {
  let whole = address;
  for (const [variable, parameter] of [
    ["PGSSLMODE", "sslmode"],
    ["PGSSLROOTCERT", "sslrootcert"],
  ] as const) {
    const value = env[variable];
    if (value === undefined || value === "" || whole.includes(`${parameter}=`)) continue;
    whole += `${whole.includes("?") ? "&" : "?"}${parameter}=${encodeURIComponent(value)}`;
  }
  return whole;
}

function refuse(text: string): never {
  const known = text.replace(/:[^:@/]*@/, ":…@").replace(/\?.*$/s, "");
  throw new UserError(`--db expects the address of a database, got ${JSON.stringify(known)}`, EXAMPLE);
}

function portOf(text: string | null | undefined): number {
  const port = Number(text ?? "5432");
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new UserError(`--db expects a port from 1 to 65535, got ${JSON.stringify(text)}`, EXAMPLE);
}

/** The library refuses a port that is too high without a word about it. */
function checkPort(text: string): void {
  const port = /^[a-z]+:\/\/(?:[^/?#@]*@)?[^/?#@,]*:(\d+)(?=[/?#]|$)/i.exec(text)?.[1];
  if (port !== undefined) portOf(port);
}

function sslOf(ssl: ReturnType<typeof parse>["ssl"]): Address["ssl"] {
  if (ssl === undefined || ssl === false || ssl === "false") return false;
  return typeof ssl === "object" ? (ssl as ConnectionOptions) : {};
}
