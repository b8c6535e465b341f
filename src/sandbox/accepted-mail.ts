import { randomUUID } from "node:crypto";

import type { Mail } from "./mail.ts";

/** A message that was accepted. */
export interface AcceptedMail {
  mail: Mail;
  messageId: string;
  /** Milliseconds since the epoch. */
  acceptedAt: number;
  region: string;
  sourceIp: string;
}

/** `0100` + 12 hex digits of the milliseconds since the epoch + a UUID, as SES makes them in us-east-1. */
export function newMessageId(now: number): string {
  return `0100${now.toString(16).padStart(12, "0")}-${randomUUID()}-000000`;
}
