/**
 * Turns what the SDK throws into an `Outcome`. SES uses several names for one thing and one name for several things, so
 * texts decide before names, and names before HTTP statuses. Sources: the SES v2 API reference, the developer guide's
 * "manage-sending-quotas-errors", and answers captured in the field.
 */
import type { SesOutcome } from "../deliver/outcome.ts";
import { shortened } from "../printable.ts";
import { foreignAnswer, inOneLine, type Thrown } from "./foreign-answer.ts";

interface Facts extends Thrown {
  /** What to say of it; null: the answer was one of SES, or there was none. */
  foreign: string | null;
  /** True: the answer is not even JSON as AWS writes it, so no part of AWS refused anything. */
  isNobodys: boolean;
}

/** Node's error codes (`code`) that prove that the request never reached SES. */
const NEVER_REACHED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "EHOSTDOWN",
  "EADDRNOTAVAIL",
  "EMFILE",
  "ENFILE",
]);

/** The longest text of somebody else that is kept, in characters. It is stored once for each message. */
const LONGEST_TEXT = 500;

const ENDPOINT_HINT = "AWS_ENDPOINT_URL_SESV2 (or AWS_ENDPOINT_URL) expects a URL such as http://127.0.0.1:8025";

/** Error names that concern the account, the identity, the credentials or the configuration, each with what to do. */
const HALTS = new Map(
  Object.entries({
    AccountSuspendedException:
      "AWS has shut down sending for this account: see the AWS Health dashboard and the account's e-mail",
    SendingPausedException: "sending is paused for the account or the configuration set: resume it in the SES console",
    MailFromDomainNotVerifiedException:
      "publish the MX record of the custom MAIL FROM domain, or let SES fall back to its own",
    NotFoundException: "create it in SES in this region, or correct its name",
    AccessDeniedException:
      "give the credentials the IAM permission ses:SendEmail for this identity and configuration set",
    UnrecognizedClientException: "check the AWS credentials",
    InvalidClientTokenId: "check the AWS credentials",
    InvalidSignatureException: "check the AWS secret key and the clock of this machine",
    SignatureDoesNotMatch: "check the AWS secret key and the clock of this machine",
    MissingAuthenticationToken: "check the AWS credentials",
    MissingAuthenticationTokenException: "check the AWS credentials",
    IncompleteSignature: "check the AWS credentials",
    OptInRequired: "enable SES in this region for the account",
    ExpiredTokenException: "renew the AWS credentials (for example: aws sso login) and run the same command again",
    ExpiredToken: "renew the AWS credentials (for example: aws sso login) and run the same command again",
    RequestExpired: "check the clock of this machine and the AWS credentials",
    CredentialsProviderError:
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE (or try --sandbox, which needs no account)",
    TokenProviderError: "sign in again: aws sso login",
    LimitExceededException: "an SES limit of the account is reached: see the SES console",
    SerializationException: "this looks like a bug of ses-mail: please report it",
    EndpointError: ENDPOINT_HINT,
  }),
);

/** Texts of BadRequest and validation errors that concern one recipient's address or header values. */
const ABOUT_RECIPIENT =
  /missing final '@domain'|local address|domain contains|missing domain|missing local name|illegal address|invalid email address|invalid to|non-ascii|header (?:name|value)|headers?\.\d|destination\.|toAddresses/i;

/**
 * What an error of an SES call means for the message and for the run; never `sent` or `withheld`. `from` is the
 * sender's bare address: it tells errors about the sender from errors about the recipient. Never throws.
 */
export function outcomeOf(error: unknown, from: string): SesOutcome {
  const facts = factsOf(error);
  return byText(facts, from) ?? byNetwork(facts) ?? byName(facts) ?? byStatus(facts);
}

/**
 * What an error means that came when some of the request was written: as `outcomeOf`, but no error of the network proves then that
 * nothing arrived.
 */
export function outcomeOfLeft(error: unknown, from: string): SesOutcome {
  const facts = factsOf(error);
  return byText(facts, from) ?? byLoss(facts) ?? byName(facts) ?? byStatus(facts);
}

/**
 * What an error means that came before the first byte of the request was written: it is never the message's own. The network may
 * come back (`unreachable`); everything else (no credentials, an endpoint that is no URL) is for a person to mend.
 * @throws the error itself when it can only be a bug of this program.
 */
export function outcomeOfUnsent(error: unknown): SesOutcome {
  const facts = factsOf(error);
  const { code, name, text } = facts;
  if (code === "ERR_INVALID_URL" || /invalid (?:url|endpoint)/i.test(text))
    return halt(describe(name, text), ENDPOINT_HINT);
  const known = byText(facts, "") ?? byTls(facts) ?? byName(facts);
  if (known?.kind === "halted") return known;
  if (code === "" && (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError))
    throw error;
  if (name === "TimeLimitError") return unreachable("no connection and no credentials in time");
  if (/^(?:E[A-Z0-9_]+|UND_ERR_\w+)$/.test(code) && !code.startsWith("ERR_")) return unreachable(text || code);
  if (name === "TimeoutError" || name === "AbortError") return unreachable(describe(name, text));
  return halt(
    describe(code || name, text),
    "check the AWS settings of this machine (AWS_REGION, AWS_PROFILE, credentials, endpoint)",
  );
}

/** True when the credentials expired during the run. It is worth reading them anew once before stopping. */
export function isExpired(error: unknown): boolean {
  return ["ExpiredTokenException", "ExpiredToken", "RequestExpired"].includes(factsOf(error).name);
}

/** Names by which SES refuses a request whose signature is of another time. */
const OF_CLOCKS = new Set([
  "InvalidSignatureException",
  "SignatureDoesNotMatch",
  "RequestExpired",
  "RequestTimeTooSkewed",
  "RequestInTheFuture",
]);

/**
 * True when SES refused a request because the clock of this machine is wrong, and the SDK has learnt from the answer how wrong. A request
 * that is signed anew will do.
 */
export function isClockWrong(error: unknown): boolean {
  const { $metadata } = error as { $metadata?: { clockSkewCorrected?: unknown } };
  return $metadata?.clockSkewCorrected === true && OF_CLOCKS.has(factsOf(error).name);
}

function unreachable(reason: string): SesOutcome {
  return { kind: "transient", reason, unreachable: true };
}

/** A problem with TLS or a certificate: the request was never sent. */
function byTls({ code, text }: Facts): SesOutcome | null {
  if (!/^(CERT_|DEPTH_ZERO|UNABLE_TO_|ERR_TLS|SELF_SIGNED|ERR_SSL|EPROTO)/.test(code)) return null;
  return halt(describe(code, text), "check the endpoint and the certificates of this machine or its proxy");
}

function byText(facts: Facts, from: string): SesOutcome | null {
  const { name, text, status } = facts;
  if (/daily message quota exceeded|daily sending quota|24-hour.*quota/i.test(text))
    return { kind: "quota", reason: text };
  if (/maximum sending rate exceeded/i.test(text)) return { kind: "throttled", reason: text };
  if (status === 429 || /^(TooManyRequests|Throttling|ThrottledException|RequestThrottled|SlowDown)/.test(name)) {
    return { kind: "throttled", reason: facts.foreign ?? describe(name, text) };
  }
  if (/sending (?:is )?paused|account (?:is )?(?:paused|suspended)|sending.*(?:shut down|disabled)/i.test(text)) {
    return halt(text, HALTS.get("SendingPausedException"));
  }
  // "MAIL FROM domain is not verified" is about a DNS record, not about the identity.
  if (/identities failed the check|not verified/i.test(text) && name !== "MailFromDomainNotVerifiedException")
    return unverified(text, from);
  // SES clients call an empty AWS_REGION "not accepted".
  if (/region is missing|region not accepted/i.test(text))
    return halt(text, "set AWS_REGION, for example AWS_REGION=us-east-1");
  return null;
}

/**
 * SES lists the identities that are not verified. When the sender is not among them, the account is in the SES sandbox.
 */
function unverified(text: string, from: string): SesOutcome {
  const listed = text.slice(text.lastIndexOf(":") + 1).toLowerCase();
  const domain = from.slice(from.lastIndexOf("@") + 1).toLowerCase();
  const aboutSender =
    !/identities failed the check/i.test(text) ||
    listed.includes(from.toLowerCase()) ||
    listed.split(/[\s,]+/).includes(domain);
  if (aboutSender) return halt(text, `verify ${from} or ${domain} in SES in this region`);
  return {
    kind: "rejected",
    reason: `${text} (the account is in the SES sandbox: it may only write to verified addresses)`,
    unknown: false,
  };
}

function byNetwork(facts: Facts): SesOutcome | null {
  const { name, code, text } = facts;
  if (NEVER_REACHED.has(code) || name === "ConnectTimeoutError" || /did not establish a connection/i.test(text))
    return unreachable(text || code);
  return byTls(facts) ?? byLoss(facts);
}

/** The request was sent, and no answer of SES came. */
function byLoss(facts: Facts): SesOutcome | null {
  const { name, code, text, status } = facts;
  // A 5xx may have a text of any kind (from a proxy or a load balancer), so the status decides.
  if (status >= 500) return null;
  const lost = ["ECONNRESET", "EPIPE", "ETIMEDOUT", "ECONNABORTED", "ERR_STREAM_PREMATURE_CLOSE"].includes(code);
  const noAnswer = ["TimeoutError", "TimeLimitError", "AbortError"].includes(name);
  // Only something that is not SES redirects. It may still have handed the request on.
  if (lost || noAnswer || /socket hang up|aborted/i.test(text) || (status >= 100 && status < 400)) {
    return { kind: "in_doubt", reason: code || status === 0 ? describe(code || name, text) : answered(facts) };
  }
  return null;
}

/** What the answer was. */
function answered({ foreign, name, status, text }: Facts): string {
  return foreign ?? describe(`${status} ${name}`, text);
}

function byName({ name, text }: Facts): SesOutcome | null {
  const hint = HALTS.get(name);
  if (hint !== undefined) return halt(text ? `${name}: ${text}` : name, hint);
  if (name === "MessageRejected") return { kind: "rejected", reason: text || name, unknown: false };
  if (name === "BadRequestException" || name === "ValidationException") {
    return ABOUT_RECIPIENT.test(text)
      ? { kind: "rejected", reason: text, unknown: false }
      : halt(`${name}: ${text}`, "correct the sender, the content or the configuration set");
  }
  return null;
}

/**
 * Statuses that say that the request was not processed, whoever gives them: it was not complete in time (408; HAProxy ends idle
 * connections with it, and may cross a request that is on its way), it came over a connection of another server (421; both RFC 9110,
 * 15.5), or it came too early to be looked at (425; RFC 8470, 5.2). The same request may be made again, over another connection. So a
 * second copy is as unlikely as after a 5xx, which says less; to call the recipient refused would lose a mail, or make a person send it
 * again without being told of a doubt.
 */
const NOT_PROCESSED = new Set([408, 421, 425]);
/** Names for 408 in other protocols of AWS. The SDK tries again after them, too. */
const NOT_RECEIVED = new Set(["RequestTimeout", "RequestTimeoutException"]);

function byStatus(facts: Facts): SesOutcome {
  const { name, text, status, code } = facts;
  if (status === 413) return { kind: "rejected", reason: "the message is too large for SES (413)", unknown: false };
  const mayPass = status >= 500 || NOT_PROCESSED.has(status) || (status >= 400 && NOT_RECEIVED.has(name));
  if (mayPass) return { kind: "transient", reason: answered(facts), unreachable: false };
  // What a proxy, a firewall or a login page refuses, SES did not. While it does so nobody is failed; of a single mail it may be about
  // something in it, and then the attempts end.
  if (status >= 400 && facts.isNobodys)
    return { kind: "transient", reason: answered(facts), unreachable: false, isForeign: true };
  if (status >= 300) return { kind: "rejected", reason: answered(facts), unknown: true };
  // We know nothing about this error. To call it refused could lead to a second copy.
  return { kind: "in_doubt", reason: describe(code || name, text) };
}

function halt(reason: string, hint = "see the SES console"): SesOutcome {
  return { kind: "halted", reason, hint };
}

function factsOf(error: unknown): Facts {
  const e = (typeof error === "object" && error !== null ? error : {}) as {
    name?: unknown;
    message?: unknown;
    code?: unknown;
    errors?: unknown;
    $metadata?: { httpStatusCode?: unknown };
  };
  const status = e.$metadata?.httpStatusCode;
  const thrown: Thrown = {
    name: typeof e.name === "string" ? readable(e.name) : "Unknown",
    text: readable(messageOf(e)),
    status: typeof status === "number" ? status : 0,
    code: typeof e.code === "string" ? readable(e.code) : "",
  };
  const foreign = foreignAnswer(thrown, "SES");
  // What the SDK says of an answer that it cannot read may quote it, and must decide nothing.
  return foreign === null
    ? { ...thrown, foreign, isNobodys: false }
    : { ...thrown, text: foreign.text, foreign: foreign.reason, isNobodys: foreign.isNobodys };
}

function readable(text: string): string {
  return shortened(inOneLine(text), LONGEST_TEXT);
}

/** When a name has several addresses, Node's error has one for each address and no text of its own. */
function messageOf({ message, errors }: { message?: unknown; errors?: unknown }): string {
  if (typeof message === "string" && message !== "") return message;
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  return first instanceof Error ? first.message : "";
}

function describe(name: string, text: string): string {
  return text && text !== name && text !== "UnknownError" ? `${name}: ${text}` : name;
}
