/** The first view: all messages together, and each topic. */
import { html, useState } from "./preact.js";
import { count, counted, duration, rate, share, time, visible } from "./format.js";
import { Arithmetic, Figure, Name, pauseOf, ProgressBar, Title, topicHref } from "./parts.js";
import { done, secondsLeft, statusOf, waiting } from "./progress.js";

/** @typedef {import("./wire.ts").TopicFacts} Topic */
/** @typedef {import("./wire.ts").Overview} Overview */
/** @typedef {(topic: Topic) => number | null} Speed */

/** A list this short needs no search field. */
const SHORT_LIST = 8;
/** So many are shown at first. */
const SHOWN = 50;

/**
 * The view of all topics that the overview lists. `speed` tells messages per second of a topic, or null.
 * @param {{ overview: Overview, speed: Speed }} props
 */
export function TopicsView({ overview, speed }) {
  const { totals, topics, topic_count: all } = overview;
  const [wanted, setWanted] = useState("");
  const [isWhole, setWhole] = useState(false);
  if (all === 0) return html`<${Title} title="Topics" /><${NoTopics} />`;
  const shown = topics.filter(({ topic }) => topic.toLowerCase().includes(wanted.trim().toLowerCase()));
  return html`<${Title} title="Topics" />
    <section aria-labelledby="all">
      <h2 id="all">All messages</h2>
      <${ProgressBar} totals=${totals} />
      <${Arithmetic} totals=${totals} />
    </section>
    <section aria-labelledby="list">
      <div class="head">
        <h2 id="list">
          ${all > topics.length ? `The newest ${count(topics.length)} of ${counted(all, "topic")}` : counted(all, "topic")}
        </h2>
        ${all > SHORT_LIST ? html`<${Filter} value=${wanted} onInput=${setWanted} />` : null}
      </div>
      ${shown.length > 0 ? html`<${TopicTable} topics=${isWhole ? shown : shown.slice(0, SHOWN)} overview=${overview} speed=${speed} />` : null}
      ${
        !isWhole && shown.length > SHOWN
          ? html`<div class="buttons">
              <button type="button" onClick=${() => setWhole(true)}>
                ${`Show ${count(shown.length - SHOWN)} more`}
              </button>
            </div>`
          : null
      }
      ${shown.length === 0 ? html`<${NotListed} wanted=${wanted.trim()} isComplete=${all === topics.length} />` : null}
    </section>`;
}

/** @param {{ value: string, onInput: (text: string) => void }} props */
function Filter({ value, onInput }) {
  return html`<label class="filter">
    <span>Find a topic</span>
    <input
      type="search"
      value=${value}
      maxlength="100"
      autocomplete="off"
      onInput=${(/** @type {{ currentTarget: HTMLInputElement }} */ event) => onInput(event.currentTarget.value)}
    />
  </label>`;
}

/** @param {{ wanted: string, isComplete: boolean }} props */
function NotListed({ wanted, isComplete }) {
  if (isComplete) return html`<p class="empty">${`No topic has “${visible(wanted)}” in its name.`}</p>`;
  return html`<p class="empty">
    ${`None of these has “${visible(wanted)}” in its name. Older ones are opened by their whole name: `}
    <a href=${topicHref(wanted)}>${`open “${visible(wanted)}”`}</a>
  </p>`;
}

function NoTopics() {
  return html`<section class="empty">
    <h2>Nothing was sent yet</h2>
    <p>A topic is one mail going to one list of people. The first one appears here as soon as it is taken in:</p>
    <ul>
      <li>
        with the command line: <code>ses-mail import june.csv</code>, with the mail in <code>june.html</code> beside it;
      </li>
      <li>with a program: <code>POST /v1/messages</code>, described in <a href="/docs">the documentation</a>.</li>
    </ul>
    <p>To see a mail in your own mailbox first, <a href="#/test">send a test</a>.</p>
  </section>`;
}

/** @param {{ topics: Topic[], overview: Overview, speed: Speed }} props */
function TopicTable({ topics, overview, speed }) {
  return html`<table class="topics">
    <thead>
      <tr>
        <th scope="col">Topic</th>
        <th scope="col" class="number wide-only">Recipients</th>
        <th scope="col" class="number wide-only">Sent</th>
        <th scope="col" class="number wide-only">Delivered</th>
        <th scope="col" class="number wide-only">Hard bounces</th>
        <th scope="col" class="number wide-only">Failed</th>
        <th scope="col" class="number wide-only">In doubt</th>
      </tr>
    </thead>
    <tbody>
      ${topics.map((topic) => html`<${TopicRow} key=${topic.topic} topic=${topic} overview=${overview} speed=${speed(topic)} />`)}
    </tbody>
  </table>`;
}

/** @param {{ topic: Topic, overview: Overview, speed: number | null }} props */
function TopicRow({ topic, overview, speed }) {
  const { sent } = topic;
  const trouble = [
    topic.failed > 0 ? `${count(topic.failed)} failed` : "",
    topic.in_doubt > 0 ? `${count(topic.in_doubt)} in doubt` : "",
  ].filter((part) => part !== "");
  return html`<tr>
    <th scope="row">
      <span class="title">
        <a href=${topicHref(topic.topic)}><${Name} text=${topic.topic} /></a>
        <${Badges} topic=${topic} overview=${overview} speed=${speed} />
      </span>
      <${ProgressBar} totals=${topic} />
      <span class="soft line">${progressLine(topic, overview, speed)}</span>
      ${trouble.length > 0 ? html`<span class="line narrow-only trouble">${trouble.join(" · ")}</span>` : null}
    </th>
    <td class="number wide-only">${count(topic.total)}</td>
    <td class="number wide-only">${count(sent)}</td>
    <td class="number wide-only"><${Figure} text=${share(topic.delivered, sent)} /></td>
    <td class="number wide-only"><${Figure} text=${share(topic.bounced_permanent, sent)} /></td>
    <td class="number wide-only ${topic.failed > 0 ? "trouble" : "none"}">${count(topic.failed)}</td>
    <td class="number wide-only ${topic.in_doubt > 0 ? "doubt" : "none"}">${count(topic.in_doubt)}</td>
  </tr>`;
}

/** @typedef {import("./progress.js").Status | "paused"} Word */

/** @type {Record<Word, [string, string] | null>} */
const BADGES = {
  cancelled: ["Cancelled", "quiet"],
  paused: ["Paused", "warn"],
  scheduled: ["Scheduled", "quiet"],
  elsewhere: ["Not sent from here", "warn"],
  held: ["Held", "bad"],
  halted: ["Halted", "bad"],
  sending: ["Sending", "live"],
  waiting: ["Waiting", "quiet"],
  finished: null,
  empty: null,
};

/**
 * What a topic is doing. A pause comes before all that would be in its way otherwise.
 * @param {Topic} topic
 * @param {Overview} overview
 * @param {number | null} speed
 * @returns {Word}
 */
function wordOf(topic, overview, speed) {
  const isPaused = pauseOf(topic) !== null && topic.cancelled_at === null && waiting(topic) > 0;
  return isPaused ? "paused" : statusOf(topic, overview, speed);
}

/**
 * The status of a topic, where there is something to say, and whether it went to the sandbox while this gateway sends to SES.
 * @param {{ topic: Topic, overview: Overview, speed: number | null }} props
 */
export function Badges({ topic, overview, speed }) {
  const badge = BADGES[wordOf(topic, overview, speed)];
  const isForeign = topic.endpoint === "sandbox" && overview.endpoint !== "sandbox";
  return html`${badge === null ? null : html`<span class="badge ${badge[1]}">${badge[0]}</span>`}
  ${isForeign ? html`<span class="badge warn">Sandbox</span>` : null}`;
}

/**
 * One line: `12,345 of 20,000 · 61.7 % · 13.8/s · about 9 min left`.
 * @param {Topic} topic
 * @param {Overview} overview
 * @param {number | null} speed
 */
export function progressLine(topic, overview, speed) {
  const status = wordOf(topic, overview, speed);
  if (status === "empty") return "no recipients";
  return [...farOf(topic, status), ...outlook(topic, overview, { status, speed })].join(" · ");
}

/** What was taken back is not done, so a cancelled topic has no per cent. @param {Topic} topic @param {Word} status */
function farOf(topic, status) {
  if (status === "finished") return [counted(topic.total, "recipient")];
  if (status === "cancelled") return [`${count(topic.sent)} of ${count(topic.total)} sent`];
  return [`${count(done(topic))} of ${count(topic.total)}`, share(done(topic), topic.total)];
}

/**
 * @param {Topic} topic
 * @param {Overview} overview
 * @param {{ status: Word, speed: number | null }} now
 * @returns {string[]}
 */
function outlook(topic, overview, { status, speed }) {
  const { cancelled_at: cancelled, not_before: due, last_sent_at: last } = topic;
  switch (status) {
    case "cancelled":
      return cancelled === null ? [] : [`cancelled ${time(cancelled)}`];
    case "paused": {
      const until = pauseOf(topic)?.until ?? null;
      return [until === null ? "paused until somebody resumes it" : `paused until ${time(until)}`];
    }
    case "scheduled":
      return due === null ? [] : [`due ${time(due)}`];
    case "held":
      return ["held: too many of its mails bounced or were complained about"];
    case "elsewhere":
      return [topic.endpoint === "sandbox" ? "sent to the sandbox so far" : "sent to Amazon SES so far"];
    case "halted":
      return ["waits until sending goes on"];
    case "sending":
      return [...(speed === null ? [] : [`${rate(speed)}/s`]), ...timeLeft(topic, overview, speed)];
    case "waiting":
      return [`${count(waiting(topic))} waiting`];
    default:
      return last === null ? [] : [`last sent ${time(last)}`];
  }
}

/** @param {Topic} topic @param {Overview} overview @param {number | null} speed */
function timeLeft(topic, overview, speed) {
  const seconds = secondsLeft(topic, overview, speed === 0 ? null : speed);
  return seconds === null ? [] : [`about ${duration(seconds)} left`];
}
