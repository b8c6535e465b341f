/** The first view: all messages together, and each topic. */
import { html, useEffect, useState } from "./preact.js";
import { count, counted, duration, rate, share, time, visible } from "./format.js";
import { call } from "./gateway.js";
import { Arithmetic, Figure, messageOf, Name, pauseOf, Problem, ProgressBar, Title, topicHref } from "./parts.js";
import { done, secondsLeft, statusOf, waiting } from "./progress.js";

/** @typedef {import("./wire.ts").TopicFacts} Topic */
/** @typedef {import("./wire.ts").Overview} Overview */
/** @typedef {import("./wire.ts").TopicPage} Page */
/** @typedef {(topic: Topic) => number | null} Speed */

/** A list this short needs no search field. */
const SHORT_LIST = 8;
/** So many are listed at first, and after each “Show more”. The first is what an overview has. */
const LISTED = [50, 200, 1_000];
/** Typing has ended when no key came for this long. */
const TYPING_MS = 250;
/** What is not in the overview is asked for again this often, and long lists more rarely. */
const [ASK_MS, ASK_MS_OF_ONE] = [5_000, 20];

/**
 * What a person looks for: topics with this text in their names, and only those with mail that waits.
 * @typedef {{ text: string, isWaiting: boolean }} Wanted
 */

/** Whoever looked at a topic and comes back finds the list as it was. @type {Wanted} */
let lastWanted = { text: "", isWaiting: false };

/**
 * The view of all topics. The overview has the newest; the others are asked for. `speed` tells messages per second of a topic, or null.
 * @param {{ overview: Overview, speed: Speed }} props
 */
export function TopicsView({ overview, speed }) {
  const { totals, topic_count: all } = overview;
  const [wanted, setWanted] = useState(lastWanted);
  lastWanted = wanted;
  const [step, setStep] = useState(0);
  const [{ topics, isWhole, isAnswered }, problem] = useTopics(overview, wanted, LISTED[step] ?? 0);
  if (all === 0) return html`<${Title} title="Topics" /><${NoTopics} />`;
  return html`<${Title} title="Topics" />
    <section aria-labelledby="all">
      <h2 id="all">All messages</h2>
      <${ProgressBar} totals=${totals} />
      <${Arithmetic} totals=${totals} />
    </section>
    <section aria-labelledby="list">
      <div class="head">
        <h2 id="list">${headingOf({ all, shown: topics.length, isWhole, isFiltered: isFiltered(wanted) })}</h2>
        ${all > SHORT_LIST ? html`<${Filter} wanted=${wanted} onChange=${setWanted} />` : null}
      </div>
      ${problem === null ? null : html`<${Problem} text=${problem} />`}
      ${topics.length > 0 ? html`<${TopicTable} topics=${topics} overview=${overview} speed=${speed} />` : null}
      ${topics.length === 0 && isAnswered && problem === null ? html`<${NothingFound} wanted=${wanted} />` : null}
      ${topics.length > 0 && !isWhole && isAnswered ? html`<${More} count=${topics.length} onMore=${step + 1 < LISTED.length ? () => setStep(step + 1) : null} />` : null}
    </section>`;
}

/** @param {Wanted} wanted */
function isFiltered({ text, isWaiting }) {
  return text.trim() !== "" || isWaiting;
}

/** @param {{ all: number, shown: number, isWhole: boolean, isFiltered: boolean }} list */
function headingOf({ all, shown, isWhole, isFiltered: isPart }) {
  const topics = counted(all, "topic");
  if (isPart) return `${count(shown)}${isWhole ? "" : " or more"} of ${topics}`;
  return shown < all ? `The newest ${count(shown)} of ${topics}` : topics;
}

/**
 * The topics that are wanted, newest first, at most `limit`, and what went wrong, if anything did. While the overview has all of them,
 * nothing is asked. Otherwise they are asked for now and then, and what the overview knows better, such as topics that are new since, is taken from there.
 * @param {Overview} overview
 * @param {Wanted} wanted
 * @param {number} limit
 * @returns {[{ topics: Topic[], isWhole: boolean, isAnswered: boolean }, string | null]}
 */
function useTopics({ topics: newest, topic_count: all }, wanted, limit) {
  const [asked, setAsked] = useState(
    /** @type {{ path: string, page: Page | null, problem: string | null } | null} */ (null),
  );
  const path = `/v1/overview/topics?limit=${limit}&waiting=${wanted.isWaiting}&q=${encodeURIComponent(wanted.text.trim())}`;
  const isAsked = all > newest.length && (isFiltered(wanted) || limit > newest.length);
  useEffect(() => {
    if (!isAsked) return;
    let isWanted = true;
    const ask = () =>
      call("GET", path).then(
        (page) => isWanted && setAsked({ path, page, problem: null }),
        (error) => isWanted && setAsked({ path, page: null, problem: messageOf(error) }),
      );
    const timer = setTimeout(() => void ask(), TYPING_MS);
    const again = setInterval(() => void (document.hidden || ask()), Math.max(ASK_MS, limit * ASK_MS_OF_ONE));
    return () => {
      isWanted = false;
      clearTimeout(timer);
      clearInterval(again);
    };
  }, [path, isAsked]);
  const page = isAsked && asked?.path === path ? asked.page : null;
  if (page === null) {
    const known = newest.filter((topic) => isMeant(topic, wanted));
    return [
      { topics: known, isWhole: all === newest.length, isAnswered: !isAsked },
      isAsked ? (asked?.problem ?? null) : null,
    ];
  }
  const fresh = new Map(newest.map((topic) => [topic.topic, topic]));
  const listed = page.topics.map((topic) => fresh.get(topic.topic) ?? topic);
  const known = new Set(page.topics.map(({ topic }) => topic));
  const topics = [...newest.filter((topic) => !known.has(topic.topic) && isMeant(topic, wanted)), ...listed];
  return [{ topics, isWhole: page.next === null, isAnswered: true }, null];
}

/** Whether a topic of the overview is wanted. @param {Topic} topic @param {Wanted} wanted */
function isMeant(topic, { text, isWaiting }) {
  return topic.topic.toLowerCase().includes(text.trim().toLowerCase()) && (!isWaiting || topic.pending > 0);
}

/** @param {{ wanted: Wanted, onChange: (wanted: Wanted) => void }} props */
function Filter({ wanted, onChange }) {
  /** @typedef {{ currentTarget: HTMLInputElement }} Typed */
  return html`<div class="finder">
    <label class="check">
      <input
        type="checkbox"
        checked=${wanted.isWaiting}
        onChange=${(/** @type {Typed} */ event) => onChange({ ...wanted, isWaiting: event.currentTarget.checked })}
      />
      <span>Only with mail that waits</span>
    </label>
    <label class="filter">
      <span>Find a topic</span>
      <input
        type="search"
        value=${wanted.text}
        maxlength="100"
        autocomplete="off"
        spellcheck=${false}
        onInput=${(/** @type {Typed} */ event) => onChange({ ...wanted, text: event.currentTarget.value })}
      />
    </label>
  </div>`;
}

/** @param {{ count: number, onMore: (() => void) | null }} props */
function More({ count: listed, onMore }) {
  return html`<div class="buttons">
    ${
      onMore === null
        ? html`<span class="soft">${`The newest ${count(listed)}. Look for a part of the name to see others.`}</span>`
        : html`<button type="button" onClick=${onMore}>Show more</button>`
    }
  </div>`;
}

/** @param {{ wanted: Wanted }} props */
function NothingFound({ wanted: { text, isWaiting } }) {
  const named = text.trim() === "" ? "" : ` with “${visible(text.trim())}” in its name`;
  return html`<p class="empty" role="status">
    ${isWaiting ? `No topic${named} has mail that waits.` : `No topic has “${visible(text.trim())}” in its name.`}
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
  // Whoever counts the mails that are listed finds fewer.
  const removed = topic.removed > 0 ? [`${count(topic.removed)} removed`] : [];
  return [...farOf(topic, status), ...outlook(topic, overview, { status, speed }), ...removed].join(" · ");
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
