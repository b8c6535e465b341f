/** The mailbox simulator: decides what becomes of a mail. */
import type { AcceptedMail } from "./accepted-mail.ts";
import { simulatorMailbox } from "./address.ts";
import type { Mail } from "./mail.ts";
import {
  bounce,
  click,
  complaint,
  delivery,
  deliveryDelay,
  open,
  reject,
  renderingFailure,
  sent,
  unsubscribe,
  type EventMaker,
  type PublishedEvent,
} from "./ses-event.ts";

const DELIVERED: EventMaker[] = [delivery];

/**
 * What happens to a mail to each mailbox of Amazon's simulator, after the Send event. `OURS` has mailboxes that only
 * the sandbox knows.
 */
const AMAZONS: Record<string, EventMaker[]> = {
  success: DELIVERED,
  bounce: [bounce("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown")],
  suppressionlist: [bounce("Permanent", "Suppressed", "5.1.1", "Amazon SES has suppressed sending to this address")],
  complaint: [delivery, complaint],
  ooto: [delivery, bounce("Transient", "General", null, null)],
};

const OURS: Record<string, EventMaker[]> = {
  softbounce: [bounce("Transient", "MailboxFull", "4.2.2", "smtp; 452 4.2.2 mailbox full")],
  delay: [deliveryDelay, delivery],
  reject: [reject],
  open: [delivery, open],
  click: [delivery, open, click],
  unsubscribe: [delivery, unsubscribe],
  render: [renderingFailure],
};

const MAILBOXES = new Map([...Object.entries(AMAZONS), ...Object.entries(OURS)]);

const SUPPRESSED: EventMaker[] = [
  bounce(
    "Permanent",
    "OnAccountSuppressionList",
    null,
    "Amazon SES did not send the message to this address because it is on the suppression list for your account.",
  ),
];

/**
 * Every event that SES would publish for a message, in the order they happen: Send, then what the recipients' addresses
 * ask for. The simulator of SES has `success`, `bounce`, `suppressionlist`, `complaint` and `ooto` at
 * simulator.amazonses.com, each with an optional `+label`. At the same domain the sandbox adds `softbounce`, `delay`,
 * `reject`, `open`, `click`, `unsubscribe` and `render`, so that every type of event can be rehearsed. Any other
 * address is delivered, unless `isSuppressed` says that it is on the account's list. All events but Send happen at `at`
 * (milliseconds since the epoch).
 */
export function eventsFor(
  accepted: AcceptedMail,
  at: number,
  isSuppressed: (address: string) => boolean,
): PublishedEvent[] {
  const groups = new Map<EventMaker, string[]>();
  for (const recipient of accepted.mail.recipients) {
    for (const maker of isSuppressed(recipient) ? SUPPRESSED : makersFor(accepted.mail, recipient)) {
      groups.set(maker, [...(groups.get(maker) ?? []), recipient]);
    }
  }
  const time = new Date(at).toISOString();
  const later = [...groups].map(([maker, recipients]) => maker(recipients, accepted, time));
  // A mail that could not be rendered was never sent.
  return groups.has(renderingFailure) && groups.size === 1 ? later : [sent(accepted), ...later];
}

function makersFor(mail: Mail, recipient: string): EventMaker[] {
  if (mail.renderingFailure) return [renderingFailure];
  const mailbox = simulatorMailbox(recipient) ?? "success";
  return MAILBOXES.get(mailbox) ?? DELIVERED;
}
