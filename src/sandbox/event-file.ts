import { randomUUID } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";

import type { Clock } from "../clock.ts";
import { UserError } from "../errors.ts";
import { ACCOUNT_ID } from "./account.ts";
import { randomStream, shuffled } from "./random.ts";
import type { SesEvent } from "./ses-event.ts";

const FLUSH_MS = 200;

export interface EventFileOptions {
  clock: Clock;
  /** How long after its message was accepted an event is published, milliseconds. */
  delayMs: number;
  /** How often each event is published, 1 or more: SES promises "at least once". */
  copies: number;
  /** True: what is written together is written in another order. */
  shuffle: boolean;
}

/**
 * The NDJSON file (mode 0600) the events go to, each in the envelope in which SNS would deliver it. Lines are buffered and
 * written at least every 200 ms, and by `close()`, which waits for no delay.
 */
export class EventFile {
  readonly #file: FileHandle;
  readonly #options: EventFileOptions;
  readonly #random = randomStream(1);
  /** In the order of `due`, because the delay is the same for all. */
  #waiting: { due: number; line: string }[] = [];
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  private constructor(file: FileHandle, options: EventFileOptions) {
    this.#file = file;
    this.#options = options;
  }

  /** Appends to the file. Throws UserError when it cannot be opened. */
  static async open(path: string, options: EventFileOptions): Promise<EventFile> {
    try {
      return new EventFile(await open(path, "a", 0o600), options);
    } catch (error) {
      throw new UserError(`the events file ${path} cannot be opened: ${(error as Error).message}`);
    }
  }

  publish(events: readonly SesEvent[], region: string): void {
    const { clock, delayMs, copies } = this.#options;
    const due = clock.monotonic() + delayMs;
    for (const event of events) {
      for (let copy = 0; copy < copies; copy++) {
        this.#waiting.push({ due, line: envelope(event, region, clock.now() + delayMs) });
      }
    }
    this.#timer ??= setTimeout(() => this.#flush(clock.monotonic()), FLUSH_MS);
  }

  /** Writes everything, also what is not due yet. Throws the first error writing met. */
  async close(): Promise<void> {
    this.#flush(Infinity);
    await this.#writing;
    await this.#file.close();
    if (this.#failure !== null) throw this.#failure;
  }

  #flush(until: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    const end = this.#waiting.findIndex((entry) => entry.due > until);
    const due = this.#waiting.splice(0, end < 0 ? this.#waiting.length : end).map((entry) => entry.line);
    this.#timer =
      this.#waiting.length === 0 ? null : setTimeout(() => this.#flush(this.#options.clock.monotonic()), FLUSH_MS);
    if (due.length > 0) this.#write((this.#options.shuffle ? shuffled(due, this.#random) : due).join(""));
  }

  #write(lines: string): void {
    this.#writing = this.#writing
      .then(() => this.#file.appendFile(lines))
      .catch((error: unknown) => {
        this.#failure ??= error;
      });
  }
}

/** One line: the event inside an SNS notification with a signature that nobody will find right. */
function envelope(event: SesEvent, region: string, at: number): string {
  const topic = `arn:aws:sns:${region}:${ACCOUNT_ID}:ses-events`;
  const host = `https://sns.${region}.amazonaws.com`;
  const notification = {
    Type: "Notification",
    MessageId: randomUUID(),
    TopicArn: topic,
    Subject: "Amazon SES Email Event Notification",
    // Event publishing ends the text with a newline; legacy notifications do not.
    Message: `${JSON.stringify(event)}\n`,
    Timestamp: new Date(at).toISOString(),
    SignatureVersion: "1",
    Signature: "sandbox",
    SigningCertURL: `${host}/SimpleNotificationService-${"0".repeat(32)}.pem`,
    UnsubscribeURL: `${host}/?Action=Unsubscribe&SubscriptionArn=${topic}:${randomUUID()}`,
  };
  return `${JSON.stringify(notification)}\n`;
}
