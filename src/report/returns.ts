import { gauge } from "./chart.ts";
import type { ReportFacts } from "./facts.ts";
import { counted } from "../counted.ts";
import { limitText, share } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { columnHeads, heading, numbers, otherReasons, type Setting, table } from "./parts.ts";
import { BOUNCE_LIMITS, COMPLAINT_LIMITS } from "./reputation.ts";

/**
 * Bounces and complaints against Amazon's limits, and the reasons of bounces. Null when nothing was sent, or nobody knows.
 */
export function returns({ counts, bounces }: ReportFacts, setting: Setting): Markup | null {
  if (counts.sent === 0 || counts.bounced_permanent === null || counts.complained === null) return null;
  const rows = [
    rateRow("Hard bounces", counts.bounced_permanent, counts.sent, BOUNCE_LIMITS, "bounced"),
    rateRow("Complaints", counts.complained, counts.sent, COMPLAINT_LIMITS, "complained"),
  ];
  return html`<section class="long">
    ${heading("Bounces and complaints", setting)}
    <table class="funnel">
      <thead>
        <tr>
          <th scope="col">Rate</th>
          <td></td>
          <th scope="col" class="number">Of sent</th>
          <th scope="col" class="number">SES reviews at</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
    <p class="soft">
      The marks are where Amazon reviews an account (${limitText(BOUNCE_LIMITS.review)} bounces,
      ${limitText(COMPLAINT_LIMITS.review)} complaints) and where it may pause its sending
      (${limitText(BOUNCE_LIMITS.pause)}, ${limitText(COMPLAINT_LIMITS.pause)}). It looks at the whole account, not at
      one topic. Soft bounces do not count there; ${counted(counts.bounced_transient ?? 0, "message")} had one. Nor does
      it count bounces of mails that it held back because the address was on its own suppression list; here they count.
    </p>
    ${bounceTable(bounces)}
  </section>`;
}

function rateRow(
  name: string,
  part: number,
  sent: number,
  limits: { review: number; pause: number },
  tone: string,
): Markup {
  const bar = gauge(part / sent, { limits: [limits.review, limits.pause], end: limits.pause * 1.2, tone });
  return html`<tr>
    <th scope="row">${name}</th>
    <td class="bar">${bar}</td>
    ${numbers([share(part, sent), limitText(limits.review)])}
  </tr>`;
}

function bounceTable({ rows, others }: ReportFacts["bounces"]): Markup | null {
  if (rows.length === 0) return null;
  const body = rows.map(
    (row) =>
      html`<tr>
        <th scope="row">${row.bounce_type ?? "Unknown"}<br />${row.bounce_subtype}</th>
        <td class="wide">${row.diagnostic ?? "no reason given"}</td>
        ${numbers([row.messages])}
      </tr>`,
  );
  return table(
    "Why messages bounced",
    columnHeads(["Bounce", "What the server said"], ["Messages"]),
    html`${body}${otherReasons(others)}`,
  );
}
