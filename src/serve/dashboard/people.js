/** What one person got, or what became of one mail: messages with their history, and whether the address is suppressed. */
import { html, useEffect, useState } from "./preact.js";
import { count, counted, time, visible } from "./format.js";
import { call } from "./gateway.js";
import { Address, messageOf, Name, Problem, Said, Title, topicHref } from "./parts.js";
import { reasonWord, Remove, stoppedWords } from "./suppressions.js";

/** @typedef {import("./wire.ts").MessageFacts} Message */
/** @typedef {import("./wire.ts").HistoryFacts} Fact */
/** @typedef {import("./wire.ts").PersonFacts} Person */
/** @typedef {import("./wire.ts").SuppressionFacts} Suppression */

const LISTED = 25;
const MOST_LISTED = 100;
/** How often to look again while somebody looks at a person. */
const ASK_MS = 5_000;

/** A link to the view of a person. @param {string} address */
function personHref(address) {
  return `#/people/${encodeURIComponent(address)}`;
}

/**
 * The view of people. `address` is whom to look for; null: nobody yet.
 * @param {{ address: string | null, isAdmin: boolean }} props
 */
export function PeopleView({ address, isAdmin }) {
  return html`<${Title} title="People" />
    <p class="soft under">
      What did one person get, and what became of it? Look for the whole address, or for a mail by its uuid, its id, its
      SES message id or the id of its Redis job.
    </p>
    <section aria-label="Search">
      <${Search} key=${address ?? ""} address=${address ?? ""} />
    </section>
    ${address === null ? null : html`<${Found} key=${address} address=${address} isAdmin=${isAdmin} />`}`;
}

/** @param {{ address: string }} props */
function Search({ address }) {
  const [wanted, setWanted] = useState(address);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (wanted.trim() !== "") location.hash = personHref(wanted.trim());
  };
  return html`<form class="search" role="search" onSubmit=${submit}>
    <label>
      <span>Address, uuid or id</span>
      <input
        type="search"
        name="address"
        value=${wanted}
        required
        maxlength="320"
        autocomplete="off"
        autocapitalize="none"
        spellcheck=${false}
        placeholder="ann@example.com"
        onInput=${(/** @type {{ currentTarget: HTMLInputElement }} */ event) => setWanted(event.currentTarget.value)}
      />
    </label>
    <button type="submit" class="primary">Find</button>
  </form>`;
}

/** False: what is looked for is a mail. The ids of SES are written with its domain in headers. @param {string} text */
function isAddress(text) {
  return /^[^@\s<>]+@[^@\s<>]+$/.test(text) && !/amazonses\.com$/i.test(text);
}

/** @param {{ address: string, isAdmin: boolean }} props */
function Found({ address, isAdmin }) {
  const [limit, setLimit] = useState(LISTED);
  const [changes, setChanges] = useState(0);
  const [said, setSaid] = useState(/** @type {string | null} */ (null));
  const [leaving, setLeaving] = useState(/** @type {Suppression | null} */ (null));
  const [person, problem] = usePerson(address, limit, changes);
  const changed = (/** @type {string | null} */ text) => {
    setLeaving(null);
    if (text === null) return;
    setSaid(text);
    setChanges((before) => before + 1);
  };
  return html`<${Problem} text=${problem} />
    <${Said} text=${said} />
    ${
      person === null
        ? null
        : html`<section aria-labelledby="person">
            <h2 id="person"><${Address} text=${address} /></h2>
            <${Standing}
              isPerson=${isAddress(address)}
              suppressions=${person.suppressions}
              onLeave=${isAdmin ? setLeaving : null}
            />
            <${Messages}
              isPerson=${isAddress(address)}
              person=${person}
              limit=${limit}
              onMore=${() => setLimit(MOST_LISTED)}
            />
          </section>`
    }
    ${leaving === null ? null : html`<${Remove} suppression=${leaving} onClose=${changed} />`}`;
}

/**
 * What is known of the address, and what went wrong, if anything did. It is asked for again now and then.
 * @param {string} address
 * @param {number} limit
 * @param {number} mark asked again when it changes
 * @returns {[Person | null, string | null]}
 */
function usePerson(address, limit, mark) {
  const [answer, setAnswer] = useState(/** @type {[Person | null, string | null]} */ ([null, null]));
  useEffect(() => {
    let isWanted = true;
    const ask = () =>
      call("GET", `/v1/messages?limit=${limit}&q=${encodeURIComponent(address)}`).then(
        (person) => isWanted && setAnswer([person, null]),
        (error) => isWanted && setAnswer([null, messageOf(error)]),
      );
    void ask();
    const timer = setInterval(() => void (document.hidden || ask()), ASK_MS);
    return () => {
      isWanted = false;
      clearInterval(timer);
    };
  }, [address, limit, mark]);
  return answer;
}

/**
 * @param {{ isPerson: boolean, suppressions: Suppression[], onLeave: ((suppression: Suppression) => void) | null }} props
 */
function Standing({ isPerson, suppressions, onLeave }) {
  if (suppressions.length === 0)
    return isPerson
      ? html`<p><span class="badge live">Not suppressed</span> This address may be written to.</p>`
      : null;
  return suppressions.map((one) =>
    one.reason === "forgotten"
      ? html`<p key="forgotten">
          <span class="badge bad">Forgotten</span>
          ${` This person was forgotten ${time(one.created_at)}, and is not written to.`}
        </p>`
      : html`<div class="standing" key=${`${one.address} ${one.scope} ${one.list}`}>
          <p>
            <span class="badge bad">Suppressed</span>
            ${` ${isPerson ? "" : `${visible(one.address)}: `}${standingText(one)}`}
            ${one.detail === null ? null : html`<span class="soft"> ${visible(one.detail)}</span>`}
          </p>
          ${onLeave === null ? null : html`<button type="button" class="small" aria-label=${one.scope === "everything" ? null : `Remove, ${stoppedWords(one)}`} onClick=${() => onLeave(one)}>Remove…</button>`}
        </div>`,
  );
}

/** What an address no longer gets (unless it is everything), why, and since when. @param {Suppression} suppression */
function standingText(suppression) {
  const what = suppression.scope === "everything" ? "" : `${stoppedWords(suppression)}: `;
  return `${what}${reasonWord(suppression)}, since ${time(suppression.created_at)}.`;
}

/** @param {{ isPerson: boolean, person: Person, limit: number, onMore: () => void }} props */
function Messages({ isPerson, person: { messages }, limit, onMore }) {
  if (messages.length === 0)
    return html`<p class="empty">
      ${isPerson ? "No message to this address is kept." : "No message has this uuid, id, SES message id or job id."}
    </p>`;
  const isFull = messages.length === limit;
  return html`<table class="messages">
      <thead>
        <tr>
          <th scope="col" class="topic-column">Topic</th>
          <th scope="col" class="state-column">State</th>
          <th scope="col">What happened</th>
          <td class="act"></td>
        </tr>
      </thead>
      <tbody>
        ${messages.map((message) => html`<${Row} key=${message.id} message=${message} isOnly=${messages.length === 1} isPerson=${isPerson} />`)}
      </tbody>
    </table>
    <p class="soft">
      ${isFull ? `The newest ${count(messages.length)}.` : `${counted(messages.length, "message")} in all, newest first.`}
    </p>
    ${isFull && limit < MOST_LISTED ? html`<div class="buttons"><button type="button" onClick=${onMore}>Show more</button></div>` : null}`;
}

/** @param {{ message: Message, isOnly: boolean, isPerson: boolean }} props */
function Row({ message, isOnly, isPerson }) {
  const { id, topic, state, error, uuid, attempts, email } = message;
  return html`<tr>
    <th scope="row">
      <a href=${topicHref(topic)}><${Name} text=${topic} /></a>
      ${uuid === null ? null : html`<span class="soft line">${visible(uuid)}</span>`}
      ${isPerson ? null : html`<a class="line" href=${personHref(email)}><${Address} text=${email} /></a>`}
    </th>
    <td><span class="tag ${state}">${state.replace("_", " ")}</span></td>
    <td>
      <ul class="steps">
        ${stepsOf(message).map(([what, at]) => html`<li key=${what}>${what} <span class="soft">${time(at)}</span></li>`)}
        ${error === null ? null : html`<li key="error">${visible(error)}${attempts > 1 ? html` <span class="soft">${counted(attempts, "attempt")}</span>` : null}</li>`}
      </ul>
      <${History} id=${id} isOpen=${isOnly} />
    </td>
    <td class="number">
      <a href=${`/messages/${id}/mail`} target="_blank" rel="noopener" aria-label=${`Show the mail, message ${id}`}
        >Mail</a
      >
    </td>
  </tr>`;
}

/** Where facts come from, in words. @type {Record<Fact["source"], string>} */
const SOURCES = {
  list: "a list",
  request: "a request",
  broker: "a broker",
  program: "the database of another program",
  store: "the job",
  answer: "the answer to our call",
  result: "a result of whoever took it over",
  event: "an event of SES",
  link: "a link or picture that leads to us",
  suppression: "a suppression",
};

/** All that is known of a message, asked for when somebody wants to see it. @param {{ id: number, isOpen: boolean }} props */
function History({ id, isOpen }) {
  const [isWanted, setWanted] = useState(isOpen);
  const [[facts, problem], setAnswer] = useState(/** @type {[Fact[] | null, string | null]} */ ([null, null]));
  useEffect(() => {
    let isHere = true;
    if (isWanted)
      call("GET", `/v1/messages/${id}/history`).then(
        ({ history }) => isHere && setAnswer([history, null]),
        (error) => isHere && setAnswer([null, messageOf(error)]),
      );
    return () => void (isHere = false);
  }, [id, isWanted]);
  return html`<details
    class="history"
    open=${isOpen}
    onToggle=${(/** @type {{ currentTarget: HTMLDetailsElement }} */ event) => setWanted(event.currentTarget.open)}
  >
    <summary>History</summary>
    <${Problem} text=${problem} />
    ${
      facts === null
        ? null
        : html`<ol>
            ${facts.map(
              (fact, index) =>
                html`<li key=${index}>
                  ${visible(fact.text)}
                  <span class="soft line"
                    >${`${fact.at === null ? "time not known" : time(fact.at)}, from ${SOURCES[fact.source]}`}</span
                  >
                </li>`,
            )}
          </ol>`
    }
  </details>`;
}

/** What happened to a message, and when, in order. @param {Message} message @returns {[string, string][]} */
function stepsOf(message) {
  const bounced = message.bounce_type === "Permanent" ? "Hard bounce" : "Soft bounce";
  /** @type {[string, string | null][]} */
  const steps = [
    ["Taken in", message.created_at],
    ["Due", message.state === "pending" ? message.not_before : null],
    ["Sent", message.sent_at],
    ["Delivered", message.delivered_at],
    [bounced, message.bounced_at],
    ["Opened", message.opened_at],
    ["Clicked", message.clicked_at],
    ["Complaint", message.complained_at],
  ];
  return steps.flatMap(([what, at]) => (at === null ? [] : [/** @type {[string, string]} */ ([what, at])]));
}
