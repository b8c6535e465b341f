/**
 * Finds the local pictures of a mail's HTML: in `src` of `<img>`, `<input>` and Outlook's VML, in `srcset` and
 * `background`, and in `url()` of `style` attributes and `<style>`, also inside conditional comments. The HTML is not
 * parsed and written again, but cut where the tokenizer finds a reference.
 */
import type { MailFile } from "../../message.ts";
import { decodeEntities } from "../../html/entities.ts";
import { contentTypeOf } from "../content/attachment.ts";
import { hasMark } from "./value-mark.ts";
import { tokenize } from "../../html/tokens.ts";

/** HTML whose local pictures are sent with the mail. */
export interface Inlined<File = MailFile> {
  /** The HTML with `cid:` references. */
  html: string;
  /** Each picture once, in the order of the HTML. */
  files: File[];
  /** True: some references have the mark of a value, and were left as they are. */
  isOpen: boolean;
}

/**
 * Replaces every reference to a local picture by `cid:` (RFC 2392), so that the picture is sent with the mail. `fileAt`
 * makes a file of a path, or throws; what is null for it is left as it is, as are references with the mark of a value.
 */
export function inlinePictures<File extends Pick<MailFile, "contentId">>(
  html: string,
  fileAt: (path: string) => File | null,
): Inlined<File> {
  const files = new Map<string, File | null>();
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
    if (file === null) continue;
    inlined += `${html.slice(done, start)}cid:${file.contentId}`;
    done = end;
  }
  // Two spellings of one path have one Content-ID.
  const found = [...files.values()].filter((file) => file !== null);
  const each = new Map(found.map((file) => [file.contentId, file]));
  return { html: inlined + html.slice(done), files: [...each.values()], isOpen };
}

/** The paths of the local pictures in `html`, each once. Readers see them only when they are sent with the mail. */
export function localPictures(html: string): string[] {
  return [...new Set(picturesIn(html).map(({ path }) => path))];
}

/** A reference to a local picture, and where it is in the HTML. */
interface Reference {
  start: number;
  end: number;
  path: string;
}

function picturesIn(html: string): Reference[] {
  return new Search(html).references();
}

/** Elements whose `src` is a picture. The last three are VML, for Outlook. */
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

  /**
   * `small.png 1x, large.png 2x`: an address without spaces, then its description up to a comma (HTML, srcset
   * attribute).
   */
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

  /** `url()` also names fonts and style sheets, so only paths with the extension of a picture count. */
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

/** A longer reference cannot be a path on any system. */
const MOST_REFERENCE = 4_000;

/**
 * The path of a reference, percent-decoded; null when it is no local path. One letter and a colon is a drive, not a
 * scheme.
 */
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
