/** Inserts the preheader: text that mail programs show after the subject, and that is hidden in the mail itself. */
import { tokenize } from "../../html/tokens.ts";

/** Invisible spaces after the preheader, so that mail programs do not show the text of the mail behind it. */
const FILLER = "&#847;&zwnj;&nbsp;".repeat(40);

/** Elements that are no content: in a page without `<body>`, the content begins after them. */
const HEAD = new Set(["html", "head", "meta", "title", "style", "link", "base", "script", "noscript", "template"]);

/**
 * Puts the preheader (HTML) where reading begins: after the first `<body>` outside of comments, else before the first
 * content.
 */
export function insertPreheader(html: string, preheader: string): string {
  const at = startOfContent(html);
  const hidden = `<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">${preheader}${FILLER}</div>`;
  return html.slice(0, at) + hidden + html.slice(at);
}

function startOfContent(html: string): number {
  const { body, content } = new Start(html).find();
  if (body === null) return content;
  // In `<!--[if !mso]><!--><body><!--<![endif]-->` it has to come after the end of the condition, or Outlook would skip
  // it.
  const revealed = /^\s*<!--\s*<!\[endif\]\s*-->/i.exec(html.slice(body, body + 200));
  return body + (revealed?.[0].length ?? 0);
}

class Start {
  readonly #html: string;
  #body: number | null = null;
  #content: number | null = null;
  #tag = { name: "", start: 0 };
  /** The element of the head whose text is being read; "": none. */
  #inside = "";

  constructor(html: string) {
    this.#html = html;
  }

  find(): { body: number | null; content: number } {
    tokenize(this.#html, {
      onopentagname: (start, end) => {
        this.#tag = { name: this.#html.slice(start, end).toLowerCase(), start: start - 1 };
      },
      onopentagend: (end) => this.#open(end + 1),
      onselfclosingtag: (end) => this.#open(end + 1),
      onclosetag: (start, end) => this.#close(start, end),
      ontext: (start, end) => this.#text(start, end),
    });
    return { body: this.#body, content: this.#content ?? this.#html.length };
  }

  #open(end: number): void {
    const { name, start } = this.#tag;
    if (name === "body") this.#body ??= end;
    else if (!HEAD.has(name)) this.#content ??= start;
    else if (name !== "html" && name !== "head" && name !== "meta" && name !== "link" && name !== "base")
      this.#inside = name;
  }

  #close(start: number, end: number): void {
    const name = this.#html.slice(start, end).toLowerCase();
    if (name === "head") this.#content ??= this.#html.indexOf(">", end) + 1;
    this.#inside = "";
  }

  #text(start: number, end: number): void {
    if (this.#inside === "" && /\S/.test(this.#html.slice(start, end))) this.#content ??= start;
  }
}
