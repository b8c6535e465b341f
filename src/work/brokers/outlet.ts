/**
 * Hands mail over to NATS, for others to send: our own inlet, or any program that reads the same payload. What such a mail has beside its
 * subject and its HTML goes in a header, which our inlet reads and others may ignore. The sender is the one of whoever sends it.
 */
import { readWords } from "../../compose/address/encoded-word.ts";
import { splitMailbox } from "../../compose/address/mailbox.ts";
import { oneClickProblem } from "../../compose/content/header-value.ts";
import type { MailOrigin, MailService } from "../../deliver/mailer.ts";
import { type Outcome, WITHHELD } from "../../deliver/outcome.ts";
import { type Header, type RenderedMail, wholeMail } from "../../message.ts";
import type { Nats, Published } from "../../queue/nats/nats.ts";
import { MOST_EXTRAS } from "../../queue/nats/delivery.ts";
import { encodeMail } from "../../queue/nats/payload.ts";
import { outletUuid } from "../../store/rules/outlet-uuid.ts";
import type { Clock } from "../../time/clock.ts";
import { isoTime } from "../../time/iso.ts";

/** How long the stream has for its answer. */
const PUBLISH_MS = 10_000;
const HINT = "look at the stream and at who reads it: nats stream info";

/** What an outlet works with. */
export interface OutletParts {
  nats: Pick<Nats, "publish" | "isConnected">;
  /** Where mail goes, such as `messages.email`, and the stream that is made for it when none takes it. */
  subject: string;
  stream: string;
  jobId: string;
  clock: Pick<Clock, "now">;
}

/** Makes what `createMailer` hands mails to instead of SES. */
export function createOutlet({ nats, subject, stream, jobId, clock }: OutletParts): MailService {
  return {
    async send(composed, _tags, onDeparted, mayLeave, origin) {
      const mail = wholeMail(composed);
      if (mail.attachments.length > 0)
        return {
          kind: "rejected",
          reason: "a mail with files cannot be handed over to NATS",
          unknown: false,
          isOurs: true,
        };
      if (!nats.isConnected()) return unreachable("there is no connection");
      const now = clock.now();
      const uuid = outletUuid(jobId, origin.id, now);
      const body = encodeMail({ uuid, email: mail.to, subject: mail.subject, body: mail.html });
      const extras = extrasOf(mail, origin, now);
      if (!mayLeave()) return WITHHELD;
      // One that is retried is another message for the stream.
      const id = `${jobId}-${origin.id}-${origin.attempts}-${now.toString(36)}`;
      const options = { id, stream, ...(extras !== null && { extras }), timeoutMs: PUBLISH_MS, onDeparted };
      return outcomeOf(await nats.publish(subject, body, options), mail.subject, uuid);
    },
  };
}

function outcomeOf(published: Published, subject: string, name: string): Outcome {
  if (published.kind === "stored") return { kind: "handed_over", subject, name };
  const { reason } = published;
  if (published.kind === "unknown") return { kind: "in_doubt", reason: `NATS: ${reason}`, name };
  if (published.why === "too-large")
    return { kind: "rejected", reason: `too large to be handed over: ${reason}`, unknown: false, isOurs: true };
  if (published.why === "away") return unreachable(reason);
  return { kind: "halted", reason: `NATS does not take the mail: ${reason}`, hint: HINT };
}

function unreachable(reason: string): Outcome {
  return { kind: "transient", reason, unreachable: true, server: "NATS" };
}

/** The header, as `intake/broker/nats-mail.ts` reads it; null: the mail has nothing more. */
function extrasOf(mail: RenderedMail, origin: MailOrigin, now: number): string | null {
  const { list, kind, expiresInMs } = origin;
  const rest = {
    ...(mail.replyTo.length > 0 && { reply_to: mail.replyTo.map(readMailbox) }),
    ...headersOf(mail.headers, list !== undefined),
    ...(list !== undefined && { list }),
    ...(kind === "transactional" && { kind }),
    ...(expiresInMs !== null && { expires_at: isoTime(now + Math.max(0, expiresInMs)) }),
  };
  // Without it the text is derived from the HTML again, which gives the same, unless the author wrote one.
  const whole = JSON.stringify({ ...(mail.text.trim() !== "" && { text: mail.text }), ...rest });
  const text = Buffer.byteLength(whole) <= MOST_EXTRAS ? whole : JSON.stringify(rest);
  return text === "{}" ? null : Buffer.from(text).toString("base64url");
}

/** As its author writes it; whoever sends the mail encodes it again. */
function readMailbox(encoded: string): string {
  const mailbox = splitMailbox(encoded);
  if ("problem" in mailbox || mailbox.name === null) return encoded;
  return `"${readWords(mailbox.name).replaceAll(/["\\]/g, "\\$&")}" <${mailbox.address}>`;
}

/** Whoever sends the mail writes the List-Id of its list. A one-click link that is not https is refused. */
function headersOf(all: readonly Header[], isListed: boolean): { headers?: Record<string, string> } {
  const refused = new Set([
    ...(isListed ? ["list-id"] : []),
    ...(oneClickProblem(all) === null ? [] : ["list-unsubscribe-post"]),
  ]);
  const headers = all.filter(({ name }) => !refused.has(name.toLowerCase()));
  return headers.length === 0
    ? {}
    : { headers: Object.fromEntries(headers.map(({ name, value }) => [name, readWords(value)])) };
}
