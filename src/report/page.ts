/** Builds the report page: one HTML file that loads nothing. */
import { createHash } from "node:crypto";
import type { Calendar } from "./calendar.ts";
import { comparison } from "./comparison.ts";
import type { ReportFacts } from "./facts.ts";
import { counted } from "../counted.ts";
import { html, type Markup, trusted } from "./markup.ts";
import { deliveryTimes } from "./delivery-times.ts";
import { domains } from "./domains.ts";
import { failures } from "./failures.ts";
import { funnel, states } from "./funnel.ts";
import { links } from "./links.ts";
import { notes } from "./notes.ts";
import { overTime } from "./over-time.ts";
import { returns } from "./returns.ts";
import { figures } from "./tiles.ts";
import { STYLE } from "./style.ts";

/** When and for whom the page is made. */
export interface PageOptions {
  calendar: Calendar;
  /** When the figures were read: milliseconds since the epoch. */
  now: number;
}

/** The policy of the page: it may load nothing and run nothing. Only our style sheet is allowed, by its hash. */
export const REPORT_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/**
 * A constant of its own, because the hash covers every character between the tags. A formatter may change the layout of
 * the page below.
 */
const STYLE_ELEMENT = trusted(`<style>${STYLE}</style>`);

/**
 * The HTML of a page about one topic, or about several with a comparison on top. It has no script and makes no request.
 * The only addresses on it are those in its lists, at most 50 in each.
 */
export function reportPage(topics: readonly ReportFacts[], options: PageOptions): string {
  const [only, ...more] = topics;
  const several = only === undefined || more.length > 0;
  const title = several ? `${topics.length} topics compared` : only.counts.topic;
  const body = several
    ? html`<header>
          <p class="eyebrow">Report</p>
          <h1>${title}</h1>
        </header>
        ${comparison(topics)}
        ${topics.map((facts) => html`<article>${topicHeader(facts, options, true)}${topicSections(facts, options, true)}</article>`)}`
    : html`${topicHeader(only, options, false)}${topicSections(only, options, false)}`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${trusted(REPORT_POLICY)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <meta name="referrer" content="no-referrer" />
        <title>${title} – report</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <main>${body} ${footer(options)}</main>
      </body>
    </html> `.text;
}

function topicHeader(
  { counts, endpoint, subject, from }: ReportFacts,
  { calendar }: PageOptions,
  nested: boolean,
): Markup {
  const name = html`<bdi>${counts.topic}</bdi>`;
  const sandbox = endpoint === "sandbox" ? html` <span class="badge">Sandbox: nothing left this machine</span>` : null;
  return html`<header>
    ${nested ? null : html`<p class="eyebrow">Report${sandbox}</p>`}
    ${nested ? html`<h2>${name}${sandbox}</h2>` : html`<h1>${name}</h1>`}
    <p class="subject" dir="auto">${subject}</p>
    <p class="soft">From <bdi>${from}</bdi> · ${period(counts, calendar)} · ${counted(counts.total, "recipient")}</p>
  </header>`;
}

function period({ first_sent_at: first, last_sent_at: last }: ReportFacts["counts"], calendar: Calendar): string {
  if (first === null || last === null) return "nothing sent yet";
  const [from, to] = [calendar.full(first), calendar.full(last)];
  return from === to ? `sent ${from}` : `sent ${from} to ${to}`;
}

function topicSections(facts: ReportFacts, { calendar }: PageOptions, nested: boolean): Markup {
  const setting = { calendar, nested };
  return html`${notes(facts)} ${figures(facts)} ${funnel(facts, setting)} ${states(facts, setting)}
  ${overTime(facts, setting)} ${returns(facts, setting)} ${domains(facts, setting)} ${links(facts, setting)}
  ${deliveryTimes(facts, setting)} ${failures(facts, setting)}`;
}

function footer({ calendar, now }: PageOptions): Markup {
  return html`<footer>
    <h2>How it is counted</h2>
    <p>
      All figures are messages, not events: five opens of one mail are one. Rates are shares of what was sent. A dash
      stands for what is not known.
    </p>
    <p>
      An open counts as a reader's unless the program that fetched the picture names itself as a machine: the image
      proxies of Apple Mail, Gmail and Yahoo, link scanners, previews. Some readers hide behind such a proxy, and some
      machines do not say what they are, so clicks tell more than opens. Clicks of scanners that name themselves are
      counted apart under Links.
    </p>
    <p>Made by ses-mail on ${calendar.full(now)} (${calendar.zone}).</p>
  </footer>`;
}
