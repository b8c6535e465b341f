/** Where Redis is, read from a URL. A password never leaves this file other than to Redis. */
import { UserError } from "../../errors.ts";
import { printable } from "../../printable.ts";

/** Redis' own port (redis.io, "Redis configuration"). */
const PORT = 6379;

/** A Redis server and who we are there. */
export interface Address {
  readonly host: string;
  readonly port: number;
  /** True: `rediss://`. The server's certificate is checked, and `NODE_EXTRA_CA_CERTS` may name who signed it. */
  readonly tls: boolean;
  /** Empty: the user `default`. */
  readonly username: string;
  /** Empty: none. */
  readonly password: string;
  readonly database: number;
  /** `host:port` or `host:port/database`, for people. */
  readonly shown: string;
}

/**
 * Reads `redis://[user:password@]host[:port][/database]`, or the same with `rediss://` for TLS. A user name and a
 * password are percent-encoded, as in every URL.
 * @throws UserError when the text is anything else. The message does not repeat it, since it may hold a password.
 */
export function parseRedisUrl(text: string): Address {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) throw unreadable("something that is no URL");
  if (url.protocol !== "redis:" && url.protocol !== "rediss:")
    throw unreadable(`a URL that begins with ${url.protocol}`);
  if (url.hostname === "") throw unreadable("a URL without a host");
  if (url.search !== "" || url.hash !== "") throw unreadable('a URL with "?" or "#": write %3F or %23 in a password');
  const database = databaseOf(url.pathname);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? PORT : Number(url.port);
  const shown = printable(`${url.hostname}:${port}${database === 0 ? "" : `/${database}`}`);
  const [username, password] = [decoded(url.username), decoded(url.password)];
  return { host, port, tls: url.protocol === "rediss:", username, password, database, shown };
}

function databaseOf(path: string): number {
  if (path === "" || path === "/") return 0;
  const number = /^\/(\d{1,5})$/.exec(path)?.[1];
  if (number === undefined)
    throw unreadable("something else where the number of a database belongs: write %2F for / in a password");
  return Number(number);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unreadable('a user name or password with a "%" that is not written as %25');
  }
}

const unreadable = (what: string): UserError =>
  new UserError(
    `the address of Redis has to be redis://[user:password@]host[:port][/database], got ${what}`,
    "for example redis://localhost:6379, or rediss://… for TLS",
  );
