import { columnChart } from "./chart.ts";
import type { Outcomes } from "../store/breakdown.ts";
import type { ReportFacts } from "./facts.ts";
import { count } from "../counted.ts";
import { html, type Markup } from "./markup.ts";
import { columnHeads, heading, legend, numbers, type Setting, table } from "./parts.ts";
import { spanName, timelineOf, type Timeline } from "./timeline.ts";

const NEARLY_ALL = 0.99;
/** Opens come in for weeks. The chart shows the days in which most of them came. */
const MOST_OPENS = 0.95;

interface Series {
  series: keyof Outcomes;
  name: string;
  tone: string;
}

/** Charts over time: sending and delivery, then opens and clicks, as far as they are known. Null when nothing was sent. */
export function overTime({ minutes, counts, opens }: ReportFacts, setting: Setting): Markup | null {
  const chart = (title: string, covered: number, given: (Series & { known: number | null })[]): Markup | null => {
    const shown = given.filter(({ known }) => known !== null);
    const names = shown.map(({ series }) => series);
    const timeline = timelineOf(minutes, names, { calendar: setting.calendar, covered });
    return timeline && timeChart(title, timeline, { shown, setting });
  };
  const sending = chart("Sending and delivery", NEARLY_ALL, [
    { series: "sent", name: "sent", tone: "sent", known: counts.sent },
    { series: "delivered", name: "delivered", tone: "delivered", known: counts.delivered },
  ]);
  if (sending === null) return null;
  const reading = chart("First opens by readers, first clicks", MOST_OPENS, [
    { series: "opened_by_reader", name: "opened by readers", tone: "reader", known: opens.opened_by_reader },
    { series: "clicked", name: "clicked", tone: "clicked", known: counts.clicked },
  ]);
  return html`<section>
    ${heading("Over time", setting)}
    <p class="soft">Times are those of ${setting.calendar.zone}.</p>
    ${sending} ${reading}
  </section>`;
}

interface TimeChart {
  shown: readonly Series[];
  setting: Setting;
}

function timeChart(title: string, timeline: Timeline, { shown, setting: { calendar, nested } }: TimeChart): Markup {
  const { bars, spanMs, later } = timeline;
  const [names, tones] = [shown.map(({ name }) => name), shown.map(({ tone }) => tone)];
  const most = Math.max(...bars.flatMap(({ values }) => values));
  const said = (values: readonly number[]) =>
    names.map((name, index) => `${count(values[index] ?? 0)} ${name}`).join(", ");
  const drawn = withRoom(bars, spanMs);
  const columns = drawn.map(({ at, values }) => ({ label: `${calendar.full(at)}: ${said(values)}`, values }));
  const sums = names.map((_, series) =>
    bars.reduce((sum, { values }) => sum + (values[series] ?? 0), later[series] ?? 0),
  );
  const label = `${title}, columns per ${spanName(spanMs)}, at most ${count(most)}. The figures are in the table below.`;
  const marks = axisMarks(drawn.map(({ at }) => at));
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

/** Fewer columns would be so wide that they look like blocks. */
const LEAST_COLUMNS = 12;

/** The bars, and empty ones after them when there are few. */
function withRoom(bars: Timeline["bars"], spanMs: number): Timeline["bars"] {
  const [first] = bars;
  const missing = first === undefined ? 0 : Math.max(0, LEAST_COLUMNS - bars.length);
  const empty = Array.from({ length: missing }, (_, index) => ({
    at: (first?.at ?? 0) + (bars.length + index) * spanMs,
    values: (first?.values ?? []).map(() => 0),
  }));
  return [...bars, ...empty];
}

/** The first, the middle and the last instant; fewer when there are fewer. */
function axisMarks(instants: readonly number[]): number[] {
  const places = [0, Math.floor((instants.length - 1) / 2), instants.length - 1];
  return [...new Set(places)].flatMap((place) => instants[place] ?? []);
}
