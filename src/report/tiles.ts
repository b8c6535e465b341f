import type { ReportFacts } from "./facts.ts";
import { count, counted } from "../counted.ts";
import { share } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { BOUNCE_LIMITS, COMPLAINT_LIMITS, verdictOf, type ReputationVerdict } from "./reputation.ts";

/** The main figures at a glance. */
export function figures({ counts, opens }: ReportFacts): Markup {
  const { sent, delivered, clicked, unsubscribed } = counts;
  const readers = opens.opened_by_reader;
  return html`<dl class="figures">
    ${figure("Sent", count(sent), html`of ${counted(counts.total, "recipient")}`)}
    ${figure("Delivered", share(delivered, sent), known(delivered, html`${count(delivered)}`))}
    ${figure("Opened", share(readers, sent), known(readers, html`by ${counted(readers ?? 0, "reader")}`))}
    ${figure("Clicked", share(clicked, sent), known(clicked, html`${count(clicked)}`))}
    ${figure("Hard bounces", share(counts.bounced_permanent, sent), verdict(counts.bounced_permanent, sent, BOUNCE_LIMITS))}
    ${figure("Complaints", share(counts.complained, sent), verdict(counts.complained, sent, COMPLAINT_LIMITS))}
    ${figure("Unsubscribed", share(unsubscribed, sent), html`${count(unsubscribed)}`)}
  </dl>`;
}

function known(value: number | null, detail: Markup): Markup {
  return value === null ? html`not known yet` : detail;
}

/** One tile: a name, a figure that stands out, and what it is of. */
export function figure(name: string, value: string, detail: Markup): Markup {
  return html`<div>
    <dt>${name}</dt>
    <dd class="big">${value}</dd>
    <dd>${detail}</dd>
  </div>`;
}

const VERDICTS: Record<ReputationVerdict, string> = {
  ok: "healthy",
  near: "close to the limit",
  review: "over the limit",
  pause: "far over the limit",
};

function verdict(part: number | null, sent: number, limits: { review: number; pause: number }): Markup {
  if (part === null) return html`not known yet`;
  if (sent === 0) return html`${count(part)}`;
  const found = verdictOf(part / sent, limits);
  return html`${count(part)} <span class="verdict ${found}">${VERDICTS[found]}</span>`;
}
