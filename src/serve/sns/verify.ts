/** Verifies that a message comes from an allowed SNS topic, and that it is recent. */
import { verify as verifySignature, type KeyObject } from "node:crypto";
import type { Clock } from "../../time/clock.ts";
import { parseEventTime } from "../../feedback/event-time.ts";
import type { SnsSettings } from "../gateway.ts";
import { type Certificates, checkCertificateUrl } from "./certificates.ts";
import { canonicalText, type SnsMessage } from "./envelope.ts";
import { forbidden } from "./refusal.ts";
import { parseTopicArn } from "./topic-arn.ts";

/** How far the clock of SNS may be ahead of ours. */
const MAX_AHEAD_MS = 15 * 60_000;

/**
 * Hashes by SignatureVersion. The padding is PKCS #1 v1.5 (SNS developer guide, "Verifying the signatures of Amazon SNS
 * messages").
 */
const HASH_OF: Readonly<Record<string, string>> = { "1": "RSA-SHA1", "2": "RSA-SHA256" };
/** RSA keys of 2048, 3072 and 4096 bits. */
const SIGNATURE_BYTES = [256, 384, 512];
/** 512 bytes in base64. */
const MAX_SIGNATURE_TEXT = 684;

/** Throws `SnsRefusal` (403) unless `--sns-topic-arn` names this SNS topic. */
export function checkTopicArn(topicArn: string, { topicArns }: SnsSettings): void {
  if (!topicArns.includes(topicArn)) throw forbidden("The SNS topic is not one that --sns-topic-arn names");
}

/**
 * Resolves when the message is signed by Amazon SNS (or by one of `settings.trustedKeys`), its SNS topic is allowed,
 * and it is recent. Throws `SnsRefusal` otherwise. A valid signature alone would prove only that it comes from
 * somebody's SNS topic.
 *
 * Cheap checks come first: nothing is fetched and no signature computed for a message that fails one of them.
 */
export async function verify(
  message: SnsMessage,
  { settings, certificates, clock }: { settings: SnsSettings; certificates: Certificates; clock: Clock },
): Promise<void> {
  checkTopicArn(message.topicArn, settings);
  const hash = Object.hasOwn(HASH_OF, message.signatureVersion) ? HASH_OF[message.signatureVersion] : undefined;
  if (hash === undefined) throw forbidden("SignatureVersion must be 1 or 2");
  const signature = readSignature(message.signature);
  checkAge(message.timestamp, clock.now(), settings.maxAgeMs);
  const text = Buffer.from(canonicalText(message), "utf8");
  const isSignedBy = (key: KeyObject) => verifySignature(hash, text, key, signature);
  if (settings.trustedKeys.some(isSignedBy)) return;
  if (settings.offline) throw forbidden("The signature is wrong");
  const topic = parseTopicArn(message.topicArn);
  if (topic === null) throw forbidden("The SNS topic that --sns-topic-arn names is no ARN of a standard SNS topic");
  checkCertificateUrl(message.signingCertUrl, topic);
  if (!isSignedBy(await certificates.keyOf(message.signingCertUrl))) throw forbidden("The signature is wrong");
}

function readSignature(text: string): Buffer {
  const looksRight = text.length <= MAX_SIGNATURE_TEXT && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  const bytes = looksRight ? Buffer.from(text, "base64") : Buffer.alloc(0);
  if (!SIGNATURE_BYTES.includes(bytes.length)) throw forbidden("Signature must be that of an RSA key, in base64");
  return bytes;
}

function checkAge(timestamp: string, now: number, maxAgeMs: number): void {
  const at = timestamp.length < 100 ? parseEventTime(timestamp) : null;
  if (at === null) throw forbidden("Timestamp cannot be read");
  if (now - at > maxAgeMs) throw forbidden("The message is too old, or a replay");
  if (at - now > MAX_AHEAD_MS) throw forbidden("The message is of the future; is the clock of this machine right?");
}
