/**
 * Reads HTML into the elements that a browser makes of it (parse5 follows the HTML standard: implied tags, foster
 * parents, the adoption agency), with the places in the source where a `style` attribute or a style sheet can be
 * changed. Nothing here writes HTML.
 */
import { Parser as TagParser } from "htmlparser2";
import { type DefaultTreeAdapterTypes, defaultTreeAdapter, html as spec, parse, type Token } from "parse5";
import { Allowance, LIMITS, refuseLongerThan } from "./limits.ts";
import { quoteOf } from "./quote.ts";

/** An element as selectors see it. */
export interface Element {
  /** In lower case, except names of SVG (`linearGradient`). */
  readonly tag: string;
  readonly isHtml: boolean;
  readonly attributes: ReadonlyMap<string, string>;
  /** Both in lower case when the document is in quirks mode. */
  readonly id: string | null;
  readonly classes: ReadonlySet<string>;
  readonly parent: Element | null;
  readonly previous: Element | null;
  /** Counted from 1 among the children of its parent, and among those of its type. */
  readonly position: number;
  readonly typePosition: number;
  /** The number of these that come after it. */
  following: number;
  typeFollowing: number;
  /** Its start tag, when a style attribute can be put there; null when the tag is implied, in the head, or not HTML. */
  tagAt: TagPlace | null;
  /**
   * The first of several elements that were made of the same tag, for the others; null for the first. They share their
   * attributes.
   */
  readonly twin: Element | null;
}

/** The places in a start tag, as offsets in the HTML. */
export interface TagPlace {
  /** Where another attribute can be put: after the last one, or after the tag's name. */
  room: number;
  /** The author's `style` attribute, from the first character of its name to its end. Null: there is none. */
  style: { start: number; end: number } | null;
}

/**
 * What may be done with a sheet. `plain`: it is inlined. `conditional`: it applies to some media or mail programs only,
 * so it stays, and may get `!important`. `fixed`: it counts in the cascade, but must not be changed.
 */
export type SheetUse = "plain" | "conditional" | "fixed";

/** A style sheet in the HTML, as offsets. */
export interface SheetPlace {
  use: SheetUse;
  /** The CSS between the tags. */
  start: number;
  end: number;
  /** The whole element with its tags; null when the element has to stay even if it becomes empty. */
  whole: { start: number; end: number } | null;
}

/**
 * An element that no style attribute can be written to, such as one in a conditional comment, which only Outlook sees.
 */
export type HiddenElement = Pick<Element, "tag" | "isHtml" | "id" | "classes">;

/** A mail's HTML, read for inlining. */
export interface Document {
  /** All elements, in the order of the document. */
  elements: Element[];
  sheets: SheetPlace[];
  hidden: HiddenElement[];
  /** True: there is no doctype, and browsers ignore case in classes and ids. */
  quirks: boolean;
}

type Node = DefaultTreeAdapterTypes.Node;
type ParsedElement = DefaultTreeAdapterTypes.Element;

/** Chromium makes deeper elements siblings, so the parent of an element is not sure from here on. */
const DEEPEST = 500;
const UNSEEN = new Set(["head", "title", "base", "link", "meta", "style", "script", "template", "noscript"]);
const CONDITION = /^\s*\[if\s[^\]]*\]/i;

/**
 * Reads any HTML. Does not recurse, so nesting has no limit. Throws `UserError` beyond `LIMITS.html` and
 * `LIMITS.elements`.
 */
export function readDocument(html: string): Document {
  refuseLongerThan(LIMITS.html, html.length, "characters of HTML");
  const tree = parseBounded(html);
  const reader = new Reader(html, tree.mode === spec.DOCUMENT_MODE.QUIRKS);
  reader.walk(tree);
  return reader.result();
}

/** Mail programs run no scripts, so `<noscript>` holds elements. */
function parseBounded(html: string): DefaultTreeAdapterTypes.Document {
  const elements = new Allowance(LIMITS.elements, "elements", "document");
  const treeAdapter = {
    ...defaultTreeAdapter,
    createElement(tag: string, namespace: spec.NS, attributes: Token.Attribute[]): ParsedElement {
      elements.spend();
      return defaultTreeAdapter.createElement(tag, namespace, attributes);
    },
  };
  return parse(html, { sourceCodeLocationInfo: true, scriptingEnabled: false, treeAdapter });
}

/** One level of the tree while it is walked. */
interface Level {
  element: Element | null;
  children: Node[];
  next: number;
  previous: Element | null;
  types: Map<string, Element[]>;
  count: Element[];
  inHead: boolean;
  /** It is a `<head>` with a tag of its own, so it still exists without its sheets. */
  isWrittenHead: boolean;
  /** It is in SVG or `<noscript>`, where a sheet counts but must not be changed. */
  aside: boolean;
}

type Mark = { at: number; sheet: SheetPlace } | { at: number; opens: boolean };

class Reader {
  readonly #html: string;
  readonly #quirks: boolean;
  readonly #elements: Element[] = [];
  readonly #marks: Mark[] = [];
  readonly #hidden: HiddenElement[] = [];
  /** The title of the first sheet that has one. */
  #title: string | null = null;
  /**
   * The parser gives the same list of attributes to each element that it makes of one tag, so the list identifies the
   * tag.
   */
  readonly #byTag = new Map<Token.Attribute[], Element>();

  constructor(html: string, quirks: boolean) {
    this.#html = html;
    this.#quirks = quirks;
  }

  walk(document: DefaultTreeAdapterTypes.Document): void {
    const levels: Level[] = [emptyLevel(null, document.childNodes)];
    for (let top = levels.at(-1); top; top = levels.at(-1)) {
      const node = top.children[top.next++];
      if (node === undefined) {
        count(top);
        levels.pop();
      } else if (defaultTreeAdapter.isCommentNode(node)) this.#comment(node);
      else if (defaultTreeAdapter.isElementNode(node)) {
        const element = this.#element(node, top, levels.length);
        if (node.tagName === "style") this.#sheet(node, top);
        levels.push(levelOf(node, element, top));
      }
    }
  }

  result(): Document {
    return { elements: this.#elements, sheets: this.#sheets(), hidden: this.#hidden, quirks: this.#quirks };
  }

  #element(node: ParsedElement, level: Level, depth: number): Element {
    const attributes = new Map(node.attrs.map(({ name, value }) => [name, value]));
    const isHtml = node.namespaceURI === spec.NS.HTML;
    const sameType = level.types.get(node.tagName) ?? [];
    const twin = this.#byTag.get(node.attrs) ?? null;
    const canBeSeen = isHtml && !level.inHead && !UNSEEN.has(node.tagName) && depth <= DEEPEST;
    const element: Element = {
      tag: node.tagName,
      isHtml,
      attributes,
      ...this.#names(attributes.get("id"), attributes.get("class")),
      parent: level.element,
      previous: level.previous,
      position: level.count.length + 1,
      typePosition: sameType.length + 1,
      following: 0,
      typeFollowing: 0,
      tagAt: canBeSeen ? this.#place(node) : null,
      twin,
    };
    if (!twin) this.#byTag.set(node.attrs, element);
    sameType.push(element);
    level.types.set(node.tagName, sameType);
    level.count.push(element);
    level.previous = element;
    this.#elements.push(element);
    return element;
  }

  #names(id: string | undefined, list: string | undefined): { id: string | null; classes: Set<string> } {
    const compared = (name: string) => (this.#quirks ? lower(name) : name);
    const classes = list?.split(/[ \t\n\f\r]+/).filter((word) => word !== "") ?? [];
    return { id: id === undefined ? null : compared(id), classes: new Set(classes.map(compared)) };
  }

  #place(node: ParsedElement): TagPlace | null {
    const location = node.sourceCodeLocation;
    const tag = location && (location.startTag ?? location);
    if (!tag || this.#html[tag.startOffset] !== "<") return null;
    const written = location.attrs ?? {};
    const style = written["style"];
    // The style comes from a second <body>. A style attribute here would replace that one.
    if (!style && node.attrs.some(({ name }) => name === "style")) return null;
    const place = style ? { start: style.startOffset, end: style.endOffset } : null;
    if (quoteOf(this.#html, place) === null) return null;
    const name = /^<[^\s/>]*/.exec(this.#html.slice(tag.startOffset, tag.endOffset))?.[0] ?? "";
    const ends = Object.values(written).map(({ endOffset }) => endOffset);
    return { room: ends.reduce((a, b) => Math.max(a, b), tag.startOffset + name.length), style: place };
  }

  #sheet(node: ParsedElement, level: Level): void {
    const at = node.sourceCodeLocation;
    if (!at?.startTag) return;
    const attributes = new Map(node.attrs.map(({ name, value }) => [name, value.trim().toLowerCase()]));
    const type = attributes.get("type") ?? "";
    if (type !== "" && type !== "text/css") return;
    const fixed = level.aside || attributes.has("data-embed") || !at.endTag || node.namespaceURI !== spec.NS.HTML;
    const isBare = [...attributes.keys()].every((name) => name === "type" || name === "media");
    this.#marks.push({
      at: at.startOffset,
      sheet: {
        use: fixed ? "fixed" : this.#holdsAlways(node, attributes.get("media") ?? "") ? "plain" : "conditional",
        start: at.startTag.endOffset,
        // Without an end tag it extends to the end of the document (in SVG, to the end of the element around it).
        end: at.endTag?.startOffset ?? this.#html.length,
        whole: level.isWrittenHead && isBare && at.endTag ? { start: at.startOffset, end: at.endTag.endOffset } : null,
      },
    });
  }

  /**
   * Whether a sheet always applies. Of sheets with titles, browsers use those with the first title; the others are
   * alternatives (CSSOM, "preferred CSS style sheet set name").
   */
  #holdsAlways({ attrs }: ParsedElement, media: string): boolean {
    const title = attrs.find(({ name }) => name === "title")?.value ?? "";
    if (title !== "") this.#title ??= title;
    return (media === "" || media === "all") && (title === "" || title === this.#title);
  }

  /**
   * `<!--[if mso]>…<![endif]-->` hides elements. `<!--[if !mso]><!-->` begins a part that Outlook does not see, and
   * `<!--<![endif]-->` ends it.
   */
  #comment(node: DefaultTreeAdapterTypes.CommentNode): void {
    const at = node.sourceCodeLocation?.startOffset ?? 0;
    const { data } = node;
    const condition = CONDITION.exec(data);
    const ends = /\[endif\]/i.test(data);
    if (condition && ends) this.#hide(data.slice(condition[0].length));
    else if (condition) this.#marks.push({ at, opens: true });
    else if (ends) this.#marks.push({ at, opens: false });
  }

  #hide(html: string): void {
    const parser = new TagParser({
      onopentag: (tag, { id, class: names }) =>
        this.#hidden.push({ tag: lower(tag), isHtml: true, ...this.#names(id, names) }),
    });
    parser.end(html);
  }

  #sheets(): SheetPlace[] {
    const sheets: SheetPlace[] = [];
    let onlySome = false;
    for (const mark of this.#marks.sort((a, b) => a.at - b.at)) {
      if ("opens" in mark) onlySome = mark.opens;
      else sheets.push({ ...mark.sheet, use: onlySome && mark.sheet.use === "plain" ? "conditional" : mark.sheet.use });
    }
    return sheets;
  }
}

function emptyLevel(element: Element | null, children: Node[]): Level {
  const inside = { inHead: false, isWrittenHead: false, aside: false };
  return { element, children, next: 0, previous: null, types: new Map(), count: [], ...inside };
}

function levelOf(node: ParsedElement, element: Element, around: Level): Level {
  const isHead = node.tagName === "head";
  return {
    ...emptyLevel(element, node.childNodes),
    inHead: around.inHead || isHead,
    isWrittenHead: isHead && Boolean(node.sourceCodeLocation?.startTag),
    aside: around.aside || !element.isHtml || node.tagName === "noscript",
  };
}

function count({ count: elements, types }: Level): void {
  for (const element of elements) element.following = elements.length - element.position;
  for (const list of types.values()) for (const one of list) one.typeFollowing = list.length - one.typePosition;
}

/** The text with ASCII letters in lower case, as HTML compares names. */
export function lower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
