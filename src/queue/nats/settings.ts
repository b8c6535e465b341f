/** What a user says about NATS: where the servers are, and who we are. */
import { readBytes } from "../../read-file.ts";
import { UserError } from "../../errors.ts";

/** Which servers to use, and as whom. */
export interface NatsSettings {
  /** One or more: `nats://host:4222`, `tls://host`, `host`; `user:password@` or `token@` in front of the host work. */
  servers: readonly string[];
  /** A file of `nsc` or of Synadia Cloud with a JWT and its seed. It is read again for each connection. */
  credsFile: string | null;
}

/** One server, without what is secret. */
export interface NatsAddress {
  host: string;
  port: number;
}

/** Who we are: the same for every server. */
type NatsLogin = { user: string; pass: string } | { token: string } | null;

/** What can be connected to. */
export interface NatsPlace {
  /** At least one. */
  addresses: readonly NatsAddress[];
  login: NatsLogin;
  /** True: never without TLS. False: as the server wants it. */
  tls: boolean;
  /** All servers, for people: no passwords. */
  where: string;
}

const DEFAULT_PORT = 4222;
const HINT = "write nats://host:4222, or tls://user:password@host; several with commas between them";

/**
 * Reads the addresses.
 * @throws UserError for one that cannot be used, and for two that say different things about who we are. It shows no
 * password.
 */
export function readPlace(servers: readonly string[]): NatsPlace {
  const parsed = servers.map((server) => server.trim()).filter((server) => server !== "");
  if (parsed.length === 0) throw new UserError("no address of a NATS server was given", HINT);
  const urls = parsed.map(parseServer);
  const logins = urls.map(loginOf).filter((login) => login !== null);
  const [login = null] = logins;
  if (logins.some((other) => JSON.stringify(other) !== JSON.stringify(login)))
    throw new UserError("the NATS servers have different users; expected one user for all of them", HINT);
  const addresses = urls.map(addressOf);
  const tls = urls.some(({ protocol }) => protocol === "tls:");
  const where = addresses.map(({ host, port }) => `${tls ? "tls" : "nats"}://${bracketed(host)}:${port}`).join(", ");
  return { addresses, login, tls, where };
}

function parseServer(text: string): URL {
  const full = text.includes("://") ? text : `nats://${text}`;
  const url = URL.canParse(full) ? new URL(full) : null;
  if (url === null || url.hostname === "")
    throw new UserError(`${named(text)} is not the address of a NATS server`, HINT);
  if (url.protocol !== "nats:" && url.protocol !== "tls:")
    throw new UserError(`${named(text)} begins with ${url.protocol}//; expected nats:// or tls://`, HINT);
  if ((url.pathname !== "" && url.pathname !== "/") || url.search !== "" || url.hash !== "")
    throw new UserError(
      `${named(text)} has more than a host and a port`,
      `${HINT}; in a password write %2F for /, %3F for ? and %23 for #`,
    );
  return url;
}

/** Without all that may be a password, also when it has an @ in it. */
const named = (text: string): string => JSON.stringify(text.replace(/^([a-z]+:\/\/)?.*@/is, "$1…@"));

function addressOf({ hostname, port }: URL): NatsAddress {
  return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: port === "" ? DEFAULT_PORT : Number(port) };
}

/** An IPv6 address in the brackets that a URL needs. */
export const bracketed = (host: string): string => (host.includes(":") ? `[${host}]` : host);

function loginOf({ username, password }: URL): NatsLogin {
  if (username === "" && password === "") return null;
  const [user, pass] = [decoded(username), decoded(password)];
  return password === "" ? { token: user } : { user, pass };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UserError(
      "the user or password in the address of the NATS server has a % that means nothing",
      "write %25 for %",
    );
  }
}

/**
 * The bytes of a creds file.
 * @throws UserError when it cannot be read, or has no JWT and seed in it.
 */
export async function readCreds(path: string): Promise<Uint8Array> {
  const bytes = await readBytes(path, "NATS credentials");
  if (!/-----BEGIN NATS USER JWT-----[^]*-----BEGIN USER NKEY SEED-----/.test(bytes.toString("latin1")))
    throw new UserError(
      `NATS credentials ${path} have no user JWT with its seed`,
      "nsc generate creds writes such a file",
    );
  return bytes;
}
