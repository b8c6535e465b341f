/** The sections of a page about one topic. Each function gives one section, or null when it has nothing to say. */
import { formatDuration } from "../time/duration.ts";
import { STATES } from "../message.ts";
import type { Calendar } from "./calendar.ts";
import { columnChart, gauge, stackedBar, type Part } from "./chart.ts";
import { LISTED, type ReportFacts } from "./facts.ts";
import { count, counted } from "../counted.ts";
import { share } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { BOUNCE_LIMITS, COMPLAINT_LIMITS, verdictOf, type ReputationVerdict } from "./reputation.ts";
import { EVENT_COUNTERS } from "../store/rules/event-counters.ts";
import { spanName, timelineOf, type Timeline } from "./timeline.ts";

/**
 * What a section needs to know about the page: whose time it shows, and whether its topic is one of several (`nested`).
 */
export interface Setting {
  calendar: Calendar;
  nested: boolean;
}

/** A heading below that of the page, or below that of the topic. */
function heading(title: string, { nested }: Setting): Markup {
  return nested ? html`<h3>${title}</h3>` : html`<h2>${title}</h2>`;
}

function table(name: string, head: Markup, rows: Markup | readonly Markup[]): Markup {
  // A group of its own lets a wide table scroll, and the keyboard reach it.
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

function columnHeads(names: readonly string[], numbers: readonly string[]): Markup {
  return html`${names.map((name) => html`<th scope="col" class="text">${name}</th>`)}${numbers.map((name) => html`<th scope="col" class="number">${name}</th>`)}`;
}

function numbers(values: readonly (string | number)[]): Markup[] {
  return values.map((value) => html`<td class="number">${typeof value === "number" ? count(value) : value}</td>`);
}

function legend(parts: readonly { tone: string; name: string; value: string }[]): Markup {
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

// What needs attention -----------------------------------------------------------------------------------------------

/** What needs attention: cancelled, waiting or in doubt, no events yet, or a rate above a limit of Amazon. */
export function notes(facts: ReportFacts): Markup | null {
  const { counts } = facts;
  const waiting = counts.pending + counts.sending;
  const found = [
    facts.cancelled
      ? note("This topic is cancelled.", html`It takes no further recipients until a retry reopens it.`)
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
          html`They are never sent again by themselves. Events settle them (<code>ses-mail ingest-events</code>), or you
            decide (<code>ses-mail retry … --state in_doubt</code>).`,
        )
      : null,
    counts.sent > 0 && !hasEvents(facts)
      ? note(
          "Nothing is known yet of what became of the mails.",
          html`Deliveries, bounces, opens and clicks come from events of SES: read them with
            <code>ses-mail ingest-events</code>.`,
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

function limitNote(what: string, part: number, sent: number, limits: { review: number; pause: number }): Markup | null {
  if (sent === 0 || part / sent < limits.review) return null;
  const limit = part / sent >= limits.pause ? limits.pause : limits.review;
  return note(
    `The ${what} rate is ${share(part, sent)}.`,
    html`From ${limitText(limit)} of an account's mails on, Amazon
    ${limit === limits.pause ? "may pause its sending" : "reviews it"}. Find out where these addresses came from before
    you send again.`,
  );
}

function hasEvents({ counts, minutes }: ReportFacts): boolean {
  return EVENT_COUNTERS.some((name) => counts[name] > 0) || minutes.some((minute) => minute.delivered > 0);
}

// Figures ------------------------------------------------------------------------------------------------------------

/** The main figures at a glance. */
export function figures({ counts, opens }: ReportFacts): Markup {
  const { sent } = counts;
  return html`<dl class="figures">
    ${figure("Sent", count(sent), html`of ${counted(counts.total, "recipient")}`)}
    ${figure("Delivered", share(counts.delivered, sent), html`${count(counts.delivered)}`)}
    ${figure("Opened by readers", share(opens.opened_by_reader, sent), html`${count(opens.opened_by_reader)}`)}
    ${figure("Clicked", share(counts.clicked, sent), html`${count(counts.clicked)}`)}
    ${figure("Hard bounces", share(counts.bounced_permanent, sent), verdict(counts.bounced_permanent, sent, BOUNCE_LIMITS))}
    ${figure("Complaints", share(counts.complained, sent), verdict(counts.complained, sent, COMPLAINT_LIMITS))}
  </dl>`;
}

function figure(name: string, value: string, detail: Markup): Markup {
  return html`<div>
    <dt>${name}</dt>
    <dd class="big">${value}</dd>
    <dd>${detail}</dd>
  </div>`;
}

const VERDICTS: Record<ReputationVerdict, string> = {
  good: "good",
  near: "close to the limit",
  review: "over the limit",
  pause: "far over the limit",
};

function verdict(part: number, sent: number, limits: { review: number; pause: number }): Markup {
  if (sent === 0) return html`${count(part)}`;
  const found = verdictOf(part / sent, limits);
  return html`${count(part)} <span class="verdict ${found}">${VERDICTS[found]}</span>`;
}

// The way of the mails -----------------------------------------------------------------------------------------------

/** The funnel: from recipients to clicks, with opens by readers and by machines apart. */
export function funnel({ counts, opens }: ReportFacts, setting: Setting): Markup {
  const machineOnly = opens.opened - opens.opened_by_reader;
  const openParts = [
    { value: opens.opened_by_reader, tone: "reader" },
    { value: machineOnly, tone: "machine" },
  ];
  const rows: [string, Part[], number][] = [
    ["Recipients", [{ value: counts.total, tone: "pending" }], counts.total],
    ["Sent", [{ value: counts.sent, tone: "sent" }], counts.sent],
    ["Delivered", [{ value: counts.delivered, tone: "delivered" }], counts.delivered],
    ["Opened", openParts, opens.opened],
    ["Clicked", [{ value: counts.clicked, tone: "clicked" }], counts.clicked],
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
    ${legend([
      { tone: "reader", name: "opened by readers", value: count(opens.opened_by_reader) },
      { tone: "machine", name: "opened by machines only", value: count(machineOnly) },
    ])}
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

// Over time ----------------------------------------------------------------------------------------------------------

const NEARLY_ALL = 0.99;
/** Opens come in for weeks. The chart shows the days in which most of them came. */
const MOST_OPENS = 0.95;

/** Charts over time: sending and delivery, then opens and clicks. Null when nothing was sent. */
export function overTime({ minutes }: ReportFacts, setting: Setting): Markup | null {
  const { calendar } = setting;
  const sending = timelineOf(minutes, ["sent", "delivered"], { calendar, covered: NEARLY_ALL });
  const reading = timelineOf(minutes, ["opened_by_reader", "clicked"], { calendar, covered: MOST_OPENS });
  if (sending === null) return null;
  return html`<section>
    ${heading("Over time", setting)}
    <p class="soft">Times are those of ${calendar.zone}.</p>
    ${timeChart("Sending and delivery", sending, { names: ["sent", "delivered"], tones: ["sent", "delivered"], setting })}
    ${reading === null ? null : timeChart("First opens by readers, first clicks", reading, { names: ["opened by readers", "clicked"], tones: ["reader", "clicked"], setting })}
  </section>`;
}

interface TimeChart {
  names: [string, string];
  tones: [string, string];
  setting: Setting;
}

function timeChart(
  title: string,
  timeline: Timeline,
  { names, tones, setting: { calendar, nested } }: TimeChart,
): Markup {
  const { bars, spanMs, later } = timeline;
  const most = Math.max(...bars.flatMap(({ values }) => values));
  const said = (values: readonly number[]) =>
    names.map((name, index) => `${count(values[index] ?? 0)} ${name}`).join(", ");
  const columns = bars.map(({ at, values }) => ({ label: `${calendar.full(at)}: ${said(values)}`, values }));
  const sums = names.map((_, series) =>
    bars.reduce((sum, { values }) => sum + (values[series] ?? 0), later[series] ?? 0),
  );
  const label = `${title}, columns per ${spanName(spanMs)}, at most ${count(most)}. The figures are in the table below.`;
  const marks = axisMarks(bars.map(({ at }) => at));
  const rows = bars
    .filter(({ values }) => values.some((value) => value > 0))
    .map(
      ({ at, values }) =>
        html`<tr>
          <th scope="row">${calendar.full(at)}</th>
          ${numbers(values)}
        </tr>`,
    );
  const after = later.some((value) => value > 0)
    ? html`<tr class="others">
        <th scope="row">later</th>
        ${numbers(later)}
      </tr>`
    : null;
  const name = nested ? html`<h4 class="chart">${title}</h4>` : html`<h3 class="chart">${title}</h3>`;
  return html`${name}
    <p class="axis top"><span>up to ${count(most)} per ${spanName(spanMs)}</span></p>
    ${columnChart(columns, { tones, label })}
    <p class="axis">${marks.map((at) => html`<span>${calendar.short(at)}</span>`)}</p>
    ${legend(names.map((name, index) => ({ tone: tones[index] ?? "", name, value: count(sums[index] ?? 0) })))}
    ${after === null ? null : html`<p class="soft">Not drawn, because later: ${said(later)}.</p>`}
    <details>
      <summary>Show as a table</summary>
      ${table(title, columnHeads([`Per ${spanName(spanMs)}, from`], names), html`${rows}${after}`)}
    </details>`;
}

/** The first, the middle and the last instant; fewer when there are fewer. */
function axisMarks(instants: readonly number[]): number[] {
  const places = [0, Math.floor((instants.length - 1) / 2), instants.length - 1];
  return [...new Set(places)].flatMap((place) => instants[place] ?? []);
}

// What went wrong ----------------------------------------------------------------------------------------------------

/** Bounces and complaints against Amazon's limits, and the reasons of bounces. Null when nothing was sent. */
export function returns({ counts, bounces }: ReportFacts, setting: Setting): Markup | null {
  if (counts.sent === 0) return null;
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
      one topic. Soft bounces do not count there; ${counted(counts.bounced_transient, "message")} had one.
    </p>
    ${bounceTable(bounces)}
  </section>`;
}

function limitText(limit: number): string {
  return `${limit * 100} %`;
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
  const rest =
    others === null
      ? null
      : html`<tr class="others">
          <th scope="row">others</th>
          <td>${counted(others.kinds, "other reason")}</td>
          ${numbers([others.counts.messages])}
        </tr>`;
  return table(
    "Why messages bounced",
    columnHeads(["Bounce", "What the server said"], ["Messages"]),
    html`${body}${rest}`,
  );
}

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
  const rest =
    others === null
      ? null
      : html`<tr class="others">
          <th scope="row">others</th>
          <td>${counted(others.kinds, "other reason")}</td>
          ${numbers([others.counts.messages])}
        </tr>`;
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
    ${table("Why messages were not sent", columnHeads(["State", "Reason"], ["Messages"]), html`${body}${rest}`)}
    <details>
      <summary>
        ${failed.length < total ? `The first ${LISTED} of ${count(total)} recipients` : counted(total, "recipient")}
      </summary>
      ${table("Recipients not sent to", columnHeads(["Recipient", "State", "Reason"], []), people)}
      ${failed.length < total ? html`<p class="soft">All of them: <code>ses-mail export … --state failed,in_doubt</code></p>` : null}
    </details>
  </section>`;
}

// Where to, and how --------------------------------------------------------------------------------------------------

/** The most frequent domains of recipients, each with its rates. Null when there are none. */
export function domains({ counts, domains: { rows, others } }: ReportFacts, setting: Setting): Markup | null {
  if (rows.length === 0) return null;
  const cells = (row: (typeof rows)[number]) =>
    html`<td class="bar">${stackedBar([{ value: row.total, tone: "delivered" }], counts.total)}</td>
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
