/** Sends one mail, to see it in a real mailbox. */
import { html, useState } from "./preact.js";
import { call } from "./gateway.js";
import { messageOf, Problem, Said, Title, typed } from "./parts.js";

/** The view with the form for a test mail. */
export function TestView() {
  const [said, setSaid] = useState(/** @type {string | null} */ (null));
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const submit = async (/** @type {SubmitEvent & { currentTarget: HTMLFormElement }} */ event) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const [to, subject, content] = ["to", "subject", "html"].map((name) => typed(data, name));
    setBusy(true);
    setSaid(null);
    setProblem(null);
    try {
      const { ses_message_id: id } = await call("POST", "/v1/test", { to, subject, html: content });
      setSaid(`Sent to ${to}. SES knows it as ${id}.`);
    } catch (error) {
      setProblem(`The test was not sent: ${messageOf(error)}`);
    }
    setBusy(false);
  };
  return html`<${Title} title="Send a test" />
    <p class="soft under">
      One mail to see it in a real mailbox. It is sent as it is written here, ahead of everything that waits, and counts
      towards rate and quota like any other.
    </p>
    <section aria-label="The mail">
      <form onSubmit=${submit}>
        <label><span>To</span><input name="to" type="email" required maxlength="320" autocomplete="email" /></label>
        <label><span>Subject</span><input name="subject" required maxlength="998" autocomplete="off" /></label>
        <label
          ><span>HTML</span><textarea name="html" class="code" rows="10" required spellcheck=${false}></textarea>
        </label>
        <${Problem} text=${problem} />
        <${Said} text=${said} />
        <div class="buttons">
          <button type="submit" class="primary" disabled=${isBusy}>${isBusy ? "Sending…" : "Send the test"}</button>
        </div>
      </form>
    </section>`;
}
