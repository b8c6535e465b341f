/** R8 R9 G4 N2: what an error of SES means, error by error. Texts and statuses as SES and the SDK give them. */
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { isExpired, outcomeOf, outcomeOfLeft, outcomeOfUnsent } from "../../src/aws/ses-error.ts";

const FROM = "news@example.com";

interface Thrown {
  name?: string;
  message?: string | null;
  status?: number;
  code?: string;
}

function thrown({ name = "Error", message = "", status, code }: Thrown): unknown {
  const error = Object.assign(new Error(), { name, message });
  if (code !== undefined) Object.assign(error, { code });
  if (status !== undefined) Object.assign(error, { $metadata: { httpStatusCode: status } });
  return error;
}

const outcome = (facts: Thrown, from = FROM): Outcome => outcomeOf(thrown(facts), from);
const kind = (facts: Thrown): string => outcome(facts).kind;

describe("things that are no error objects leave the message in doubt: nobody knows", () => {
  it.each([[undefined], [null], ["text"], [42], [{}], [new Error("")]])("%s", (value) => {
    expect(outcomeOf(value, FROM).kind).toBe("in_doubt");
  });

  it("a null text, as SES sends for a mail without a sender", () => {
    expect(kind({ name: "BadRequestException", message: null, status: 400 })).toBe("halted");
  });
});

describe("too fast: slow down, not an attempt", () => {
  it.each<Thrown>([
    { name: "TooManyRequestsException", message: "Maximum sending rate exceeded.", status: 429 },
    { name: "TooManyRequestsException", message: "Too many requests", status: 429 },
    { name: "ThrottlingException", message: "Maximum sending rate exceeded.", status: 400 },
    { name: "Throttling", message: "Rate exceeded", status: 400 },
    { name: "ThrottledException", message: "", status: 400 },
    { name: "MessageRejected", message: "maximum sending rate exceeded", status: 400 },
    { name: "LimitExceededException", message: "Maximum sending rate exceeded.", status: 400 },
    { name: "Unknown", message: "UnknownError", status: 429 },
    { name: "SyntaxError", message: "Unexpected token < in JSON", status: 429 },
  ])("$name $status: $message", (facts) => expect(kind(facts)).toBe("throttled"));
});

describe("the daily quota, under whatever name", () => {
  it.each<Thrown>([
    { name: "LimitExceededException", message: "Daily message quota exceeded.", status: 400 },
    { name: "Throttling", message: "Daily message quota exceeded.", status: 400 },
    { name: "ThrottlingException", message: "Daily message quota exceeded", status: 400 },
    { name: "TooManyRequestsException", message: "daily message quota exceeded.", status: 429 },
    { name: "MessageRejected", message: "Daily message quota exceeded.", status: 400 },
  ])("$name $status: $message", (facts) => expect(kind(facts)).toBe("quota"));
});

describe("account, identity, credentials, configuration: stop, and say what to do", () => {
  it.each<Thrown>([
    { name: "AccountSuspendedException", message: "Sending is shut down.", status: 400 },
    { name: "SendingPausedException", message: "Email sending is disabled.", status: 400 },
    {
      name: "MessageRejected",
      message:
        "Sending paused for this account. For more information, please check the inbox of the email address associated with your AWS account.",
      status: 400,
    },
    { name: "MailFromDomainNotVerifiedException", message: "no MX", status: 400 },
    { name: "NotFoundException", message: "Configuration set <x> does not exist.", status: 404 },
    { name: "NotFoundException", message: "List with name: X doesn't exist.", status: 404 },
    { name: "LimitExceededException", message: "Too many of something", status: 400 },
    { name: "AccessDeniedException", message: "User `arn:aws:iam::1:user/x' is not authorized", status: 403 },
    { name: "UnrecognizedClientException", message: "The security token is invalid.", status: 403 },
    { name: "InvalidClientTokenId", message: "", status: 403 },
    { name: "InvalidSignatureException", message: "Signature expired", status: 403 },
    { name: "SignatureDoesNotMatch", message: "", status: 403 },
    { name: "MissingAuthenticationToken", message: "", status: 403 },
    { name: "IncompleteSignature", message: "", status: 400 },
    { name: "OptInRequired", message: "", status: 403 },
    { name: "ExpiredTokenException", message: "The security token is expired", status: 403 },
    { name: "RequestExpired", message: "", status: 400 },
    { name: "SerializationException", message: "", status: 400 },
    { name: "CredentialsProviderError", message: "Could not load credentials from any providers" },
    { name: "Error", message: "Region is missing" },
    { name: "Error", message: `Region not accepted: region="" is not a valid hostname component.` },
    { name: "BadRequestException", message: "There are no recipients specified", status: 400 },
    { name: "BadRequestException", message: "Source cannot be empty", status: 400 },
    { name: "BadRequestException", message: "Domain example.com is not verified for DKIM signing.", status: 400 },
    { name: "ValidationException", message: "1 validation error detected: Value at 'fromEmailAddress'", status: 400 },
    { name: "Error", code: "DEPTH_ZERO_SELF_SIGNED_CERT", message: "self-signed certificate" },
    { name: "Error", code: "CERT_HAS_EXPIRED", message: "certificate has expired" },
  ])("$name $code: $message", (facts) => {
    const found = outcome(facts);
    expect(found.kind).toBe("halted");
    expect("hint" in found && found.hint.length).toBeGreaterThan(10);
  });

  it("a MAIL FROM domain that is not verified: its DNS record is to be mended, not the identity", () => {
    const found = outcome({
      name: "MailFromDomainNotVerifiedException",
      message: "MAIL FROM domain is not verified",
      status: 400,
    });
    expect(found).toMatchObject({ kind: "halted", hint: expect.stringContaining("MX record") });
  });

  it("an identity that is not verified: the sender's", () => {
    const message = (listed: string) =>
      `Email address is not verified. The following identities failed the check in region US-EAST-1: ${listed}`;
    for (const listed of ["news@example.com", "a@example.net, News@Example.com", "example.com"]) {
      expect(kind({ name: "MessageRejected", message: message(listed), status: 400 })).toBe("halted");
    }
    // A name that merely ends like ours is somebody else's.
    const other = kind({ name: "MessageRejected", message: message("a@notexample.com"), status: 400 });
    expect(other).toBe("rejected");
  });
});

describe("this recipient only", () => {
  it.each<Thrown>([
    { name: "MessageRejected", message: "Address blacklisted.", status: 400 },
    { name: "MessageRejected", message: "", status: 400 },
    ...[
      "Missing final '@domain'",
      "Local address contains control or whitespace",
      "Local address contains illegal character",
      "Domain contains control or whitespace",
      "Domain contains dot-dot",
      "Missing domain",
      "Missing local name",
      "Illegal address",
      "Invalid email address a@b",
    ].map((message) => ({ name: "BadRequestException", message, status: 400 })),
    {
      name: "ValidationException",
      message:
        "1 validation error detected: Value at 'content.simple.headers.1.member.value' failed to satisfy constraint",
      status: 400,
    },
    { name: "SyntaxError", message: "Unexpected token <", status: 413 },
    { name: "RequestEntityTooLarge", message: "", status: 413 },
  ])("$name: $message", (facts) => expect(outcome(facts)).toMatchObject({ kind: "rejected", unknown: false }));

  it("an account in the SES sandbox: only the recipient is not verified, and the reason says so", () => {
    const message =
      "Email address is not verified. The following identities failed the check in region US-EAST-1: ann@example.net";
    const found = outcome({ name: "MessageRejected", message, status: 400 });
    expect(found).toMatchObject({ kind: "rejected", unknown: false, reason: expect.stringContaining("SES sandbox") });
  });

  it.each<Thrown>([
    { name: "SomethingNew", message: "No idea", status: 400 },
    { name: "ConflictException", message: "", status: 409 },
  ])("what we do not know may concern everybody: $name $status", (facts) => {
    expect(outcome(facts)).toMatchObject({ kind: "rejected", unknown: true });
  });
});

describe("may pass: not accepted", () => {
  it.each(["EPROTO", "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "EHOSTUNREACH", "ENETDOWN", "ECONNRESET"])(
    "of a request that has left, %s proves nothing",
    (code) => {
      expect(outcomeOfLeft(Object.assign(new Error("write"), { code }), FROM).kind).toBe("in_doubt");
    },
  );

  it.each(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"])("never reached: %s", (code) => {
    expect(outcome({ code, message: `connect ${code}` })).toMatchObject({ kind: "transient", unreachable: true });
  });

  it("connection time-out, which has the name of a lost answer", () => {
    const message = "Socket did not establish a connection with the server within the configured timeout of 10000 ms.";
    expect(outcome({ name: "TimeoutError", message })).toMatchObject({ kind: "transient", unreachable: true });
  });

  it.each<Thrown>([
    { name: "InternalFailure", message: "", status: 500 },
    { name: "InternalServiceErrorException", message: "", status: 500 },
    { name: "ConcurrentModificationException", message: "", status: 500 },
    { name: "ServiceUnavailable", message: "", status: 503 },
    { name: "Unknown", message: "UnknownError", status: 502 },
    { name: "SyntaxError", message: "Unexpected token < in JSON at position 0", status: 503 },
    { name: "Unknown", message: "UnknownError", status: 504 },
    { name: "Unknown", message: "UnknownError", status: 408 },
    { name: "SyntaxError", message: "Unexpected token <", status: 408 },
    { name: "RequestTimeout", message: "Your socket connection was not read from in time.", status: 400 },
    { name: "RequestTimeoutException", message: "", status: 408 },
    { name: "Unknown", message: "UnknownError", status: 421 },
    { name: "Unknown", message: "UnknownError", status: 425 },
  ])("$name $status", (facts) => expect(outcome(facts)).toMatchObject({ kind: "transient", unreachable: false }));
});

describe("promise 3: answer lost: in doubt, never tried again by itself", () => {
  it.each<Thrown>([
    { name: "TimeoutError", code: "ECONNRESET", message: "read ECONNRESET" },
    { name: "TimeoutError", code: "ECONNRESET", message: "socket hang up" },
    { name: "Error", code: "EPIPE", message: "write EPIPE" },
    { name: "TimeoutError", code: "ETIMEDOUT", message: "request timed out" },
    { name: "TimeoutError", message: "Connection timed out after 30000 ms" },
    { name: "AbortError", message: "Request aborted" },
    { name: "Error", code: "ECONNRESET", message: "aborted", status: 200 },
    { name: "SyntaxError", message: "Unexpected token < in JSON at position 0", status: 200 },
    { name: "Error", message: "something nobody has seen" },
    { name: "RequestTimeout", message: "of whom, and when?" },
  ])("$name $code $status: $message", (facts) => expect(kind(facts)).toBe("in_doubt"));
});

describe("a reason is one line, whoever wrote it", () => {
  it.each<Thrown>([
    { code: "EPROTO", message: "write EPROTO 40:error:0A00010B:SSL routines:\n../deps/openssl/record.c:354:\n" },
    { code: "ECONNRESET", message: "read\r\nECONNRESET" },
    { code: "ENOTFOUND", message: "getaddrinfo\u2028ENOTFOUND" },
    { name: "CredentialsProviderError", message: "Command failed: keys\nTraceback:\n  line 1\n" },
    { name: "MessageRejected", message: "Address\u0085blacklisted.\n", status: 400 },
    { name: "Some\nthing", message: "No\n\tidea", status: 400 },
  ])("$code $name", (facts) => {
    for (const found of [outcome(facts), outcomeOfUnsent(thrown(facts))]) {
      const { reason } = found as { reason: string };
      expect(reason).not.toMatch(/[\r\n\t\u0085\u2028]|^\s|\s$| {2}/);
      expect(reason.length).toBeGreaterThan(5);
    }
  });
});

it("what the SDK quotes of an answer that it cannot read decides nothing", () => {
  const message = `Unexpected token '<', "<p>Maximum sending rate exceeded</p>" is not valid JSON`;
  expect(kind({ name: "SyntaxError", message, status: 200 })).toBe("in_doubt");
  expect(kind({ name: "SyntaxError", message: '"the account is suspended"', status: 502 })).toBe("transient");
});

it("tells expired credentials, which are worth a second look, from other errors", () => {
  expect(["ExpiredTokenException", "ExpiredToken", "RequestExpired"].every((name) => isExpired(thrown({ name })))).toBe(
    true,
  );
  expect(isExpired(thrown({ name: "AccessDeniedException", status: 403 }))).toBe(false);
  expect(isExpired(undefined)).toBe(false);
});
