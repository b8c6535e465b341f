/** A message as SNS POSTs it to an HTTP endpoint: its fields, and the text its signature covers. */
import type { JsonObject } from "../../feedback/envelopes/json-value.ts";
import { forbidden, unreadable } from "./refusal.ts";

const TYPES = ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"] as const;

export interface SnsMessage {
  type: (typeof TYPES)[number];
  messageId: string;
  topicArn: string;
  message: string;
  /** Null: there is none. Only notifications have one. */
  subject: string | null;
  /** ISO 8601. */
  timestamp: string;
  signatureVersion: string;
  /** Base64. */
  signature: string;
  signingCertUrl: string;
  /** Of the two confirmations; empty for a notification. */
  token: string;
  subscribeUrl: string;
}

/** More than SNS puts into any field but `Message`; what is longer is nobody's message. */
const MAX_FIELD = 4_096;

/** What the two confirmations and notifications have in common is checked to be text. Throws `SnsRefusal`: 400 unknown type, 403 else. */
export function readSnsMessage(body: JsonObject): SnsMessage {
  const type = TYPES.find((known) => known === body["Type"]);
  if (type === undefined) throw unreadable("Invalid SNS Message Type");
  const confirms = type !== "Notification";
  return {
    type,
    messageId: field(body, "MessageId"),
    topicArn: field(body, "TopicArn"),
    message: field(body, "Message", Infinity),
    subject: confirms || isNone(body["Subject"]) ? null : field(body, "Subject"),
    timestamp: field(body, "Timestamp"),
    signatureVersion: field(body, "SignatureVersion"),
    signature: field(body, "Signature"),
    signingCertUrl: field(body, "SigningCertURL"),
    token: confirms ? field(body, "Token") : "",
    subscribeUrl: confirms ? field(body, "SubscribeURL") : "",
  };
}

/**
 * The text SNS signs: `name`, line feed, value, line feed for each field, in this order (SNS developer guide, "Verifying the
 * signatures of Amazon SNS messages"). A `Message` that ends with a line feed, as those of SES do, keeps it.
 */
export function canonicalText(message: SnsMessage): string {
  return (message.type === "Notification" ? ofNotification(message) : ofConfirmation(message))
    .map(([name, value]) => `${name}\n${value}\n`)
    .join("");
}

type Field = readonly [name: string, value: string];

function ofNotification({ message, messageId, subject, timestamp, topicArn, type }: SnsMessage): Field[] {
  const titled: Field[] = subject === null ? [] : [["Subject", subject]];
  return [
    ["Message", message],
    ["MessageId", messageId],
    ...titled,
    ["Timestamp", timestamp],
    ["TopicArn", topicArn],
    ["Type", type],
  ];
}

function ofConfirmation({ message, messageId, subscribeUrl, timestamp, token, topicArn, type }: SnsMessage): Field[] {
  return [
    ["Message", message],
    ["MessageId", messageId],
    ["SubscribeURL", subscribeUrl],
    ["Timestamp", timestamp],
    ["Token", token],
    ["TopicArn", topicArn],
    ["Type", type],
  ];
}

function isNone(value: unknown): boolean {
  return value === undefined || value === null;
}

function field(body: JsonObject, name: string, limit = MAX_FIELD): string {
  const value = Object.hasOwn(body, name) ? body[name] : undefined;
  if (typeof value !== "string") throw forbidden(`${name} of an SNS message must be a text`);
  if (value.length > limit) throw forbidden(`${name} of an SNS message must have ${limit} characters at most`);
  return value;
}
