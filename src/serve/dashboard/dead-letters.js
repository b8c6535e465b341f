/** What inlets could not take in: the list, and one of them with its body. */
import { html, useEffect, useState } from "./preact.js";
import { bytesOf, count, counted, time, visible } from "./format.js";
import { call } from "./gateway.js";
import { MailHead } from "./mail-view.js";
import { Confirm, messageOf, Name, Problem, Said, Title } from "./parts.js";

/** @typedef {import("./wire.ts").DeadLetterFacts} Letter */
/** @typedef {import("./wire.ts").DeadLetterDetail} Detail */
/** @typedef {import("./wire.ts").DeadPage} Pages */
/** @typedef {import("./wire.ts").InletFacts} Inlet */

/** What is longer, or has several lines, stands in a box of its own. */
const MOST_IN_LINE = 200;

/** @type {Record<Letter["source"], string>} */
const SOURCES = { nats: "NATS", redis: "Redis", results: "Results" };

/** Said by the list after the letter that was looked at is gone. @type {string | null} */
let lastSaid = null;

/** @param {number} id */
function deadHref(id) {
  return `#/dead/${id}`;
}

/**
 * The view of the inlets and of all dead letters, or of the one with this id. Only an admin may retry and drop them.
 * @param {{ id: string | null, overview: import("./wire.ts").Overview, isAdmin: boolean }} props
 */
export function DeadLettersView({ id, overview: { dead, inlets }, isAdmin }) {
  return id === null
    ? html`<${List} total=${dead} inlets=${inlets} />`
    : html`<${One} key=${id} id=${id} isAdmin=${isAdmin} />`;
}

/** @param {{ total: number, inlets: Inlet[] }} props */
function List({ total, inlets }) {
  const [pages, setPages] = useState(/** @type {Pages | null} */ (null));
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  const [said] = useState(() => {
    const text = lastSaid;
    lastSaid = null;
    return text;
  });
  const load = async (/** @type {string | null} */ after) => {
    try {
      const query = after === null ? "" : `?after=${encodeURIComponent(after)}`;
      /** @type {Pages} */
      const page = await call("GET", `/v1/dead${query}`);
      setPages((before) =>
        after === null || before === null ? page : { ...page, dead: [...before.dead, ...page.dead] },
      );
      setProblem(null);
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  useEffect(() => void load(null), [total]);
  return html`<${Title} title="Dead letters" />
    <p class="soft under">
      What a broker brought and could not be taken in, with the reason. Nothing of it was sent. Retry a letter when its
      reason is gone, or drop it.
    </p>
    <${Said} text=${said} />
    <${Problem} text=${problem} />
    ${inlets.length === 0 ? null : html`<${Inlets} inlets=${inlets} />`}
    ${pages === null ? null : html`<${Found} pages=${pages} onMore=${(/** @type {string} */ after) => void load(after)} />`}`;
}

/** @param {{ inlets: Inlet[] }} props */
function Inlets({ inlets }) {
  return html`<section aria-labelledby="inlets">
    <h2 id="inlets">Inlets</h2>
    <table class="inlets">
      <thead>
        <tr>
          <th scope="col">Reads</th>
          <th scope="col" class="number">Accepted</th>
          <th scope="col" class="number wide-only">Repeats</th>
          <th scope="col" class="number">Dead</th>
        </tr>
      </thead>
      <tbody>
        ${inlets.map(
          ({ name, connected, accepted, duplicates, dead }) =>
            html`<tr key=${name}>
              <th scope="row">
                <${Name} text=${name} />${" "}
                <span class=${`badge ${connected ? "live" : "bad"}`}>${connected ? "Connected" : "Away"}</span>
              </th>
              <td class="number">${count(accepted)}</td>
              <td class="number wide-only">${count(duplicates)}</td>
              <td class=${`number ${dead > 0 ? "trouble" : ""}`}>${count(dead)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
    <p class="soft">Counted since this process began.</p>
  </section>`;
}

/** @param {{ pages: Pages, onMore: (after: string) => void }} props */
function Found({ pages: { dead, total, next }, onMore }) {
  if (dead.length === 0)
    return html`<section class="empty" aria-label="Dead letters">
      <p>There are none: everything that brokers brought was taken in.</p>
    </section>`;
  return html`<section aria-labelledby="list">
    <h2 id="list">${counted(total, "letter")}</h2>
    <table class="dead">
      <thead>
        <tr>
          <th scope="col" class="name">Delivery</th>
          <th scope="col" class="wide-only source">From</th>
          <th scope="col" class="wide-only">Reason</th>
          <th scope="col" class="number wide-only times">Times</th>
          <th scope="col" class="wide-only when">First came</th>
        </tr>
      </thead>
      <tbody>
        ${dead.map((letter) => html`<${Row} key=${letter.id} letter=${letter} />`)}
      </tbody>
    </table>
    ${next === null ? null : html`<div class="buttons"><button type="button" onClick=${() => onMore(next)}>Show more</button></div>`}
  </section>`;
}

/** @param {{ letter: Letter }} props */
function Row({ letter: { id, source, origin, reason, times, received_at: received } }) {
  return html`<tr>
    <th scope="row">
      <a href=${deadHref(id)}
        ><span class="clamp"><${Name} text=${origin} /></span
      ></a>
      <span class="narrow-only">${visible(reason)}</span>
      <span class="narrow-only soft">${`${SOURCES[source]} · ${timesText(times)} · ${time(received)}`}</span>
    </th>
    <td class="wide-only">${SOURCES[source]}</td>
    <td class="wide-only"><span class="clamp" title=${visible(reason)}>${visible(reason)}</span></td>
    <td class="number wide-only">${count(times)}</td>
    <td class="wide-only">${time(received)}</td>
  </tr>`;
}

/** @param {number} times */
function timesText(times) {
  return times === 1 ? "came once" : `came ${count(times)} times`;
}

/** @param {{ id: string, isAdmin: boolean }} props */
function One({ id, isAdmin }) {
  const [letter, setLetter] = useState(/** @type {Detail | null} */ (null));
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  // Its reason may be another one after it was tried again.
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isWanted = true;
    call("GET", `/v1/dead/${encodeURIComponent(id)}?bytes=false`).then(
      (found) => isWanted && setLetter(found),
      (error) => isWanted && setProblem(messageOf(error)),
    );
    return () => void (isWanted = false);
  }, [id, tries]);
  return html`<nav class="trail" aria-label="Where this is"><a href="#/dead">← Dead letters</a></nav>
    <${Title} title=${`Dead letter ${letter?.origin ?? id}`}><${Name} text=${letter?.origin ?? id} /><//>
    <${Problem} text=${problem} />
    ${
      letter === null
        ? null
        : html`${isAdmin ? html`<${Actions} letter=${letter} onRefused=${() => setTries(tries + 1)} />` : null}
            <${About} letter=${letter} /><${Payload} letter=${letter} />`
    }`;
}

/** @param {{ letter: Detail }} props */
function About({ letter: { source, reason, times, received_at: first, last_at: last, bytes } }) {
  const span = time(first) === time(last) ? time(first) : `from ${time(first)} to ${time(last)}`;
  const came = times === 1 ? time(first) : `${count(times)} times, ${span}`;
  return html`<section aria-labelledby="about">
    <h2 id="about">Why it was not taken in</h2>
    <p><strong>${visible(reason)}</strong></p>
    <${MailHead}
      lines=${[
        ["From", SOURCES[source]],
        ["Came", came],
        ["Size", bytesOf(bytes)],
      ]}
    />
  </section>`;
}

/** @param {{ letter: Detail }} props */
function Payload({ letter: { id, payload, extras } }) {
  const { format, fields, cut } = payload;
  const shown = extras === null ? fields : [...fields, { name: "Extras", text: extras }];
  return html`<section aria-labelledby="payload">
    <h2 id="payload">${format === "bytes" ? "What came: no text" : `What came, as ${format}`}</h2>
    <dl class="fields">
      ${shown.map(
        ({ name, text }, index) =>
          html`<div key=${index}>
            ${name === "" ? html`<dt class="unseen">Body</dt>` : html`<dt><${Name} text=${name} /></dt>`}
            <dd><${Value} text=${text} isDump=${format === "bytes" && index === 0} label=${name} /></dd>
          </div>`,
      )}
    </dl>
    ${cut ? html`<p class="soft">${`This is not all of it. ses-mail dead show ${id} --json has the rest.`}</p>` : null}
  </section>`;
}

/** A text as it came: marks of HTML are letters, and what nobody would see is an escape. @param {{ text: string, isDump: boolean, label: string }} props */
function Value({ text, isDump, label }) {
  if (text === "") return html`<span class="soft">empty</span>`;
  if (!isDump && text.length <= MOST_IN_LINE && !text.includes("\n")) return visible(text);
  const lines = text.split("\n").map(visible).join("\n");
  return html`<pre
    class=${isDump ? "mail dump" : "mail"}
    tabindex="0"
    aria-label=${label === "" ? "The body" : visible(label)}
  >
${lines}</pre>`;
}

/** @param {{ letter: Detail, onRefused: () => void }} props */
function Actions({ letter, onRefused }) {
  const [open, setOpen] = useState(/** @type {"retry" | "drop" | null} */ (null));
  const close = (/** @type {string | null} */ said) => {
    setOpen(null);
    if (said === null) return;
    lastSaid = said;
    location.hash = "#/dead";
  };
  return html`<div class="buttons actions">
      <button type="button" onClick=${() => setOpen("retry")}>Retry…</button>
      <button type="button" onClick=${() => setOpen("drop")}>Drop…</button>
    </div>
    ${open === "retry" ? html`<${Retry} letter=${letter} onRefused=${onRefused} onClose=${close} />` : null}
    ${open === "drop" ? html`<${Drop} letter=${letter} onClose=${close} />` : null}`;
}

/** @param {{ letter: Letter, onRefused: () => void, onClose: (said: string | null) => void }} props */
function Retry({ letter: { id, origin, source }, onRefused, onClose }) {
  return html`<${Confirm}
    title=${html`Take <${Name} text=${origin} /> in again?`}
    warning=${null}
    text=${[
      source === "results"
        ? "It is applied as if it came now."
        : "It is taken in as if it came now, and its mail leaves when it is due. Mail that was taken in before is not sent again.",
      "If it still cannot be taken in, it stays here with its new reason.",
    ]}
    keep="Leave it here"
    go="Take it in"
    isDangerous=${false}
    act=${async () => {
      try {
        const { result } = await call("POST", `/v1/dead/${id}/retry`);
        return result === "duplicate"
          ? `${origin} had been taken in before; nothing was added.`
          : `${origin} was taken in.`;
      } catch (error) {
        onRefused();
        throw error;
      }
    }}
    onClose=${onClose}
  />`;
}

/** @param {{ letter: Letter, onClose: (said: string | null) => void }} props */
function Drop({ letter: { id, origin, source }, onClose }) {
  const lost = source === "results" ? "What it says of a mail is lost." : "Its mail is never sent.";
  return html`<${Confirm}
    title=${html`Drop <${Name} text=${origin} />?`}
    warning="This cannot be taken back."
    text=${[`The letter and its body are removed for good. ${lost}`]}
    keep="Keep it"
    go="Drop the letter"
    isDangerous=${true}
    act=${async () => {
      await call("DELETE", `/v1/dead/${id}`);
      return `${origin} was dropped.`;
    }}
    onClose=${onClose}
  />`;
}
