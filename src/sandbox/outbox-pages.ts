/** The pages of an outbox, to click through from a file manager: a list of topics, a list of mails, and one mail. */
import { count } from "../counted.ts";
import { readWords } from "../compose/address/encoded-word.ts";
import type { Mail } from "./mail.ts";

/** What a list shows of one mail. */
export interface Listed {
  /** The name of the `.eml` file without its ending. */
  file: string;
  to: string;
  subject: string;
  /** Milliseconds since the epoch. */
  at: number;
}

/** Pictures of the mail that are shown in it, all together, in characters of base64. */
const MOST_PICTURES = 4 * 1024 * 1024;
/** A page may style itself and show pictures that are in it. Nothing runs, and nothing is loaded from anywhere. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'";

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: #0a58ca; }
@media (prefers-color-scheme: dark) { :root { --link: #7ab7ff; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.4rem; margin: .2rem 0 1rem; overflow-wrap: anywhere; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
p.note { color: #777; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; color: #777; font-size: .85rem; }
th, td { padding: .45rem .6rem .45rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; vertical-align: top; }
td.time, td.count, td.eml { white-space: nowrap; color: #777; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0 0 1rem; }
dt { color: #777; } dd { margin: 0; overflow-wrap: anywhere; }
iframe { width: 100%; height: 70vh; border: 1px solid var(--line); border-radius: 6px; background: #fff; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); border-radius: 6px; padding: 1rem; background: var(--soft); }
@media (max-width: 40rem) { td.time { white-space: normal; } }
`;

/** The page of one mail. Its first line holds what lists show of it, for `listedIn`. */
export function mailPage(listed: Listed, mail: Mail): string {
  const { file, to, subject, at } = listed;
  const eml = `../${encodeURIComponent(file)}.eml`;
  const rows: [string, string][] = [
    ["From", readWords(mail.from)],
    ["To", to],
    ["Subject", subject],
    ["Time", timeText(at)],
    ...mail.headers.map(({ name, value }): [string, string] => [name, value]),
  ];
  const attached = mail.attachments.filter(({ inline }) => !inline).map(({ fileName }) => fileName);
  if (attached.length > 0) rows.push(["Attached", attached.join(", ")]);
  const body = `<p><a href="../index.html">← all mails</a> · <a href="${attribute(eml)}">${escaped(file)}.eml</a></p>
<h1>${escaped(subject)}</h1>
<dl>${rows.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join("")}</dl>
${htmlPart(mail)}${textPart(mail)}`;
  return page(subject, body, `<!-- ${comment(listed)} -->`);
}

/** What the first line of a page of `mailPage` says; null: it is none. */
export function listedIn(page: string): Listed | null {
  const [, json] = /<!-- (\{.*?\}) -->/.exec(page.slice(0, 20_000)) ?? [];
  try {
    return json === undefined ? null : (JSON.parse(json) as Listed);
  } catch {
    return null;
  }
}

/** The list of the mails of a topic. `more`: how many there are that it does not show. */
export function topicPage(topic: string, mails: readonly Listed[], more: number): string {
  const rows = mails.map(({ file, to, subject, at }) => {
    const name = encodeURIComponent(file);
    return `<tr><td><a href="view/${attribute(name)}.html">${escaped(to)}</a></td><td>${escaped(subject)}</td><td class="time">${timeText(at)}</td><td class="eml"><a href="${attribute(name)}.eml">.eml</a></td></tr>`;
  });
  const rest = more > 0 ? `<p class="note">${count(more)} more mails are in this folder as .eml files.</p>` : "";
  const body = `<p><a href="../index.html">← all topics</a></p><h1>${escaped(topic)}</h1>
<p class="note">${count(mails.length + more)} ${mails.length + more === 1 ? "mail" : "mails"} that went to the sandbox. Nobody got them.</p>
<table><thead><tr><th>To</th><th>Subject</th><th>Time</th><th></th></tr></thead><tbody>
${rows.join("\n")}
</tbody></table>${rest}`;
  return page(topic, body);
}

/** The list of topics. `more`: how many folders it does not show. */
export function outboxPage(topics: readonly { folder: string; name: string; mails: number }[], more: number): string {
  const rows = topics.map(
    ({ folder, name, mails }) =>
      `<tr><td><a href="${attribute(encodeURIComponent(folder))}/index.html">${escaped(name)}</a></td><td class="count">${count(mails)} ${mails === 1 ? "mail" : "mails"}</td></tr>`,
  );
  const rest = more > 0 ? `<p class="note">${count(more)} more topics have folders beside this page.</p>` : "";
  const body = `<h1>Outbox of the sandbox</h1><p class="note">Mail that was rehearsed. Nobody got it.</p>
<table><tbody>
${rows.join("\n")}
</tbody></table>${rest}`;
  return page("Outbox of the sandbox", body);
}

function page(title: string, body: string, first = ""): string {
  return `<!doctype html>${first}
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body>
${body}
</body></html>
`;
}

/** The mail stands in a frame that may do nothing: no scripts, no forms, no way out of it. It inherits the policy of the page. */
function htmlPart(mail: Mail): string {
  if (mail.html === null) return "";
  return `<iframe title="The mail" sandbox referrerpolicy="no-referrer" srcdoc="${attribute(withPictures(mail.html, mail))}"></iframe>`;
}

function textPart({ html, text, raw }: Mail): string {
  if (raw !== null) return `<p class="note">It was sent as a raw message: see the .eml file.</p>`;
  if (text === null) return "";
  const shown = `<pre>${escaped(text)}</pre>`;
  return html === null ? shown : `<details><summary>As text</summary>${shown}</details>`;
}

function withPictures(html: string, { attachments }: Mail): string {
  let room = MOST_PICTURES;
  let shown = html;
  for (const { contentId, contentType, data } of attachments) {
    if (contentId === null || !/^image\/[\w.+-]+$/.test(contentType) || data.length > room) continue;
    room -= data.length;
    shown = shown.replaceAll(`cid:${contentId.replaceAll(/^<|>$/g, "")}`, `data:${contentType};base64,${data}`);
  }
  return shown;
}

function comment(listed: Listed): string {
  return JSON.stringify(listed).replaceAll(
    /[<>&-]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function timeText(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function attribute(text: string): string {
  return escaped(text).replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}
