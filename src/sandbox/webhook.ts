/** Delivers the events of the sandbox to a webhook. */
import { createPublicKey, generateKeyPair, type KeyObject, randomUUID, sign } from "node:crypto";
import { setMaxListeners } from "node:events";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";

import type { Clock } from "../time/clock.ts";
import { fileProblem } from "../read-file.ts";
import { UserError } from "../errors.ts";
import type { NotificationSink, SnsNotification } from "./event-feed.ts";

/** SNS delivers in parallel, too. More than this does not help a receiver on the same machine. */
const MOST_AT_ONCE = 16;
/** About 30 MB of events. While so many wait, new ones are lost, and counted. */
const MOST_WAITING = 10_000;
/** While so many wait, calls wait, too, where they are to. The calls in flight have room for theirs. */
const HELD_BACK_FROM = 5_000;
/** SNS waits 15 s for an answer. */
const ANSWER_MS = 15_000;
/**
 * The pauses between attempts are 0.25 s, 0.5 s, … up to 20 s, the pace SNS ends with. That is about two minutes for
 * each message.
 */
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 20_000;
const MOST_ATTEMPTS = 12;
/** Milliseconds that `close()` waits for a receiver that does not answer. */
const CLOSE_MS = 5_000;

const generate = promisify(generateKeyPair);
const signText = promisify(sign);

/** Where events are POSTed to, and how they are signed. */
export interface WebhookOptions {
  /** Such as `http://127.0.0.1:8080/v1/events/results`. A promise when it is not known yet: events wait for it. */
  url: string | Promise<string>;
  /** The file that the public key is written to, as PEM. Null, the default: none. */
  keyFile?: string | null;
  /** "2" (SHA-256), the default, or "1" (SHA-1). */
  signatureVersion?: "1" | "2";
  /**
   * True: calls are answered later while thousands of events wait, so that none is lost. For a receiver in the process that makes the
   * calls: it is only behind because they are fast.
   */
  holdsBack?: boolean;
  /** Called once when the receiver refuses or cannot be reached, and again after it took something in between. */
  onTrouble?: (text: string) => void;
}

/** How many events were delivered, refused or lost. */
export interface WebhookCounts {
  delivered: number;
  /** Answered with 3xx or 4xx (but not 429): not tried again. */
  refused: number;
  /** Lost because attempts or space ran out, or the sandbox was closed. */
  lost: number;
}

/**
 * POSTs events to a webhook as SNS does: the same headers, text/plain, a signed envelope, several at a time. It tries
 * again with growing pauses when the receiver cannot be reached or answers 5xx or 429, and never after another answer.
 * Each run makes a new RSA key to sign with.
 */
export class Webhook implements NotificationSink {
  /** The key that a receiver must trust to accept the signatures. */
  readonly publicKey: KeyObject;
  readonly counts: WebhookCounts = { delivered: 0, refused: 0, lost: 0 };
  readonly #privateKey: KeyObject;
  readonly #options: WebhookOptions;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  /** Null when the sandbox closes before it is known. */
  readonly #url: Promise<string | null>;
  #waiting: SnsNotification[] = [];
  #posting = new Set<Promise<void>>();
  #inTrouble = false;
  /** What wakes the calls that wait for room. */
  readonly #held: (() => void)[] = [];

  private constructor(privateKey: KeyObject, clock: Clock, options: WebhookOptions) {
    this.#privateKey = privateKey;
    this.publicKey = createPublicKey(privateKey);
    this.#clock = clock;
    this.#options = options;
    // Every request and every pause adds a listener: many of them are no leak.
    setMaxListeners(0, this.#stop.signal);
    const stopped = new Promise<null>((resolve) =>
      this.#stop.signal.addEventListener("abort", () => resolve(null), { once: true }),
    );
    this.#url = Promise.race([Promise.resolve(options.url).catch(() => null), stopped]);
  }

  /**
   * Makes a key and a webhook. Nothing is posted yet.
   * @throws UserError when the key cannot be written, or the URL is none.
   */
  static async open(options: WebhookOptions, clock: Clock): Promise<Webhook> {
    if (typeof options.url === "string") checkUrl(options.url);
    const { privateKey } = await generate("rsa", { modulusLength: 2048 });
    const webhook = new Webhook(privateKey, clock, options);
    if (options.keyFile) await writeKey(options.keyFile, webhook.publicKey);
    return webhook;
  }

  /** Takes events to be delivered. Events beyond 10,000 that wait are lost. */
  take(notifications: readonly SnsNotification[]): void {
    const room = MOST_WAITING - this.#waiting.length;
    this.#waiting.push(...notifications.slice(0, room));
    const lost = Math.max(0, notifications.length - room);
    this.counts.lost += lost;
    if (lost > 0) this.#trouble(`the webhook is too slow: ${MOST_WAITING} events wait, further ones are lost`);
    this.#fill();
  }

  /** Resolves when a call may be answered that makes further events: at once, unless the webhook holds calls back. */
  async room(): Promise<void> {
    while (this.#options.holdsBack === true && this.#waiting.length >= HELD_BACK_FROM && !this.#stop.signal.aborted)
      await new Promise<void>((resolve) => this.#held.push(resolve));
  }

  /** Waits at most five seconds for events that are still to be delivered. The rest counts as lost. */
  async close(): Promise<void> {
    const over = new AbortController();
    const limit = this.#clock.sleep(CLOSE_MS, over.signal).then(() => this.#stop.abort());
    while (this.#posting.size > 0) await Promise.all(this.#posting);
    over.abort();
    await limit;
  }

  #fill(): void {
    if (this.#stop.signal.aborted) this.counts.lost += this.#waiting.splice(0).length;
    if (this.#waiting.length < HELD_BACK_FROM) for (const wake of this.#held.splice(0)) wake();
    while (this.#posting.size < MOST_AT_ONCE) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const posting = this.#deliver(next).finally(() => {
        this.#posting.delete(posting);
        this.#fill();
      });
      this.#posting.add(posting);
    }
  }

  async #deliver(unsigned: SnsNotification): Promise<void> {
    const notification = await this.#signed(unsigned);
    for (let attempt = 0; attempt < MOST_ATTEMPTS && !this.#stop.signal.aborted; attempt++) {
      const answer = await this.#post(notification);
      if (answer === "delivered" || answer === "refused") {
        this.counts[answer]++;
        return;
      }
      await this.#clock.sleep(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt), this.#stop.signal);
    }
    this.counts.lost++;
  }

  async #post(notification: SnsNotification): Promise<"delivered" | "refused" | "try again"> {
    const url = await this.#url;
    if (url === null) return "try again";
    const giveUp = new AbortController();
    const abort = () => giveUp.abort();
    const timer = setTimeout(abort, ANSWER_MS);
    this.#stop.signal.addEventListener("abort", abort);
    try {
      const { status, text } = await postTo(url, notification, giveUp.signal);
      if (status >= 200 && status < 300) {
        this.#inTrouble = false;
        return "delivered";
      }
      this.#trouble(`the webhook answered ${status}: ${text.slice(0, 300)}`);
      return status >= 500 || status === 429 ? "try again" : "refused";
    } catch (error) {
      this.#trouble(`the webhook cannot be reached, trying again: ${reasonOf(error)}`);
      return "try again";
    } finally {
      clearTimeout(timer);
      this.#stop.signal.removeEventListener("abort", abort);
    }
  }

  async #signed(unsigned: SnsNotification): Promise<SnsNotification> {
    const version = this.#options.signatureVersion ?? "2";
    const algorithm = version === "1" ? "RSA-SHA1" : "RSA-SHA256";
    // The synchronous function takes a millisecond, in which no SES call would be answered.
    const signature = await signText(algorithm, Buffer.from(canonicalText(unsigned)), this.#privateKey);
    return { ...unsigned, SignatureVersion: version, Signature: signature.toString("base64") };
  }

  #trouble(text: string): void {
    if (!this.#inTrouble) this.#options.onTrouble?.(text);
    this.#inTrouble = true;
  }
}

/** The text that SNS signs (SNS developer guide, "Verifying the signatures of Amazon SNS messages"). */
function canonicalText({ Message, MessageId, Subject, Timestamp, TopicArn, Type }: SnsNotification): string {
  return Object.entries({ Message, MessageId, Subject, Timestamp, TopicArn, Type })
    .map(([name, value]) => `${name}\n${value}\n`)
    .join("");
}

/** Bytes read of an answer. */
const MOST_ANSWER = 16_384;

async function postTo(url: string, notification: SnsNotification, signal: AbortSignal) {
  const headers = headersOf(notification);
  const body = JSON.stringify(notification);
  const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
  return { status: response.status, text: await beginningOf(response) };
}

/** The first bytes of an answer. The rest is not waited for: only its beginning is shown. */
async function beginningOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).length;
    if (bytes > MOST_ANSWER) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

function headersOf({ Type, MessageId, TopicArn }: SnsNotification): Record<string, string> {
  return {
    "content-type": "text/plain; charset=UTF-8",
    "user-agent": "Amazon Simple Notification Service Agent",
    "x-amz-sns-message-type": Type,
    "x-amz-sns-message-id": MessageId,
    "x-amz-sns-topic-arn": TopicArn,
    "x-amz-sns-subscription-arn": `${TopicArn}:${randomUUID()}`,
  };
}

function checkUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isWeb = url?.protocol === "http:" || url?.protocol === "https:";
  if (isWeb && url.username === "" && url.password === "") return;
  throw new UserError(
    `the webhook expects an http or https URL without a password, got ${JSON.stringify(text)}`,
    "such as http://127.0.0.1:8080/v1/events/results",
  );
}

async function writeKey(path: string, key: KeyObject): Promise<void> {
  try {
    await writeFile(path, key.export({ type: "spki", format: "pem" }));
  } catch (error) {
    throw fileProblem(error, "the webhook's public key to", path, "write");
  }
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== "" ? cause.message : message;
}
