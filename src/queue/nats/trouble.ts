/** What an error of the NATS library means, in one line for people. */
import { printable } from "../../printable.ts";
import { networkWords } from "../network-words.ts";

/** Why a server cannot be used, in a few words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error)) || "connection lost";
  const known = networkWords((error as NodeJS.ErrnoException).code);
  if (known !== null) return known;
  if (error.name === "TimeoutError") return "it does not answer";
  return printable(error.message.replace(/^'(.*)'$/s, "$1")) || "connection lost";
}

/** Whether the server does not take who we are. Its own time limit for logging in is another matter: it may be busy. */
export function isLoginRefused(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const expired = error.name === "UserAuthenticationExpiredError";
  return expired || (error.name === "AuthorizationError" && !/timeout/i.test(error.message));
}

/** What a request came to, when it came to nothing. */
export type RequestTrouble =
  /** Nobody answered in time, or the connection ended. What was asked may have been done. */
  | { kind: "away"; reason: string }
  /** The server has no JetStream, or this account has none. */
  | { kind: "no-jetstream" }
  /** The server says no, and may say yes later. */
  | { kind: "refused"; reason: string; code: number | null; passing: boolean };

/** Null for an error that the library does not have: it is ours. */
export function requestTrouble(error: unknown): RequestTrouble | null {
  const chain = causesOf(error);
  const named = (names: ReadonlySet<string>) => chain.find(({ name }) => names.has(name));
  if (named(NO_JETSTREAM)) return { kind: "no-jetstream" };
  const said = named(OF_JETSTREAM);
  if (said) return apiTrouble(said as Error & { code: number; status: number });
  const refused = named(REFUSED);
  if (refused) return { kind: "refused", reason: reasonOf(refused), code: null, passing: false };
  const away = named(AWAY);
  return away ? { kind: "away", reason: reasonOf(away) } : null;
}

const NO_JETSTREAM = new Set(["JetStreamNotEnabled", "NoResponders"]);
const OF_JETSTREAM = new Set(["JetStreamApiError", "StreamNotFoundError", "ConsumerNotFoundError"]);
const REFUSED = new Set(["PermissionViolationError", "InvalidArgumentError", "InvalidNameError"]);
const AWAY = new Set([
  "TimeoutError",
  "RequestError",
  "ConnectionError",
  "ClosedConnectionError",
  "DrainingConnectionError",
  "ProtocolError",
]);

/** The error, what caused it, and so on. The library wraps some of its errors twice. */
function causesOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && chain.length < 5; at = at.cause) chain.push(at);
  return chain;
}

/** Error codes of JetStream (server/errors.json): JetStream is not enabled, and not for this account. */
const NOT_ENABLED = new Set([10_076, 10_039]);

function apiTrouble(error: Error & { code: number; status: number }): RequestTrouble {
  if (NOT_ENABLED.has(error.code)) return { kind: "no-jetstream" };
  return { kind: "refused", reason: reasonOf(error), code: error.code, passing: error.status >= 500 };
}
