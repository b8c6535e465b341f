import type { ReportFacts } from "./facts.ts";
import { counted } from "../counted.ts";
import { limitText, share } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { BOUNCE_LIMITS, COMPLAINT_LIMITS } from "./reputation.ts";

/** What needs attention: cancelled, waiting or in doubt, no events yet, or a rate above a limit of Amazon. */
export function notes(facts: ReportFacts): Markup | null {
  const { counts } = facts;
  const waiting = counts.pending + counts.sending;
  const found = [
    facts.cancelled
      ? note("This topic is cancelled.", html`It takes no further recipients until a retry reopens it.`)
      : null,
    facts.removed > 0
      ? note(
          `${counted(facts.removed, "message")} removed.`,
          html`They are counted in the totals, and missing from everything else on this page.`,
        )
      : null,
    waiting > 0 && !facts.cancelled
      ? note(
          `${counted(waiting, "message")} still to go.`,
          html`The figures are as of now; make the report again when all is sent.`,
        )
      : null,
    counts.in_doubt > 0
      ? note(
          `${counted(counts.in_doubt, "message")} in doubt: handed to SES, and the answer was lost.`,
          html`They are never sent again by themselves. An event of SES settles each of them, or a person decides.`,
        )
      : null,
    counts.sent > 0 && counts.delivered === null
      ? note(
          "SES has not reported yet what became of the mails.",
          html`Deliveries, bounces and complaints are known when its events come in.`,
        )
      : null,
    limitNote("bounce", counts.bounced_permanent, counts.sent, BOUNCE_LIMITS),
    limitNote("complaint", counts.complained, counts.sent, COMPLAINT_LIMITS),
  ].filter((one) => one !== null);
  return found.length === 0
    ? null
    : html`<ul class="notes" aria-label="Needs attention">
        ${found}
      </ul>`;
}

function note(title: string, text: Markup): Markup {
  return html`<li><strong>${title}</strong> ${text}</li>`;
}

function limitNote(
  what: string,
  part: number | null,
  sent: number,
  limits: { review: number; pause: number },
): Markup | null {
  if (sent === 0 || part === null || part / sent < limits.review) return null;
  const limit = part / sent >= limits.pause ? limits.pause : limits.review;
  return note(
    `The ${what} rate is ${share(part, sent)}.`,
    html`From ${limitText(limit)} of an account's mails on, Amazon
    ${limit === limits.pause ? "may pause its sending" : "reviews it"}. Find out where these addresses came from before
    you send again.`,
  );
}
