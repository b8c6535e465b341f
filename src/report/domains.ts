import { stackedBar } from "./chart.ts";
import type { ReportFacts } from "./facts.ts";
import { counted } from "../counted.ts";
import { share } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { columnHeads, heading, numbers, type Setting, table } from "./parts.ts";

/** The most frequent domains of recipients, each with its rates. Null when there are none. */
export function domains({ counts, domains: { rows, others } }: ReportFacts, setting: Setting): Markup | null {
  if (rows.length === 0) return null;
  const cells = (row: (typeof rows)[number]) =>
    html`<td class="bar">${stackedBar([{ value: row.total, tone: "pending" }], counts.total)}</td>
      ${numbers([row.total, share(row.delivered, row.sent), share(row.opened_by_reader, row.sent), share(row.clicked, row.sent), share(row.bounced_permanent, row.sent), share(row.complained, row.sent)])}`;
  const body = rows.map(
    (row) =>
      html`<tr>
        <th scope="row" class="name">${row.domain}</th>
        ${cells(row)}
      </tr>`,
  );
  const rest =
    others === null
      ? null
      : html`<tr class="others">
          <th scope="row">${counted(others.kinds, "other domain")}</th>
          ${cells(others.counts)}
        </tr>`;
  const head = html`<th scope="col">Domain</th>
    <td class="bar"></td>
    ${columnHeads([], ["Messages", "Delivered", "Opened by readers", "Clicked", "Hard bounces", "Complaints"])}`;
  return html`<section class="long">
    ${heading("Domains", setting)} ${table("Domains", head, html`${body}${rest}`)}
  </section>`;
}
