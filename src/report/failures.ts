import { LISTED, type ReportFacts } from "./facts.ts";
import { count, counted } from "../counted.ts";
import { html, type Markup } from "./markup.ts";
import { columnHeads, heading, numbers, otherReasons, type Setting, table } from "./parts.ts";

/** Messages that failed or are in doubt: the reasons, and the first `LISTED` recipients. Null when there are none. */
export function failures({ counts, failures: { rows, others }, failed }: ReportFacts, setting: Setting): Markup | null {
  if (rows.length === 0) return null;
  const body = rows.map(
    (row) =>
      html`<tr>
        <th scope="row">${row.state.replace("_", " ")}</th>
        <td class="wide">${row.error ?? "no reason kept"}</td>
        ${numbers([row.messages])}
      </tr>`,
  );
  const total = counts.failed + counts.in_doubt;
  const people = failed.map(
    ({ email, state, error }) =>
      html`<tr>
        <th scope="row" class="name">${email}</th>
        <td>${state.replace("_", " ")}</td>
        <td class="wide">${error}</td>
      </tr>`,
  );
  return html`<section class="long">
    ${heading("Not sent", setting)}
    ${table("Why messages were not sent", columnHeads(["State", "Reason"], ["Messages"]), html`${body}${otherReasons(others)}`)}
    <details>
      <summary>
        ${failed.length < total ? `The first ${LISTED} of ${count(total)} recipients` : counted(total, "recipient")}
      </summary>
      ${table("Recipients not sent to", columnHeads(["Recipient", "State", "Reason"], []), people)}
    </details>
  </section>`;
}
