/** Parts that several views use. */
import { html, useLayoutEffect, useRef, useState } from "./preact.js";
import { count, visible } from "./format.js";

/** @typedef {import("./wire.ts").TopicFacts} Topic */

/** A name that somebody chose, in its own direction of writing. @param {{ text: string }} props */
export function Name({ text }) {
  return html`<bdi>${visible(text)}</bdi>`;
}

/** An address. It is broken before its `@`, and elsewhere only when nothing else helps. @param {{ text: string }} props */
export function Address({ text }) {
  const shown = visible(text);
  const at = shown.lastIndexOf("@");
  return at < 1 ? html`<bdi>${shown}</bdi>` : html`<bdi>${shown.slice(0, at)}<wbr />${shown.slice(at)}</bdi>`;
}

/** A figure that only SES can tell: as it is written, or `–`, which says why when it is pointed at. @param {{ text: string }} props */
export function Figure({ text }) {
  return text === "–" ? html`<span class="none" title="SES has not reported yet">–</span>` : text;
}

/** The time zone of the browser. */
export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";

/**
 * Since when a topic is paused, and until when (null: until somebody resumes it). Null: it is not paused.
 * @param {Pick<Topic, "paused_at" | "paused_until">} topic
 */
export function pauseOf({ paused_at: since, paused_until: until }) {
  return since === null ? null : { since, until };
}

/**
 * A bar of parts beside each other; `whole` is its full width. Screen readers skip it: the figures stand beside it.
 * @param {{ parts: { value: number, tone: string }[], whole: number }} props
 */
export function Bar({ parts, whole }) {
  let from = 0;
  const rects = parts.map(({ value, tone }) => {
    const [x, width] = [from, whole === 0 ? 0 : (1_000 * value) / whole];
    from += width;
    return html`<rect key=${tone} class=${tone} x=${x} y="0" width=${width} height="10" />`;
  });
  return html`<svg class="track" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">
    <rect class="ground" width="1000" height="10" />
    ${rects}
  </svg>`;
}

/**
 * States in the order of a bar. Finished messages come first, so that the bar grows from the left; what waits is its
 * empty rest.
 */
const OVER = /** @type {const} */ (["sent", "in_doubt", "failed", "suppressed", "cancelled"]);
const ORDER = /** @type {const} */ ([...OVER, "sending", "pending"]);

/** A bar of the messages by state. @param {{ totals: import("../../message.ts").Totals }} props */
export function ProgressBar({ totals }) {
  const parts = [...OVER, /** @type {const} */ ("sending")].map((state) => ({ value: totals[state], tone: state }));
  return html`<${Bar} parts=${parts} whole=${totals.total} />`;
}

/**
 * The number of messages in each state, and their sum: each message is in one state.
 * @param {{ totals: import("../../message.ts").Totals }} props
 */
export function Arithmetic({ totals }) {
  const present = ORDER.filter((state) => totals[state] > 0);
  return html`<ul class="legend">
    ${present.map(
      (state) =>
        html`<li key=${state}>
          <svg viewBox="0 0 1 1" aria-hidden="true" focusable="false"><rect class=${state} width="1" height="1" /></svg>
          <span>${state.replace("_", " ")} <b>${count(totals[state])}</b></span>
        </li>`,
    )}
    <li key="total" class="sum">
      <span>= <b>${count(totals.total)}</b> in all</span>
    </li>
  </ul>`;
}

/**
 * A heading that takes the focus when its view opens, so that the keyboard goes on from there.
 * @param {{ title: string, children?: unknown }} props
 */
export function Title({ title, children }) {
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  // Before the heading is shown, so that the focus is never seen to jump.
  useLayoutEffect(() => {
    document.title = `${visible(title)} – ses-mail`;
    if (Title.isFirst) Title.isFirst = false;
    else heading.current?.focus();
  }, [title]);
  return html`<h1 ref=${heading} tabindex="-1">${children ?? title}</h1>`;
}
/** The first view leaves the focus where the browser put it. */
Title.isFirst = true;

/**
 * A dialog that asks before something happens. `act` resolves to what is said afterwards, or throws what went wrong.
 * `onClose` gets that text; null: nothing was done.
 * @param {{ title: unknown, warning: string | null, text: string[], keep: string, go: string, isDangerous: boolean,
 *   act: () => Promise<string>, onClose: (said: string | null) => void }} props
 */
export function Confirm({ title, warning, text, keep, go, isDangerous, act, onClose }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const isDone = useRef(false);
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => {
      // The focus returns to the button that opened the dialog. After the action that button may go, so focus the
      // heading.
      element?.close();
      if (isDone.current) document.querySelector("h1")?.focus();
    };
  }, []);
  const confirm = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const said = await act();
      isDone.current = true;
      onClose(said);
    } catch (error) {
      setProblem(messageOf(error));
      setBusy(false);
    }
  };
  const leave = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!isBusy) onClose(null);
  };
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" aria-describedby="dialog-text" onCancel=${leave}>
    <h2 id="dialog-title">${title}</h2>
    <div id="dialog-text">
      ${warning === null ? null : html`<p><strong>${warning}</strong></p>`}
      ${text.map((paragraph) => html`<p key=${paragraph}>${visible(paragraph)}</p>`)}
    </div>
    <div role="alert">${problem === null ? null : html`<p class="problem">${visible(problem)}</p>`}</div>
    <div class="buttons">
      <button type="button" onClick=${leave} disabled=${isBusy}>${keep}</button>
      <button type="button" class=${isDangerous ? "danger" : "primary"} onClick=${confirm} disabled=${isBusy}>
        ${go}
      </button>
    </div>
  </dialog>`;
}

/** The text of anything that was thrown. @param {unknown} error @returns {string} */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** Says what was done, on the screen and to screen readers. @param {{ text: string | null }} props */
export function Said({ text }) {
  return html`<div role="status">${text === null ? null : html`<p class="said">${visible(text)}</p>`}</div>`;
}

/** Says what went wrong, on the screen and at once to screen readers. @param {{ text: string | null }} props */
export function Problem({ text }) {
  return html`<div role="alert">${text === null ? null : html`<p class="problem">${visible(text)}</p>`}</div>`;
}

/**
 * A table of messages that failed or are in doubt. On a phone the reason stands under the address.
 * @param {{ troubles: import("./wire.ts").FailedMessageFacts[], withTopic: boolean }} props
 */
export function Troubles({ troubles, withTopic }) {
  return html`<table class="troubles">
    <thead>
      <tr>
        <th scope="col" class="name">Address</th>
        <th scope="col" class="state-column">State</th>
        ${withTopic ? html`<th scope="col" class="wide-only topic-column">Topic</th>` : null}
        <th scope="col" class="wide-only">Reason</th>
        <th scope="col" class="number wide-only attempts">Attempts</th>
      </tr>
    </thead>
    <tbody>
      ${troubles.map((trouble, index) => html`<${TroubleRow} key=${index} trouble=${trouble} withTopic=${withTopic} />`)}
    </tbody>
  </table>`;
}

/** @param {{ trouble: import("./wire.ts").FailedMessageFacts, withTopic: boolean }} props */
function TroubleRow({ trouble: { topic, email, state, attempts, error }, withTopic }) {
  const reason = visible(error ?? "no reason was given");
  const link = html`<a href=${topicHref(topic)}><${Name} text=${topic} /></a>`;
  return html`<tr>
    <th scope="row">
      <a href=${`#/people/${encodeURIComponent(email)}`}><${Address} text=${email} /></a>
      <span class="narrow-only soft">${reason}</span>
      ${withTopic ? html`<span class="narrow-only soft clamp">${link}</span>` : null}
    </th>
    <td><span class="tag ${state}">${state.replace("_", " ")}</span></td>
    ${withTopic ? html`<td class="wide-only"><span class="clamp" title=${visible(topic)}>${link}</span></td>` : null}
    <td class="wide-only">${reason}</td>
    <td class="number wide-only">${count(attempts)}</td>
  </tr>`;
}

/** A link to the view of a topic. @param {string} topic */
export function topicHref(topic) {
  return `#/topics/${encodeURIComponent(topic)}`;
}

/** The text of a field of a form; "" when there is none. @param {FormData} data @param {string} name */
export function typed(data, name) {
  const value = data.get(name);
  return typeof value === "string" ? value : "";
}
