/** The mail of a topic, as its first recipient gets it. */
import { html, useEffect, useState } from "./preact.js";
import { count, visible } from "./format.js";
import { call, topicPath } from "./gateway.js";
import { Address, messageOf, Name, Problem } from "./parts.js";

/** @typedef {import("./wire.ts").PreviewFacts} Preview */

/** The topic of mails that were posted without one. */
const NO_TOPIC = "no-topic";
/** Characters of the text part that are shown. */
const MOST_TEXT = 20_000;

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
  return html`<dl class="mail-head">
      ${lines.map(
        ([name, value], index) =>
          html`<div key=${index}>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    ${problem === null ? html`<${Body} topic=${topic} mail=${mail} />` : html`<p class="problem">There is no mail to show: ${visible(problem)}</p>`}
    <p class="soft">
      ${
        topic === NO_TOPIC
          ? "Each mail without a topic has a content of its own; this is the first one."
          : "With the values of the first recipient. A program may have posted other contents into this topic, too."
      }
    </p>`;
}

/** @param {{ topic: string, mail: Preview }} props */
function Body({ topic, mail: { text, html_length: length, to } }) {
  const [part, setPart] = useState(length > 0 ? "HTML" : "Text");
  const [withImages, setImages] = useState(false);
  const page = `/topics/${encodeURIComponent(topic)}/mail`;
  const address = withImages ? `${page}?images=1` : page;
  return html`<div class="parts">
      <div role="group" aria-label="Part of the mail" class="switch">
        ${["HTML", "Text"].map(
          (name) =>
            html`<button
              type="button"
              class="small"
              key=${name}
              aria-pressed=${part === name ? "true" : "false"}
              onClick=${() => setPart(name)}
            >
              ${name}
            </button>`,
        )}
      </div>
      ${
        part === "HTML"
          ? html`<label class="check">
                <input
                  type="checkbox"
                  checked=${withImages}
                  onChange=${(/** @type {{ currentTarget: HTMLInputElement }} */ event) => setImages(event.currentTarget.checked)}
                />
                <span>Load pictures from the web</span>
              </label>
              <a href=${address} target="_blank" rel="noopener">Open on its own</a>`
          : null
      }
    </div>
    ${
      part === "HTML"
        ? html`<iframe
            key=${address}
            class="mail"
            src=${address}
            sandbox=""
            referrerpolicy="no-referrer"
            title=${to === null ? "The mail" : `The mail to ${visible(to)}`}
          ></iframe>`
        : html`<pre class="mail" tabindex="0" aria-label="The text of the mail">${text.slice(0, MOST_TEXT)}</pre>
            ${text.length > MOST_TEXT ? html`<p class="soft">The first ${count(MOST_TEXT)} characters.</p>` : null}`
    }`;
}
