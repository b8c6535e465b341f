/** The templates that programs post mail with, and the mail that one of them makes of data. */
import { html, useEffect, useState } from "./preact.js";
import { count, time, visible } from "./format.js";
import { call } from "./gateway.js";
import { MailHead, MailParts } from "./mail-view.js";
import { messageOf, Name, Problem, Title, typed } from "./parts.js";

/** @typedef {import("./wire.ts").TemplateFacts} Template */
/** @typedef {import("./wire.ts").TemplatePreviewFacts} Preview */

/** Characters of data that fit into the address of a frame. */
const MOST_IN_ADDRESS = 8_000;

/** A link to the view of a template. @param {string} name */
function templateHref(name) {
  return `#/templates/${encodeURIComponent(name)}`;
}

/** The view of all templates, or of the one with this name. @param {{ name: string | null }} props */
export function TemplatesView({ name }) {
  return name === null ? html`<${List} />` : html`<${Template} key=${name} name=${name} />`;
}

/** @type {{ templates: Template[], next: string | null }} */
const NO_PAGES = { templates: [], next: null };

function List() {
  const [pages, setPages] = useState(NO_PAGES);
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  const [isHere, setHere] = useState(false);
  const load = async (/** @type {string | null} */ after) => {
    try {
      const query = after === null ? "" : `?after=${encodeURIComponent(after)}`;
      const { templates, next } = await call("GET", `/v1/templates${query}`);
      setPages((before) => ({ templates: after === null ? templates : [...before.templates, ...templates], next }));
      setProblem(null);
    } catch (error) {
      setProblem(messageOf(error));
    }
    setHere(true);
  };
  useEffect(() => void load(null), []);
  const { templates, next } = pages;
  return html`<${Title} title="Templates" />
    <p class="soft under">
      Contents with variables, for mail that programs post. They are added with ses-mail template add, or through the
      API.
    </p>
    <${Problem} text=${problem} />
    ${
      templates.length > 0
        ? html`<section aria-label="Templates">
            <${Table} templates=${templates} />
            ${next === null ? null : html`<div class="buttons"><button type="button" onClick=${() => void load(next)}>Show more</button></div>`}
          </section>`
        : isHere && problem === null
          ? html`<section aria-label="Templates"><p class="soft">There are no templates yet.</p></section>`
          : null
    }`;
}

/** @param {{ templates: Template[] }} props */
function Table({ templates }) {
  return html`<table class="templates">
    <thead>
      <tr>
        <th scope="col" class="name">Name</th>
        <th scope="col" class="number version">Version</th>
        <th scope="col" class="wide-only">Subject</th>
        <th scope="col" class="wide-only">Variables</th>
        <th scope="col" class="wide-only when">Added</th>
      </tr>
    </thead>
    <tbody>
      ${templates.map((template) => html`<${Row} key=${template.name} template=${template} />`)}
    </tbody>
  </table>`;
}

/** @param {{ template: Template }} props */
function Row({ template: { name, version, created_at: added, subject, variables } }) {
  return html`<tr>
    <th scope="row">
      <a href=${templateHref(name)}><${Name} text=${name} /></a>
      <span class="narrow-only soft"><${Name} text=${subject} /></span>
    </th>
    <td class="number">${count(version)}</td>
    <td class="wide-only"><${Name} text=${subject} /></td>
    <td class="wide-only">${namesOf(variables)}</td>
    <td class="wide-only">${time(added)}</td>
  </tr>`;
}

/** @param {{ name: string }} props */
function Template({ name }) {
  const [template, setTemplate] = useState(/** @type {Template | null} */ (null));
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  useEffect(() => {
    let isWanted = true;
    call("GET", `/v1/templates/${encodeURIComponent(name)}`).then(
      (found) => isWanted && setTemplate(found),
      (error) => isWanted && setProblem(messageOf(error)),
    );
    return () => void (isWanted = false);
  }, [name]);
  return html`<nav class="trail" aria-label="Where this is"><a href="#/templates">← Templates</a></nav>
    <${Title} title=${`Template ${name}`}><${Name} text=${name} /><//>
    <${Problem} text=${problem} />
    ${template === null ? null : html`<${About} template=${template} /><${Try} template=${template} />`}`;
}

/** @param {{ template: Template }} props */
function About({ template: { version, created_at: added, subject, list, kind, variables } }) {
  return html`<section aria-labelledby="about">
    <h2 id="about">What it is</h2>
    <${MailHead}
      lines=${[
        ["Subject", html`<strong><${Name} text=${subject} /></strong>`],
        ["Version", `${count(version)}, added ${time(added)}`],
        ["Kind", kind === "transactional" ? "transactional: one person waits for it" : "bulk"],
        ["List", list === null ? "none" : html`<${Name} text=${list} />`],
        ["Variables", namesOf(variables)],
      ]}
    />
  </section>`;
}

/** @param {Template["variables"]} variables */
function namesOf(variables) {
  if (variables.length === 0) return "none";
  return variables.map(({ name, required }) => `${visible(name)}${required ? "" : " (optional)"}`).join(", ");
}

/** Data to begin with: each variable with its own name as its value. @param {Template["variables"]} variables */
function exampleOf(variables) {
  const data = {};
  for (const { name, list } of variables) put(data, name.split("."), list);
  return JSON.stringify(data, null, 2);
}

/**
 * Puts an example where the steps lead, such as `order`, `items[]`, `name`.
 * @param {Record<string, any>} place @param {string[]} steps @param {boolean} isList
 */
function put(place, [step = "", ...rest], isList) {
  const key = step.replaceAll("[]", "");
  const isInList = step.endsWith("[]") || (rest.length === 0 && isList);
  const known = Object.hasOwn(place, key) ? place[key] : undefined;
  const inside = isInList && Array.isArray(known) ? known[0] : known;
  if (rest.length === 0 && inside !== undefined) return;
  const value = rest.length === 0 ? key : typeof inside === "object" ? inside : {};
  if (rest.length > 0) put(value, rest, isList);
  Object.defineProperty(place, key, {
    value: isInList ? [value] : value,
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

/** @param {{ template: Template }} props */
function Try({ template: { name, variables } }) {
  const [mail, setMail] = useState(/** @type {{ mail: Preview, data: string } | null} */ (null));
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const submit = async (/** @type {SubmitEvent & { currentTarget: HTMLFormElement }} */ event) => {
    event.preventDefault();
    const text = typed(new FormData(event.currentTarget), "data").trim();
    setBusy(true);
    setProblem(null);
    try {
      const data = text === "" ? {} : parsed(text);
      const made = await call("POST", `/v1/templates/${encodeURIComponent(name)}/preview`, { data });
      setMail({ mail: made, data: JSON.stringify(data) });
    } catch (error) {
      setMail(null);
      setProblem(messageOf(error));
    }
    setBusy(false);
  };
  return html`<section aria-labelledby="try">
    <h2 id="try">Try it</h2>
    <form onSubmit=${submit}>
      <label>
        <span>Data, as a JSON object</span>
        <textarea name="data" class="code" rows="6" spellcheck=${false} aria-describedby="data-hint">
${exampleOf(variables)}</textarea>
      </label>
      <p id="data-hint" class="soft">What a program would post as data. Nothing is sent or kept.</p>
      <${Problem} text=${problem} />
      <div class="buttons"><button type="submit" class="primary" disabled=${isBusy}>Show the mail</button></div>
    </form>
    ${mail === null ? null : html`<${Made} name=${name} mail=${mail.mail} data=${mail.data} />`}
  </section>`;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** @param {{ name: string, mail: Preview, data: string }} props */
function Made({ name, mail, data }) {
  const encoded = base64url(data);
  const page = encoded.length > MOST_IN_ADDRESS ? null : `/templates/${encodeURIComponent(name)}/mail?data=${encoded}`;
  return html`<${MailHead}
      lines=${[
        ["Subject", html`<strong><${Name} text=${mail.subject} /></strong>`],
        ["From", html`<${Name} text=${mail.from} />`],
        ...mail.reply_to.map((mailbox) => ["Reply to", html`<${Name} text=${mailbox} />`]),
        ...mail.attachments.map((file) => ["Attachment", `${visible(file.name)} (${visible(file.type)})`]),
      ]}
    />
    <${MailParts} page=${page} text=${mail.text} length=${mail.html.length} title="The mail of these data" />`;
}

/** @param {string} text */
function base64url(text) {
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
