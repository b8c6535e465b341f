/** Publishes the events of the sandbox, as SES does through SNS. */
import { randomUUID } from "node:crypto";

import type { Clock } from "../time/clock.ts";
import { ACCOUNT_ID } from "./account.ts";
import { randomStream, shuffled } from "./random.ts";
import type { PublishedEvent } from "./ses-event.ts";

const FLUSH_MS = 200;

/** An event in the envelope in which SNS would deliver it. */
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

/** A place that published events go to. */
export interface NotificationSink {
  /** Takes notifications in this order, and does not wait. */
  take(notifications: readonly SnsNotification[]): void;
  /** Finishes what is under way. Rejects with the first error it met. */
  close(): Promise<void>;
}

/** How events are published, and where to. */
export interface EventFeedOptions {
  clock: Clock;
  /** Milliseconds between the acceptance of a message and its events. */
  delayMs: number;
  /** How often each event is published, 1 or more: SES promises "at least once". */
  copies: number;
  /** True: events that are published together come in another order. */
  shuffle: boolean;
  /** The ARN of the SNS topic that publishes them; null: `ses-events` in the region of the call. */
  topicArn: string | null;
  sinks: readonly NotificationSink[];
}

/** Publishes events when they are due, at most 200 ms later. `close()` does not wait for a delay. */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #random = randomStream(1);
  /** In the order of `due`, because all have the same delay. */
  #waiting: { due: number; notification: SnsNotification }[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  /** The ARN of the SNS topic for mail that was sent in this region. */
  topicArn(region: string): string {
    return this.#options.topicArn ?? defaultTopic(region);
  }

  /** Takes events to be published when their delay is over. */
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

  /** Publishes everything, also what is not due yet, and closes the sinks. Rejects with the first error of a sink. */
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

/** The ARN of the SNS topic that the sandbox publishes to when its options name none. */
export function defaultTopic(region: string): string {
  return `arn:aws:sns:${region}:${ACCOUNT_ID}:ses-events`;
}

/** Puts the event into an SNS notification. Its signature is not valid. */
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
