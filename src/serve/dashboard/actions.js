/** What can be done about a topic. Each action first says what will happen, and to how many, and asks. */
import { html, useState } from "./preact.js";
import { count, counted } from "./format.js";
import { call, topicPath } from "./gateway.js";
import { Confirm, Name, pauseOf } from "./parts.js";
import { waiting } from "./progress.js";

/** @typedef {import("./wire.ts").TopicFacts} Topic */

/**
 * @typedef {object} Action
 * @property {string} id
 * @property {string} label what the button says
 * @property {unknown} title
 * @property {string | null} warning
 * @property {string[]} text what will happen, in paragraphs
 * @property {string} keep
 * @property {string} go
 * @property {boolean} isDangerous
 * @property {() => Promise<string>} act
 */

/**
 * A button for each action that the key may do, and the dialog of the one that was chosen. `onSaid` hears what was done.
 * @param {{ topic: Topic, isAdmin: boolean, canSend: boolean, onSaid: (said: string | null) => void }} props
 */
export function Actions({ topic, isAdmin, canSend, onSaid }) {
  // The action as it was when it was opened: its figures must not change under the question.
  const [open, setOpen] = useState(/** @type {Action | null} */ (null));
  const actions = actionsOf(topic, { isAdmin, canSend });
  const close = (/** @type {string | null} */ said) => {
    setOpen(null);
    if (said !== null) onSaid(said);
  };
  return html`<div class="buttons actions" hidden=${actions.length === 0}>
      ${actions.map((action) => html`<button type="button" key=${action.id} onClick=${() => setOpen(action)}>${action.label}</button>`)}
    </div>
    ${open === null ? null : html`<${Confirm} ...${open} onClose=${close} />`}`;
}

/**
 * Those that make sense for the topic now, and that the key may do.
 * @param {Topic} topic
 * @param {{ isAdmin: boolean, canSend: boolean }} key
 * @returns {Action[]}
 */
function actionsOf(topic, { isAdmin, canSend }) {
  const own = canSend ? [pause(topic), resume(topic), cancel(topic)] : [];
  const admin = isAdmin ? [reopen(topic), retryFailed(topic), retryDoubts(topic)] : [];
  return [...own, ...admin].filter((action) => action !== null);
}

/** @param {Topic} topic @returns {Action | null} */
function pause(topic) {
  const { topic: name, cancelled_at: cancelledAt } = topic;
  if (cancelledAt !== null || waiting(topic) === 0 || pauseOf(topic) !== null) return null;
  return {
    id: "pause",
    label: "Pause…",
    title: html`Pause <${Name} text=${name} />?`,
    warning: null,
    text: [
      `${counted(waiting(topic), "message stays", "messages stay")} where they are until somebody resumes the topic. Mails that are on the way to SES are not stopped.`,
      "Messages that are added meanwhile wait, too.",
    ],
    keep: "Keep sending",
    go: "Pause the topic",
    isDangerous: false,
    act: async () => {
      await call("POST", `${topicPath(name)}/pause`, {});
      return "Paused. Nothing of this topic leaves until somebody resumes it.";
    },
  };
}

/** @param {Topic} topic @returns {Action | null} */
function resume(topic) {
  const { topic: name, pending } = topic;
  if (pauseOf(topic) === null) return null;
  return {
    id: "resume",
    label: "Resume…",
    title: html`Resume <${Name} text=${name} />?`,
    warning: null,
    text: [`${counted(pending, "message goes", "messages go")} out when due.`],
    keep: "Leave it paused",
    go: "Resume the topic",
    isDangerous: false,
    act: async () => {
      await call("POST", `${topicPath(name)}/resume`);
      return "Resumed.";
    },
  };
}

/** @param {Topic} topic @returns {Action | null} */
function cancel(topic) {
  const { topic: name, pending, sending, cancelled_at: cancelledAt } = topic;
  if (cancelledAt !== null || waiting(topic) === 0) return null;
  const flying = sending > 0 ? ` ${counted(sending, "mail is", "mails are")} on the way to SES and cannot be.` : "";
  return {
    id: "cancel",
    label: "Cancel…",
    title: html`Cancel <${Name} text=${name} />?`,
    warning: null,
    text: [
      `${counted(pending, "message that waits", "messages that wait")} will be taken back.${flying}`,
      "The topic then takes no further recipients until it is opened again.",
    ],
    keep: "Keep sending",
    go: "Cancel the topic",
    isDangerous: true,
    act: async () => {
      const { cancelled, in_flight: late } = await call("DELETE", topicPath(name));
      const gone = late > 0 ? `; ${counted(late, "mail was", "mails were")} on the way already` : "";
      return `${counted(cancelled, "message")} taken back${gone}.`;
    },
  };
}

/** @param {Topic} topic @returns {Action | null} */
function reopen(topic) {
  const { topic: name, cancelled, cancelled_at: cancelledAt } = topic;
  if (cancelledAt === null) return null;
  return {
    id: "reopen",
    label: "Open again…",
    title: html`Open <${Name} text=${name} /> again?`,
    warning: null,
    text: [
      cancelled > 0
        ? `${counted(cancelled, "cancelled message goes", "cancelled messages go")} back into the queue, and out when due.`
        : "Nothing was taken back, so nothing will be sent.",
      "The topic takes recipients as before.",
    ],
    keep: "Leave it cancelled",
    go: cancelled > 0 ? `Send ${count(cancelled)}` : "Open again",
    isDangerous: false,
    act: () => retry(topic, "cancelled"),
  };
}

/** @param {Topic} topic @returns {Action | null} */
function retryFailed(topic) {
  const { failed } = topic;
  if (failed === 0) return null;
  const them = failed === 1 ? "it" : "them";
  return {
    id: "failed",
    label: `Retry ${count(failed)} failed…`,
    title: `Try ${counted(failed, "failed message")} again?`,
    warning: null,
    text: [
      `SES did not take ${them}, so nobody gets a second copy. What failed for a reason that still holds will fail again. Addresses suppressed meanwhile are left out.`,
      ...reopening(topic),
    ],
    keep: "Leave as failed",
    go: `Retry ${count(failed)}`,
    isDangerous: false,
    act: () => retry(topic, "failed"),
  };
}

/** @param {Topic} topic @returns {Action | null} */
function retryDoubts(topic) {
  const { in_doubt: doubts } = topic;
  if (doubts === 0) return null;
  const [was, them, who] =
    doubts === 1 ? ["It was", "it", "This person"] : ["They were", "them", `Each of these ${count(doubts)} people`];
  return {
    id: "in_doubt",
    label: `Retry ${count(doubts)} in doubt…`,
    title: `Send ${counted(doubts, "message")} in doubt again?`,
    warning: `${who} may get a second copy.`,
    text: [
      `${was} handed to SES, and the answer was lost: SES may have sent ${them}. Its events settle doubts by themselves, usually within minutes.`,
      ...reopening(topic),
    ],
    keep: "Leave in doubt",
    go: `Send ${count(doubts)} again`,
    isDangerous: true,
    act: () => retry(topic, "in_doubt", { confirm: true }),
  };
}

/** @param {Topic} topic @returns {string[]} */
function reopening({ cancelled_at: cancelledAt }) {
  return cancelledAt === null ? [] : ["This opens the topic again: it takes recipients as before."];
}

/** @param {Topic} topic @param {string} state @param {{ confirm?: true }} [more] */
async function retry({ topic }, state, more = {}) {
  const { retried } = await call("POST", `${topicPath(topic)}/retry`, { states: [state], ...more });
  return `${counted(retried, "message")} put back into the queue.`;
}
