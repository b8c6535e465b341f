/** One topic: how far it is, what became of its mails, what went wrong, and what can be done about it. */
import { html, useEffect, useState } from "./preact.js";
import { count, counted, share, time } from "./format.js";
import { call } from "./gateway.js";
import { Arithmetic, Bar, Confirm, messageOf, Name, Problem, ProgressBar, Said, Title, Troubles } from "./parts.js";
import { waiting } from "./progress.js";
import { Badges, progressLine } from "./topics.js";

/** @typedef {import("./wire.ts").TopicFacts} Topic */
/** @typedef {import("./wire.ts").Overview} Overview */
/** @typedef {import("./wire.ts").TroubleFacts} Trouble */

const LISTED = 50;
/** A topic that is too old for the overview is asked for this often. */
const ASK_MS = 3_000;

/** @param {string} name */
const pathOf = (name) => `/v1/topics/${encodeURIComponent(name)}`;

/**
 * @param {{ name: string, overview: Overview, speed: (topic: Topic) => number | null, isAdmin: boolean }} props
 */
export function TopicView({ name, overview, speed, isAdmin }) {
  const listed = overview.topics.find(({ topic }) => topic === name) ?? null;
  const [asked, problem] = useAsked(name, listed === null);
  const topic = listed ?? asked;
  return html`<nav class="trail" aria-label="Where this is"><a href="#/">Topics</a></nav>
    <${Title} title=${name}><${Name} text=${name} /><//>
    ${topic === null ? html`<${Problem} text=${problem} />` : html`<${Detail} topic=${topic} overview=${overview} speed=${speed(topic)} isAdmin=${isAdmin} />`}`;
}

/**
 * The facts of a topic that the overview does not have.
 * @param {string} name
 * @param {boolean} isWanted
 * @returns {[Topic | null, string | null]}
 */
function useAsked(name, isWanted) {
  const [answer, setAnswer] = useState(/** @type {[Topic | null, string | null]} */ ([null, null]));
  useEffect(() => {
    if (!isWanted) return;
    const ask = () =>
      call("GET", `${pathOf(name)}/overview`).then(
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

// What can be done ---------------------------------------------------------------------------------------------------

/**
 * @typedef {object} Action
 * @property {string} id
 * @property {string} label what the button says
 * @property {unknown} title
 * @property {unknown} text what will happen
 * @property {string} keep
 * @property {string} go
 * @property {boolean} isDangerous
 * @property {() => Promise<string>} act
 */

/** @param {Topic} topic @param {string[]} states @param {object} [more] */
async function retry(topic, states, more = {}) {
  const { retried } = await call("POST", `${pathOf(topic.topic)}/retry`, { states, ...more });
  return `${counted(retried, "message")} put back into the queue.`;
}

/** @param {Topic} topic @returns {Action[]} */
function actionsOf(topic) {
  const { topic: name, pending, sending, failed, in_doubt: doubts, cancelled, cancelled_at: cancelledAt } = topic;
  const reopens = cancelledAt === null ? "" : " This opens the topic again: it takes recipients as before.";
  /** @type {(Action | false)[]} */
  const actions = [
    cancelledAt === null &&
      waiting(topic) > 0 && {
        id: "cancel",
        label: "Cancel…",
        title: html`Cancel <${Name} text=${name} />?`,
        text: html`<p>
            ${counted(pending, "message that waits", "messages that wait")} will be taken back.
            ${sending > 0 ? ` ${counted(sending, "mail is", "mails are")} on the way to SES and cannot be.` : ""}
          </p>
          <p>The topic then takes no further recipients until it is opened again.</p>`,
        keep: "Keep sending",
        go: "Cancel the topic",
        isDangerous: true,
        act: async () => {
          const { cancelled: count, in_flight: flying } = await call("DELETE", pathOf(name));
          return `${counted(count, "message")} taken back${flying > 0 ? `, ${counted(flying, "mail was", "mails were")} on the way already` : ""}.`;
        },
      },
    cancelledAt !== null && {
      id: "reopen",
      label: "Open again…",
      title: html`Open <${Name} text=${name} /> again?`,
      text: html`<p>
        ${cancelled > 0 ? `${counted(cancelled, "cancelled message")} will be put back into the queue and sent when due.` : "Nothing was taken back, so nothing will be sent."}${" "}
        The topic takes recipients as before.
      </p>`,
      keep: "Leave it cancelled",
      go: cancelled > 0 ? `Send ${count(cancelled)}` : "Open again",
      isDangerous: false,
      act: () => retry(topic, ["cancelled"]),
    },
    failed > 0 && {
      id: "failed",
      label: `Retry ${count(failed)} failed…`,
      title: `Try ${counted(failed, "failed message")} again?`,
      text: html`<p>
        SES did not take ${failed === 1 ? "it" : "them"}, so nobody gets a second copy. What failed for a reason that
        still holds will fail again. Addresses suppressed meanwhile are left out.${reopens}
      </p>`,
      keep: "Leave as failed",
      go: `Retry ${count(failed)}`,
      isDangerous: false,
      act: () => retry(topic, ["failed"]),
    },
    doubts > 0 && {
      id: "in_doubt",
      label: `Retry ${count(doubts)} in doubt…`,
      title: `Send ${counted(doubts, "message")} in doubt again?`,
      text: html`<p>
          ${doubts === 1 ? "It was" : "They were"} handed to SES, and the answer was lost: SES may have sent
          ${doubts === 1 ? "it" : "them"}.
          <strong
            >${doubts === 1 ? "This person" : `Each of these ${count(doubts)} people`} may get a second copy.</strong
          >
        </p>
        <p>Events of SES settle doubts by themselves, usually within minutes.${reopens}</p>`,
      keep: "Leave in doubt",
      go: `Send ${count(doubts)} again`,
      isDangerous: true,
      act: () => retry(topic, ["in_doubt"], { confirm: true }),
    },
  ];
  return actions.filter((action) => action !== false);
}

/** @param {{ topic: Topic, onSaid: (said: string | null) => void }} props */
function Actions({ topic, onSaid }) {
  // As it was when it was asked: figures that change under the question would be another question.
  const [open, setOpen] = useState(/** @type {Action | null} */ (null));
  const actions = actionsOf(topic);
  const close = (/** @type {string | null} */ said) => {
    setOpen(null);
    if (said !== null) onSaid(said);
  };
  return html`${
    actions.length === 0
      ? null
      : html`<div class="buttons actions">
          ${actions.map((action) => html`<button type="button" key=${action.id} onClick=${() => setOpen(action)}>${action.label}</button>`)}
        </div>`
  }
  ${open === null ? null : html`<${Confirm} ...${open} onClose=${close}>${open.text}<//>`}`;
}

// What there is to know ----------------------------------------------------------------------------------------------

/** When Amazon reviews an account, and when it may pause it (SES developer guide, reputation dashboard). */
const LIMITS = { bounce: [0.05, 0.1], complaint: [0.001, 0.005] };

/** @param {{ topic: Topic }} props */
function Notes({ topic }) {
  const { sent, in_doubt: doubts, cancelled_at: cancelledAt } = topic;
  const came =
    topic.delivered +
    topic.bounced_permanent +
    topic.bounced_transient +
    topic.complained +
    topic.rejected +
    topic.opened;
  const notes = [
    cancelledAt !== null && ["This topic is cancelled.", "It takes no further recipients until it is opened again."],
    doubts > 0 && [
      `${counted(doubts, "message")} in doubt: handed to SES, and the answer was lost.`,
      "Never sent again unless somebody says so. An event of SES settles each of them.",
    ],
    sent > 0 &&
      came === 0 && [
        "Nothing is known yet of what became of the mails.",
        "Deliveries and bounces come from events of SES: by SNS to /v1/events/results, or with ses-mail ingest-events.",
      ],
    sent > 0 &&
      topic.bounced_permanent / sent >= (LIMITS.bounce[0] ?? 1) &&
      limitNote("bounce", topic.bounced_permanent, sent),
    sent > 0 && topic.complained / sent >= (LIMITS.complaint[0] ?? 1) && limitNote("complaint", topic.complained, sent),
  ].filter((note) => note !== false);
  if (notes.length === 0) return null;
  return html`<ul class="notes" aria-label="To be seen to">
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
  /** @type {[string, number, string][]} */
  const steps = [
    ["Recipients", total, "pending"],
    ["Sent", sent, "sent"],
    ["Delivered", topic.delivered, "delivered"],
    ["Opened", topic.opened, "reader"],
    ["Clicked", topic.clicked, "clicked"],
  ];
  return html`<section aria-labelledby="funnel">
    <h2 id="funnel">From the list to the click</h2>
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
              <td class="bar"><${Bar} parts=${[{ value, tone }]} whole=${total} /></td>
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
  /** @type {[string, number, [number, number] | null][]} */
  const rows = [
    ["Bounced for good", topic.bounced_permanent, /** @type {[number, number]} */ (LIMITS.bounce)],
    ["Bounced for now", topic.bounced_transient, null],
    ["Complaints", topic.complained, /** @type {[number, number]} */ (LIMITS.complaint)],
    ["Refused by SES later", topic.rejected, null],
    ["Delayed", topic.delayed, null],
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
                ${limits === null || sent === 0 ? null : html`<${Verdict} rate=${value / sent} limits=${limits} />`}
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
    `${pathOf(topic.topic)}/troubles?limit=${LISTED}`,
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
            The newest ${count(troubles.length)} of ${count(all)}. All of them:
            <code>ses-mail export <${Name} text=${topic.topic} /> --state failed,in_doubt</code>
          </p>`
        : null
    }
  </section>`;
}

/**
 * What `path` lists, asked for again whenever `mark` changes.
 * @param {string} path
 * @param {string} mark
 * @returns {[Trouble[] | null, string | null]}
 */
export function useTroubles(path, mark) {
  const [answer, setAnswer] = useState(/** @type {[Trouble[] | null, string | null]} */ ([null, null]));
  useEffect(() => {
    let isWanted = true;
    const hear = (/** @type {[Trouble[] | null, string | null]} */ heard) => void (isWanted && setAnswer(heard));
    call("GET", path).then(
      ({ troubles }) => hear([troubles, null]),
      (error) => hear([null, messageOf(error)]),
    );
    return () => void (isWanted = false);
  }, [path, mark]);
  return answer;
}
