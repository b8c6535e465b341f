/** The pages for readers who follow a link to unsubscribe. They load nothing. */
import { createHash } from "node:crypto";

/** The languages of these pages. Each page also has a line in the other one. */
export type Language = "en" | "ko";

interface Words {
  ask: string;
  question: (address: string) => string;
  button: string;
  done: string;
  stopped: (address: string) => string;
  unknown: string;
  cutOff: string;
}

const WORDS: Record<Language, Words> = {
  en: {
    ask: "Unsubscribe",
    question: (address) => `No more mail to ${address}?`,
    button: "Unsubscribe",
    done: "You are unsubscribed",
    stopped: (address) => `No more mail will be sent to ${address}.`,
    unknown: "This link is not valid",
    cutOff: "It may have been cut off. Please copy the whole address from the mail.",
  },
  ko: {
    ask: "수신 거부",
    question: (address) => `${address} 주소로 메일을 더 이상 받지 않으시겠습니까?`,
    button: "수신 거부",
    done: "수신 거부되었습니다",
    stopped: (address) => `${address} 주소로 더 이상 메일을 보내지 않습니다.`,
    unknown: "유효하지 않은 링크입니다",
    cutOff: "주소가 잘렸을 수 있습니다. 메일에 있는 주소 전체를 복사해 주세요.",
  },
};

const STYLE = `
:root { color-scheme: light dark; --ground: #ffffff; --text: #1f2328; --faint: #59636e; --button: #0550ae; --on-button: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --text: #f0f6fc; --faint: #9198a1; --button: #79c0ff; --on-button: #0d1117; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px; background: var(--ground); color: var(--text);
  font: 18px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Apple SD Gothic Neo", "Malgun Gothic", sans-serif; }
main { width: 100%; max-width: 28rem; text-align: center; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 0 1rem; }
p { margin: 0 0 1.5rem; }
.other { margin: 1rem 0 0; color: var(--faint); font-size: 1rem; }
button { font: inherit; font-weight: 600; width: 100%; min-height: 48px; padding: 8px 24px; border: 0; border-radius: 8px;
  background: var(--button); color: var(--on-button); cursor: pointer; }
button:focus-visible { outline: 3px solid var(--text); outline-offset: 3px; }
`;

/** For `content-security-policy`: allows the style above and a form that posts to us, and nothing else. */
export const PAGE_CSP = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

/**
 * Asks the reader; nothing happens until the button is pressed. The form posts to the URL of the page itself. Shows the
 * address masked.
 */
export function askPage(language: Language, email: string): string {
  const { ask, button, question } = WORDS[language];
  const address = masked(email);
  const form = `<form method="post"><button type="submit">${button}</button></form>`;
  return page(language, ask, `<p>${question(address)}</p>\n${form}`, WORDS[other(language)].question(address));
}

/** Says that the address gets no more mail. Shows it masked. */
export function donePage(language: Language, email: string): string {
  const { done, stopped } = WORDS[language];
  const address = masked(email);
  return page(language, done, `<p>${stopped(address)}</p>`, WORDS[other(language)].stopped(address));
}

/** Says that the link is not valid. */
export function unknownPage(language: Language): string {
  const { unknown, cutOff } = WORDS[language];
  return page(language, unknown, `<p>${cutOff}</p>`, WORDS[other(language)].unknown);
}

/** The language for an `accept-language` header (RFC 9110 §12.5.4): English, unless Korean has a higher weight. */
export function languageOf(acceptLanguage: string | undefined): Language {
  const wanted = (language: Language): number => {
    const ranges = (acceptLanguage ?? "").slice(0, 500).split(",");
    const weights = ranges.map((range) => {
      const [, name, weight = "1"] = /^\s*([a-z]+)(?:-[a-z0-9-]+)?\s*(?:;\s*q\s*=\s*([\d.]+)\s*)?$/i.exec(range) ?? [];
      return name?.toLowerCase() === language ? Number(weight) : 0;
    });
    return Math.max(0, ...weights);
  };
  return wanted("ko") > wanted("en") ? "ko" : "en";
}

/** `j•••@example.net`, escaped for HTML: readers recognise their address, and others learn too little. */
function masked(email: string): string {
  const at = email.lastIndexOf("@");
  const [first = ""] = Array.from(email.slice(0, at));
  return escape(`${first}•••${email.slice(at)}`);
}

function other(language: Language): Language {
  return language === "en" ? "ko" : "en";
}

function page(language: Language, title: string, body: string, inOther: string): string {
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${body}
<p class="other" lang="${other(language)}">${inOther}</p>
</main>
</body>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
