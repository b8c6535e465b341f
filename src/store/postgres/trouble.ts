/** Says in words for people what PostgreSQL or the network refused. One table for every statement of the store. */
import { AwayError, InterruptedError, StoppedError, UserError } from "../../errors.ts";

/** When an error came: while the database was being opened, or while we worked on it. */
type Phase = "open" | "work";

interface Trouble {
  message: string;
  hint: string;
  /** True: while the database is being opened, the person has to name another one or mend this one. */
  isMistake?: boolean;
  /** True: it may pass by itself. */
  isAway?: boolean;
}

/** How the address of the database was given. */
export interface Given {
  /** What to look at, with its verb: "… where". */
  says: string;
  /** The same as a name. */
  by: string;
  /** Which right the user may lack. */
  right: string;
}

const OURS: Given = {
  says: "--db, or SES_MAIL_DB, says",
  by: "--db",
  right: "the right to create a schema, or to use the one that SES_MAIL_DB_SCHEMA names",
};

const AGAIN = "run the same command again";

/**
 * Makes a UserError, StoppedError or AwayError of an error about the database `name` (as it is displayed). Returns any other error as it is. Only
 * what is found while the database is opened can be a UserError: later, something may have been changed already. `given`: how its address was
 * given, when it is not that of the job.
 */
export function explain(error: unknown, name: string, phase: Phase = "work", given: Given = OURS): unknown {
  if (error instanceof StoppedError || error instanceof UserError || error instanceof InterruptedError) return error;
  const trouble = troubleOf(error, name, given);
  if (trouble === null) return error;
  const Kind =
    phase === "open" && trouble.isMistake === true ? UserError : trouble.isAway === true ? AwayError : StoppedError;
  return new Kind(trouble.message, trouble.hint);
}

/**
 * The five characters of PostgreSQL's error, or the name of the system's; empty: it has neither. PgBouncer has one code for all that it
 * refuses, and says what it is in words: then it is the code that PostgreSQL has for that.
 */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error && "code" in error)) return "";
  const code = String(error.code);
  if (code !== "08P01") return code;
  return POOLER.find(([words]) => words.test(error.message))?.[1] ?? code;
}

const POOLER: readonly [words: RegExp, code: string][] = [
  [/authentication failed|no such user/i, "28P01"],
  [/no such database|database "[^"]*" does not exist/i, "3D000"],
  [/no more connections|too many/i, "53300"],
];

/** Transactions that the server took back for the sake of others; the same again will do. */
export function isPassing(error: unknown): boolean {
  // Serialisation failure, deadlock, lock not available in time.
  return ["40001", "40P01", "55P03"].includes(codeOf(error));
}

/** True when the connection is gone or could not be made, so that another one may succeed. */
export function isAway(error: unknown): boolean {
  const code = codeOf(error);
  // Class 08: connection. 57P01 to 57P05: the server shuts down, has crashed, starts, has dropped the database, or ended an idle session.
  if (code.startsWith("08") || (code.startsWith("57P0") && code !== "57P04")) return true;
  // 25P03 and 25P04: it ended our transaction because it heard nothing of us.
  if (code === "25P03" || code === "25P04") return true;
  if (NETWORK.has(code)) return true;
  return code === "" && error instanceof Error && GONE.test(error.message);
}

/** True when the server has no room for another connection. */
export function isCrowded(error: unknown): boolean {
  // Too many connections.
  return codeOf(error) === "53300";
}

const NETWORK: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "EAI_AGAIN",
  "ENOTFOUND",
  "ENOENT",
  "ERR_STREAM_DESTROYED",
  // Ours: of several servers none is the primary now.
  "NO_PRIMARY",
]);
/** pg's own errors have no code. */
const GONE =
  /connection terminated|timeout expired|read timeout|connection error and is not queryable|client was closed|connection ended|server closed/i;

function troubleOf(error: unknown, name: string, given: Given): Trouble | null {
  const code = codeOf(error);
  const said = error instanceof Error ? error.message : String(error);
  if (isCrowded(error)) {
    return {
      message: `the database ${name} has no room for another connection (53300)`,
      hint: "lower SES_MAIL_DB_CONNECTIONS, or raise max_connections of the server",
      isAway: true,
    };
  }
  const mistake = MISTAKES[code];
  if (mistake !== undefined) return { ...mistake(name, said, given), isMistake: true };
  if (code.startsWith("ERR_TLS_") || TLS.test(code) || /SSL|certificate/i.test(said))
    return tls(name, code, said, given);
  if (isAway(error)) return away(name, code, said, given);
  return refusal(name, code, said);
}

const change = ({ says }: Given): string => `check the address: ${says} it`;
const MISTAKES: Readonly<Record<string, ((name: string, said: string, given: Given) => Trouble) | undefined>> = {
  "28P01": (name, said) => ({
    message: `the database ${name} says: ${said}`,
    hint: "set PGPASSWORD, or put the password into ~/.pgpass or the address",
  }),
  "28000": (name, said, given) => ({
    message: `the database ${name} says: ${said}`,
    hint: /does not exist/.test(said)
      ? `create it with createuser, or ${change(given)}`
      : "check the user, and whether the server wants ?sslmode=require",
  }),
  "3D000": (name, said, given) => ({
    message: `the database ${name} says: ${said}`,
    hint: `create it with createdb, or ${change(given)}`,
  }),
  "42501": (name, said, { right }) => ({
    message: `the database ${name} refuses: ${said}`,
    hint: `grant this user ${right}`,
  }),
  "3F000": (name, said) => ({ message: `the database ${name} says: ${said}`, hint: "check SES_MAIL_DB_SCHEMA" }),
  SELF_SIGNED_CERT_IN_CHAIN: tlsMistake,
  DEPTH_ZERO_SELF_SIGNED_CERT: tlsMistake,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: tlsMistake,
  CERT_HAS_EXPIRED: tlsMistake,
  ERR_TLS_CERT_ALTNAME_INVALID: tlsMistake,
};

function tlsMistake(name: string, said: string, { by }: Given): Trouble {
  return {
    message: `the certificate of the database ${name} is not accepted: ${said}`,
    hint: `check sslrootcert and the host in ${by}; sslmode=require encrypts without checking who answers`,
  };
}

const TLS = /^(?:CERT_|UNABLE_TO_|SELF_SIGNED|EPROTO)/;

function tls(name: string, code: string, said: string, given: Given): Trouble {
  if (/does not support SSL/i.test(said)) {
    return {
      message: `the database ${name} does not offer TLS`,
      hint: "leave sslmode out, or set up TLS on the server",
      isMistake: true,
    };
  }
  return { ...tlsMistake(name, code === "" ? said : `${said} (${code})`, given), isMistake: true };
}

function away(name: string, code: string, said: string, { says }: Given): Trouble {
  const reason = AWAY_REASONS[code] ?? (/timeout expired|read timeout/i.test(said) ? "no answer" : said);
  return {
    message: `cannot reach the database ${name}: ${reason}${code === "" ? "" : ` (${code})`}`,
    hint: `is the server running? ${says} where; ${AGAIN} when it is back`,
    isAway: true,
  };
}

const AWAY_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "no route to its host",
  ENETUNREACH: "no route to its network",
  ENOTFOUND: "its host is not known",
  EAI_AGAIN: "the name of its host could not be looked up",
  ENOENT: "there is no such socket",
};

function refusal(name: string, code: string, said: string): Trouble | null {
  if (code === "53100")
    return { message: `no space left on the disk of the database ${name}`, hint: `free some space and ${AGAIN}` };
  if (code.startsWith("53") || code === "58030") {
    return { message: `the database ${name} is in trouble: ${said} (${code})`, hint: `mend that and ${AGAIN}` };
  }
  if (code === "25006") {
    return {
      message: `the database ${name} is read-only: a standby, or one that is set so`,
      hint: "name the primary; an address may name several servers: postgres://user@one,two/database",
      isMistake: true,
    };
  }
  if (code === "57014")
    return {
      message: `the database ${name} cancelled a query that took too long`,
      hint: "raise its statement_timeout",
    };
  if (code === "55P03" || code === "40P01" || code === "40001") {
    return { message: `others held up the database ${name} for too long`, hint: AGAIN };
  }
  // An index or a page that cannot be read.
  if (code.startsWith("XX"))
    return { message: `the database ${name} is damaged: ${said} (${code})`, hint: "restore it from a backup" };
  return null;
}
