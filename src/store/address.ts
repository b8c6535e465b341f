/** Where a store is: the path of a job file, or the address of a PostgreSQL server. It knows neither database. */
import { UserError } from "../errors.ts";

/** What an address may look like. */
const FORM = "postgres://user@host/database";

/** Parameters of an address that people may see, because none of them is a secret. */
const HARMLESS = new Set([
  "sslmode",
  "sslrootcert",
  "sslcert",
  "target_session_attrs",
  "host",
  "port",
  "user",
  "dbname",
]);

/** True for the address of a server; everything else is the path of a file. Does not check the rest of the address. */
export function isServer(location: string): boolean {
  return /^postgres(?:ql)?:/i.test(location);
}

/**
 * Checks that `location` is a path, or an address that can be read. `source` is the option or the variable that it came from.
 * @throws UserError when it is neither. The message has nothing of an address that cannot be read, which may hold a password.
 */
export function checkLocation(location: string, source: string): void {
  if (!isServer(location)) {
    const [scheme] = /^[a-z][a-z0-9+.-]*(?=:\/\/)/i.exec(location) ?? [];
    if (scheme === undefined) return;
    throw new UserError(
      `${source} expects a file, or a server such as ${FORM}, got an address that begins with ${scheme}://`,
      "a file is named by its path alone",
    );
  }
  if (partsOf(location) !== null) return;
  throw new UserError(
    `${source} expects a server such as ${FORM}, got an address that cannot be read`,
    "in the user's name and the password write @ as %40, : as %3A, / as %2F, ? as %3F and # as %23",
  );
}

/**
 * How a location is shown to people, in logs and in JSON: a path as it is, and an address as `postgres://user@host/database`,
 * without its password and its parameters. Of an address that cannot be read nothing is shown.
 */
export function displayed(location: string): string {
  if (!isServer(location)) return location;
  const parts = partsOf(location);
  return parts === null ? "postgres://…" : addressOf(parts);
}

/** What people call the store: `the database postgres://user@host/database`, or `the job file /path/ses-mail.db`. */
export function nameOf(location: string): string {
  return `${isServer(location) ? "the database" : "the job file"} ${displayed(location)}`;
}

/** The address as it may be pasted into a command: as it is shown, with those of its parameters that are no secrets. */
export function pasteable(location: string): string {
  const parts = isServer(location) ? partsOf(location) : null;
  if (parts === null) return displayed(location);
  // Where host, user and database stand in the parameters, `displayed` has moved them to the front.
  const rest = parts.parameters.filter(([name]) => HARMLESS.has(name) && !MOVED.has(name));
  const query = rest.map(([name, value]) => `${name}=${value}`).join("&");
  return query === "" ? addressOf(parts) : `${addressOf(parts)}?${query}`;
}

/** The parts of an address, as they are written in it. */
interface Parts {
  user: string;
  /** One host or several with commas, each with its port if it has one. */
  hosts: string;
  database: string;
  parameters: [name: string, value: string][];
}

/** Parameters that say again what stands before the question mark. */
const MOVED = new Set(["host", "port", "user", "dbname"]);

/** One name, IPv4 or bracketed IPv6 address, or percent-encoded socket folder, with or without a port. */
const HOST = /^(?:\[[0-9a-f:.]+(?:%25[\w.-]+)?\]|[^[\]:]*)(?::\d{0,5})?$/i;
/**
 * As libpq reads it, but stricter: a password with a bare "@" or "/" would leave a part of itself where the host or the database is
 * expected, and be shown as such.
 */
const ADDRESS = /^[a-z]+:\/\/(?:([^:@/?#]*)(?::[^@/?#]*)?@)?([^@/?#]*)(?:\/([^:@/?#]*))?(?:\?(.*))?$/i;

function partsOf(address: string): Parts | null {
  const match = /[\s\p{Cc}]/u.test(address) ? null : ADDRESS.exec(address);
  if (match === null) return null;
  const [, user = "", hosts = "", database = "", query = ""] = match;
  if (!hosts.split(",").every((host) => HOST.test(host))) return null;
  const parameters = parametersOf(query);
  const [host, port] = [last(parameters, "host"), last(parameters, "port")];
  return {
    user: encoded(last(parameters, "user")) ?? user,
    hosts: host === undefined ? hosts : hostsOf(host, port),
    database: encoded(last(parameters, "dbname")) ?? database,
    parameters,
  };
}

function parametersOf(query: string): [name: string, value: string][] {
  return query
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const [name = "", ...value] = pair.split("=");
      return [name, value.join("=")];
    });
}

function last(parameters: readonly [string, string][], name: string): string | undefined {
  return parameters.findLast(([each]) => each === name)?.[1];
}

/** Hosts and ports of the parameters, as they would stand before the database. Socket folders are percent-encoded there. */
function hostsOf(hosts: string, ports: string | undefined): string {
  const each = ports?.split(",") ?? [];
  const withPort = (host: string, n: number) => {
    const port = each.length === 1 ? each[0] : each[n];
    return port === undefined || !/^\d{1,5}$/.test(port) ? host : `${host}:${port}`;
  };
  return decoded(hosts)
    .split(",")
    .map((host, n) => withPort(host.includes(":") ? `[${host}]` : encodeURIComponent(host), n))
    .join(",");
}

/** The value again, with nothing in it that would end the part of the address that it is put into. */
function encoded(value: string | undefined): string | undefined {
  return value === undefined ? undefined : encodeURIComponent(decoded(value));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function addressOf({ user, hosts, database }: Parts): string {
  return `postgres://${user === "" ? "" : `${user}@`}${hosts}${database === "" ? "" : `/${database}`}`;
}
