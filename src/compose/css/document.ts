/**
 * The tree a browser makes of the HTML (parse5 follows the HTML standard: implied tags, foster parents, the adoption agency), with the places
 * in the source where a `style` attribute or a style sheet can be cut. Nothing here writes HTML.
 */
import { Parser as TagParser } from "htmlparser2";
import { type DefaultTreeAdapterTypes, defaultTreeAdapter, html as spec, parse, type Token } from "parse5";
import { Allowance, LIMITS, refuseLongerThan } from "./limits.ts";
import { quoteOf } from "./quote.ts";

export interface Element {
  /** Lower case, but for SVG's own (`linearGradient`). */
  readonly tag: string;
  readonly isHtml: boolean;
  readonly attributes: ReadonlyMap<string, string>;
  /** Both in lower case when the document is in quirks mode. */
  readonly id: string | null;
  readonly classes: ReadonlySet<string>;
  readonly parent: Element | null;
  readonly previous: Element | null;
  /** Counted from 1 among the elements of its parent, and among those of its type. */
  readonly position: number;
  readonly typePosition: number;
  /** How many of them come behind it. */
  following: number;
  typeFollowing: number;
  /** Its start tag, when a style attribute can stand there and makes sense; null when it was implied, is in the head, or is not HTML. */
  tagAt: TagPlace | null;
  /** Of elements that were made of one tag, the first; what is written for one is written for all. */
  readonly twin: Element | null;
}

export interface TagPlace {
  /** Where another attribute can be put: behind the last one, or behind the name. */
  room: number;
  /** `style` as its author wrote it, from the name's first character; the end is behind the name when there is no value. */
  style: { start: number; end: number } | null;
}

/**
 * What may be done with a sheet. `plain`: inlined. `conditional`: holds for some media or mail programs only; stays, and may be given `!important`.
 * `fixed`: counts, but not a byte of it changes.
 */
export type SheetUse = "plain" | "conditional" | "fixed";

export interface SheetPlace {
  use: SheetUse;
  /** What stands between the tags. */
  start: number;
  end: number;
  /** With its tags; null when the element has to stay even if nothing is left in it. */
  whole: { start: number; end: number } | null;
}

/** An element inside a conditional comment: only Outlook sees it. */
export type HiddenElement = Pick<Element, "tag" | "isHtml" | "id" | "classes">;

export interface Document {
  elements: Element[];
  sheets: SheetPlace[];
  hidden: HiddenElement[];
  /** Without a doctype browsers compare classes and ids without regard to case. */
  quirks: boolean;
}

type Node = DefaultTreeAdapterTypes.Node;
type ParsedElement = DefaultTreeAdapterTypes.Element;

/** Chromium puts whatever is deeper beside the deepest, so what is a child of what is not sure there. */
const DEEPEST = 500;
const UNSEEN = new Set(["head", "title", "base", "link", "meta", "style", "script", "template", "noscript"]);
const CONDITION = /^\s*\[if\s[^\]]*\]/i;

/** Throws `UserError` beyond the limits. Works without recursion, whatever is nested. */
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

/** Around an element while the tree is walked. */
interface Level {
  element: Element | null;
  children: Node[];
  next: number;
  previous: Element | null;
  types: Map<string, Element[]>;
  count: Element[];
  inHead: boolean;
  /** A <head> with a tag of its own: without its sheets it still is one. */
  isWrittenHead: boolean;
  /** In SVG or `<noscript>`: a sheet there counts, but stays as it is. */
  aside: boolean;
}

type Mark = { at: number; sheet: SheetPlace } | { at: number; opens: boolean };

class Reader {
  readonly #html: string;
  readonly #quirks: boolean;
  readonly #elements: Element[] = [];
  readonly #marks: Mark[] = [];
  readonly #hidden: HiddenElement[] = [];
  /** Of the first sheet that has one. */
  #title: string | null = null;
  /** The parser hands the very list of a tag's attributes to each element it makes of that tag. */
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
    // A second <body> lent it its style: there is no place for ours that would not take the place of that one.
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
        // Without its end tag it goes on to the end; in SVG to that of the element around it, which is not more.
        end: at.endTag?.startOffset ?? this.#html.length,
        whole: level.isWrittenHead && isBare && at.endTag ? { start: at.startOffset, end: at.endTag.endOffset } : null,
      },
    });
  }

  /** Of sheets with titles browsers take those of the first title; the others are alternatives (CSSOM, "preferred CSS style sheet set name"). */
  #holdsAlways({ attrs }: ParsedElement, media: string): boolean {
    const title = attrs.find(({ name }) => name === "title")?.value ?? "";
    if (title !== "") this.#title ??= title;
    return (media === "" || media === "all") && (title === "" || title === this.#title);
  }

  /** `<!--[if mso]>…<![endif]-->` hides elements, `<!--[if !mso]><!-->` begins what Outlook does not see, `<!--<![endif]-->` ends it. */
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

/** As HTML compares: ASCII letters only. */
export function lower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
