/**
 * Puts tracked links and the pixel into finished HTML. Everything else keeps every byte: the HTML is not parsed and
 * written again, but cut where the tokenizer finds an attribute. Links in comments (`<!--[if mso]>`) stay as they are.
 */
import { LRUCache } from "lru-cache";
import { decodeEntities } from "../html/entities.ts";
import { tokenize } from "../html/tokens.ts";

/**
 * What `trackHtml` puts into the HTML of one message. The addresses must need no escaping in an attribute
 * (`MessageLinks`).
 */
export interface Marks {
  /** The address to write for a link to `url`, or null to leave the link as it is. Null: all links stay. */
  click: ((url: string) => string | null) | null;
  /** The address of a picture to put before the last `</body>`, or at the end. */
  pixel: string | null;
}

/**
 * Links that are longer when percent-encoded are not tracked: many HTTP servers and proxies refuse addresses of more
 * than 8 KB.
 */
const MAX_ENCODED = 4_000;
/** The same limit for the link as it is written: entities and line breaks make it longer. */
const MAX_WRITTEN = 16_000;

interface Cut {
  start: number;
  end: number;
  text: string;
}

/**
 * The HTML with its links replaced and the pixel added, as `marks` says. Never fails: any text is HTML, as for a mail
 * program.
 */
export function trackHtml(html: string, marks: Marks): string {
  const { cuts, bodyEnd } = new Places(html, marks.click).find();
  if (marks.pixel !== null) place(cuts, { start: bodyEnd, end: bodyEnd, text: pixel(marks.pixel) });
  let done = 0;
  let tracked = "";
  for (const { start, end, text } of cuts) {
    tracked += html.slice(done, start) + text;
    done = end;
  }
  return tracked + html.slice(done);
}

function pixel(url: string): string {
  return `<img src="${url}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">`;
}

/** Keeps the cuts in order: a link may come after the end of the body. */
function place(cuts: Cut[], cut: Cut): void {
  const next = cuts.findIndex((other) => other.start >= cut.start);
  cuts.splice(next < 0 ? cuts.length : next, 0, cut);
}

interface Span {
  start: number;
  end: number;
}

/** Finds the places to cut. */
class Places {
  readonly #html: string;
  readonly #click: Marks["click"];
  readonly #cuts: Cut[] = [];
  #bodyEnd: number;
  /** The next five describe the tag that is being read. */
  #isLink = false;
  #name: Span = { start: 0, end: 0 };
  #value: Span | null = null;
  #href: Span | null = null;
  #noTrack: Cut[] = [];

  constructor(html: string, click: Marks["click"]) {
    this.#html = html;
    this.#click = click;
    this.#bodyEnd = html.length;
  }

  find(): { cuts: Cut[]; bodyEnd: number } {
    const endOfTag = () => this.#endTag();
    tokenize(this.#html, {
      onopentagname: (start, end) => this.#startTag(start, end),
      onattribname: (start, end) => this.#startAttribute(start, end),
      onattribdata: (start, end) => (this.#value = { start, end }),
      onattribend: (_quote, end) => this.#endAttribute(end),
      onopentagend: endOfTag,
      onselfclosingtag: endOfTag,
      onclosetag: (start, end) => this.#closeTag(start, end),
    });
    return { cuts: this.#cuts, bodyEnd: this.#bodyEnd };
  }

  #startTag(start: number, end: number): void {
    const length = end - start;
    this.#isLink =
      this.#click !== null && (length === 1 || length === 4) && /^(?:a|area)$/i.test(this.#html.slice(start, end));
    this.#href = null;
    this.#noTrack = [];
  }

  #startAttribute(start: number, end: number): void {
    this.#name = { start, end };
    this.#value = null;
  }

  #endAttribute(end: number): void {
    if (!this.#isLink) return;
    const name = this.#html.slice(this.#name.start, this.#name.end).toLowerCase();
    // When an attribute is written twice, browsers take the first.
    if (name === "href") this.#href ??= this.#value ?? { start: end, end };
    if (name === "data-no-track") this.#noTrack.push({ start: this.#name.start, end: this.#afterSpace(end), text: "" });
  }

  #afterSpace(from: number): number {
    let at = from;
    while (/[ \t\r\n\f]/.test(this.#html.charAt(at))) at++;
    return at;
  }

  #endTag(): void {
    if (!this.#isLink) return;
    this.#isLink = false;
    if (this.#noTrack.length > 0) this.#cuts.push(...this.#noTrack);
    else if (this.#href !== null) this.#link(this.#href);
  }

  #link({ start, end }: Span): void {
    const url = targetOf(this.#html.slice(start, end));
    const tracked = url === null ? null : (this.#click?.(url) ?? null);
    if (tracked !== null) this.#cuts.push({ start, end, text: tracked });
  }

  #closeTag(start: number, end: number): void {
    // The tokenizer also reads `</ body>` as an end tag, but for browsers it is a comment.
    if (end - start === 4 && /^<\/body$/i.test(this.#html.slice(start - 2, end))) this.#bodyEnd = start - 2;
  }
}

/** The links of a content are the same for (nearly) all of its messages. */
const targets = new LRUCache<string, { url: string | null }>({
  maxSize: 1_000_000,
  sizeCalculation: (_target, href) => href.length + 100,
});

/**
 * The address a browser would open for an `href` as it is written in HTML. Null unless it is an http or https address
 * of at most 4,000 characters, percent-encoded.
 */
export function targetOf(href: string): string | null {
  if (href.length > MAX_WRITTEN) return null;
  const known = targets.get(href);
  if (known) return known.url;
  // A copy: a slice would keep the whole HTML it was cut from.
  const own = Buffer.from(href).toString();
  const url = readTarget(own);
  targets.set(own, { url });
  return url;
}

function readTarget(href: string): string | null {
  // As browsers read it (WHATWG URL, basic URL parser): no white space around, no tabs or line breaks inside.
  const url = decodeEntities(href)
    // oxlint-disable-next-line no-control-regex
    .replace(/^[\x00-\x20]+|[\x00-\x20]+$|[\t\r\n]+/g, "")
    .replace(/\p{Surrogate}/gu, "\uFFFD");
  const isWeb = /^https?:\/\//i.test(url) && URL.canParse(url);
  return isWeb && encodeURIComponent(url).length <= MAX_ENCODED ? url : null;
}
