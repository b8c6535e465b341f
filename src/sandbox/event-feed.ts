import { randomUUID } from "node:crypto";

import type { Clock } from "../time/clock.ts";
import { ACCOUNT_ID } from "./account.ts";
import { randomStream, shuffled } from "./random.ts";
import type { PublishedEvent } from "./ses-event.ts";

const FLUSH_MS = 200;

/** An event as SNS would deliver it, but for the signature. */
export interface SnsNotification {
  Type: "Notification";
  MessageId: string;
  TopicArn: string;
  Subject: string;
  Message: string;
  Timestamp: string;
  SignatureVersion: "1" | "2";
  Signature: string;
  SigningCertURL: string;
  UnsubscribeURL: string;
}

/** Where published events go. */
export interface NotificationSink {
  /** Takes them in without waiting, in this order. */
  take(notifications: readonly SnsNotification[]): void;
  /** Ends what is under way. Throws the first error met. */
  close(): Promise<void>;
}

export interface EventFeedOptions {
  clock: Clock;
  /** How long after its message was accepted an event is published, milliseconds. */
  delayMs: number;
  /** How often each event is published, 1 or more: SES promises "at least once". */
  copies: number;
  /** True: what is published together comes in another order. */
  shuffle: boolean;
  /** The SNS topic that publishes them; null: `ses-events` in the region of the call. */
  topicArn: string | null;
  sinks: readonly NotificationSink[];
}

/** Publishes events when they are due, at least every 200 ms; `close()` waits for no delay. */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #random = randomStream(1);
  /** In the order of `due`, because the delay is the same for all. */
  #waiting: { due: number; notification: SnsNotification }[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /** The SNS topic that publishes what was sent in the region. */
  topicArn(region: string): string {
    return this.#options.topicArn ?? defaultTopic(region);
  }

  publish(events: readonly PublishedEvent[], region: string): void {
    const { clock, delayMs, copies } = this.#options;
    const topicArn = this.topicArn(region);
    const due = clock.monotonic() + delayMs;
    for (const event of events) {
      for (let copy = 0; copy < copies; copy++) {
        this.#waiting.push({ due, notification: notificationOf(event, topicArn, clock.now() + delayMs) });
      }
    }
    this.#timer ??= setTimeout(() => this.#flush(clock.monotonic()), FLUSH_MS);
  }

  /** Publishes everything, also what is not due yet. Throws the first error of a sink. */
  async close(): Promise<void> {
    this.#flush(Infinity);
    const closed = await Promise.allSettled(this.#options.sinks.map((sink) => sink.close()));
    for (const result of closed) if (result.status === "rejected") throw result.reason;
  }

  #flush(until: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    const end = this.#waiting.findIndex((entry) => entry.due > until);
    const due = this.#waiting.splice(0, end < 0 ? this.#waiting.length : end).map((entry) => entry.notification);
    this.#timer =
      this.#waiting.length === 0 ? null : setTimeout(() => this.#flush(this.#options.clock.monotonic()), FLUSH_MS);
    if (due.length === 0) return;
    const ordered = this.#options.shuffle ? shuffled(due, this.#random) : due;
    for (const sink of this.#options.sinks) sink.take(ordered);
  }
}

/** The SNS topic every configuration set of the sandbox publishes to, unless it is told another. */
export function defaultTopic(region: string): string {
  return `arn:aws:sns:${region}:${ACCOUNT_ID}:ses-events`;
}

/** The event inside an SNS notification with a signature that nobody will find right. */
function notificationOf(event: PublishedEvent, topicArn: string, at: number): SnsNotification {
  const host = `https://sns.${topicArn.split(":")[3]}.amazonaws.com`;
  return {
    Type: "Notification",
    MessageId: randomUUID(),
    TopicArn: topicArn,
    Subject: "Amazon SES Email Event Notification",
    // Event publishing ends the text with a newline; legacy notifications do not.
    Message: `${JSON.stringify(event)}\n`,
    Timestamp: new Date(at).toISOString(),
    SignatureVersion: "1",
    Signature: "sandbox",
    SigningCertURL: `${host}/SimpleNotificationService-${"0".repeat(32)}.pem`,
    UnsubscribeURL: `${host}/?Action=Unsubscribe&SubscriptionArn=${topicArn}:${randomUUID()}`,
  };
}
