/**
 * Sends mails through Amazon SES and asks about the account. What it gives back is an `Outcome` or an `Account`, never
 * an error of the AWS SDK.
 */
import {
  GetAccountCommand,
  type GetAccountCommandOutput,
  SendEmailCommand,
  SESv2Client,
  type SESv2ClientConfig,
} from "@aws-sdk/client-sesv2";
import type { RenderedMail, Tag } from "../message.ts";
import { withinLimit } from "../time/time-limit.ts";
import { reportDepartures, watchDeparture } from "./departure.ts";
import { createHandler, WithheldError } from "./http-handler.ts";
import { type ReadyOptions, sesReady } from "./ready.ts";
import { type SesOutcome, WITHHELD } from "../deliver/outcome.ts";
import { inputOf, useOwnBodies } from "./request-body.ts";
import { isExpired, outcomeOf, outcomeOfUnsent } from "./ses-error.ts";

/** Which SES to talk to, and how. */
export interface SesOptions {
  /** Undefined leaves it to the SDK's own chain. */
  region: string | undefined;
  /** The URL of the sandbox. Undefined leaves it to the SDK's own chain (AWS_ENDPOINT_URL_SESV2, profile, …). */
  endpoint: string | undefined;
  /** Fixed credentials for the sandbox. Undefined leaves them to the SDK's own chain. */
  credentials: { accessKeyId: string; secretAccessKey: string } | undefined;
  /** The most calls in flight. */
  concurrency: number;
  /**
   * Milliseconds for a whole call, from the look-up of the name to the last byte of the answer. After that the message is in doubt
   * if anything of it was written. A mail with attachments gets more, for its upload.
   */
  timeoutMs: number;
}

/** What the account may send, from GetAccount. */
export interface Account {
  /** Recipients a second. */
  perSecond: number;
  /** Recipients in 24 hours; null when unlimited. */
  quota: number | null;
  sentLast24Hours: number;
  sendingEnabled: boolean;
  productionAccess: boolean;
  /** HEALTHY, PROBATION or SHUTDOWN. */
  enforcement: string;
}

/** A connection to SES. `account` never rejects; `send` does for a bug only; `ready` says what is missing. */
export interface Ses {
  /** Resolves when calls can be made, and makes none. Throws as `sesReady` does. */
  ready(options: ReadyOptions): Promise<void>;
  /**
   * Sends one mail with one request; nothing is tried again, except once with fresh credentials when they have expired.
   * `onDeparted` is called when the request has left: the rate counts it from there. `mayLeave` is asked when the request is ready
   * and its connection stands; false: it is not made, and the outcome is `withheld`. Rejects only for a bug, and then nothing left.
   */
  send(mail: RenderedMail, tags: Tag[], onDeparted?: () => void, mayLeave?: () => boolean): Promise<SesOutcome>;
  /** The account, or why it could not be read within `timeoutMs`. Never rejects. */
  account(timeoutMs: number): Promise<Account | Exclude<SesOutcome, { kind: "sent" }>>;
  close(): void;
}

/** SES has ids of 60 characters. Anything much longer is none. */
const LONGEST_ID = 200;

/**
 * Connects to SES. No call is made before the first use; missing credentials or a missing region show then, as an
 * `Outcome`.
 */
export function connectSes(options: SesOptions): Ses {
  let client = createClient(options);

  /** Temporary credentials expire during long runs: read them again once before giving up. */
  const withFreshCredentials = async <T>(call: (client: SESv2Client) => Promise<T>): Promise<T> => {
    const used = client;
    try {
      return await call(used);
    } catch (error) {
      if (!isExpired(error)) throw error;
      // Calls under way keep the old client. Another call may have replaced it already.
      if (client === used) client = createClient(options, { rereadFiles: true });
      return call(client);
    }
  };

  return {
    ready: (ready) => sesReady(client, ready),
    async send(mail, tags, onDeparted = () => undefined, mayLeave = () => true) {
      const call = { left: false, departed: false, isOver: false };
      const depart = () => {
        if (!call.departed) onDeparted();
        call.departed = true;
      };
      try {
        const input = inputOf(mail, tags);
        watchDeparture(input, {
          onDeparted: depart,
          mayLeave: () => !call.isOver && mayLeave(),
          onLeaving: () => void (call.left = true),
        });
        const answer = await withinLimit({ ms: options.timeoutMs + uploadMs(mail) }, (abortSignal) =>
          withFreshCredentials((c) => {
            // The first request was answered: SES did not take the message.
            call.left = false;
            return c.send(new SendEmailCommand(input), { abortSignal });
          }),
        );
        return sentAs(answer.MessageId);
      } catch (error) {
        if (error instanceof WithheldError) return WITHHELD;
        return call.left ? outcomeOf(error, addressOf(mail.from)) : outcomeOfUnsent(error);
      } finally {
        // Credentials that come too late must not send it after all.
        call.isOver = true;
        // A request that was only written in part may have arrived, too.
        if (call.left) depart();
      }
    },
    async account(timeoutMs) {
      try {
        const answer = await withinLimit({ ms: timeoutMs }, (abortSignal) =>
          withFreshCredentials((c) => c.send(new GetAccountCommand({}), { abortSignal })),
        );
        return accountOf(answer);
      } catch (error) {
        const outcome = outcomeOf(error, "");
        return outcome.kind === "sent" ? { kind: "in_doubt", reason: "" } : outcome;
      }
    },
    close: () => client.destroy(),
  };
}

/** Without an id we cannot prove anything. An event of this message will settle it. `id` is foreign text, or no text at all. */
function sentAs(id: unknown): SesOutcome {
  if (typeof id === "string" && id.length <= LONGEST_ID && /^[\x21-\x7e]+$/.test(id))
    return { kind: "sent", sesMessageId: id };
  return { kind: "in_doubt", reason: "SES answered without a message id" };
}

/**
 * Reads the answer of GetAccount. A missing allowance counts as 0; SES writes -1 for "unlimited", which is null here.
 */
export function accountOf(answer: GetAccountCommandOutput): Account {
  const quota = numberOr(answer.SendQuota?.Max24HourSend, 0);
  return {
    perSecond: numberOr(answer.SendQuota?.MaxSendRate, 0),
    quota: quota === -1 ? null : quota,
    sentLast24Hours: numberOr(answer.SendQuota?.SentLast24Hours, 0),
    sendingEnabled: answer.SendingEnabled !== false,
    productionAccess: answer.ProductionAccessEnabled !== false,
    enforcement: typeof answer.EnforcementStatus === "string" ? answer.EnforcementStatus : "HEALTHY",
  };
}

/** What answers may be something else than SES. */
function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) && value >= -1 ? value : otherwise;
}

function createClient(options: SesOptions, { rereadFiles = false } = {}): SESv2Client {
  const config: SESv2ClientConfig = {
    // The SDK's own retries would send a second copy when an answer was lost. We decide ourselves when to try again.
    maxAttempts: 1,
    // A little more than the calls in flight, so that no call waits in a queue we do not see: the rate would be kept there
    // instead of at SES.
    requestHandler: createHandler({ maxSockets: options.concurrency + 2 }),
  };
  if (options.region) config.region = options.region;
  if (options.endpoint) config.endpoint = options.endpoint;
  if (options.credentials) config.credentials = options.credentials;
  // The SDK reads the shared credentials file once in the life of a process, so renewed keys would never be seen.
  // `ignoreCache` is not in the type of the options, but the SDK passes it on to its credential providers and their
  // file reader (@smithy/core, config).
  const client = new SESv2Client({ ...config, ...(rereadFiles && { ignoreCache: true }) });
  useOwnBodies(client);
  reportDepartures(client);
  return client;
}

/** The time limit is for a mail without files. An upload gets its own time, on a line of 1 Mbit/s. */
function uploadMs({ attachments }: RenderedMail): number {
  return attachments.reduce((sum, { data }) => sum + data.length, 0) / 128;
}

function addressOf(from: string): string {
  return /<([^<>]+)>\s*$/.exec(from)?.[1] ?? from.trim();
}
