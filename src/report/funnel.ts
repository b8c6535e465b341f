import { STATES } from "../message.ts";
import { stackedBar, type Part } from "./chart.ts";
import type { ReportFacts } from "./facts.ts";
import { count } from "../counted.ts";
import { share } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { heading, legend, numbers, type Setting } from "./parts.ts";

/** The funnel: from recipients to clicks, with opens by readers and by machines apart. */
export function funnel({ counts, opens }: ReportFacts, setting: Setting): Markup {
  const machineOnly = (opens.opened ?? 0) - (opens.opened_by_reader ?? 0);
  const openParts = [
    { value: opens.opened_by_reader ?? 0, tone: "reader" },
    { value: machineOnly, tone: "machine" },
  ];
  const rows: [string, Part[], number | null][] = [
    ["Recipients", [{ value: counts.total, tone: "pending" }], counts.total],
    ["Sent", [{ value: counts.sent, tone: "sent" }], counts.sent],
    ["Delivered", [{ value: counts.delivered ?? 0, tone: "delivered" }], counts.delivered],
    ["Opened", openParts, opens.opened],
    ["Clicked", [{ value: counts.clicked ?? 0, tone: "clicked" }], counts.clicked],
  ];
  const body = rows.map(
    ([name, parts, value], index) =>
      html`<tr>
        <th scope="row">${name}</th>
        <td class="bar">${stackedBar(parts, counts.total)}</td>
        ${numbers([value, index === 0 ? "" : share(value, counts.sent)])}
      </tr>`,
  );
  return html`<section>
    ${heading("Funnel", setting)}
    <table class="funnel">
      <thead>
        <tr>
          <th scope="col">Step</th>
          <td></td>
          <th scope="col" class="number">Messages</th>
          <th scope="col" class="number">Of sent</th>
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
    ${
      opens.opened === null
        ? null
        : legend([
            { tone: "reader", name: "opened by readers", value: count(opens.opened_by_reader) },
            { tone: "machine", name: "opened by machines only", value: count(machineOnly) },
          ])
    }
  </section>`;
}

/** How many messages are in each state. */
export function states({ counts }: ReportFacts, setting: Setting): Markup {
  const present = STATES.filter((state) => counts[state] > 0);
  const parts = present.map((state) => ({ value: counts[state], tone: state }));
  const named = present.map((state) => ({ tone: state, name: state.replace("_", " "), value: count(counts[state]) }));
  return html`<section>
    ${heading("Messages by state", setting)} ${stackedBar(parts, counts.total)}${legend(named)}
  </section>`;
}
