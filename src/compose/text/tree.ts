/**
 * Builds the tree of a mail's HTML as a browser does, as far as the text depends on it. The rules are those of HTML's
 * tree construction: what ends an open `<p>`, `<li>` or `<td>`, and that content of a table outside its cells is moved
 * before it. Rules that only change how letters look are left out. The tree is built in one pass, never fails, and is
 * never deeper than `DEEPEST`.
 */
import { decodeEntities } from "../../html/entities.ts";
import { type TokenCallbacks, tokenize, type Tokens } from "../../html/tokens.ts";
import { OpenElements } from "./open-elements.ts";

/** An element of the tree. */
export interface Element {
  /** The tag's name, in lower case. */
  readonly name: string;
  /** Only the attributes in `ATTRIBUTES`, decoded. */
  attributes: ReadonlyMap<string, string>;
  readonly children: (Element | string)[];
  readonly parent: Element | null;
  /** The number of elements around it. */
  readonly depth: number;
  /** For a cell: whether it contains a table. */
  holdsTable: boolean;
}

/** The tree of a whole mail. */
export interface Tree {
  /** The `<body>`, even when it was not written. */
  body: Element;
  /** Whether the end was left out because of `MOST_TEXT` or `MOST_ELEMENTS`. */
  cut: boolean;
}

/** As in Chromium. Deeper elements become siblings: their text is kept in order, only without their lists and tables. */
const DEEPEST = 512;
/** In UTF-16 units, with `alt` and `href`: ten times what Gmail shows of a mail. */
const MOST_TEXT = 1_000_000;
const MOST_ELEMENTS = 250_000;

/** A set of the names in `list`, which are separated by spaces. */
export const words = (list: string): ReadonlySet<string> => new Set(list.split(" "));

/** Elements on lines of their own, which also end an open `<p>`. */
export const BLOCKS = words(
  "address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li listing main menu nav ol p plaintext pre search section summary table ul xmp",
);
const ATTRIBUTES = words(
  "alt border checked colspan hidden height href label multiple open placeholder reversed role rowspan selected size start style type value width",
);
const VOID = words(
  "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr",
);
const PARTS = words("caption col colgroup tbody td tfoot th thead tr");
const SECTIONS = words("tbody tfoot thead");
const CELLS = words("td th");
/** Elements that cannot have text directly inside. */
const STRUCTURE = words("table tbody tfoot thead tr");
/** Invisible elements, which are allowed in `STRUCTURE`. */
const UNSEEN = words("script style template");
const FORMATTING = words("a b big code em font i nobr s small strike strong tt u");
const HEADINGS = words("h1 h2 h3 h4 h5 h6");
const IMPLIED_ENDS = words("dd dt li optgroup option p rp rt");
const TERMS = words("dd dt");
const CELL_BOUNDS = words("caption td template th");
const TABLE = words("table");
const TEMPLATE = words("template");
/** An end tag has no effect outside of these. */
const BOUNDS = words("applet caption marquee object table tbody td template tfoot th thead tr");
const LIST_BOUNDS = new Set([...BOUNDS, "ol", "ul"]);
const P_BOUNDS = new Set([...BOUNDS, "button"]);
const SPECIAL = new Set([...BOUNDS, ...BLOCKS, "button", "iframe", "noscript", "select", "svg", "textarea"]);
/** A new list item ends the previous one, unless one of these is open between them. */
const ITEM_BOUNDS = new Set([...SPECIAL].filter((name) => !["address", "div", "p", "li", "dd", "dt"].includes(name)));
/** Tags that are ignored, because the page always exists. */
const PAGE = words("html head frameset");

const NONE: ReadonlyMap<string, string> = new Map();

/** The tree of any HTML. Never fails. */
export function readTree(html: string): Tree {
  return new Reader(html).read();
}

/** Makes tags and texts of tokens. */
class Reader {
  readonly #html: string;
  readonly #tree = new Builder();
  #room = MOST_TEXT;
  #elements = 0;
  #cut = false;
  /** The text since the last tag. The tokenizer gives entities separately. */
  #text = "";
  /** The next four describe the tag that is being read. */
  #name = "";
  #attributes: Map<string, string> | null = null;
  /** Null: this attribute is not needed. */
  #attribute: string | null = null;
  #value = "";

  constructor(html: string) {
    this.#html = html;
  }

  read(): Tree {
    const callbacks = (tokens: Tokens): Partial<TokenCallbacks> => ({
      onopentagname: (start, end) => this.#startTag(this.#html.slice(start, end).toLowerCase()),
      onattribname: (start, end) => this.#startAttribute(this.#html.slice(start, end).toLowerCase()),
      onattribdata: (start, end) => this.#attributeData(start, end),
      onattribentity: (codepoint) => (this.#value += String.fromCodePoint(codepoint)),
      onattribend: () => this.#endAttribute(),
      onopentagend: () => this.#endTag(tokens),
      onselfclosingtag: () => this.#endTag(tokens),
      onclosetag: (start, end) => {
        this.#endText();
        this.#tree.endTag(this.#html.slice(start, end).toLowerCase());
      },
      ontext: (start, end) => this.#addText(tokens, this.#html.slice(start, end)),
      ontextentity: (codepoint) => this.#addText(tokens, String.fromCodePoint(codepoint)),
    });
    tokenize(this.#html, callbacks, { decodeEntities: true });
    this.#endText();
    return { body: this.#tree.body, cut: this.#cut };
  }

  #startTag(name: string): void {
    this.#name = name;
    this.#attributes = null;
  }

  #startAttribute(name: string): void {
    // When an attribute is written twice, browsers take the first.
    this.#attribute = ATTRIBUTES.has(name) && !this.#attributes?.has(name) ? name : null;
    this.#value = "";
  }

  #attributeData(start: number, end: number): void {
    if (this.#attribute !== null) this.#value += this.#html.slice(start, end);
  }

  #endAttribute(): void {
    if (this.#attribute === null) return;
    this.#attributes ??= new Map();
    this.#attributes.set(this.#attribute, this.#value);
  }

  #endTag(tokens: Tokens): void {
    this.#endText();
    this.#tree.startTag(this.#name, this.#attributes ?? NONE);
    this.#elements++;
    for (const name of ["alt", "href"]) this.#room -= this.#attributes?.get(name)?.length ?? 0;
    this.#cut ||= this.#elements >= MOST_ELEMENTS || this.#room < 0;
    if (this.#cut) tokens.pause();
  }

  #addText(tokens: Tokens, text: string): void {
    this.#text += text;
    if (this.#text.length <= this.#room || this.#tree.hidesText) return;
    this.#endText();
    tokens.pause();
  }

  #endText(): void {
    const text = this.#text;
    this.#text = "";
    if (text === "" || this.#room < 0 || this.#tree.hidesText) return;
    // In a textarea the tokenizer does not decode entities, but browsers do.
    const read = this.#tree.innermostName === "textarea" ? decodeEntities(text) : text;
    this.#tree.text(read.slice(0, this.#room));
    this.#room -= text.length;
    this.#cut ||= this.#room < 0;
  }
}

/** Makes elements of tags and texts. */
class Builder {
  readonly body = elementOf("body", NONE, null);
  readonly #open = new OpenElements(this.body);
  /** By name, the number of elements that are no longer open, or never were, because they were too deep. */
  readonly #tooDeep = new Map<string, number>();
  #skipsNewline = false;

  startTag(name: string, attributes: ReadonlyMap<string, string>): void {
    this.#skipsNewline = false;
    if (PAGE.has(name)) return;
    if (name === "body") return this.#startBody(attributes);
    if (!this.#makeRoomFor(name)) return;
    this.#add(name === "image" ? "img" : name, attributes);
    this.#skipsNewline = name === "pre" || name === "listing" || name === "textarea";
  }

  endTag(name: string): void {
    this.#skipsNewline = false;
    if (PAGE.has(name) || name === "body") return;
    if (this.#endTooDeep(name)) return;
    if (name === "br") this.#add("br", NONE);
    else if (name === "table" || PARTS.has(name)) this.#endTablePart(name);
    else if (FORMATTING.has(name)) this.#endFormatting(name);
    else if (name === "form") this.#endForm();
    else if (HEADINGS.has(name)) this.#open.close(this.#open.findAny(HEADINGS, BOUNDS));
    else if (name === "p") this.#endParagraph();
    else if (name === "li") this.#open.close(this.#open.find(name, LIST_BOUNDS));
    else this.#open.close(this.#open.find(name, SPECIAL.has(name) ? BOUNDS : SPECIAL));
  }

  get innermostName(): string {
    return this.#innermost.name;
  }

  /** Whether text at this point would be invisible. */
  get hidesText(): boolean {
    return UNSEEN.has(this.#innermost.name) || this.#innermost.name === "title";
  }

  text(data: string): void {
    const text = this.#skipsNewline ? data.replace(/^(?:\r\n?|\n)/, "") : data;
    this.#skipsNewline = false;
    const open = this.#innermost;
    if (!STRUCTURE.has(open.name)) open.children.push(text);
    else if (/[^ \t\r\n\f]/.test(text)) this.#beforeTable(text);
  }

  #startBody(attributes: ReadonlyMap<string, string>): void {
    if (this.body.attributes.size === 0) this.body.attributes = attributes;
  }

  /** Closes elements that cannot contain the new one. False when the new one is not allowed here at all. */
  #makeRoomFor(name: string): boolean {
    if (PARTS.has(name)) return this.#makeRoomForPart(name);
    if (name === "form" && (this.#open.find("form", TEMPLATE) >= 0 || STRUCTURE.has(this.#innermost.name)))
      return false;
    if (name === "li") this.#open.close(this.#open.find("li", ITEM_BOUNDS));
    if (name === "dd" || name === "dt") this.#open.close(this.#open.findAny(TERMS, ITEM_BOUNDS));
    if (name === "button") this.#open.close(this.#open.find("button", BOUNDS));
    if (name === "option" || name === "optgroup") this.#endInnermost("option");
    if (name === "optgroup") this.#endInnermost("optgroup");
    if (name === "a" && this.#open.find("a", SPECIAL) >= 0) this.#endFormatting("a");
    if (name === "table" && this.#open.find("table", CELL_BOUNDS) >= 0) this.#endTablePart("table");
    if (BLOCKS.has(name)) this.#open.close(this.#open.find("p", P_BOUNDS));
    if (HEADINGS.has(name) && HEADINGS.has(this.#innermost.name)) this.#open.pop();
    return true;
  }

  #makeRoomForPart(name: string): boolean {
    const table = this.#open.find("table", TEMPLATE);
    if (table < 0) return false;
    const section = SECTIONS.has(this.#open.at(table + 1)?.name ?? "") ? table + 1 : null;
    const row = section !== null && this.#open.at(section + 1)?.name === "tr" ? section + 1 : null;
    const needsSection = name === "tr" || CELLS.has(name);
    this.#open.closeIn((CELLS.has(name) ? row : null) ?? (needsSection ? section : null) ?? table);
    // The tree has these elements even when their tags were left out.
    if (needsSection && section === null) this.#add("tbody", NONE);
    if (CELLS.has(name) && row === null) this.#add("tr", NONE);
    return true;
  }

  #endTablePart(name: string): void {
    const table = this.#open.find("table", TEMPLATE);
    if (table < 0) return;
    if (name === "table") this.#open.close(table);
    else this.#open.close(this.#open.find(name, TABLE));
  }

  #endParagraph(): void {
    if (this.#open.find("p", P_BOUNDS) < 0) this.#add("p", NONE);
    this.#open.close(this.#open.find("p", P_BOUNDS));
  }

  /** Blocks inside stay open: in `<a><div>text</a>more</div>` the link ends in the middle of its children. */
  #endFormatting(name: string): void {
    const at = this.#open.find(name, BOUNDS);
    if (at < 0) return;
    if (this.#open.findAny(SPECIAL) < at) return this.#open.close(at);
    this.#open.take(at);
    if (name === "a") this.#append(elementOf(LINK_END, NONE, this.#innermost));
  }

  #endForm(): void {
    if (this.#open.find("form", TEMPLATE) < 0) return;
    while (IMPLIED_ENDS.has(this.#innermost.name)) this.#open.pop();
    this.#open.take(this.#open.find("form", TEMPLATE));
  }

  #add(name: string, attributes: ReadonlyMap<string, string>): void {
    const holds = !VOID.has(name);
    if (holds && this.#isFull && !UNSEEN.has(name) && name !== "title") {
      if (!SPECIAL.has(name) && name !== "a") return this.#noteTooDeep(name);
      this.#makeRoom();
    }
    const element = elementOf(name, attributes, this.#innermost);
    this.#append(element);
    if (!holds) return;
    if (name === "table") this.#noteTable();
    this.#open.push(element);
  }

  get #isFull(): boolean {
    return this.#innermost.depth >= DEEPEST;
  }

  /** Closes the innermost elements, so that the next one becomes their sibling. */
  #makeRoom(): void {
    for (; this.#isFull; this.#open.pop()) this.#noteTooDeep(this.#innermost.name);
  }

  #noteTooDeep(name: string): void {
    this.#tooDeep.set(name, (this.#tooDeep.get(name) ?? 0) + 1);
  }

  #endTooDeep(name: string): boolean {
    const count = this.#tooDeep.get(name) ?? 0;
    if (count === 0) return false;
    this.#tooDeep.set(name, count - 1);
    if (SPECIAL.has(name)) this.#append(elementOf("div", NONE, this.#innermost));
    return true;
  }

  #noteTable(): void {
    const cell = this.#open.at(this.#open.findAny(CELLS, TABLE));
    if (cell) cell.holdsTable = true;
  }

  #append(element: Element): void {
    const open = this.#innermost;
    const fits = !STRUCTURE.has(open.name) || PARTS.has(element.name) || UNSEEN.has(element.name);
    if (fits) open.children.push(element);
    else this.#beforeTable(element);
  }

  #beforeTable(child: Element | string): void {
    const children = this.#open.at(this.#open.find("table"))?.parent?.children;
    // An open element is the last child of its parent.
    children?.splice(-1, 0, child);
  }

  #endInnermost(name: string): void {
    if (this.#innermost.name === name) this.#open.pop();
  }

  get #innermost(): Element {
    return this.#open.innermost;
  }
}

/** The name of a pseudo element at the place where a link ends before its element does. */
export const LINK_END = "/a";

function elementOf(name: string, attributes: ReadonlyMap<string, string>, parent: Element | null): Element {
  return { name, attributes, children: [], parent, depth: parent === null ? 0 : parent.depth + 1, holdsTable: false };
}
