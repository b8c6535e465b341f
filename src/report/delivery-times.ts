import { formatDuration } from "../time/duration.ts";
import type { ReportFacts } from "./facts.ts";
import { count } from "../counted.ts";
import { html, type Markup } from "./markup.ts";
import { columnHeads, heading, numbers, type Setting, table } from "./parts.ts";
import { figure } from "./tiles.ts";

/**
 * How long delivery took after SES accepted the mail, and the slowest recipients. Null when nothing is delivered yet.
 */
export function deliveryTimes({ times }: ReportFacts, setting: Setting): Markup | null {
  const { p50, p90, p99, slowest } = times;
  if (p50 === null || p90 === null || p99 === null) return null;
  const rows = slowest.map(
    ({ email, ms }) =>
      html`<tr>
        <th scope="row" class="name">${email}</th>
        ${numbers([formatDuration(ms)])}
      </tr>`,
  );
  return html`<section>
    ${heading("Time to delivery", setting)}
    <dl class="figures">
      ${figure("Half within", formatDuration(p50), html`of SES taking the mail in`)}
      ${figure("90 % within", formatDuration(p90), html`until the recipient's server had it`)}
      ${figure("99 % within", formatDuration(p99), html`of ${count(times.delivered)} delivered`)}
    </dl>
    <details>
      <summary>The ${count(slowest.length)} slowest</summary>
      ${table("Slowest deliveries", columnHeads(["Recipient"], ["Took"]), rows)}
    </details>
  </section>`;
}
