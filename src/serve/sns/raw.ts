/** Raw message delivery: SNS sends the bare message without a signature. Only a shared secret shows who sent it. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isObject } from "../../json.ts";
import type { SnsSettings } from "../gateway.ts";
import { forbidden, SnsRefusal } from "./refusal.ts";
import { checkTopicArn } from "./verify.ts";

/** Whether SNS marked the delivery as raw, or the body is an SES event without an envelope. */
export function isRaw(headers: IncomingHttpHeaders, body: unknown): boolean {
  if (headers["x-amz-sns-rawdelivery"] === "true") return true;
  return isObject(body) && typeof body["Type"] !== "string" && ("eventType" in body || "notificationType" in body);
}

/**
 * Throws `SnsRefusal` unless the password of HTTP Basic is `rawSecret`, and the SNS topic, if one is named, is allowed.
 * Without a password the status is 401: SNS sends the name and password of a subscribed `https://name:password@host/…`
 * only when it is asked for them.
 */
export function checkRaw(headers: IncomingHttpHeaders, settings: SnsSettings): void {
  const topicArn = headers["x-amz-sns-topic-arn"];
  if (topicArn !== undefined) checkTopicArn(String(topicArn), settings);
  if (settings.rawSecret === null) {
    throw forbidden("Raw deliveries are not taken in: switch raw message delivery of the SNS subscription off");
  }
  const password = basicPassword(headers.authorization);
  if (password === null) throw new SnsRefusal(401, "Raw deliveries need a user name and password");
  if (!isSame(password, settings.rawSecret)) throw forbidden("The password of the raw delivery is wrong");
}

function basicPassword(authorization: string | undefined): string | null {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? "") ?? [];
  if (encoded === undefined) return null;
  const credentials = Buffer.from(encoded, "base64").toString("utf8");
  return credentials.includes(":") ? credentials.slice(credentials.indexOf(":") + 1) : null;
}

/** Compares digests, so that the time it takes tells neither how much is right nor how long the secret is. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
