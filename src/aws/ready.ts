/**
 * Finds out before any work begins whether calls to AWS can be made: it lets the SDK prepare a request (region, endpoint,
 * credentials, signature) and keeps it back. So the answer is that of the SDK's own chain, whatever it is made of.
 */
import { GetAccountCommand, SendEmailCommand, type SESv2Client } from "@aws-sdk/client-sesv2";
import { ReceiveMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { InterruptedError, StoppedError, UserError } from "../errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Where the settings are read from, and what ends the wait for credentials. */
export interface ReadyOptions {
  env: Env;
  signal: AbortSignal;
  /** Another way to go on, for the hint when something is missing: `try --sandbox`. */
  alternative?: string;
}

/** Credentials may come from a program or from a server, and neither may keep us for ever. */
const LONGEST_MS = 60_000;

/** A command whose request is kept back, reduced to what is needed of it. */
interface Kept {
  middlewareStack: {
    add(
      middleware: (next: unknown, context: unknown) => (args: { request?: unknown }) => Promise<never>,
      options: { step: "deserialize"; priority: "high"; name: string },
    ): void;
  };
}

/** Ends a request that is ready to leave. */
class Prepared extends Error {
  override name = "Prepared";
  readonly request: unknown;

  constructor(request: unknown) {
    super("the request is ready");
    this.request = request;
  }
}

/**
 * Resolves when calls to SES can be made, and mails be sent through the multi-region endpoint `endpointId` when there is one. Nothing is
 * sent to SES.
 * @throws UserError when the region, the endpoint or the credentials are missing or cannot be used; it names the setting.
 * @throws StoppedError when a sign-in has expired, so that the same command works again after the next one.
 * @throws InterruptedError when the signal aborts first.
 */
export async function sesReady(client: SESv2Client, options: ReadyOptions, endpointId?: string): Promise<void> {
  const prepare = async () => {
    if (endpointId === undefined) {
      const command = new GetAccountCommand({});
      keepBack(command);
      return client.send(command);
    }
    const command = new SendEmailCommand({ Content: {}, EndpointId: endpointId });
    keepBack(command);
    await import("@aws-sdk/signature-v4a");
    return client.send(command);
  };
  await ready(prepare, { service: "SESV2", keys: client.config.credentials }, options);
}

/** Like `sesReady`, for SQS. */
export async function sqsReady(client: SQSClient, options: ReadyOptions): Promise<void> {
  const command = new ReceiveMessageCommand({ QueueUrl: "https://sqs.invalid/1/queue" });
  keepBack(command);
  await ready(() => client.send(command), { service: "SQS", keys: client.config.credentials }, options);
}

/** Makes a command end when its request is ready to leave. The call rejects then, and `keptRequest` has the request. */
export function keepBack({ middlewareStack }: Kept): void {
  middlewareStack.add(
    () =>
      ({ request }) =>
        Promise.reject(new Prepared(request)),
    { step: "deserialize", priority: "high", name: "sesMailKeepBack" },
  );
}

/** The request of a command that was kept back. Rejects when none could be made, as the call does. */
export async function keptRequest(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Prepared) return error.request;
    throw error;
  }
  throw new Error("a command that was kept back has come to an end");
}

/** Whose client it is, and where its credentials come from. */
interface Of {
  service: "SESV2" | "SQS";
  keys: () => Promise<Keys>;
}

async function ready(prepare: () => Promise<unknown>, { service, keys }: Of, options: ReadyOptions): Promise<void> {
  const { env, signal } = options;
  try {
    await withinLimit(prepare(), signal);
  } catch (error) {
    if (!(error instanceof Prepared)) throw problemOf(error, service, options);
    checkAddress(error.request, service, env);
    // The client has them already.
    checkKeys(await keys(), env);
  }
}

/** Rejects when the signal aborts or the limit is over; what was under way is left to itself. */
async function withinLimit(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw new InterruptedError();
  let end: () => void = () => undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    const onAbort = () => reject(new InterruptedError());
    const slow = new StoppedError(
      "the AWS credentials did not come within a minute",
      "look at the program or service that gives them, then run the same command again",
    );
    const timer = setTimeout(() => reject(slow), LONGEST_MS);
    signal.addEventListener("abort", onAbort, { once: true });
    end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
  });
  try {
    await Promise.race([work, ended]);
  } finally {
    end();
  }
}

// Endpoint -----------------------------------------------------------------------------------------------------------

function checkAddress(request: unknown, service: string, env: Env): void {
  const { protocol, hostname } = request as { protocol?: string; hostname?: string };
  if ((protocol !== "http:" && protocol !== "https:") || !hostname) throw wrongEndpoint(service, env);
}

function wrongEndpoint(service: string, env: Env, seen?: string): UserError {
  const variable = [`AWS_ENDPOINT_URL_${service}`, "AWS_ENDPOINT_URL"].find((name) => env[name]);
  const got = (variable === undefined ? undefined : env[variable]) ?? seen;
  const where =
    variable ??
    `endpoint_url of the AWS profile ${env["AWS_PROFILE"] ?? "default"} (${env["AWS_CONFIG_FILE"] ?? "~/.aws/config"})`;
  return new UserError(
    `${where} expects a URL that begins with http:// or https://${got === undefined ? "" : `, got ${JSON.stringify(got)}`}`,
    got !== undefined && /^[\w.-]+:\d+(?:\/|$)/.test(got)
      ? `write http://${got}`
      : "correct it, or remove it to use AWS itself",
  );
}

// Region and credentials ---------------------------------------------------------------------------------------------

const NO_REGION = "set AWS_REGION, for example AWS_REGION=us-east-1";
const NO_CREDENTIALS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";

/** What requests are signed with. */
interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

const VARIABLES = [
  ["AWS_ACCESS_KEY_ID", "accessKeyId"],
  ["AWS_SECRET_ACCESS_KEY", "secretAccessKey"],
  ["AWS_SESSION_TOKEN", "sessionToken"],
] as const;

/**
 * No header of HTTP holds a line break, and the SDK would only find out with the first mail. A file with the line ends of Windows leaves
 * such a character at the end of a variable.
 */
function checkKeys(keys: Keys, env: Env): void {
  for (const [variable, name] of VARIABLES) {
    const found = /[^\x20-\x7e]/u.exec(keys[name] ?? "")?.[0];
    if (found === undefined) continue;
    const where = env[variable] === keys[name] ? variable : `${variable} of the AWS profile, or of what else gives it,`;
    throw new UserError(
      `${where} expects printable ASCII only, got ${JSON.stringify(found)} in it`,
      "write it anew, and look at the line ends of the file that it comes from",
    );
  }
}

function problemOf(error: unknown, service: string, { env, alternative }: ReadyOptions): unknown {
  const or = alternative === undefined ? "" : `, or ${alternative}`;
  if (!(error instanceof Error) || error instanceof InterruptedError || error instanceof StoppedError) return error;
  const { message: text, name } = error;
  const { code, input } = error as { code?: unknown; input?: unknown };
  if (code === "ERR_INVALID_URL") return wrongEndpoint(service, env, typeof input === "string" ? input : undefined);
  if (/(?<!multi-)region/i.test(text) && !/token|credential/i.test(name)) return wrongRegion(text, env, or);
  if (/expired|aws (?:sso )?login/i.test(text)) {
    return new StoppedError(`the AWS sign-in has expired (${line(text)})`, "sign in again, for example: aws sso login");
  }
  if (/credential|token/i.test(name)) {
    const profile = env["AWS_PROFILE"] ? ` in the profile ${JSON.stringify(env["AWS_PROFILE"])}` : "";
    return new UserError(`no AWS credentials were found${profile} (${line(text)})`, `${NO_CREDENTIALS}${or}`);
  }
  return new UserError(`no request to AWS can be made: ${line(text)}`, "correct the AWS settings");
}

function wrongRegion(text: string, env: Env, or: string): UserError {
  const region = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"];
  if (/missing/i.test(text))
    return new UserError("AWS_REGION expects the region of your SES account, got none", `${NO_REGION}${or}`);
  return new UserError(
    `AWS_REGION expects a region such as us-east-1${region ? `, got ${JSON.stringify(region)}` : ` (${line(text)})`}`,
    "correct it",
  );
}

function line(text: string): string {
  return text.replace(/\s+/g, " ").replace(/\.$/, "").slice(0, 300);
}
