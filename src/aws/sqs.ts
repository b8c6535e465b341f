/**
 * A queue of Amazon SQS. This is the only file that knows the SQS client; its errors are ready to be shown to the user.
 */
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { StoppedError, UserError } from "../errors.ts";
import { withinLimit } from "../time/time-limit.ts";
import { createHandler } from "./http-handler.ts";
import { foreignAnswer, inOneLine } from "./foreign-answer.ts";
import { type Delivery, type Queue, QueueUnreachable } from "../queue/queue.ts";
import { type ReadyOptions, sqsReady } from "./ready.ts";

/** How many messages one call may receive or delete (SQS API reference, ReceiveMessage and DeleteMessageBatch). */
const CALL_LIMIT = 10;
/** SQS API reference, ReceiveMessage, WaitTimeSeconds. */
const LONGEST_WAIT_SECONDS = 20;
/** For a whole answer. A long poll alone takes up to 20 s. */
const RECEIVE_MS = 30_000;
/** A message that could not be deleted comes again and is recognised, so a slow answer is not worth waiting for. */
const DELETE_MS = 10_000;

/** One message of the queue. Its `id` is the MessageId of SQS. */
interface SqsDelivery extends Delivery {
  readonly body: string;
  /** The receipt handle that deletes the message. It is a new one each time the message comes. */
  readonly receipt: string;
}

/** A queue that can tell whether calls can be made. */
export interface SqsQueue extends Queue<SqsDelivery> {
  /** Resolves when calls can be made, and makes none. Throws as `sqsReady` does. */
  ready(options: ReadyOptions): Promise<void>;
}

/** Which queue to read. */
export interface SqsOptions {
  /** From `parseQueueUrl`. */
  url: URL;
  /** The region when the URL does not say it. Undefined leaves it to the SDK's own chain. */
  region: string | undefined;
  /** True: calls go where the SDK's own chain says (`AWS_ENDPOINT_URL_SQS`). False: they go to the host of the URL. */
  endpointFromChain: boolean;
}

/**
 * Reads what `--sqs` was given.
 * @throws UserError when the text is not the URL of a standard or FIFO queue: `https://<host>/<account>/<name>`.
 */
export function parseQueueUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const path = url?.pathname.split("/").filter((part) => part !== "") ?? [];
  if (url && /^https?:$/.test(url.protocol) && path.length >= 2 && url.search === "" && url.username === "") return url;
  throw new UserError(
    `--sqs expects a queue URL such as https://sqs.us-east-1.amazonaws.com/123456789012/ses-events, got ${JSON.stringify(text)}`,
    "aws sqs get-queue-url --queue-name <name> prints it",
  );
}

/**
 * The region of the queue, from its host name: `sqs.<region>.…` (also at a VPC endpoint) or `<region>.queue.…`. Null
 * when the host name has none.
 */
export function regionOf(url: URL): string | null {
  const region = "([a-z]{2}(?:-[a-z]+){1,3}-\\d+)";
  const found = new RegExp(`(?:^|\\.)sqs(?:-fips)?\\.${region}\\.|^${region}\\.queue\\.`).exec(url.hostname);
  return found?.[1] ?? found?.[2] ?? null;
}

/**
 * Makes a queue; nothing is asked before the first call. It needs the rights sqs:ReceiveMessage and sqs:DeleteMessage,
 * and uses no other. So `later` and `refuse` leave a message where it is: it comes again after the visibility timeout,
 * and the queue's redrive policy decides about it.
 */
export function createSqsQueue({ url, region, endpointFromChain }: SqsOptions): SqsQueue {
  const QueueUrl = url.href;
  const used = regionOf(url) ?? region;
  const client = new SQSClient({
    requestHandler: createHandler({ maxSockets: 50 }),
    ...(used !== undefined && { region: used }),
    ...(!endpointFromChain && { endpoint: url.origin }),
    useQueueUrlAsEndpoint: false,
  });
  return {
    ready: (ready) => sqsReady(client, ready),
    mostPerCall: CALL_LIMIT,
    receive: (most, waitMs, signal) => receive(client, { QueueUrl, most, waitMs, signal }),
    async done(deliveries) {
      const kept = await Promise.all(inTens(deliveries).map((ten) => remove(client, QueueUrl, ten)));
      return kept.flat();
    },
    later: async () => undefined,
    refuse: async () => false,
    close: async () => client.destroy(),
  };
}

interface Receiving {
  QueueUrl: string;
  most: number;
  waitMs: number;
  signal: AbortSignal;
}

async function receive(client: SQSClient, { QueueUrl, most, waitMs, signal }: Receiving): Promise<SqsDelivery[]> {
  const WaitTimeSeconds = Math.min(Math.ceil(waitMs / 1_000), LONGEST_WAIT_SECONDS);
  const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: most, WaitTimeSeconds });
  try {
    const answer = await withinLimit({ ms: RECEIVE_MS, signal }, (abortSignal) =>
      client.send(command, { abortSignal }),
    );
    return (answer.Messages ?? []).map(({ MessageId, ReceiptHandle, Body }) => ({
      id: MessageId ?? "",
      receipt: ReceiptHandle ?? "",
      body: Body ?? "",
    }));
  } catch (error) {
    if (signal.aborted) return [];
    throw problemOf(error, QueueUrl);
  }
}

/** Deletes up to ten messages and resolves to those that SQS could not delete. */
async function remove(client: SQSClient, QueueUrl: string, ten: readonly SqsDelivery[]): Promise<SqsDelivery[]> {
  const Entries = ten.map(({ receipt }, index) => ({ Id: String(index), ReceiptHandle: receipt }));
  try {
    const command = new DeleteMessageBatchCommand({ QueueUrl, Entries });
    const answer = await withinLimit({ ms: DELETE_MS }, (abortSignal) => client.send(command, { abortSignal }));
    return (answer.Failed ?? []).flatMap(({ Id }) => ten[Number(Id)] ?? []);
  } catch (error) {
    throw problemOf(error, QueueUrl);
  }
}

function inTens(deliveries: readonly SqsDelivery[]): SqsDelivery[][] {
  const tens: SqsDelivery[][] = [];
  for (let at = 0; at < deliveries.length; at += CALL_LIMIT) tens.push(deliveries.slice(at, at + CALL_LIMIT));
  return tens;
}

/**
 * Matched by parts of the names: the JSON protocol says `QueueDoesNotExist`, the older one
 * `AWS.SimpleQueueService.NonExistentQueue`.
 */
const NO_QUEUE = /QueueDoesNotExist|NonExistentQueue|InvalidAddress|QueueDeletedRecently/;
const NO_ACCESS = /AccessDenied|AuthorizationError|Kms\.?(?:AccessDenied|Disabled|InvalidState|NotFound|OptInRequired)/;
const NO_CREDENTIALS =
  /CredentialsProviderError|TokenProviderError|ExpiredToken|RequestExpired|UnrecognizedClient|InvalidClientTokenId|InvalidSecurity|SignatureDoesNotMatch|InvalidSignature|MissingAuthenticationToken|IncompleteSignature|InvalidAccessKeyId|OptInRequired/;
const NETWORK =
  /^(?:ECONN|ENOTFOUND|EAI_AGAIN|EHOST|ENET|EPIPE|ETIMEDOUT|EADDRNOTAVAIL|ERR_STREAM)|TimeoutError|TimeLimitError|Throttl|OverLimit/;

function problemOf(error: unknown, url: string): unknown {
  if (!(error instanceof Error)) return error;
  const { code, $metadata } = error as { code?: unknown; $metadata?: { httpStatusCode?: number } };
  const what = typeof code === "string" && code !== error.name ? `${error.name} ${code}` : error.name;
  const status = $metadata?.httpStatusCode ?? 0;
  const text = inOneLine(error.message);
  const thrown = { name: error.name, text, status, code: typeof code === "string" ? code : "" };
  const foreign = foreignAnswer(thrown, "SQS")?.reason;
  const said = foreign ?? (text && text !== "UnknownError" ? `${error.name}: ${text}` : error.name);
  if (/region is missing|region not accepted/i.test(error.message))
    return new UserError(
      `the region of the queue ${url} is not known`,
      "set AWS_REGION, for example AWS_REGION=us-east-1",
    );
  if (NO_QUEUE.test(what))
    return new UserError(`there is no queue ${url} (${said})`, "check --sqs and the region in it");
  if (NO_ACCESS.test(what)) {
    return new StoppedError(
      `the queue ${url} may not be read (${said})`,
      "allow these credentials sqs:ReceiveMessage and sqs:DeleteMessage (and kms:Decrypt when the queue is encrypted)",
    );
  }
  if (NO_CREDENTIALS.test(what)) {
    return new StoppedError(
      `SQS does not accept the AWS credentials (${said})`,
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, renew them, and run the same command again",
    );
  }
  const mayPass = status === 429 || status >= 500 || (foreign !== undefined && status < 400);
  if (mayPass || NETWORK.test(String(code)) || NETWORK.test(what)) {
    return new QueueUnreachable(`the queue ${url} cannot be reached (${said})`, "run the same command again later");
  }
  if (status >= 400) return new StoppedError(`SQS refused to read ${url} (${said})`, "check the queue and its policy");
  return error;
}
