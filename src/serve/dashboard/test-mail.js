/** Sends one mail, to see it in a mailbox: the mail of a topic, or one that is typed. */
import { html, useState } from "./preact.js";
import { call } from "./gateway.js";
import { messageOf, Problem, Said, Title, typed } from "./parts.js";

/** @typedef {import("./wire.ts").Overview} Overview */

/** Topics to choose from. Others are reached from their own page. */
const OFFERED = 100;

/**
 * The view with the form for a test mail. `topic` is the one whose mail is chosen at first; null: a typed one. Without
 * `overview` the key may not see topics.
 * @param {{ topic: string | null, overview: Overview | null }} props
 */
export function TestView({ topic, overview }) {
  const [chosen, setChosen] = useState(topic ?? "");
  const [said, setSaid] = useState(/** @type {string | null} */ (null));
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const submit = async (/** @type {SubmitEvent & { currentTarget: HTMLFormElement }} */ event) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const to = typed(data, "to");
    const mail = chosen === "" ? { subject: typed(data, "subject"), html: typed(data, "html") } : { topic: chosen };
    setBusy(true);
    setSaid(null);
    setProblem(null);
    try {
      const { ses_message_id: id } = await call("POST", "/v1/test", { to, ...mail });
      setSaid(`Sent to ${to}. SES message id: ${id}`);
    } catch (error) {
      setProblem(`The test was not sent: ${messageOf(error)}`);
    }
    setBusy(false);
  };
  return html`<${Title} title="Send a test" />
    <p class="soft under">${about(overview)}</p>
    <section aria-label="The mail">
      <form onSubmit=${submit}>
        ${overview === null ? null : html`<${Choice} chosen=${chosen} overview=${overview} onChoice=${setChosen} />`}
        <label><span>To</span><input name="to" type="email" required maxlength="320" autocomplete="email" /></label>
        ${chosen === "" ? html`<${Typed} />` : html`<p class="soft">It has the values of the topic's first recipient. Links and opens count for the test, not for the topic.</p>`}
        <${Problem} text=${problem} />
        <${Said} text=${said} />
        <div class="buttons">
          <button type="submit" class="primary" disabled=${isBusy}>${isBusy ? "Sending…" : "Send the test"}</button>
        </div>
      </form>
    </section>`;
}

/** @param {Overview | null} overview */
function about(overview) {
  const where =
    overview?.endpoint === "sandbox"
      ? "This gateway sends to the sandbox: the mail lands there, and in no mailbox."
      : "One mail, to see it in a real mailbox.";
  return `${where} It goes ahead of everything that waits, and counts towards rate and quota like any other.`;
}

/** @param {{ chosen: string, overview: Overview, onChoice: (topic: string) => void }} props */
function Choice({ chosen, overview, onChoice }) {
  const names = overview.topics.slice(0, OFFERED).map(({ topic }) => topic);
  const offered = chosen === "" || names.includes(chosen) ? names : [chosen, ...names];
  return html`<label>
    <span>Which mail</span>
    <select
      name="topic"
      value=${chosen}
      onChange=${(/** @type {{ currentTarget: HTMLSelectElement }} */ event) => onChoice(event.currentTarget.value)}
    >
      <option value="">One that is typed here</option>
      ${
        offered.length === 0
          ? null
          : html`<optgroup label="The mail of a topic">
              ${offered.map((name) => html`<option key=${name} value=${name} selected=${name === chosen}>${name}</option>`)}
            </optgroup>`
      }
    </select>
  </label>`;
}

function Typed() {
  return html`<label><span>Subject</span><input name="subject" required maxlength="998" autocomplete="off" /></label>
    <label
      ><span>HTML</span><textarea name="html" class="code" rows="10" required spellcheck=${false}></textarea>
    </label>`;
}
