/** The dashboard: one page. The hash of its URL names the view; the stream of overviews brings the figures. */
import { html, render, useEffect, useRef, useState } from "./preact.js";
import { clockTime, count, rate, share, visible } from "./format.js";
import { listen, signOut } from "./gateway.js";
import { DeadLettersView } from "./dead-letters.js";
import { Bar } from "./parts.js";
import { PeopleView } from "./people.js";
import { createSpeedometer, done, waiting } from "./progress.js";
import { SuppressionsView } from "./suppressions.js";
import { TemplatesView } from "./templates.js";
import { TestView } from "./test-mail.js";
import { TopicView } from "./topic.js";
import { TopicsView } from "./topics.js";
import { TroublesView } from "./troubles.js";

/** @typedef {import("./wire.ts").Overview} Overview */
/**
 * @typedef {{ view: "topics" | "issues" | "suppressions" } | { view: "topic", name: string }
 *   | { view: "people" | "templates" | "test" | "dead", name: string | null }} Place
 */

const { key = "", scopes = "" } = document.body.dataset;
const held = new Set(scopes.split(" "));
/** Whether the key has this scope. Buttons that the gateway would refuse are not shown. @param {string} scope */
const may = (scope) => held.has(scope) || held.has("admin");

/** The view that the hash names, as far as the key may see it. @returns {Place} */
function placeOf() {
  const [, view, rest] = /^#\/(\w*)(?:\/(.+))?$/.exec(location.hash) ?? [];
  const name = rest === undefined ? null : decoded(rest);
  if (!may("read")) return { view: "test", name: null };
  if (view === "topics" && name !== null) return { view: "topic", name };
  if (view === "people" || view === "dead") return { view, name };
  if (view === "templates" && may("admin")) return { view, name };
  // `troubles` is what earlier versions called it.
  if (view === "issues" || view === "troubles") return { view: "issues" };
  if (view === "suppressions") return { view };
  return view === "test" && may("send") ? { view, name } : { view: "topics" };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const speedometer = createSpeedometer();

function App() {
  const [place, setPlace] = useState(placeOf);
  const [overview, setOverview] = useState(/** @type {Overview | null} */ (null));
  const [lostAt, setLostAt] = useState(/** @type {Date | null} */ (null));
  useEffect(() => {
    const onMove = () => setPlace(placeOf());
    window.addEventListener("hashchange", onMove);
    // Effects run after the first drawing. The hash may have changed before this one.
    onMove();
    return () => window.removeEventListener("hashchange", onMove);
  }, []);
  useEffect(() => {
    if (!may("read")) return;
    return listen({
      onOverview: (next) => {
        speedometer.note(next, performance.now());
        setOverview(next);
        setLostAt(null);
      },
      onLost: () => setLostAt((before) => before ?? new Date()),
    });
  }, []);
  return html`<a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <${Header} place=${place} overview=${overview} />
    <${Banners} overview=${overview} lostAt=${lostAt} />
    <main id="main" tabindex="-1">
      ${overview === null && may("read") ? html`<p class="soft">Reading the figures…</p>` : html`<${View} place=${place} overview=${overview} />`}
    </main>
    <${Footer} version=${overview?.version} />
    ${overview === null ? null : html`<${Announcer} overview=${overview} />`}`;
}

/** Moves the focus only: following the link would change the hash, and with it the view. @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** @param {{ place: Place, overview: Overview | null }} props */
function View({ place, overview }) {
  if (overview === null) return html`<${TestView} topic=${null} overview=${null} />`;
  if (place.view === "test") return html`<${TestView} key=${place.name} topic=${place.name} overview=${overview} />`;
  if (place.view === "templates") return html`<${TemplatesView} name=${place.name} />`;
  if (place.view === "people") return html`<${PeopleView} address=${place.name} isAdmin=${may("admin")} />`;
  if (place.view === "topic")
    return html`<${TopicView}
      key=${place.name}
      name=${place.name}
      overview=${overview}
      speed=${speedometer.of}
      isAdmin=${may("admin")}
      canSend=${may("send")}
    />`;
  if (place.view === "dead")
    return html`<${DeadLettersView} id=${place.name} overview=${overview} isAdmin=${may("admin")} />`;
  if (place.view === "issues") return html`<${TroublesView} overview=${overview} />`;
  if (place.view === "suppressions")
    return html`<${SuppressionsView} total=${overview.suppressions} isAdmin=${may("admin")} />`;
  return html`<${TopicsView} overview=${overview} speed=${speedometer.of} />`;
}

// What stands on every view ------------------------------------------------------------------------------------------

/** @param {{ place: Place, overview: Overview | null }} props */
function Header({ place, overview }) {
  const issues = overview === null ? 0 : overview.totals.failed + overview.totals.in_doubt;
  const { dead = 0, inlets = [] } = overview ?? {};
  const here = place.view === "topic" ? "topics" : place.view;
  /** @type {[string, string, string, boolean][]} */
  const links = [
    ["#/", "topics", "Topics", may("read")],
    ["#/people", "people", "People", may("read")],
    ["#/issues", "issues", "Issues", may("read")],
    // Most gateways have no broker.
    ["#/dead", "dead", "Dead letters", may("read") && (dead > 0 || inlets.length > 0 || here === "dead")],
    ["#/suppressions", "suppressions", "Suppressions", may("read")],
    ["#/templates", "templates", "Templates", may("admin")],
    ["#/test", "test", "Test", may("send")],
  ];
  /** @type {Record<string, number>} */
  const counts = { issues, dead };
  return html`<header class="top">
    <div class="inner">
      <div class="row">
        <span
          ><a class="brand" href="#/">ses-mail</a
          >${overview?.endpoint === "sandbox" ? html`<span class="badge warn">Sandbox</span>` : null}</span
        >
        <div class="who">
          <span class="soft key" title="The API key you are signed in with">${visible(key)}</span>
          <button type="button" class="small" onClick=${() => void signOut()}>Sign out</button>
        </div>
      </div>
      <nav aria-label="Views">
        ${links
          .filter(([, , , isShown]) => isShown)
          .map(
            ([href, view, name]) =>
              html`<a key=${view} href=${href} aria-current=${here === view ? "page" : null}>
                ${name}${(counts[view] ?? 0) > 0 ? html` <span class="count">${count(counts[view] ?? 0)}</span>` : null}
              </a>`,
          )}
      </nav>
      ${overview === null ? null : html`<${Vitals} overview=${overview} />`}
    </div>
  </header>`;
}

const STATES = { idle: "Idle", sending: "Sending", halted: "Halted", stopped: "Stopped" };

/** @param {{ overview: Overview }} props */
function Vitals({ overview: { sender, account, totals } }) {
  const { state, per_second: inForce, per_second_now: now } = sender;
  return html`<dl class="vitals">
    <div>
      <dt>Sender</dt>
      <dd><span class="state ${state}">${STATES[state]}</span></dd>
    </div>
    <div>
      <dt>Rate now</dt>
      <dd><b>${rate(now)}</b> of ${rate(inForce)} a second</dd>
    </div>
    <div>
      <dt>Waiting</dt>
      <dd><b>${count(totals.pending + totals.sending)}</b></dd>
    </div>
    <div class="quota">
      <dt>Sent in 24 hours</dt>
      ${account === null ? html`<dd>not known: the account could not be read</dd>` : html`<${Quota} account=${account} />`}
    </div>
  </dl>`;
}

/** @param {{ account: NonNullable<Overview["account"]> }} props */
function Quota({ account: { quota, used } }) {
  if (quota === null) return html`<dd><b>${count(used)}</b>, no limit</dd>`;
  const isNearlyUp = used >= 0.9 * quota;
  return html`<dd>
    <b>${count(used)}</b> of ${count(quota)} (${share(used, quota)})
    <${Bar} parts=${[{ value: Math.min(used, quota), tone: isNearlyUp ? "failed" : "sent" }]} whole=${quota} />
  </dd>`;
}

/** @param {{ overview: Overview | null, lostAt: Date | null }} props */
function Banners({ overview, lostAt }) {
  return html`<div class="banners" role="alert">
    ${overview === null ? null : html`<${SenderBanner} sender=${overview.sender} />`}
    ${overview === null ? null : html`<${InletBanner} inlets=${overview.inlets} />`}
    ${
      lostAt === null
        ? null
        : html`<div class="banner warn">
            <strong>The connection to the gateway is lost.</strong>
            <span>The figures are those of ${clockTime(lostAt)}. Connecting again…</span>
          </div>`
    }
  </div>`;
}

/** Says why nothing leaves, or why it is hard. @param {{ sender: Overview["sender"] }} props */
function SenderBanner({ sender: { state, reason, hint } }) {
  if (state === "stopped")
    return html`<div class="banner bad">
      <strong>Sending has stopped${reason === null ? "" : `: ${visible(reason)}`}</strong>
      <span>The gateway is shutting down. What waits is sent when it runs again.</span>
    </div>`;
  if (state !== "halted" && reason === null) return null;
  const title = state === "halted" ? "Sending is halted" : "Something is in the way of sending";
  return html`<div class=${`banner ${state === "halted" ? "bad" : "warn"}`}>
    <strong>${title}: ${visible(reason ?? "no reason was given")}</strong>
    <span>${hintOf(hint)}</span>
  </div>`;
}

/** Says which brokers are away. @param {{ inlets: Overview["inlets"] }} props */
function InletBanner({ inlets }) {
  const away = inlets.filter(({ connected }) => !connected).map(({ name }) => visible(name));
  if (away.length === 0) return null;
  return html`<div class="banner warn">
    <strong>Cannot be reached: ${away.join(", ")}</strong>
    <span>The gateway connects again by itself. Mail that was taken in goes on leaving.</span>
  </div>`;
}

/** @param {string | null} hint */
function hintOf(hint) {
  const text = hint === null ? "" : visible(hint).replace(/[.\s]*$/, "");
  const known = text === "" ? "" : `${text.slice(0, 1).toUpperCase()}${text.slice(1)}. `;
  return `${known}The gateway tries again by itself; nothing is lost.`;
}

/** @param {{ version: string | undefined }} props */
function Footer({ version }) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const name = version === undefined ? "" : ` ses-mail ${version}.`;
  return html`<footer>
    <p>${`Figures are messages, not events: five opens of one mail are one. Times are those of ${zone}.${name}`}</p>
  </footer>`;
}

/** How often screen readers are told of progress. */
const TOLD_MS = 15_000;

/**
 * Tells screen readers what is finished, at once, and now and then how far the other topics are.
 * @param {{ overview: Overview }} props
 */
function Announcer({ overview }) {
  const [text, setText] = useState("");
  const last = useRef({ at: performance.now(), told: waitingIn(overview), seen: waitingIn(overview) });
  useEffect(() => {
    const { at, told, seen } = last.current;
    const left = waitingIn(overview);
    const isDue = performance.now() - at >= TOLD_MS;
    const finished = overview.topics.filter(({ topic }) => left.get(topic) === 0 && (seen.get(topic) ?? 0) > 0);
    const moved = overview.topics.filter(
      ({ topic }) => isDue && left.get(topic) !== 0 && left.get(topic) !== told.get(topic),
    );
    last.current = isDue ? { at: performance.now(), told: left, seen: left } : { at, told, seen: left };
    const lines = [
      ...finished.map(({ topic, cancelled_at: at }) => `${visible(topic)}: ${at === null ? "finished" : "cancelled"}`),
      ...moved.map((topic) => `${visible(topic.topic)}: ${share(done(topic), topic.total)}`),
    ];
    if (lines.length > 0) setText(`${lines.slice(0, 3).join(", ")}.`);
  }, [overview]);
  return html`<div class="unseen" aria-live="polite">${text}</div>`;
}

/** @param {Overview} overview */
function waitingIn({ topics }) {
  return new Map(topics.map((topic) => [topic.topic, waiting(topic)]));
}

const root = document.getElementById("app");
if (root !== null) render(html`<${App} />`, root);
