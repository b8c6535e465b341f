/**
 * Lines of plain text as a reader of HTML sees them: white space collapses across elements, blocks stand apart, quotes and lists are set in.
 * Nothing here asks how long a text is or what it says, so that a word can be replaced in the result as well as in the HTML.
 */
import type { LinkWriter } from "./link.ts";

/** What stands before the lines of a list item or quote. */
interface Margin {
  first: string;
  rest: string;
  used: boolean;
}

interface OpenLink {
  address: string;
  /** How many pictures came before it. */
  pictures: number;
  /** What it says on the line that is written; null before its first word. */
  text: string | null;
}

/** Quotes and lists are set in this often; what is in deeper ones stands below them. A page of thousands would be all margin. */
const MOST_MARGINS = 20;

const SPACES = /[ \t\n\r\f\v\u00a0\u2007\u2028\u2029]+/g;
/** Not seen, and not needed between letters: fill for preheaders, soft hyphens, places where a line may break, control characters. */
// oxlint-disable-next-line no-control-regex
const FILL = /[\0-\x08\x0e-\x1f\x7f-\x9f\xad\u180e\u200b\u2060-\u2064\ufeff]|\u034f/g;
/** Letters of some scripts and parts of emoji are joined, or kept apart, by them: between two signs they stay. */
const JOINERS = /(?<![^\s\u200c\u200d])[\u200c\u200d]|[\u200c\u200d](?![^\s\u200c\u200d])/g;
/** Something to see. */
export const SEEN = /[^\s\p{Default_Ignorable_Code_Point}]/u;

/** Without what no reader sees; lone halves of a character become U+FFFD. White space stays as it is. */
export function clean(text: string): string {
  return text
    .replace(FILL, "")
    .replace(JOINERS, "")
    .replace(/\p{Surrogate}/gu, "\uFFFD");
}

export class Lines {
  readonly #done: string[] = [];
  /** The line that is written, without its margin; null before the first. */
  #line: string | null = null;
  #margin = "";
  /** Line ends since the last text: 2 make a blank line. */
  #gap = 0;
  #firstGap = 0;
  /** White space that is written when text follows on the same line. */
  #space = "";
  /** A line of nothing but `&nbsp;` is as high as any. */
  #holdsSpace = false;
  readonly #margins: Margin[] = [];
  /** How many margins have been open all the time since the last text. */
  #shared = 0;
  #link: OpenLink | null = null;
  #writes = 0;

  /** Text in which white space collapses. */
  text(source: string): void {
    const text = clean(source).replace(SPACES, " ");
    if (!SEEN.test(text)) return this.#blank(source, text);
    if (/^\s/.test(text)) this.space();
    this.#put(text.trim(), false);
    if (/\s$/.test(text)) this.space();
  }

  /** Text in which white space stays; a tab is four spaces. */
  preformatted(source: string): void {
    const lines = clean(source).split(/\r\n?|[\n\f\v\u2028\u2029]/);
    for (const [index, line] of lines.entries()) {
      if (index > 0) this.#endLine();
      const text = line.replaceAll("\t", "    ").replace(/[\u00a0\u2007]/g, " ");
      if (SEEN.test(text)) this.#put(text, true);
      else this.#space += text;
    }
  }

  /** Text in which line ends stay. */
  preLines(source: string): void {
    for (const [index, line] of source.split(/\r\n?|\n/).entries()) {
      if (index > 0) this.#endLine();
      this.text(line);
    }
  }

  /** A space, if text stands before it and follows on the same line. */
  space(): void {
    this.#space ||= " ";
  }

  /** `<br>` */
  lineBreak(): void {
    this.#gap = this.#gap === 0 ? 1 : Math.max(this.#gap, 2);
    this.#forgetSpace();
  }

  /** The edge of a block: what follows starts a line, or stands behind a blank one. */
  break(space: "line" | "blank line"): void {
    this.#gap = Math.max(this.#gap, space === "blank line" || this.#holdsSpace ? 2 : 1);
    this.#forgetSpace();
  }

  /** A line that is ready. */
  line(text: string): void {
    this.break("line");
    this.#put(text, true);
    this.break("line");
  }

  /** What follows is set in until `closeMargin`. `first` stands before its first line, `rest` before the others. */
  openMargin(first: string, rest: string): void {
    this.#margins.push({ first, rest, used: false });
  }

  closeMargin(): void {
    const margin = this.#margins.at(-1);
    // An item without text has its number all the same.
    if (margin && !margin.used && margin.first !== margin.rest) this.#put("", false);
    this.#margins.pop();
    this.#shared = Math.min(this.#shared, this.#margins.length);
  }

  /** `pictures`: how many came before the link. */
  openLink(address: string, pictures: number): void {
    this.#link = { address, pictures, text: null };
  }

  /**
   * Ends the link that is open, if there is one. Of several lines the last has the address. A link without text is written only when there were
   * pictures in it: `pictures` is how many there have been now.
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

  /** Whether there is no text so far. */
  get empty(): boolean {
    return this.#line === null;
  }

  /** Another number after text was written, the same if none was. */
  get mark(): number {
    return this.#writes;
  }

  /** Whether a blank line belongs before the first line. */
  get startsApart(): boolean {
    return this.#firstGap > 1;
  }

  /** Whether a blank line belongs behind the last line. */
  get endsApart(): boolean {
    return this.#gap > 1;
  }

  /** Without blank lines at either end. */
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
