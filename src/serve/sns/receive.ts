/** Handles one POST to the webhook. */
import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "../../time/clock.ts";
import { unwrap } from "../../feedback/envelopes/envelopes.ts";
import { isObject } from "../../json.ts";
import { parseJson } from "../../feedback/envelopes/json-value.ts";
import type { SesEvent } from "../../feedback/ses-event.ts";
import type { SnsSettings } from "../gateway.ts";
import type { Certificates } from "./certificates.ts";
import { confirmSubscription } from "./confirm.ts";
import { readSnsMessage, type SnsMessage } from "./envelope.ts";
import type { HttpsGet } from "./https-get.ts";
import { checkRaw, isRaw } from "./raw.ts";
import { forbidden, tryAgain, unreadable } from "./refusal.ts";
import { verify } from "./verify.ts";

/** One POST to the webhook, as it came. */
export interface WebhookPost {
  body: string;
  headers: IncomingHttpHeaders;
}

/** The body of a 200 answer. Clients of one older service read `message` and `url`. */
export type Receipt =
  | { status: "ok" | "ignored" | "unsubscribed" }
  | { status: "subscription_confirmed"; message: string; url: string };

/** What the webhook works with. */
export interface Receiver {
  settings: SnsSettings;
  clock: Clock;
  certificates: Certificates;
  /** Asks SNS to confirm a subscription. */
  confirm: HttpsGet;
  /** Resolves when the events are durable. */
  store(events: readonly SesEvent[]): Promise<unknown>;
  /** Told what an operator should know: subscribed, unsubscribed, events that cannot be stored. */
  notice(level: "info" | "warn" | "error", text: string, fields: Record<string, unknown>): void;
}

/**
 * Takes in a message of an allowed SNS topic. Throws `SnsRefusal` for any other, and with 503 when its events cannot be
 * stored.
 */
export async function receive({ body, headers }: WebhookPost, receiver: Receiver): Promise<Receipt> {
  if (receiver.settings.topicArns.length === 0) {
    throw forbidden("The gateway was started without --sns-topic-arn and takes no SNS message");
  }
  const value = parseJson(body);
  if (isRaw(headers, value)) {
    checkRaw(headers, receiver.settings);
    return takeIn(body, receiver);
  }
  if (!isObject(value)) throw unreadable("The body must be an SNS message: a JSON object");
  const announced = headers["x-amz-sns-message-type"];
  if (announced !== undefined && announced !== value["Type"]) throw unreadable("Invalid SNS Message Type");
  const message = readSnsMessage(value);
  await verify(message, receiver);
  switch (message.type) {
    case "Notification":
      return takeIn(message.message, receiver);
    case "SubscriptionConfirmation":
      return subscribe(message, receiver);
    case "UnsubscribeConfirmation":
      receiver.notice("warn", "the SNS topic sends no more events here: somebody unsubscribed this gateway", {
        sns_topic: message.topicArn,
      });
      return { status: "unsubscribed" };
  }
}

async function subscribe(message: SnsMessage, { confirm, notice }: Receiver): Promise<Receipt> {
  await confirmSubscription(message, confirm);
  notice("info", "subscribed to the SNS topic", { sns_topic: message.topicArn });
  return { status: "subscription_confirmed", message: "Subscription confirmed", url: message.subscribeUrl };
}

/**
 * Reads only the signed text: anybody may have added other fields to the envelope. Events of messages that are not
 * known yet are stored, too. An event that cannot be read is refused with 400. SNS then does not bring it again, but
 * may keep it for people in its dead-letter queue.
 */
async function takeIn(text: string, { store, notice }: Receiver): Promise<Receipt> {
  const items = unwrap({ Type: "Notification", Message: text });
  const events = items.flatMap((item) => ("event" in item ? item.event : []));
  if (events.length > 0) {
    await store(events).catch((error: unknown) => {
      notice("error", "events cannot be stored; SNS will bring them again", { err: error });
      throw tryAgain("The event cannot be stored now");
    });
    return { status: "ok" };
  }
  if (items.some((item) => "malformed" in item)) throw unreadable("The message is an SES event that cannot be read");
  return { status: "ignored" };
}
