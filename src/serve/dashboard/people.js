/** What one person got: the messages to an address, what became of them, and whether the address is suppressed. */
import { html, useEffect, useState } from "./preact.js";
import { count, counted, time, visible } from "./format.js";
import { call } from "./gateway.js";
import { Address, messageOf, Name, Problem, Said, Title, topicHref } from "./parts.js";
import { reasonWord, Remove, stoppedWords } from "./suppressions.js";

/** @typedef {import("./wire.ts").MessageFacts} Message */
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
    <p class="soft under">What did one person get, and what became of it? Look for the whole address.</p>
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
      <span>Address</span>
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
            <${Standing} suppressions=${person.suppressions} onLeave=${isAdmin ? setLeaving : null} />
            <${Messages} person=${person} limit=${limit} onMore=${() => setLimit(MOST_LISTED)} />
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
      call("GET", `/v1/messages?limit=${limit}&email=${encodeURIComponent(address)}`).then(
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

/** @param {{ suppressions: Suppression[], onLeave: ((suppression: Suppression) => void) | null }} props */
function Standing({ suppressions, onLeave }) {
  if (suppressions.length === 0)
    return html`<p><span class="badge live">Not suppressed</span> This address may be written to.</p>`;
  return suppressions.map(
    (one) =>
      html`<div class="standing" key=${`${one.scope} ${one.list}`}>
        <p>
          <span class="badge bad">Suppressed</span>
          ${` ${standingText(one)}`}
          ${one.detail === null ? null : html`<span class="soft"> ${visible(one.detail)}</span>`}
        </p>
        ${onLeave === null ? null : html`<button type="button" class="small" aria-label=${one.scope === "everything" ? null : `Remove, ${stoppedWords(one)}`} onClick=${() => onLeave(one)}>Remove…</button>`}
      </div>`,
  );
}

/** What an address gets no more, unless it is everything, why, and since when. @param {Suppression} suppression */
function standingText(suppression) {
  const what = suppression.scope === "everything" ? "" : `${stoppedWords(suppression)}: `;
  return `${what}${reasonWord(suppression)}, since ${time(suppression.created_at)}.`;
}

/** @param {{ person: Person, limit: number, onMore: () => void }} props */
function Messages({ person: { messages, suppressions }, limit, onMore }) {
  if (messages.length === 0)
    return html`<p class="empty">
      ${suppressions.length === 0 ? "No message was ever taken in for this address." : "No message was taken in for this address."}
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
        ${messages.map((message) => html`<${Row} key=${message.id} message=${message} />`)}
      </tbody>
    </table>
    <p class="soft">
      ${isFull ? `The newest ${count(messages.length)}.` : `${counted(messages.length, "message")} in all, newest first.`}
    </p>
    ${isFull && limit < MOST_LISTED ? html`<div class="buttons"><button type="button" onClick=${onMore}>Show more</button></div>` : null}`;
}

/** @param {{ message: Message }} props */
function Row({ message }) {
  const { id, topic, state, error, uuid, attempts } = message;
  return html`<tr>
    <th scope="row">
      <a href=${topicHref(topic)}><${Name} text=${topic} /></a>
      ${uuid === null ? null : html`<span class="soft line">${visible(uuid)}</span>`}
    </th>
    <td><span class="tag ${state}">${state.replace("_", " ")}</span></td>
    <td>
      <ul class="steps">
        ${stepsOf(message).map(([what, at]) => html`<li key=${what}>${what} <span class="soft">${time(at)}</span></li>`)}
        ${error === null ? null : html`<li key="error">${visible(error)}${attempts > 1 ? html` <span class="soft">${counted(attempts, "attempt")}</span>` : null}</li>`}
      </ul>
    </td>
    <td class="number">
      <a href=${`/messages/${id}/mail`} target="_blank" rel="noopener" aria-label=${`Show the mail, message ${id}`}
        >Mail</a
      >
    </td>
  </tr>`;
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
