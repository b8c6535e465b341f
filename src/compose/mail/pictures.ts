/**
 * Pictures that a mail's HTML shows from the content's folder. Found in: `src` of `<img>`, `<input>` and Outlook's VML, `srcset`, `background`,
 * and `url()` in `style` attributes and `<style>`; in conditional comments too. The HTML is not parsed and written again, only cut where the
 * tokenizer says that a reference stands.
 */
import type { MailFile } from "../../message.ts";
import { decodeEntities } from "../../tracking/html.ts";
import { contentTypeOf } from "../content/attachment.ts";
import { hasMark } from "./value-mark.ts";
import { tokenize } from "./tokens.ts";

export interface Inlined {
  html: string;
  /** Each picture once, in the order of the HTML. */
  files: MailFile[];
  /** True: there are references of which a value is part, and they were left as they are. */
  isOpen: boolean;
}

/**
 * Makes every local picture one that goes with the mail (`cid:`, RFC 2392). `fileAt` makes a file of a path, or throws. Where values are still
 * marks, references with one of them are left.
 */
export function inlinePictures(html: string, fileAt: (path: string) => MailFile): Inlined {
  const files = new Map<string, MailFile>();
  let inlined = "";
  let done = 0;
  let isOpen = false;
  for (const { start, end, path } of picturesIn(html)) {
    if (hasMark(path)) {
      isOpen = true;
      continue;
    }
    let file = files.get(path);
    if (file === undefined) files.set(path, (file = fileAt(path)));
    inlined += `${html.slice(done, start)}cid:${file.contentId}`;
    done = end;
  }
  // Two spellings of one path have one Content-ID.
  const each = new Map([...files.values()].map((file) => [file.contentId, file]));
  return { html: inlined + html.slice(done), files: [...each.values()], isOpen };
}

/** The paths of local pictures, each once: without the mail they lead nowhere. */
export function localPictures(html: string): string[] {
  return [...new Set(picturesIn(html).map(({ path }) => path))];
}

/** A reference to a local picture, and where it stands in the HTML. */
interface Reference {
  start: number;
  end: number;
  path: string;
}

function picturesIn(html: string): Reference[] {
  return new Search(html).references();
}

/** Elements whose `src` is a picture; VML as Outlook reads it. */
const WITH_SOURCE = new Set(["img", "input", "v:fill", "v:image", "v:imagedata"]);
const WITH_SET = new Set(["img", "source"]);

class Search {
  readonly #html: string;
  readonly #found: Reference[] = [];
  #element = "";
  #attribute = "";
  #value: { start: number; end: number } | null = null;
  #inStyle = false;

  constructor(html: string) {
    this.#html = html;
  }

  references(): Reference[] {
    this.#read(0, this.#html.length);
    return this.#found;
  }

  #read(from: number, to: number): void {
    const source = this.#html.slice(from, to);
    const endOfTag = () => (this.#inStyle = this.#element === "style");
    tokenize(source, {
      onopentagname: (start, end) => (this.#element = source.slice(start, end).toLowerCase()),
      onattribname: (start, end) => {
        this.#attribute = source.slice(start, end).toLowerCase();
        this.#value = null;
      },
      onattribdata: (start, end) => (this.#value = { start: this.#value?.start ?? from + start, end: from + end }),
      onattribend: () => this.#attributeEnds(),
      onopentagend: endOfTag,
      onselfclosingtag: endOfTag,
      onclosetag: () => (this.#inStyle = false),
      ontext: (start, end) => {
        if (this.#inStyle) this.#styles(from + start, from + end, false);
      },
      oncomment: (start, end, cut) => this.#comment(from + start, from + end - cut),
    });
  }

  #attributeEnds(): void {
    if (this.#value === null) return;
    const { start, end } = this.#value;
    const name = this.#attribute;
    if (name === "background" || (name === "src" && WITH_SOURCE.has(this.#element))) this.#add(start, end);
    else if (name === "style") this.#styles(start, end, true);
    else if (name === "srcset" && WITH_SET.has(this.#element)) this.#set(start, end);
  }

  /** `small.png 1x, large.png 2x`: an address without spaces, then what describes it, up to a comma (HTML, srcset attribute). */
  #set(start: number, end: number): void {
    const set = this.#html.slice(start, end);
    const word = /[^\s,]\S*/g;
    for (let found = word.exec(set); found; found = word.exec(set)) {
      const reference = found[0].replace(/,+$/, "");
      this.#add(start + found.index, start + found.index + reference.length);
      const next = reference === found[0] ? set.indexOf(",", word.lastIndex) : word.lastIndex;
      if (next < 0) return;
      word.lastIndex = next;
    }
  }

  /** Fonts and style sheets are named in the same way: only what is called like a picture is one. */
  #styles(start: number, end: number, isAttribute: boolean): void {
    for (const { 0: whole, index } of this.#html.slice(start, end).matchAll(/url\([^()]*\)/gi)) {
      const within = whole.slice(4, -1);
      const quote = /^\s*(["']|&quot;|&#34;|&apos;|&#39;)/i.exec(within);
      const from = quote ? quote[0].length : 0;
      const closed = quote ? within.indexOf(quote[1] ?? "", from) : -1;
      const reference = within.slice(from, closed < 0 ? undefined : closed);
      const path = localPath(isAttribute ? decodeEntities(reference) : reference);
      if (path === null || !(hasMark(path) || contentTypeOf(path).startsWith("image/"))) continue;
      const at = start + index + 4 + from;
      this.#found.push({ start: at, end: at + reference.length, path });
    }
  }

  #add(start: number, end: number): void {
    const path = localPath(decodeEntities(this.#html.slice(start, end)));
    if (path !== null) this.#found.push({ start, end, path });
  }

  #comment(start: number, end: number): void {
    const text = this.#html.slice(start, end);
    const [{ length }] = /^\[if[^\]]*\]>/i.exec(text) ?? [""];
    if (length === 0) return;
    const outer = this.#inStyle;
    this.#read(start + length, end);
    this.#inStyle = outer;
  }
}

/** Longer ones are no paths: no system has them. */
const MOST_REFERENCE = 4_000;

/** The path a reference names, percent-decoded; null: it leads elsewhere, or nowhere. One letter and a colon is a drive, not a scheme. */
function localPath(reference: string): string | null {
  if (reference.length > MOST_REFERENCE) return null;
  // oxlint-disable-next-line no-control-regex
  const url = reference.replace(/^[\x00-\x20]+|[\x00-\x20]+$|[\t\r\n]+/g, "");
  if (url === "" || /^(?:[a-z][a-z0-9+.-]+:|\/\/|[#?])/i.test(url)) return null;
  const path = url.replace(/[?#].*$/s, "");
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
