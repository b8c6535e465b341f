/**
 * Sends mails through Amazon SES and asks about the account. What it gives back is an `Outcome` or an `Account`, never
 * an error of the AWS SDK.
 */
import { GetAccountCommand, type GetAccountCommandOutput } from "@aws-sdk/client-sesv2";
import type { ComposedMail, Tag } from "../message.ts";
import { Deadline, withinLimit } from "../time/time-limit.ts";
import { type Departing, WithheldError } from "./http-handler.ts";
import { Line, type LineOptions } from "./line.ts";
import { type ReadyOptions, sesReady } from "./ready.ts";
import { type SesOutcome, WITHHELD } from "../deliver/outcome.ts";
import { isClockWrong, isExpired, outcomeOf, outcomeOfLeft, outcomeOfUnsent } from "./ses-error.ts";

/** Which SES to talk to, and how. */
export interface SesOptions extends LineOptions {
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
  send(mail: ComposedMail, tags: Tag[], onDeparted?: () => void, mayLeave?: () => boolean): Promise<SesOutcome>;
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
  let line = new Line(options);

  /** The line for a second call, when the first was refused before it was looked at. Throws the error when it was not. */
  const lineAfter = (used: Line, error: unknown): Line => {
    if (error instanceof WithheldError) throw error;
    if (isClockWrong(error)) return used;
    if (!isExpired(error)) throw error;
    // Calls under way keep the old client. Another call may have replaced it already.
    if (line === used) line = used.renewed();
    return line;
  };
  /** With fresh credentials, or by the right clock, a call is another matter. Once. */
  const twice = <T>(call: (line: Line) => Promise<T>): Promise<T> => {
    const used = line;
    return call(used).catch((error: unknown) => call(lineAfter(used, error)));
  };

  return {
    ready: (ready) => sesReady(line.client, ready, options.endpointId),
    async send(mail, tags, onDeparted = () => undefined, mayLeave = () => true) {
      const passage = new Passage(onDeparted, mayLeave);
      const letter = { mail, tags };
      const call = { departing: passage, deadline: new Deadline(options.timeoutMs + uploadMs(mail)) };
      try {
        return sentAs(
          await twice((each) => {
            // The first request was answered: SES did not take the message.
            passage.hasLeft = false;
            return each.send(letter, call);
          }),
        );
      } catch (error) {
        if (error instanceof WithheldError) return WITHHELD;
        return passage.hasLeft ? outcomeOfLeft(error, addressOf(mail.from)) : outcomeOfUnsent(error);
      } finally {
        call.deadline.end();
        passage.end();
      }
    },
    async account(timeoutMs) {
      try {
        const answer = await withinLimit({ ms: timeoutMs }, (abortSignal) =>
          twice(({ client }) => client.send(new GetAccountCommand({}), { abortSignal })),
        );
        return accountOf(answer);
      } catch (error) {
        const outcome = outcomeOf(error, "");
        return outcome.kind === "sent" ? { kind: "in_doubt", reason: "" } : outcome;
      }
    },
    close: () => line.client.destroy(),
  };
}

/** A message on its way through the requests of one call. */
class Passage implements Departing {
  /** True: its last request may have arrived. */
  hasLeft = false;
  readonly #onDeparted: () => void;
  readonly #mayLeave: () => boolean;
  #isTold = false;
  #isOver = false;

  constructor(onDeparted: () => void, mayLeave: () => boolean) {
    this.#onDeparted = onDeparted;
    this.#mayLeave = mayLeave;
  }

  mayLeave(): boolean {
    return !this.#isOver && this.#mayLeave();
  }

  onLeaving(): void {
    this.hasLeft = true;
  }

  onDeparted(): void {
    if (!this.#isTold) this.#onDeparted();
    this.#isTold = true;
  }

  /** The call is over. Credentials that come too late must not send it after all. */
  end(): void {
    this.#isOver = true;
    // A request that was only written in part may have arrived, too.
    if (this.hasLeft) this.onDeparted();
  }
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

/** The time limit is for a mail without files. An upload gets its own time, on a line of 1 Mbit/s. */
function uploadMs({ attachments }: Pick<ComposedMail, "attachments">): number {
  return attachments.reduce((sum, { data }) => sum + data.length, 0) / 128;
}

function addressOf(from: string): string {
  return /<([^<>]+)>\s*$/.exec(from)?.[1] ?? from.trim();
}
