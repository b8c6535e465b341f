/** What a store keeps of an event whose message is not known: another program sent it, or its SES message id has not come yet. */
import { createHash } from "node:crypto";
import type { SesEvent } from "../feedback/ses-event.ts";

/** What is needed of an event once its message is known. The rest may be about other people, and is not kept. */
export type KeptEvent = Pick<
  SesEvent,
  | "key"
  | "type"
  | "sesMessageId"
  | "jobId"
  | "messageId"
  | "destination"
  | "at"
  | "mailedAt"
  | "bounceType"
  | "bounceSubType"
  | "complaintType"
  | "machine"
  | "unsubscribes"
  | "link"
  | "reason"
  | "rehearsal"
>;

/** A digest of an event's key, which names everybody it is about, and may be too long for an index. */
export const digestOf = ({ key }: { key: string }): string => createHash("sha256").update(key).digest("base64url");

/**
 * What is kept of an event whose message was removed, or whose recipient was forgotten: that it came, so that it counts and suppresses
 * once, and nothing that it says.
 */
export function bareOf(event: { key: string }): { key: string } {
  return { key: `removed ${digestOf(event)}` };
}

/** The event without everything that is not kept. */
export function keptOf(event: SesEvent): KeptEvent {
  const { key, type, sesMessageId, jobId, messageId, destination, at, mailedAt } = event;
  const { bounceType, bounceSubType, complaintType, machine, unsubscribes, link, reason, rehearsal } = event;
  const which = { key, type, sesMessageId, jobId, messageId, destination, at, mailedAt };
  const what = { bounceType, bounceSubType, complaintType, machine, unsubscribes, link, reason };
  return { ...which, ...what, ...(rehearsal && { rehearsal }) };
}

/**
 * Makes a function that tells whether a kept event, as it is kept, is about this address, which is in lower case: its mail went there,
 * or the event itself names it.
 */
export function isKeptAbout(address: string): (body: string) => boolean {
  // A look for the address as JSON writes it comes first: to parse each body would take minutes where other programs have millions of events.
  const written = JSON.stringify(address).slice(1, -1);
  return (body) => {
    if (!body.includes(written)) return false;
    const { key = "", destination = [] } = JSON.parse(body) as Partial<KeptEvent>;
    return destination.includes(address) || ` ${key} `.includes(` ${address} `);
  };
}
