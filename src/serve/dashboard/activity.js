/** First opens and clicks of a topic over time, and the links that were clicked most. */
import { html, useEffect, useRef, useState } from "./preact.js";
import { count, time, visible } from "./format.js";
import { call, topicPath } from "./gateway.js";
import { messageOf, Problem, ZONE } from "./parts.js";

/** @typedef {import("./wire.ts").TopicFacts} Topic */
/** @typedef {import("./wire.ts").ActivityFacts} Activity */

/** Reading them walks through all messages of the topic, so this is not done more often. */
const ASK_MS = 30_000;

/** The card with the chart. @param {{ topic: Topic }} props */
export function ActivityCard({ topic }) {
  const [activity, problem] = useActivity(topic);
  return html`<section aria-labelledby="activity">
    <div class="head">
      <h2 id="activity">Opens and clicks</h2>
      <a
        href=${`/topics/${encodeURIComponent(topic.topic)}/report?tz=${encodeURIComponent(ZONE)}`}
        target="_blank"
        rel="noopener"
        >Full report</a
      >
    </div>
    <${Problem} text=${problem} />
    ${activity === null ? null : html`<${Shown} activity=${activity} />`}
  </section>`;
}

/** Asks at once, and again when there is something new. @param {Topic} topic @returns {[Activity | null, string | null]} */
function useActivity({ topic, opened, clicked }) {
  const [answer, setAnswer] = useState(/** @type {[Activity | null, string | null]} */ ([null, null]));
  const news = useRef({ now: "", asked: "" });
  news.current.now = `${opened} ${clicked}`;
  useEffect(() => {
    let isWanted = true;
    const ask = () => {
      if (document.hidden || news.current.asked === news.current.now) return;
      news.current.asked = news.current.now;
      call("GET", `${topicPath(topic)}/activity?tz=${encodeURIComponent(ZONE)}`).then(
        (activity) => isWanted && setAnswer([activity, null]),
        (error) => isWanted && setAnswer([null, messageOf(error)]),
      );
    };
    ask();
    const timer = setInterval(ask, ASK_MS);
    return () => {
      isWanted = false;
      clearInterval(timer);
    };
  }, [topic]);
  return answer;
}

/** @param {{ activity: Activity }} props */
function Shown({ activity: { span, bars, later, links, other_links: others } }) {
  if (span === null) return html`<p class="empty">Nobody has opened or clicked anything yet, as far as is known.</p>`;
  const left = later.opened + later.clicked;
  return html`<${Chart} span=${span} bars=${bars} />
    ${left > 0 ? html`<p class="soft">Later, not drawn: ${count(later.opened)} opened, ${count(later.clicked)} clicked.</p>` : null}
    ${links.length === 0 ? html`<p class="soft">No link was clicked yet.</p>` : html`<${Links} links=${links} others=${others} />`}`;
}

const SERIES = /** @type {const} */ ([
  ["opened", "reader", "first opens by readers"],
  ["clicked", "clicked", "first clicks"],
]);

/** @param {Pick<Activity, "bars"> & { span: string }} props */
function Chart({ span, bars }) {
  const top = Math.max(1, ...bars.map(({ opened, clicked }) => Math.max(opened, clicked)));
  // A few bars must not become blocks.
  const width = 1_000 / Math.max(bars.length, 24);
  const sum = (/** @type {"opened" | "clicked"} */ name) => bars.reduce((all, bar) => all + bar[name], 0);
  const [first, last] = [bars[0]?.at, bars.at(-1)?.at];
  const label = `Bars for each ${span}, at most ${count(top)}: ${count(sum("opened"))} first opens by readers, ${count(sum("clicked"))} first clicks.`;
  return html`<p class="axis"><span>up to ${count(top)} per ${span}</span></p>
    <svg class="columns-chart" viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label=${label}>
      ${[0, 50, 100].map((y) => html`<line key=${y} x1="0" x2="1000" y1=${y} y2=${y} />`)}
      ${bars.map(
        (bar, index) =>
          html`<g key=${bar.at}>
            <title>${`${time(bar.at)}: ${count(bar.opened)} opened, ${count(bar.clicked)} clicked`}</title>
            <rect class="target" x=${index * width} y="0" width=${width} height="100" />
            ${SERIES.map(([name, tone], series) => {
              const height = (100 * bar[name]) / top;
              const inset = width * (0.1 + 0.22 * series);
              return html`<rect
                key=${name}
                class=${tone}
                x=${index * width + inset}
                y=${100 - height}
                width=${width - 2 * inset}
                height=${height}
              />`;
            })}
          </g>`,
      )}
    </svg>
    <p class="axis">
      ${first === undefined ? null : html`<span>${time(first)}</span>`}
      ${last === undefined || last === first ? null : html`<span>${time(last)}</span>`}
    </p>
    <ul class="legend">
      ${SERIES.map(
        ([name, tone, words]) =>
          html`<li key=${name}>
            <svg viewBox="0 0 1 1" aria-hidden="true" focusable="false">
              <rect class=${tone} width="1" height="1" />
            </svg>
            <span>${words} <b>${count(sum(name))}</b></span>
          </li>`,
      )}
    </ul>`;
}

/** @param {{ links: Activity["links"], others: number }} props */
function Links({ links, others }) {
  return html`<table class="links">
      <thead>
        <tr>
          <th scope="col">Link</th>
          <th scope="col" class="number">Messages</th>
          <th scope="col" class="number">Clicks</th>
        </tr>
      </thead>
      <tbody>
        ${links.map(
          ({ link, messages, clicks }) =>
            html`<tr key=${link}>
              <th scope="row"><bdi>${visible(link)}</bdi></th>
              <td class="number">${count(messages)}</td>
              <td class="number">${count(clicks)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
    ${others > 0 ? html`<p class="soft">And ${count(others)} more, in the full report.</p>` : null}`;
}
