import type { ReportFacts } from "./facts.ts";
import { count } from "../counted.ts";
import { share } from "./figures.ts";
import { html, type Markup } from "./markup.ts";

interface Measure {
  name: string;
  part(facts: ReportFacts): number | null;
}

const MEASURES: Measure[] = [
  { name: "Delivered", part: ({ counts }) => counts.delivered },
  { name: "Opened by readers", part: ({ opens }) => opens.opened_by_reader },
  { name: "Clicked", part: ({ counts }) => counts.clicked },
  { name: "Hard bounces", part: ({ counts }) => counts.bounced_permanent },
  { name: "Complaints", part: ({ counts }) => counts.complained },
  { name: "Unsubscribed", part: ({ counts }) => counts.unsubscribed },
];

/** The section that puts topics side by side. For two topics it also says whether a difference may be chance. */
export function comparison(topics: readonly ReportFacts[]): Markup {
  const [first, second] = topics;
  const pair = topics.length === 2 && first !== undefined && second !== undefined ? ([first, second] as const) : null;
  const differences = new Map(
    pair === null ? [] : MEASURES.map((measure) => [measure.name, differenceOf(measure, pair)]),
  );
  const isJudged = [...differences.values()].some((text) => /(clear|may be chance)$/.test(text));
  const rows = MEASURES.map(
    ({ name, part }) =>
      html`<tr>
        <th scope="row">${name}</th>
        ${topics.map((facts) => html`<td class="number">${share(part(facts), facts.counts.sent)}</td>`)}
        ${pair === null ? null : html`<td>${differences.get(name) ?? "–"}</td>`}
      </tr>`,
  );
  return html`<section>
    <h2>Side by side</h2>
    <div class="scroll" role="group" aria-label="Side by side" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">Of sent</th>
            ${topics.map(({ counts }) => html`<th scope="col" class="number"><bdi>${counts.topic}</bdi></th>`)}
            ${pair === null ? null : html`<th scope="col">Difference</th>`}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Sent</th>
            ${topics.map(({ counts }) => html`<td class="number">${count(counts.sent)}</td>`)}
            ${pair === null ? null : html`<td></td>`}
          </tr>
          ${rows}
        </tbody>
      </table>
    </div>
    ${
      !isJudged
        ? null
        : html`<p class="soft">
            “Clear”: a difference this large would come about by chance less than one time in twenty (two-proportion
            z-test). It only says something when chance decided who got which topic.
          </p>`
    }
  </section>`;
}

/** 5 % of the normal distribution lie outside of ±1.96. */
const CLEAR = 1.96;
/** With fewer expected cases on any side the test does not hold (the usual rule of thumb). */
const LEAST = 5;

function differenceOf({ part }: Measure, [a, b]: readonly [ReportFacts, ReportFacts]): string {
  return difference(part(a), a.counts.sent, part(b), b.counts.sent);
}

function difference(a: number | null, sentA: number, b: number | null, sentB: number): string {
  if (a === null || b === null || sentA === 0 || sentB === 0) return "–";
  const points = 100 * (b / sentB - a / sentA);
  const text = `${points > 0 ? "+" : points < 0 ? "−" : ""}${Math.abs(points).toFixed(2)} points`;
  if (points === 0) return "none";
  const pooled = (a + b) / (sentA + sentB);
  const expected = [sentA * pooled, sentB * pooled, sentA * (1 - pooled), sentB * (1 - pooled)];
  if (expected.some((cases) => cases < LEAST)) return `${text}, too few to judge`;
  const spread = Math.sqrt(pooled * (1 - pooled) * (1 / sentA + 1 / sentB));
  return `${text}, ${Math.abs(b / sentB - a / sentA) / spread > CLEAR ? "clear" : "may be chance"}`;
}
