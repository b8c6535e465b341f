/** Where SendEmail goes and how it is signed, as the SDK decides it: for a request that it prepares and that never leaves. */
import { SendEmailCommand, type SESv2Client } from "@aws-sdk/client-sesv2";
import { keepBack, keptRequest } from "../ready.ts";

/** The part of a request to SendEmail that is the same for all mails. */
export interface Target {
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  /** Headers that do not depend on the mail, the instant or the credentials. Names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** What the signature covers, sorted, in lower case: of `headers`, and of those that each request has for itself. */
  signed: readonly string[];
  /** Of the credential scope. */
  region: string;
  service: string;
  /** False: the clock of the machine is right, whatever SES says (AWS_DISABLE_CLOCK_SKEW_CORRECTION and the like). */
  correctsClock: boolean;
}

/** Each request has these for itself. */
const OWN = new Set(["content-length", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "authorization"]);
/** They count the SDK's own attempts. */
const OF_RETRIES = /^amz-sdk-/;

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=[^,]*\/\d{8}\/([^/,]+)\/([^/,]+)\/aws4_request, SignedHeaders=([^,]+), Signature=/;

/** A request of the SDK, as far as it is looked at. */
interface Prepared {
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query: Record<string, unknown>;
  headers: Record<string, string>;
}

/**
 * Lets `client` prepare a request, and takes it apart. Null: it is signed or addressed in a way that is the SDK's alone.
 * Rejects as a call of the client would that cannot be made (region, endpoint, credentials).
 */
export async function targetOf(client: SESv2Client): Promise<Target | null> {
  const command = new SendEmailCommand({ Content: {} });
  keepBack(command);
  const { protocol, hostname, port, path, query, headers } = (await keptRequest(client.send(command))) as Prepared;
  const [, region, service, signed] = AUTHORIZATION.exec(headers["authorization"] ?? "") ?? [];
  if (region === undefined || service === undefined || signed === undefined || Object.keys(query).length > 0)
    return null;
  const fixed = Object.entries(headers).filter(([name]) => !OWN.has(name) && !OF_RETRIES.test(name));
  return {
    protocol,
    hostname,
    ...(port !== undefined && { port }),
    path,
    headers: Object.fromEntries(fixed),
    signed: signed.split(";").filter((name) => name !== "x-amz-security-token" && !OF_RETRIES.test(name)),
    region,
    service,
    correctsClock: await correctsClock(client),
  };
}

async function correctsClock({ config }: SESv2Client): Promise<boolean> {
  const { disableClockSkewCorrection: isOff } = config as { disableClockSkewCorrection?: () => Promise<boolean> };
  return (await isOff?.()) !== true;
}
