/** The view of one topic: how far it is, what became of its mails, what went wrong, and what can be done about it. */
import { html, useEffect, useState } from "./preact.js";
import { count, counted, share, time } from "./format.js";
import { Actions } from "./actions.js";
import { call, topicPath } from "./gateway.js";
import { Arithmetic, Bar, messageOf, Name, Problem, ProgressBar, Said, Title, Troubles } from "./parts.js";
import { Badges, progressLine } from "./topics.js";

/** @typedef {import("./wire.ts").TopicFacts} Topic */
/** @typedef {import("./wire.ts").Overview} Overview */
/** @typedef {import("./wire.ts").FailedMessageFacts} FailedMessage */

const LISTED = 50;
/** How often to ask for a topic that is too old for the overview. */
const ASK_MS = 3_000;

/**
 * The view of the topic of this name. `speed` tells messages per second of a topic, or null.
 * @param {{ name: string, overview: Overview, speed: (topic: Topic) => number | null, isAdmin: boolean }} props
 */
export function TopicView({ name, overview, speed, isAdmin }) {
  const listed = overview.topics.find(({ topic }) => topic === name) ?? null;
  const [asked, problem] = useAsked(name, listed === null);
  const topic = listed ?? asked;
  return html`<nav class="trail" aria-label="Where this is"><a href="#/">← Topics</a></nav>
    <${Title} title=${name}><${Name} text=${name} /><//>
    ${topic === null ? html`<${Problem} text=${problem} />` : html`<${Detail} topic=${topic} overview=${overview} speed=${speed(topic)} isAdmin=${isAdmin} />`}`;
}

/**
 * Asks for a topic that the overview does not list: its facts, and what went wrong, if anything did.
 * @param {string} name
 * @param {boolean} isWanted
 * @returns {[Topic | null, string | null]}
 */
function useAsked(name, isWanted) {
  const [answer, setAnswer] = useState(/** @type {[Topic | null, string | null]} */ ([null, null]));
  useEffect(() => {
    if (!isWanted) return;
    const ask = () =>
      call("GET", `${topicPath(name)}/overview`).then(
        (facts) => setAnswer([facts, null]),
        (error) => setAnswer([null, messageOf(error)]),
      );
    void ask();
    const timer = setInterval(() => void ask(), ASK_MS);
    return () => clearInterval(timer);
  }, [name, isWanted]);
  return answer;
}

/** @param {{ topic: Topic, overview: Overview, speed: number | null, isAdmin: boolean }} props */
function Detail({ topic, overview, speed, isAdmin }) {
  const [said, setSaid] = useState(/** @type {string | null} */ (null));
  return html`<p class="soft under">
      <${Badges} topic=${topic} overview=${overview} speed=${speed} /> ${period(topic)}
    </p>
    ${isAdmin ? html`<${Actions} topic=${topic} onSaid=${setSaid} />` : null}
    <${Said} text=${said} />
    <${Notes} topic=${topic} />
    <section aria-labelledby="progress">
      <h2 id="progress">Progress</h2>
      <p class="big">${progressLine(topic, overview, speed)}</p>
      <${ProgressBar} totals=${topic} />
      <${Arithmetic} totals=${topic} />
    </section>
    <div class="columns">
      <${Funnel} topic=${topic} />
      <${Returns} topic=${topic} />
    </div>
    <${TopicTroubles} topic=${topic} />`;
}

/** @param {Topic} topic */
function period({ first_sent_at: first, last_sent_at: last, not_before: due }) {
  if (first === null || last === null) return due === null ? "nothing sent yet" : `due ${time(due)}`;
  const [from, to] = [time(first), time(last)];
  return from === to ? `sent ${from}` : `sent ${from} to ${to}`;
}

// What there is to know ----------------------------------------------------------------------------------------------

/**
 * Shares of sent mail at which Amazon reviews an account, and at which it may pause its sending (SES developer guide,
 * reputation dashboard).
 */
const LIMITS = { bounce: [0.05, 0.1], complaint: [0.001, 0.005] };

/** Whether SES has reported of the topic, so that something is known of what became of the mails. @param {Topic} topic */
function hasEvents({ delivered }) {
  return delivered !== null;
}

/** @param {{ topic: Topic }} props */
function Notes({ topic }) {
  const { sent, in_doubt: doubts, cancelled_at: cancelledAt } = topic;
  const [bounced, complained] = [topic.bounced_permanent ?? 0, topic.complained ?? 0];
  const notes = [
    cancelledAt !== null && ["This topic is cancelled.", "It takes no further recipients until it is opened again."],
    doubts > 0 && [
      `${counted(doubts, "message")} in doubt: handed to SES, and the answer was lost.`,
      "Never sent again unless somebody says so. An event of SES settles each of them.",
    ],
    sent > 0 &&
      !hasEvents(topic) && [
        "Nothing is known yet of what became of the mails.",
        "Deliveries and bounces come from events of SES: by SNS to /v1/events/results, or with ses-mail ingest-events.",
      ],
    sent > 0 && bounced / sent >= (LIMITS.bounce[0] ?? 1) && limitNote("bounce", bounced, sent),
    sent > 0 && complained / sent >= (LIMITS.complaint[0] ?? 1) && limitNote("complaint", complained, sent),
  ].filter((note) => note !== false);
  if (notes.length === 0) return null;
  return html`<ul class="notes" aria-label="Needs attention">
    ${notes.map(([title, text]) => html`<li key=${title}><strong>${title}</strong> ${text}</li>`)}
  </ul>`;
}

/** @param {"bounce" | "complaint"} what @param {number} part @param {number} sent */
function limitNote(what, part, sent) {
  const [review = 1, pause = 1] = LIMITS[what];
  const may = part / sent >= pause ? "may pause its sending" : "reviews it";
  const limit = part / sent >= pause ? pause : review;
  return [
    `The ${what} rate is ${share(part, sent)}.`,
    `From ${limit * 100} % of an account's mails on, Amazon ${may}. Find out where these addresses came from before you send again.`,
  ];
}

/** @param {{ topic: Topic }} props */
function Funnel({ topic }) {
  const { total, sent } = topic;
  /** @type {[string, number | null, string][]} */
  const steps = [
    ["Recipients", total, "pending"],
    ["Sent", sent, "sent"],
    ["Delivered", topic.delivered, "delivered"],
    ["Opened", topic.opened, "reader"],
    ["Clicked", topic.clicked, "clicked"],
  ];
  return html`<section aria-labelledby="funnel">
    <h2 id="funnel">Funnel</h2>
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
        ${steps.map(
          ([name, value, tone], index) =>
            html`<tr key=${name}>
              <th scope="row">${name}</th>
              <td class="bar"><${Bar} parts=${[{ value: value ?? 0, tone }]} whole=${total} /></td>
              <td class="number">${count(value)}</td>
              <td class="number">${index === 0 ? "" : share(value, sent)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
    <p class="soft">
      Opens are inflated: mail programs such as Apple Mail fetch the pictures of a mail before anybody reads it. Clicks
      tell more.
    </p>
  </section>`;
}

/** @param {{ topic: Topic }} props */
function Returns({ topic }) {
  const { sent } = topic;
  /** @type {[string, number | null, [number, number] | null][]} */
  const rows = [
    ["Hard bounces", topic.bounced_permanent, /** @type {[number, number]} */ (LIMITS.bounce)],
    ["Soft bounces", topic.bounced_transient, null],
    ["Complaints", topic.complained, /** @type {[number, number]} */ (LIMITS.complaint)],
    ["Refused by SES later", topic.rejected, null],
    ["Delayed", topic.delayed, null],
    ["Unsubscribed", topic.unsubscribed, null],
  ];
  return html`<section aria-labelledby="returns">
    <h2 id="returns">What came back</h2>
    <table class="returns">
      <thead>
        <tr>
          <th scope="col">Kind</th>
          <th scope="col" class="number">Messages</th>
          <th scope="col" class="number">Of sent</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([name, value, limits]) =>
            html`<tr key=${name}>
              <th scope="row">
                ${name}
                ${limits === null || sent === 0 || value === null ? null : html`<${Verdict} rate=${value / sent} limits=${limits} />`}
              </th>
              <td class="number">${count(value)}</td>
              <td class="number">${share(value, sent)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </section>`;
}

/** @param {{ rate: number, limits: [number, number] }} props */
function Verdict({ rate, limits: [review, pause] }) {
  const [word, tone] =
    rate >= pause
      ? ["far over the limit", "pause"]
      : rate >= review
        ? ["over the limit", "review"]
        : rate >= review / 2
          ? ["close to the limit", "near"]
          : ["good", "good"];
  return html`<span class="verdict ${tone}">${word}</span>`;
}

/** @param {{ topic: Topic }} props */
function TopicTroubles({ topic }) {
  const [troubles, problem] = useTroubles(
    `${topicPath(topic.topic)}/troubles?limit=${LISTED}`,
    `${topic.failed} ${topic.in_doubt}`,
  );
  const all = topic.failed + topic.in_doubt;
  return html`<section aria-labelledby="troubles">
    <h2 id="troubles">Failed and in doubt</h2>
    <${Problem} text=${problem} />
    ${all === 0 ? html`<p class="empty">Nothing failed, and nothing is in doubt.</p>` : null}
    ${all > 0 && troubles !== null && troubles.length > 0 ? html`<${Troubles} troubles=${troubles} withTopic=${false} />` : null}
    ${
      troubles !== null && all > troubles.length
        ? html`<p class="soft">
            ${`The newest ${count(troubles.length)} of ${count(all)}. ses-mail export writes all of them.`}
          </p>`
        : null
    }
  </section>`;
}

/**
 * What `path` lists, and what went wrong, if anything did. It is asked for again whenever `mark` changes.
 * @param {string} path
 * @param {string} mark
 * @returns {[FailedMessage[] | null, string | null]}
 */
export function useTroubles(path, mark) {
  const [answer, setAnswer] = useState(/** @type {[FailedMessage[] | null, string | null]} */ ([null, null]));
  useEffect(() => {
    let isWanted = true;
    const hear = (/** @type {[FailedMessage[] | null, string | null]} */ heard) => void (isWanted && setAnswer(heard));
    call("GET", path).then(
      ({ troubles }) => hear([troubles, null]),
      (error) => hear([null, messageOf(error)]),
    );
    return () => void (isWanted = false);
  }, [path, mark]);
  return answer;
}
