/** The queue the events wait in. The only file that knows the SQS client; what it throws is ready for the user. */
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { StoppedError, UserError } from "../errors.ts";

/** What one call may receive or delete (SQS API reference, ReceiveMessage and DeleteMessageBatch). */
export const BATCH_LIMIT = 10;
const CONNECT_MS = 10_000;
/** A long poll takes up to 20 s by itself. */
const ANSWER_MS = 40_000;

export interface QueueMessage {
  /** Stays the same when the message comes again. */
  id: string;
  /** What deletes it; a new one each time it comes. */
  receipt: string;
  body: string;
}

export interface Queue {
  /**
   * Up to `most` (1–10) messages; waits up to `waitSeconds` (0–20) for the first. None when none came or `signal` aborted.
   * They are out of sight of other readers for the visibility timeout of the queue, and then come again.
   */
  receive(most: number, waitSeconds: number, signal: AbortSignal): Promise<QueueMessage[]>;
  /** Deletes messages. Returns the ids of those SQS could not delete: they will come again. */
  delete(messages: readonly QueueMessage[]): Promise<string[]>;
  close(): void;
}

/** SQS did not answer, or asked for patience: worth another try later. */
export class QueueUnreachable extends StoppedError {
  override name = "QueueUnreachable";
}

export interface QueueOptions {
  /** As `parseQueueUrl` gives it. */
  url: URL;
  /** Where the URL does not say it; undefined: the SDK's own chain. */
  region: string | undefined;
  /** Calls go to the host of the URL, or, when true, where the SDK's own chain says (`AWS_ENDPOINT_URL_SQS`). */
  endpointFromChain: boolean;
}

/** @throws UserError when the text is not the URL of a standard or FIFO queue: `https://<host>/<account>/<name>`. */
export function parseQueueUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const path = url?.pathname.split("/").filter((part) => part !== "") ?? [];
  if (url && /^https?:$/.test(url.protocol) && path.length >= 2 && url.search === "" && url.username === "") return url;
  throw new UserError(
    `--sqs expects a queue URL such as https://sqs.us-east-1.amazonaws.com/123456789012/ses-events, got ${JSON.stringify(text)}`,
    "aws sqs get-queue-url --queue-name <name> prints it",
  );
}

/** The region in the host name, which is the queue's own: `sqs.<region>.…`, also behind a VPC endpoint, and `<region>.queue.…`. */
export function regionOf(url: URL): string | null {
  const region = "([a-z]{2}(?:-[a-z]+){1,3}-\\d+)";
  const found = new RegExp(`(?:^|\\.)sqs(?:-fips)?\\.${region}\\.|^${region}\\.queue\\.`).exec(url.hostname);
  return found?.[1] ?? found?.[2] ?? null;
}

/** Reading the queue; nothing is asked before the first call. Every call throws `UserError` (no such queue), `StoppedError`
 * (credentials, access) or `QueueUnreachable`. */
export function connectQueue({ url, region, endpointFromChain }: QueueOptions): Queue {
  const QueueUrl = url.href;
  const used = regionOf(url) ?? region;
  const client = new SQSClient({
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS, throwOnRequestTimeout: true },
    ...(used !== undefined && { region: used }),
    ...(!endpointFromChain && { endpoint: url.origin }),
    useQueueUrlAsEndpoint: false,
  });
  return {
    async receive(most, waitSeconds, signal) {
      const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: most, WaitTimeSeconds: waitSeconds });
      try {
        const { Messages = [] } = await client.send(command, { abortSignal: signal });
        return Messages.map(({ MessageId, ReceiptHandle, Body }) => ({
          id: MessageId ?? "",
          receipt: ReceiptHandle ?? "",
          body: Body ?? "",
        }));
      } catch (error) {
        if (signal.aborted) return [];
        throw problemOf(error, QueueUrl);
      }
    },
    async delete(messages) {
      if (messages.length === 0) return [];
      const Entries = messages.map(({ receipt }, index) => ({ Id: String(index), ReceiptHandle: receipt }));
      try {
        const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
        return Failed.flatMap(({ Id }) => messages[Number(Id)]?.id ?? []);
      } catch (error) {
        throw problemOf(error, QueueUrl);
      }
    },
    close: () => client.destroy(),
  };
}

/** By parts of the names: the JSON protocol says `QueueDoesNotExist`, the older one `AWS.SimpleQueueService.NonExistentQueue`. */
const NO_QUEUE = /QueueDoesNotExist|NonExistentQueue|InvalidAddress|QueueDeletedRecently/;
const NO_ACCESS = /AccessDenied|AuthorizationError|Kms\.?(?:AccessDenied|Disabled|InvalidState|NotFound|OptInRequired)/;
const NO_CREDENTIALS =
  /CredentialsProviderError|TokenProviderError|ExpiredToken|RequestExpired|UnrecognizedClient|InvalidClientTokenId|InvalidSecurity|SignatureDoesNotMatch|InvalidSignature|MissingAuthenticationToken|IncompleteSignature|InvalidAccessKeyId|OptInRequired/;
const NETWORK =
  /^(?:ECONN|ENOTFOUND|EAI_AGAIN|EHOST|ENET|EPIPE|ETIMEDOUT|EADDRNOTAVAIL|ERR_STREAM)|TimeoutError|Throttl|OverLimit/;

function problemOf(error: unknown, url: string): unknown {
  if (!(error instanceof Error)) return error;
  const { code, $metadata } = error as { code?: unknown; $metadata?: { httpStatusCode?: number } };
  const what = typeof code === "string" && code !== error.name ? `${error.name} ${code}` : error.name;
  const said = error.message && error.message !== "UnknownError" ? `${error.name}: ${error.message}` : error.name;
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
  const status = $metadata?.httpStatusCode ?? 0;
  if (status === 429 || status >= 500 || NETWORK.test(String(code)) || NETWORK.test(what)) {
    return new QueueUnreachable(`the queue ${url} cannot be reached (${said})`, "run the same command again later");
  }
  if (status >= 400) return new StoppedError(`SQS refused to read ${url} (${said})`, "check the queue and its policy");
  return error;
}
