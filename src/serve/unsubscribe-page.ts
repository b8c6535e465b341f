/** The pages for readers who follow a link to unsubscribe. They load nothing. */
import { createHash } from "node:crypto";
import { readWords } from "../compose/address/encoded-word.ts";
import { splitMailbox } from "../compose/address/mailbox.ts";
import { html, type Markup, trusted } from "../report/markup.ts";
import { type Language, WORDS, type Words } from "./unsubscribe-words.ts";

const STYLE = `
:root { color-scheme: light dark; --ground: #f3f5f8; --card: #ffffff; --text: #17202e; --faint: #556274; --line: #dfe4ec;
  --button: #0550ae; --on-button: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ground: #0e131a; --card: #171d27; --text: #e8edf4; --faint: #a3afbf;
  --line: #2b3543; --button: #79c0ff; --on-button: #0d1117; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px 16px; background: var(--ground); color: var(--text);
  font: 18px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans CJK KR", sans-serif; }
main { width: 100%; max-width: 28rem; padding: 28px 24px; text-align: center; overflow-wrap: anywhere; background: var(--card);
  border: 1px solid var(--line); border-radius: 12px; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 0 1rem; }
p { margin: 0 0 1.5rem; }
p:last-child { margin-bottom: 0; }
:lang(ja), :lang(zh-Hans), :lang(zh-Hant), :lang(ko) { word-break: keep-all; }
.sender { margin: 0 0 1.25rem; color: var(--faint); font-size: 1rem; }
.sender strong { display: block; color: var(--text); }
.except { color: var(--faint); font-size: 1rem; }
form + .other { margin-top: 1.5rem; }
.other { margin: 0 0 .75rem; padding-top: 1.25rem; border-top: 1px solid var(--line); color: var(--faint); font-size: 1rem; }
button { font: inherit; font-weight: 600; width: 100%; min-height: 48px; padding: 8px 24px; border: 2px solid var(--button);
  border-radius: 8px; background: var(--button); color: var(--on-button); cursor: pointer; }
button.second { background: transparent; color: var(--button); }
button:focus-visible { outline: 3px solid var(--text); outline-offset: 3px; }
`;

/** A constant of its own: the hash covers every character, and a formatter may change the page below. */
const STYLE_ELEMENT = trusted(`<style>${STYLE}</style>`);

/** For `content-security-policy`: allows the style above and a form that posts to us, and nothing else. */
export const PAGE_CSP = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

/** Whose page it is. */
export interface Reader {
  /** The address that the mail went to. It is shown masked. */
  email: string;
  /** The sender as the author of the mail wrote it. */
  from: string;
  /** The list that the link leaves; null: all mailings. */
  list: string | null;
  /** The token of the link. The URL of each page ends with it, or with `/all` or `/undo` behind it. */
  token: string;
}

/** Where a page is: at the link itself (`""`), or at `all` or `undo` behind it. */
export type Place = "" | "all" | "undo";

/** Asks the reader. Nothing happens until a button is pressed; the first posts to the URL of the page itself. */
export function askPage(language: Language, reader: Reader): string {
  const { ask, button, listButton, question, listQuestion } = WORDS[language];
  const isOfList = reader.list !== null;
  const form = html`<form method="post">
    <button type="submit">${filled(isOfList ? listButton : button, reader)}</button>
  </form>`;
  const text = sentence(isOfList ? listQuestion : question, reader);
  return page(language, ask, html`${senderLine(reader)} ${heading(ask)} ${text} ${form} ${leaveAll(language, reader)}`);
}

/**
 * Says that the address gets no more mail of the list, or, with `fromAll`, no more mailings, and offers to take it back.
 */
export function donePage(language: Language, reader: Reader, { at, fromAll }: { at: Place; fromAll: boolean }): string {
  const { done, stopped, listStopped, except, mistake, again } = WORDS[language];
  const isOfList = reader.list !== null && !fromAll;
  const text = sentence(isOfList ? listStopped : stopped, reader);
  const rest = isOfList ? leaveAll(language, reader, at) : html`<p class="except">${except}</p>`;
  const undo = html`<p class="other">${mistake}</p>
    ${secondForm(action(reader, at, "undo"), again)}`;
  const body = isOfList ? html`${undo} ${rest}` : html`${rest} ${undo}`;
  return page(language, done, html`${senderLine(reader)} ${heading(done)} ${text} ${body}`);
}

/**
 * Says that the address gets mail of the list again, or, with `fromAll`, mailings, and offers to stop them. It is the page
 * of `/undo`.
 */
export function backPage(language: Language, reader: Reader, { fromAll }: { fromAll: boolean }): string {
  const { back, resumed, listResumed, mistake, button, listButton } = WORDS[language];
  const isOfList = reader.list !== null;
  const text = sentence(isOfList && !fromAll ? listResumed : resumed, reader);
  const redo = html`<p class="other">${mistake}</p>
    ${secondForm(action(reader, "undo", ""), filled(isOfList ? listButton : button, reader))}`;
  return page(language, back, html`${senderLine(reader)} ${heading(back)} ${text} ${redo}`);
}

/** Says that the address gets no mail for a reason that a reader cannot take back. */
export function blockedPage(language: Language, reader: Reader): string {
  const { blocked, otherReason } = WORDS[language];
  return page(language, blocked, html`${senderLine(reader)} ${heading(blocked)} ${sentence(otherReason, reader)}`);
}

/** The way out of all mailings, for somebody who is asked about one list; nothing when all of them are asked about. */
function leaveAll(language: Language, reader: Reader, at: Place = ""): Markup | null {
  if (reader.list === null) return null;
  const { everything, everythingButton } = WORDS[language];
  return html`<p class="other">${everything}</p>
    ${secondForm(action(reader, at, "all"), everythingButton)}`;
}

/** The URL to post to, from the page at `from`. It is relative, because a proxy may have put a path before ours. */
function action({ token }: Reader, from: Place, to: Place): string {
  return `${from === "" ? "" : "../"}${token}${to === "" ? "" : `/${to}`}`;
}

function secondForm(target: string, label: string | Piece[]): Markup {
  return html`<form method="post" action="${target}"><button type="submit" class="second">${label}</button></form>`;
}

/** Says that the link is not valid. */
export function unknownPage(language: Language): string {
  const { unknown, cutOff }: Words = WORDS[language];
  return page(
    language,
    unknown,
    html`${heading(unknown)}
      <p>${cutOff}</p>`,
  );
}

/** Says that nothing is kept of the mail any more. */
export function gonePage(language: Language): string {
  const { gone, newest }: Words = WORDS[language];
  return page(
    language,
    gone,
    html`${heading(gone)}
      <p>${newest}</p>`,
  );
}

function heading(title: string): Markup {
  return html`<h1>${title}</h1>`;
}

type Piece = string | Markup;

function sentence(text: string, reader: Reader): Markup {
  return html`<p>${filled(text, reader)}</p>`;
}

/** A text with the sender's name, the list and the masked address in it. Each may be written from right to left. */
function filled(text: string, { email, from, list }: Reader): Piece[] {
  const { name, address } = senderOf(from);
  const values: Record<string, Markup> = {
    "{sender}": html`<bdi><strong>${name ?? address}</strong></bdi>`,
    "{list}": html`<bdi><strong>${list}</strong></bdi>`,
    "{address}": html`<bdi>${masked(email)}</bdi>`,
  };
  return text.split(/(\{\w+\})/).map((piece) => values[piece] ?? piece);
}

function senderLine({ from }: Reader): Markup {
  const { name, address } = senderOf(from);
  return html`<p class="sender">
    ${name === null ? null : html`<strong><bdi>${name}</bdi></strong>`} <bdi>${address}</bdi>
  </p>`;
}

/** A name that is a template differs from reader to reader, so the address has to do. */
function senderOf(from: string): { name: string | null; address: string } {
  const found = splitMailbox(readWords(from));
  if ("problem" in found) return { name: null, address: from };
  const isTemplate = found.name !== null && /\{[{%]/.test(found.name);
  return { name: isTemplate ? null : found.name, address: found.address };
}

/** `j•••@example.net`: readers recognise their address, and others learn too little. */
function masked(email: string): string {
  const at = email.lastIndexOf("@");
  const [first = ""] = Array.from(email.slice(0, at));
  return `${first}•••${email.slice(at)}`;
}

function page(language: Language, title: string, body: Markup): string {
  return html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html> `.text;
}
