/** Events of mail that another program sent for us: which message they are about. */
import type { SesEvent } from "../feedback/ses-event.ts";
import { subjectKey } from "./hash.ts";
import { messageOfUuid } from "./rules/outlet-uuid.ts";

/** The event as if it had our tags, when the program that sent the mail named the message by the UUID that it was handed over under. */
export function namedEvent(event: SesEvent, jobId: string): SesEvent {
  if (event.requestId === undefined || event.jobId !== null) return event;
  const messageId = messageOfUuid(jobId, event.requestId);
  return messageId === null ? event : { ...event, jobId, messageId };
}

/** By what a mail is found that nothing names: the only address that it went to, its subject, and when SES took it in. */
export interface MailClue {
  address: string;
  subjectKey: number;
  mailedAt: number;
}

/** The clue of an event; null: it has none, or it names its message. */
export function clueOf(event: Pick<SesEvent, "jobId" | "destination" | "mailedAt" | "subject">): MailClue | null {
  const { jobId, subject, mailedAt } = event;
  const [address, ...others] = event.destination;
  if (jobId !== null || subject === undefined || mailedAt === null) return null;
  return address === undefined || others.length > 0 ? null : { address, subjectKey: subjectKey(subject), mailedAt };
}

/** An address with more messages than this is not looked through. */
export const MOST_LOOKED_THROUGH = 1_000;
