/** A message as SNS POSTs it to an HTTP endpoint: its fields, and the text that its signature covers. */
import type { JsonObject } from "../../feedback/envelopes/json-value.ts";
import { forbidden, unreadable } from "./refusal.ts";

const TYPES = ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"] as const;

/** The fields of a message, as text. Its signature is not verified yet. */
export interface SnsMessage {
  type: (typeof TYPES)[number];
  messageId: string;
  topicArn: string;
  message: string;
  /** Null: there is none. Only a notification may have one. */
  subject: string | null;
  /** ISO 8601. */
  timestamp: string;
  signatureVersion: string;
  /** Base64. */
  signature: string;
  signingCertUrl: string;
  /** This and `subscribeUrl` belong to the two confirmations; they are empty in a notification. */
  token: string;
  subscribeUrl: string;
}

/** Most characters of any field but `Message`: more than SNS uses. */
const MAX_FIELD = 4_096;

/**
 * Reads a parsed body. Each field has to be text and not too long; nothing else is checked. Throws `SnsRefusal`: 400
 * for an unknown type, 403 otherwise.
 */
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
 * The text that SNS signs: `name`, line feed, value, line feed for each field, in this order (SNS developer guide,
 * "Verifying the signatures of Amazon SNS messages"). A `Message` may end with a line feed, as those of SES do, and
 * keeps it.
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
