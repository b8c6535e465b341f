/**
 * Builds lines of plain text as a reader of HTML sees them: white space collapses across elements, blocks are
 * separated, quotes and lists are indented. Nothing here depends on the words or length of a text, so that a word can
 * be replaced in the result as well as in the HTML.
 */
import type { LinkWriter } from "./link.ts";

/** The text before the lines of a list item or quote. */
interface Margin {
  first: string;
  rest: string;
  used: boolean;
}

interface OpenLink {
  address: string;
  /** The number of pictures before it. */
  pictures: number;
  /** Its text on the current line; null before its first word. */
  text: string | null;
}

/** The most levels of quotes and lists that are indented. Without a limit, thousands of levels would be all margin. */
const MOST_MARGINS = 20;

const SPACES = /[ \t\n\r\f\v\u00a0\u2007\u2028\u2029]+/g;
/**
 * Invisible characters that are not needed between letters: filler of preheaders, soft hyphens, break opportunities,
 * control characters.
 */
// oxlint-disable-next-line no-control-regex
const FILL = /[\0-\x08\x0e-\x1f\x7f-\x9f\xad\u180e\u200b\u2060-\u2064\ufeff]|\u034f/g;
/**
 * Joiners at the edge of a word. Between two characters they stay, because they join or separate letters of some
 * scripts and parts of emoji.
 */
const JOINERS = /(?<![^\s\u200c\u200d])[\u200c\u200d]|[\u200c\u200d](?![^\s\u200c\u200d])/g;
/** Matches text with at least one visible character. */
export const SEEN = /[^\s\p{Default_Ignorable_Code_Point}]/u;

/** The text without invisible characters; lone surrogates become U+FFFD. White space stays as it is. */
export function clean(text: string): string {
  return text
    .replace(FILL, "")
    .replace(JOINERS, "")
    .replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** Lines of text that are being written. Call the methods in the order of the HTML, then `finish`. */
export class Lines {
  readonly #done: string[] = [];
  /** The current line, without its margin; null before the first. */
  #line: string | null = null;
  #margin = "";
  /** Line ends since the last text: 2 make a blank line. */
  #gap = 0;
  #firstGap = 0;
  /** White space that is only written when text follows on the same line. */
  #space = "";
  /** True: the line has only `&nbsp;`, and browsers show it as a blank line. */
  #holdsSpace = false;
  readonly #margins: Margin[] = [];
  /** The number of margins that have stayed open since the last text. */
  #shared = 0;
  #link: OpenLink | null = null;
  #writes = 0;

  /** Writes text in which white space collapses. */
  text(source: string): void {
    const text = clean(source).replace(SPACES, " ");
    if (!SEEN.test(text)) return this.#blank(source, text);
    if (/^\s/.test(text)) this.space();
    this.#put(text.trim(), false);
    if (/\s$/.test(text)) this.space();
  }

  /** Writes text in which white space stays; a tab becomes four spaces. */
  preformatted(source: string): void {
    const lines = clean(source).split(/\r\n?|[\n\f\v\u2028\u2029]/);
    for (const [index, line] of lines.entries()) {
      if (index > 0) this.#endLine();
      const text = line.replaceAll("\t", "    ").replace(/[\u00a0\u2007]/g, " ");
      if (SEEN.test(text)) this.#put(text, true);
      else this.#space += text;
    }
  }

  /** Writes text in which line ends stay and other white space collapses. */
  preLines(source: string): void {
    for (const [index, line] of source.split(/\r\n?|\n/).entries()) {
      if (index > 0) this.#endLine();
      this.text(line);
    }
  }

  /** Writes a space, if there is text before it and after it on the same line. */
  space(): void {
    this.#space ||= " ";
  }

  /** Writes a `<br>`. */
  lineBreak(): void {
    this.#gap = this.#gap === 0 ? 1 : Math.max(this.#gap, 2);
    this.#forgetSpace();
  }

  /** The edge of a block: the next text starts a new line, or comes after a blank one. */
  break(space: "line" | "blank line"): void {
    this.#gap = Math.max(this.#gap, space === "blank line" || this.#holdsSpace ? 2 : 1);
    this.#forgetSpace();
  }

  /** Writes a finished line. */
  line(text: string): void {
    this.break("line");
    this.#put(text, true);
    this.break("line");
  }

  /** Indents everything until `closeMargin`: `first` is put before the first line, `rest` before the others. */
  openMargin(first: string, rest: string): void {
    this.#margins.push({ first, rest, used: false });
  }

  closeMargin(): void {
    const margin = this.#margins.at(-1);
    // An item without text still has its number.
    if (margin && !margin.used && margin.first !== margin.rest) this.#put("", false);
    this.#margins.pop();
    this.#shared = Math.min(this.#shared, this.#margins.length);
  }

  /** Begins a link. `pictures` is the number of pictures so far. */
  openLink(address: string, pictures: number): void {
    this.#link = { address, pictures, text: null };
  }

  /**
   * Ends the open link, if there is one. When it has several lines, the last one gets the address. A link without text
   * is written only when it has pictures: `pictures` is the number so far.
   */
  closeLink(write: LinkWriter, pictures: number): void {
    const link = this.#link;
    this.#link = null;
    if (link === null) return;
    if (link.text !== null) {
      const text = link.text.trim();
      const start = link.text.indexOf(text);
      this.#line += link.text.slice(0, start) + write(text, link.address) + link.text.slice(start + text.length);
    } else if (pictures > link.pictures) {
      const written = write("", link.address);
      if (written !== "") this.#put(written, false);
    }
  }

  /** True when there is no text so far. */
  get empty(): boolean {
    return this.#line === null;
  }

  /** A number that changes whenever text is written. */
  get mark(): number {
    return this.#writes;
  }

  /** Whether a blank line belongs before the first line. */
  get startsApart(): boolean {
    return this.#firstGap > 1;
  }

  /** Whether a blank line belongs after the last line. */
  get endsApart(): boolean {
    return this.#gap > 1;
  }

  /** The lines, without blank lines at either end. */
  finish(): string[] {
    this.#finishLine();
    this.#line = null;
    while (this.#done.at(-1) === "") this.#done.pop();
    return this.#done;
  }

  #blank(source: string, text: string): void {
    if (this.#gap > 0 && source.includes("\u00a0")) this.#holdsSpace = true;
    if (/\s/.test(text)) this.space();
  }

  #endLine(): void {
    this.#gap++;
    this.#forgetSpace();
  }

  #forgetSpace(): void {
    this.#space = "";
    this.#holdsSpace = false;
  }

  #put(text: string, keepsSpace: boolean): void {
    const starts = this.#line === null || this.#gap > 0;
    if (starts) this.#startLine();
    if (!starts || keepsSpace) this.#add(this.#space);
    this.#forgetSpace();
    if (this.#link) this.#link.text ??= "";
    this.#add(text);
    this.#writes++;
  }

  #add(text: string): void {
    if (this.#link && this.#link.text !== null) this.#link.text += text;
    else this.#line += text;
  }

  #startLine(): void {
    const started = this.#line !== null;
    if (!started) this.#firstGap = this.#gap;
    this.#finishLine();
    const blank = this.#rest(this.#shared).trimEnd();
    const blanks = started ? this.#gap - 1 : 0;
    for (let count = 0; count < blanks; count++) this.#done.push(blank);
    this.#line = "";
    this.#gap = 0;
    this.#margin = "";
    for (const margin of this.#margins.slice(0, MOST_MARGINS)) {
      this.#margin += margin.used ? margin.rest : margin.first;
    }
    for (const margin of this.#margins) margin.used = true;
    this.#shared = this.#margins.length;
  }

  #rest(count: number): string {
    const margins = this.#margins.slice(0, Math.min(count, MOST_MARGINS));
    return margins.map((margin) => margin.rest).join("");
  }

  #finishLine(): void {
    if (this.#line === null) return;
    this.#done.push((this.#margin + this.#line + (this.#link?.text ?? "")).trimEnd());
    if (this.#link && this.#link.text !== null) this.#link.text = "";
  }
}
