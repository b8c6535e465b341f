/** Addresses that are not written to: look for one, add some, remove one. */
import { html, useEffect, useState } from "./preact.js";
import { count, counted, day, time, visible } from "./format.js";
import { call } from "./gateway.js";
import { Address, Confirm, messageOf, Name, Problem, Said, Title, typed } from "./parts.js";

/** @typedef {import("./wire.ts").SuppressionFacts} Suppression */

/** So many are listed at first, and after each “Show more”. */
const LISTED = [50, 200, 500];
/** Typing has ended when no key came for this long. */
const TYPING_MS = 250;

/**
 * The view of the suppressed addresses. `total` is their number. Only an admin may change the list.
 * @param {{ total: number, isAdmin: boolean }} props
 */
export function SuppressionsView({ total, isAdmin }) {
  const [wanted, setWanted] = useState("");
  const [step, setStep] = useState(0);
  const limit = LISTED[step] ?? 0;
  const [said, setSaid] = useState(/** @type {string | null} */ (null));
  const [changes, setChanges] = useState(0);
  const [found, problem] = useFound(wanted, limit, `${total} ${changes}`);
  const [leaving, setLeaving] = useState(/** @type {Suppression | null} */ (null));
  const changed = (/** @type {string | null} */ text) => {
    setLeaving(null);
    if (text === null) return;
    setSaid(text);
    setChanges((before) => before + 1);
  };
  return html`<${Title} title="Suppressions" />
    <p class="soft under">
      Addresses with a hard bounce or a complaint are not written to, in any topic. Whoever unsubscribed gets no more
      mail of that list, or no more bulk mail. You may add others.
    </p>
    <${Said} text=${said} />
    ${isAdmin ? html`<${Add} onDone=${changed} />` : null}
    <section aria-labelledby="list">
      <div class="head">
        <h2 id="list">${headingOf(found, { wanted: wanted.trim(), total, limit })}</h2>
        <label class="filter">
          <span>Find an address</span>
          <input
            type="search"
            value=${wanted}
            maxlength="320"
            autocomplete="off"
            spellcheck=${false}
            onInput=${(/** @type {{ currentTarget: HTMLInputElement }} */ event) => setWanted(event.currentTarget.value)}
          />
        </label>
      </div>
      <${Problem} text=${problem} />
      ${found === null ? null : html`<${List} found=${found} wanted=${wanted.trim()} total=${total} onLeave=${isAdmin ? setLeaving : null} />`}
      ${found !== null && found.length === limit ? html`<${More} count=${found.length} onMore=${step + 1 < LISTED.length ? () => setStep(step + 1) : null} />` : null}
    </section>
    ${leaving === null ? null : html`<${Remove} suppression=${leaving} onClose=${changed} />`}`;
}

/**
 * How many were found, and how many there are.
 * @param {Suppression[] | null} found
 * @param {{ wanted: string, total: number, limit: number }} asked
 */
function headingOf(found, { wanted, total, limit }) {
  if (wanted === "" || found === null) return counted(total, "entry", "entries");
  return `${count(found.length)}${found.length === limit ? " or more" : ""} of ${counted(total, "entry", "entries")}`;
}

/** @param {{ count: number, onMore: (() => void) | null }} props */
function More({ count: listed, onMore }) {
  if (onMore === null)
    return html`<p class="soft">${`The first ${count(listed)}. Look for a part of the address to see others.`}</p>`;
  return html`<div class="buttons"><button type="button" onClick=${onMore}>Show more</button></div>`;
}

/**
 * The addresses that contain `wanted`, and what went wrong, if anything did.
 * @param {string} wanted
 * @param {number} limit
 * @param {string} mark asked again when it changes
 * @returns {[Suppression[] | null, string | null]}
 */
function useFound(wanted, limit, mark) {
  const [answer, setAnswer] = useState(/** @type {[Suppression[] | null, string | null]} */ ([null, null]));
  useEffect(() => {
    let isWanted = true;
    const ask = () =>
      call("GET", `/v1/suppressions?limit=${limit}&q=${encodeURIComponent(wanted.trim())}`).then(
        ({ suppressions }) => isWanted && setAnswer([suppressions, null]),
        (error) => isWanted && setAnswer([null, messageOf(error)]),
      );
    const timer = setTimeout(() => void ask(), TYPING_MS);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [wanted, limit, mark]);
  return answer;
}

/**
 * @param {{ found: Suppression[], wanted: string, total: number, onLeave: ((suppression: Suppression) => void) | null }} props
 */
function List({ found, wanted, total, onLeave }) {
  if (total === 0)
    return html`<p class="empty">
      Nobody is suppressed. Bounces, complaints and unsubscribes add to this list by themselves.
    </p>`;
  if (found.length === 0)
    return html`<p class="empty" role="status">${`No suppressed address contains “${visible(wanted)}”.`}</p>`;
  return html`<table class="suppressions">
    <thead>
      <tr>
        <th scope="col" class="name">Address</th>
        <th scope="col" class="wide-only stopped">No longer gets</th>
        <th scope="col" class="wide-only reason">Reason</th>
        <th scope="col" class="wide-only when">Since</th>
        <th scope="col" class="wide-only">Detail</th>
        ${onLeave === null ? null : html`<td class="act"></td>`}
      </tr>
    </thead>
    <tbody>
      ${found.map((one) => html`<${Row} key=${`${one.address} ${one.scope} ${one.list}`} suppression=${one} onLeave=${onLeave} />`)}
    </tbody>
  </table>`;
}

/** @param {{ suppression: Suppression, onLeave: ((suppression: Suppression) => void) | null }} props */
function Row({ suppression, onLeave }) {
  const { address, detail, created_at: since } = suppression;
  const shown = visible(detail ?? "");
  return html`<tr>
    <th scope="row">
      <a href=${`#/people/${encodeURIComponent(address)}`}><${Address} text=${address} /></a>
      ${isRehearsed(suppression) ? html` <span class="badge warn">Sandbox</span>` : null}
      <span class="narrow-only soft"
        >${`${stoppedWords(suppression)} · ${reasonWord(suppression)} · ${day(since)}`}</span
      >
    </th>
    <td class="wide-only"><span class="clamp">${stoppedWords(suppression)}</span></td>
    <td class="wide-only">${reasonWord(suppression)}</td>
    <td class="wide-only">${time(since)}</td>
    <td class="wide-only soft"><span class="clamp" title=${shown}>${shown}</span></td>
    ${
      onLeave === null
        ? null
        : html`<td class="number">
            <button
              type="button"
              class="small"
              aria-label=${`Remove ${visible(address)}${suppression.scope === "everything" ? "" : `, ${stoppedWords(suppression)}`}`}
              onClick=${() => onLeave(suppression)}
            >
              Remove…
            </button>
          </td>`
    }
  </tr>`;
}

/** @type {Record<string, string>} */
const REASONS = {
  bounce: "Hard bounce",
  complaint: "Complaint",
  unsubscribe: "Unsubscribed",
  manual: "Added by hand",
  forgotten: "Forgotten",
};

/** Why an address is suppressed, in a word or two. @param {Suppression} suppression */
export function reasonWord({ reason }) {
  return Object.hasOwn(REASONS, reason) ? (REASONS[reason] ?? "") : visible(reason);
}

/** What the address no longer gets. @param {Suppression} suppression */
export function stoppedWords({ scope, list }) {
  if (scope === "list") return `List ${visible(list ?? "")}`;
  return scope === "bulk" ? "All bulk mail" : "Everything";
}

/** Whether it holds for the sandbox only. @param {Suppression} suppression */
function isRehearsed({ rehearsal }) {
  return rehearsal;
}

/** @type {Record<string, string>} */
const WARNINGS = {
  complaint: "This person reported a mail of yours as spam. Writing again may cost the account its reputation.",
  unsubscribe: "This person asked to get no more mails. Do this only when they asked for it themselves.",
  bounce: "Mails to this address came back for good. They will again, unless the mailbox was made anew.",
};

/** @type {Record<Suppression["scope"], string>} */
const AGAIN = {
  everything: "Later mails reach this address again.",
  bulk: "Later bulk mail reaches this address again.",
  list: "Later mails of this list reach this address again.",
};

/**
 * The dialog that asks before an address is taken off the list. `onClose` hears what was done, or null.
 * @param {{ suppression: Suppression, onClose: (said: string | null) => void }} props
 */
export function Remove({ suppression: { address, scope, list, reason, detail }, onClose }) {
  const warning = WARNINGS[reason] ?? null;
  const what = scope === "list" ? `scope=list&list=${encodeURIComponent(list ?? "")}` : `scope=${scope}`;
  return html`<${Confirm}
    title=${html`Write to <${Name} text=${address} /> again?`}
    warning=${warning}
    text=${[
      `${AGAIN[scope]} Messages that were suppressed because of it stay so until they are retried.`,
      ...(detail === null ? [] : [`It is on the list because: ${detail}`]),
    ]}
    keep="Leave it suppressed"
    go="Remove from the list"
    isDangerous=${warning !== null}
    act=${async () => {
      await call("DELETE", `/v1/suppressions/${encodeURIComponent(address)}?${what}`);
      return scope === "list"
        ? `${address} may get mail of the list ${list} again.`
        : `${address} may be written to again.`;
    }}
    onClose=${onClose}
  />`;
}

/** @param {{ onDone: (said: string) => void }} props */
function Add({ onDone }) {
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const [scope, setScope] = useState("everything");
  const submit = async (/** @type {SubmitEvent & { currentTarget: HTMLFormElement }} */ event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    const emails = typed(data, "emails")
      .split(/[\s,;]+/)
      .filter((email) => email !== "");
    const note = typed(data, "note").trim();
    setBusy(true);
    setProblem(null);
    try {
      const { added, known } = await call("POST", "/v1/suppressions", {
        emails,
        scope,
        ...(scope === "list" && { list: typed(data, "list").trim() }),
        ...(note !== "" && { note }),
      });
      form.reset();
      setScope("everything");
      onDone(`${counted(added, "address", "addresses")} added${known > 0 ? `, ${count(known)} known before` : ""}.`);
    } catch (error) {
      setProblem(messageOf(error));
    }
    setBusy(false);
  };
  return html`<section aria-labelledby="add" class="compact">
    <h2 id="add">Add addresses</h2>
    <form onSubmit=${submit}>
      <label>
        <span>Addresses</span>
        <textarea
          name="emails"
          rows="2"
          required
          spellcheck=${false}
          autocomplete="off"
          aria-describedby="emails-hint"
        ></textarea>
      </label>
      <p id="emails-hint" class="soft">
        One on each line, or with commas between them. Messages that wait for them will not be sent.
      </p>
      <label>
        <span>They no longer get</span>
        <select
          name="scope"
          value=${scope}
          onChange=${(/** @type {{ currentTarget: HTMLSelectElement }} */ event) => setScope(event.currentTarget.value)}
        >
          <option value="everything">any mail</option>
          <option value="bulk">bulk mail</option>
          <option value="list">mail of one list</option>
        </select>
      </label>
      ${
        scope === "list"
          ? html`<label
              ><span>Name of the list</span><input name="list" required maxlength="100" autocomplete="off"
            /></label>`
          : null
      }
      <label><span>Note (optional)</span><input name="note" maxlength="1000" autocomplete="off" /></label>
      <${Problem} text=${problem} />
      <div class="buttons"><button type="submit" class="primary" disabled=${isBusy}>Suppress</button></div>
    </form>
  </section>`;
}
