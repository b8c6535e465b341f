/** The only file that knows the AWS SDK. Everything it gives back is an `Outcome` or an `Account`. */
import {
  GetAccountCommand,
  type GetAccountCommandOutput,
  SendEmailCommand,
  SESv2Client,
  type SESv2ClientConfig,
} from "@aws-sdk/client-sesv2";
import type { RenderedMail, Tag } from "../message.ts";
import { reportDepartures, watchDeparture } from "./departure.ts";
import type { Outcome } from "../deliver/outcome.ts";
import { inputOf, useOwnBodies } from "./request-body.ts";
import { isExpired, outcomeOf } from "./ses-error.ts";

export interface SesOptions {
  region: string | undefined;
  /** Set for the sandbox; otherwise the SDK's own chain (AWS_ENDPOINT_URL_SESV2, profile, …) decides. */
  endpoint: string | undefined;
  /** Fixed credentials for the sandbox; otherwise the SDK's own chain. */
  credentials: { accessKeyId: string; secretAccessKey: string } | undefined;
  concurrency: number;
  /** How long to wait for an answer before the message is in doubt, ms. */
  timeoutMs: number;
}

export interface Account {
  perSecond: number;
  /** Recipients in 24 hours; null when unlimited. */
  quota: number | null;
  sentLast24Hours: number;
  sendingEnabled: boolean;
  productionAccess: boolean;
  enforcement: string;
}

export interface Ses {
  /** `onDeparted` is called when the request goes on the wire: the instant the rate is counted at. */
  send(mail: RenderedMail, tags: Tag[], onDeparted?: () => void): Promise<Outcome>;
  /** The account, or what kept us from reading it. */
  account(timeoutMs: number): Promise<Account | Exclude<Outcome, { kind: "sent" }>>;
  close(): void;
}

export function connectSes(options: SesOptions): Ses {
  let client = createClient(options);

  /** Temporary credentials run out during long runs: resolve them again once before giving up. */
  const withFreshCredentials = async <T>(call: (client: SESv2Client) => Promise<T>): Promise<T> => {
    const used = client;
    try {
      return await call(used);
    } catch (error) {
      if (!isExpired(error)) throw error;
      // Calls still under way keep the old client; another call may have replaced it already.
      if (client === used) client = createClient(options, { rereadFiles: true });
      return call(client);
    }
  };

  return {
    async send(mail, tags, onDeparted) {
      try {
        const input = inputOf(mail, tags);
        if (onDeparted) watchDeparture(input, onDeparted);
        const requestTimeout = options.timeoutMs + uploadMs(mail);
        const answer = await withFreshCredentials((c) => c.send(new SendEmailCommand(input), { requestTimeout }));
        // Without an id nothing can be proved; an event of this message will settle it.
        if (!answer.MessageId) return { kind: "in_doubt", reason: "SES answered without a message id" };
        return { kind: "sent", sesMessageId: answer.MessageId };
      } catch (error) {
        return outcomeOf(error, addressOf(mail.from));
      }
    },
    async account(timeoutMs) {
      try {
        const abortSignal = AbortSignal.timeout(timeoutMs);
        const answer = await withFreshCredentials((c) => c.send(new GetAccountCommand({}), { abortSignal }));
        return accountOf(answer);
      } catch (error) {
        const outcome = outcomeOf(error, "");
        return outcome.kind === "sent" ? { kind: "in_doubt", reason: "" } : outcome;
      }
    },
    close: () => client.destroy(),
  };
}

/** `rereadFiles`: the SDK remembers the shared credentials file as long as the process lives; renewed keys are in a newer one. */
/** What GetAccount says, in our words; an allowance that is missing is 0, one of -1 is unlimited (null). */
export function accountOf(answer: GetAccountCommandOutput): Account {
  const quota = answer.SendQuota?.Max24HourSend ?? 0;
  return {
    perSecond: answer.SendQuota?.MaxSendRate ?? 0,
    quota: quota === -1 ? null : quota,
    sentLast24Hours: answer.SendQuota?.SentLast24Hours ?? 0,
    sendingEnabled: answer.SendingEnabled ?? true,
    productionAccess: answer.ProductionAccessEnabled ?? true,
    enforcement: answer.EnforcementStatus ?? "HEALTHY",
  };
}

function createClient(options: SesOptions, { rereadFiles = false } = {}): SESv2Client {
  const config: SESv2ClientConfig = {
    // The SDK's own retries send a second copy when an answer is lost. We know better when to try again.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 10_000,
      requestTimeout: options.timeoutMs,
      // Alone, requestTimeout only logs a warning and the call hangs on.
      throwOnRequestTimeout: true,
      // The default of 50 would queue silently, and the rate would be kept in the queue instead of at SES.
      httpAgent: { keepAlive: true, maxSockets: options.concurrency + 2 },
      httpsAgent: { keepAlive: true, maxSockets: options.concurrency + 2 },
    },
  };
  if (options.region) config.region = options.region;
  if (options.endpoint) config.endpoint = options.endpoint;
  if (options.credentials) config.credentials = options.credentials;
  // Not in the type, but what the client is given reaches the credential providers and their file reader (@smithy/core, config).
  const client = new SESv2Client({ ...config, ...(rereadFiles && { ignoreCache: true }) });
  useOwnBodies(client);
  reportDepartures(client);
  return client;
}

/** The SDK's clock runs from the first byte we send, ours from the last: 1 Mbit/s is taken for the slowest line. */
function uploadMs({ attachments }: RenderedMail): number {
  return attachments.reduce((sum, { data }) => sum + data.length, 0) / 128;
}

function addressOf(from: string): string {
  return /<([^<>]+)>\s*$/.exec(from)?.[1] ?? from.trim();
}
