/** The pieces that sections of the report page are made of. */
import type { Calendar } from "./calendar.ts";
import { count, counted } from "../counted.ts";
import { html, type Markup } from "./markup.ts";

/**
 * What a section needs to know about the page: whose time it shows, and whether its topic is one of several (`nested`).
 */
export interface Setting {
  calendar: Calendar;
  nested: boolean;
}

/** A heading below that of the page, or below that of the topic. */
export function heading(title: string, { nested }: Setting): Markup {
  return nested ? html`<h3>${title}</h3>` : html`<h2>${title}</h2>`;
}

/** A table that scrolls sideways where it is too wide; `name` says to screen readers what it is. */
export function table(name: string, head: Markup, rows: Markup | readonly Markup[]): Markup {
  // A group of its own lets the keyboard reach it.
  return html`<div class="scroll" role="group" aria-label="${name}" tabindex="0">
    <table>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** Heads of columns with names, then of columns with numbers. */
export function columnHeads(names: readonly string[], numbers: readonly string[]): Markup {
  return html`${names.map((name) => html`<th scope="col" class="text">${name}</th>`)}${numbers.map((name) => html`<th scope="col" class="number">${name}</th>`)}`;
}

/** Cells of numbers; null is one that nobody knows. */
export function numbers(values: readonly (string | number | null)[]): Markup[] {
  return values.map((value) => html`<td class="number">${typeof value === "string" ? value : count(value)}</td>`);
}

/** The last row of a table of reasons: how many others there are. Null when nothing was left out. */
export function otherReasons(others: { kinds: number; counts: { messages: number } } | null): Markup | null {
  if (others === null) return null;
  return html`<tr class="others">
    <th scope="row">others</th>
    <td>${counted(others.kinds, "other reason")}</td>
    ${numbers([others.counts.messages])}
  </tr>`;
}

/** What the colours of a chart stand for, with a figure for each. */
export function legend(parts: readonly { tone: string; name: string; value: string }[]): Markup {
  const key = (tone: string) =>
    html`<svg viewBox="0 0 1 1" aria-hidden="true" focusable="false">
      <rect class="${tone}" width="1" height="1" />
    </svg>`;
  return html`<ul class="legend">
    ${parts.map(
      ({ tone, name, value }) =>
        html`<li>
          ${key(tone)}<span>${name} <b>${value}</b></span>
        </li>`,
    )}
  </ul>`;
}
