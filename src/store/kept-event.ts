/** What a store keeps of an event whose message is not known: another program sent it, or its SES message id has not come yet. */
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

/** The event without everything that is not kept. */
export function keptOf(event: SesEvent): KeptEvent {
  const { key, type, sesMessageId, jobId, messageId, destination, at, mailedAt } = event;
  const { bounceType, bounceSubType, complaintType, machine, unsubscribes, link, reason, rehearsal } = event;
  const which = { key, type, sesMessageId, jobId, messageId, destination, at, mailedAt };
  const what = { bounceType, bounceSubType, complaintType, machine, unsubscribes, link, reason };
  return { ...which, ...what, ...(rehearsal && { rehearsal }) };
}
