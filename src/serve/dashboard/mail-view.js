/** What a mail says, and how it looks. */
import { html, useState } from "./preact.js";
import { count } from "./format.js";

/** Characters of the text part that are shown. */
const MOST_TEXT = 20_000;

/** Lines with a name and what it is. @param {{ lines: [string, unknown][] }} props */
export function MailHead({ lines }) {
  return html`<dl class="mail-head">
    ${lines.map(
      ([name, value], index) =>
        html`<div key=${index}>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

/**
 * The HTML of a mail in a frame that runs nothing, and its text. `page` is the path of its HTML; null: it cannot be shown. `length`: 0
 * when there is no HTML.
 * @param {{ page: string | null, text: string, length: number, title: string }} props
 */
export function MailParts({ page, text, length, title }) {
  const [part, setPart] = useState(length > 0 ? "HTML" : "Text");
  const [withImages, setImages] = useState(false);
  const address = withImages && page !== null ? `${page}${page.includes("?") ? "&" : "?"}images=1` : page;
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
        part === "HTML" && address !== null
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
      part === "HTML" && address === null
        ? html`<p class="soft">The data are too long to show the HTML here. ses-mail template preview shows it.</p>`
        : part === "HTML"
          ? html`<iframe
              key=${address}
              class="mail"
              src=${address}
              sandbox=""
              referrerpolicy="no-referrer"
              title=${title}
            ></iframe>`
          : html`<pre class="mail" tabindex="0" aria-label="The text of the mail">${text.slice(0, MOST_TEXT)}</pre>
              ${text.length > MOST_TEXT ? html`<p class="soft">The first ${count(MOST_TEXT)} characters.</p>` : null}`
    }`;
}
