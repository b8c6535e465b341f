import { randomUUID } from "node:crypto";

import type { Mail } from "./mail.ts";

/** A message that the sandbox accepted. */
export interface AcceptedMail {
  mail: Mail;
  messageId: string;
  /** Milliseconds since the epoch. */
  acceptedAt: number;
  region: string;
  sourceIp: string;
}

/**
 * Makes a message id as SES does in us-east-1: `0100`, 12 hex digits of `now` (milliseconds since the epoch), and a
 * random UUID.
 */
export function newMessageId(now: number): string {
  return `0100${now.toString(16).padStart(12, "0")}-${randomUUID()}-000000`;
}
