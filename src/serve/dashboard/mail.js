/** The mail of a topic, as its first recipient gets it. */
import { html, useEffect, useState } from "./preact.js";
import { visible } from "./format.js";
import { call, topicPath } from "./gateway.js";
import { MailHead, MailParts } from "./mail-view.js";
import { Address, messageOf, Name, Problem } from "./parts.js";

/** @typedef {import("./wire.ts").PreviewFacts} Preview */

/** The topic of mails that were posted without one. */
const NO_TOPIC = "no-topic";
/** The card with the mail. @param {{ topic: string, canSend: boolean }} props */
export function Mail({ topic, canSend }) {
  const [mail, problem] = usePreview(topic);
  return html`<section aria-labelledby="mail">
    <div class="head">
      <h2 id="mail">The mail</h2>
      ${canSend ? html`<a href=${`#/test/${encodeURIComponent(topic)}`}>Send it as a test</a>` : null}
    </div>
    <${Problem} text=${problem} />
    ${mail === null ? null : html`<${Shown} topic=${topic} mail=${mail} />`}
  </section>`;
}

/** @param {string} topic @returns {[Preview | null, string | null]} */
function usePreview(topic) {
  const [answer, setAnswer] = useState(/** @type {[Preview | null, string | null]} */ ([null, null]));
  useEffect(() => {
    let isWanted = true;
    call("GET", `${topicPath(topic)}/preview`).then(
      (mail) => isWanted && setAnswer([mail, null]),
      (error) => isWanted && setAnswer([null, messageOf(error)]),
    );
    return () => void (isWanted = false);
  }, [topic]);
  return answer;
}

/** @param {{ topic: string, mail: Preview }} props */
function Shown({ topic, mail }) {
  const { problem, from, subject, to, reply_to: replyTo, attachments } = mail;
  /** @type {[string, unknown][]} */
  const lines = [
    ["Subject", html`<strong><${Name} text=${subject} /></strong>`],
    ["From", html`<${Name} text=${from} />`],
    ["To", to === null ? "nobody yet" : html`<${Address} text=${to} />`],
    ...replyTo.map((mailbox) => /** @type {[string, unknown]} */ (["Reply to", html`<${Name} text=${mailbox} />`])),
    ...attachments.map(
      ({ name, type }) => /** @type {[string, unknown]} */ (["Attachment", `${visible(name)} (${visible(type)})`]),
    ),
  ];
  return html`<${MailHead} lines=${lines} />
    ${problem === null ? html`<${MailParts} page=${`/topics/${encodeURIComponent(topic)}/mail`} text=${mail.text} length=${mail.html_length} title=${titleOf(to)} />` : html`<p class="problem">There is no mail to show: ${visible(problem)}</p>`}
    <p class="soft">
      ${
        topic === NO_TOPIC
          ? "Each mail without a topic has a content of its own; this is the first one."
          : "With the values of the first recipient. A program may have posted other contents into this topic, too."
      }
    </p>`;
}

/** @param {string | null} to */
function titleOf(to) {
  return to === null ? "The mail" : `The mail to ${visible(to)}`;
}
