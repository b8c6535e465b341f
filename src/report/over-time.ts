import { columnChart } from "./chart.ts";
import type { ReportFacts } from "./facts.ts";
import { count } from "./figures.ts";
import { html, type Markup } from "./markup.ts";
import { columnHeads, heading, legend, numbers, type Setting, table } from "./parts.ts";
import { spanName, timelineOf, type Timeline } from "./timeline.ts";

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
