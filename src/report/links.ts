import { stackedBar } from "./chart.ts";
import type { ReportFacts } from "./facts.ts";
import { counted } from "../counted.ts";
import { html, type Markup } from "./markup.ts";
import { columnHeads, heading, numbers, type Setting, table } from "./parts.ts";

/** The links that were clicked most. Null when none was. */
export function links({ links: { rows, others } }: ReportFacts, setting: Setting): Markup | null {
  if (rows.length === 0) return null;
  const most = Math.max(1, ...rows.map((row) => row.messages));
  const cells = (row: (typeof rows)[number], bar: Markup | null) =>
    html`<td class="bar">${bar}</td>
      ${numbers([row.messages, row.clicks, row.machine_clicks])}`;
  const body = rows.map(
    (row) =>
      html`<tr>
        <th scope="row" class="name">${row.link === "" ? "unknown" : row.link}</th>
        ${cells(row, stackedBar([{ value: row.messages, tone: "clicked" }], most))}
      </tr>`,
  );
  const rest =
    others === null
      ? null
      : html`<tr class="others">
          <th scope="row">${counted(others.kinds, "other link")}</th>
          ${cells(others.counts, null)}
        </tr>`;
  const head = html`<th scope="col">Link</th>
    <td class="bar"></td>
    ${columnHeads([], ["Messages", "Clicks", "By machines"])}`;
  return html`<section class="long">
    ${heading("Links", setting)} ${table("Links", head, html`${body}${rest}`)}
  </section>`;
}
