/**
 * Derives the text part of a mail from its HTML: what a reader sees, as plain text. White space, hidden elements, lists
 * and tables follow browsers. Links get their addresses, and pictures become their `alt`. Letters are not changed and
 * lines are not wrapped.
 */
import { Lines, SEEN, clean } from "./lines.ts";
import { type LinkWriter, writeLink } from "./link.ts";
import { ListMarks } from "./lists.ts";
import { type Look, PLAIN_LOOK, lookOf } from "./style.ts";
import { type Cell, type Row, type WrittenRow, kindOf, writeRows } from "./table.ts";
import { type Element, LINK_END, readTree, words } from "./tree.ts";

/**
 * The plain text of rendered HTML with inlined CSS. It ends with one line feed, and is only that when there is nothing
 * to see. Never fails, for any HTML. After 1,000,000 characters of text or 250,000 elements it stops and ends with
 * `[…]`.
 *
 * The layout depends only on tags and attributes, not on the words or length of a text. So a word in text, `alt` or
 * `href` may be replaced in the result, unless `link` depends on it.
 */
export function textOf(html: string, link: LinkWriter = writeLink): string {
  const { body, cut } = readTree(html);
  const lines = new Writer(link).write(body);
  if (cut) lines.push(...(lines.length > 0 ? [""] : []), "[…]");
  return `${lines.join("\n")}\n`;
}

/** Elements that are never shown, with everything in them. */
const NEVER = words(
  "annotation annotation-xml col colgroup datalist defs desc frame iframe link meta metadata noembed noframes param rp script source style symbol template title track",
);
/** Elements with blank lines around them. */
const PARAGRAPHS = words("blockquote dl fieldset figure h1 h2 h3 h4 h5 h6 hr listing menu ol p plaintext pre ul xmp");
const LISTS = words("dir menu ol ul");
const RULE = "-".repeat(30);

class Writer {
  readonly #link: LinkWriter;
  #lines = new Lines();
  /** The number of pictures without words so far. A link without text is written only when it has such a picture. */
  #pictures = 0;
  /** The lists that are open, the innermost last. */
  readonly #lists: ListMarks[] = [];
  #quotes = 0;

  constructor(link: LinkWriter) {
    this.#link = link;
  }

  write(body: Element): string[] {
    const look = lookOf(body, PLAIN_LOOK);
    if (look) this.#children(body, look);
    return this.#lines.finish();
  }

  #children(element: Element, look: Look): void {
    for (const child of element.children) {
      if (typeof child === "string") this.#text(child, look);
      else this.#element(child, look);
    }
  }

  #text(text: string, look: Look): void {
    if (!look.textSeen) return;
    if (look.whiteSpace === "collapse") this.#lines.text(text);
    else if (look.whiteSpace === "keep") this.#lines.preformatted(text);
    else this.#lines.preLines(text);
  }

  #element(element: Element, parent: Look): void {
    if (NEVER.has(element.name)) return;
    if (element.name === "br") return this.#lines.lineBreak();
    if (element.name === LINK_END) return this.#lines.closeLink(this.#link, this.#pictures);
    const look = lookOf(element, parent);
    if (look === null) return;
    const before = this.#lines.mark;
    this.#edge(element, look, look.above);
    this.#content(element, look);
    this.#edge(element, look, look.below || (look.tall && this.#lines.mark === before));
  }

  /** The beginning or end of a block, or of a box within a line. `apart`: its style leaves space there. */
  #edge({ name }: Element, { display }: Look, apart: boolean): void {
    if (display === "inline-block") this.#lines.space();
    else if (display === "list-item") this.#lines.break("line");
    else if (display === "block") {
      const paragraph = PARAGRAPHS.has(name) && !(LISTS.has(name) && this.#lists.length > 0);
      this.#lines.break(paragraph || apart ? "blank line" : "line");
    }
  }

  #content(element: Element, look: Look): void {
    switch (element.name) {
      case "a":
        return this.#anchor(element, look);
      case "area":
        return this.#area(element, look);
      case "blockquote":
        return this.#setIn(element, look, "> ", "> ");
      case "dd":
        return this.#setIn(element, look, "    ", "    ");
      case "dialog":
        return element.attributes.has("open") ? this.#children(element, look) : undefined;
      case "dir":
      case "menu":
      case "ol":
      case "ul":
        return this.#list(element, look);
      case "hr":
        return look.visible ? this.#lines.line(RULE) : undefined;
      case "img":
        return this.#picture(element, look);
      case "input":
        return look.visible ? this.#words(shownInput(element)) : undefined;
      case "li":
        return this.#item(element, look);
      case "q":
        return this.#quote(element, look);
      case "rt":
        return this.#around("(", ")", element, look);
      case "select":
        return look.textSeen ? this.#options(element) : undefined;
      case "svg":
        this.#pictures++;
        return this.#children(element, look);
      case "table":
        return this.#table(element, look);
      default:
        return this.#children(element, look);
    }
  }

  /** Writes words of an attribute, with spaces around them. */
  #words(text: string): void {
    this.#lines.space();
    this.#lines.text(text);
    this.#lines.space();
  }

  #around(before: string, after: string, element: Element, look: Look): void {
    if (look.textSeen) this.#lines.text(before);
    this.#children(element, look);
    if (look.textSeen) this.#lines.text(after);
  }

  #quote(element: Element, look: Look): void {
    const [before, after] = this.#quotes++ % 2 === 0 ? ["“", "”"] : ["‘", "’"];
    this.#around(before, after, element, look);
    this.#quotes--;
  }

  #setIn(element: Element, look: Look, first: string, rest: string): void {
    this.#lines.openMargin(first, rest);
    this.#children(element, look);
    this.#lines.closeMargin();
  }

  #anchor(element: Element, look: Look): void {
    const href = element.attributes.get("href");
    if (href === undefined) return this.#children(element, look);
    this.#openLink(href);
    if (/background[^;]*\burl\(/i.test(element.attributes.get("style") ?? "")) this.#pictures++;
    this.#children(element, look);
    this.#lines.closeLink(this.#link, this.#pictures);
  }

  /** One of several links in a picture. */
  #area(element: Element, look: Look): void {
    const href = element.attributes.get("href");
    if (href === undefined || !look.visible) return;
    this.#lines.break("line");
    this.#openLink(href);
    this.#words(element.attributes.get("alt") ?? "");
    this.#lines.closeLink(this.#link, ++this.#pictures);
    this.#lines.break("line");
  }

  /** Links cannot be nested, so a second one ends the first. */
  #openLink(href: string): void {
    this.#lines.closeLink(this.#link, this.#pictures);
    this.#lines.openLink(addressOf(href), this.#pictures);
  }

  #picture(element: Element, look: Look): void {
    if (!look.visible || isPixel(element)) return;
    const alt = element.attributes.get("alt") ?? "";
    if (isBlank(alt)) this.#pictures++;
    else this.#words(alt);
  }

  #options(select: Element): void {
    const options = optionsOf(select);
    const all = select.attributes.has("multiple") || Number(select.attributes.get("size") ?? 1) > 1;
    const chosen = options.findLast((option) => option.attributes.has("selected")) ?? options[0];
    for (const option of all ? options : chosen ? [chosen] : []) {
      if (all) this.#lines.break("line");
      this.#words(
        option.attributes.get("label") ?? option.children.filter((child) => typeof child === "string").join(""),
      );
    }
    if (all) this.#lines.break("line");
  }

  #list(list: Element, look: Look): void {
    const items = list.children.filter((child) => typeof child !== "string" && child.name === "li");
    const shown = items.filter((item) => typeof item !== "string" && lookOf(item, look) !== null);
    this.#lists.push(new ListMarks(list, shown.length));
    // A list directly inside another list, not in an item.
    if (LISTS.has(list.parent?.name ?? "")) this.#setIn(list, look, "  ", "  ");
    else this.#children(list, look);
    this.#lists.pop();
  }

  #item(item: Element, look: Look): void {
    if (look.display !== "list-item") return this.#children(item, look);
    const mark = (this.#lists.at(-1) ?? new ListMarks(null, 0)).mark(item, look.listStyle);
    if (look.visible) this.#setIn(item, look, mark, " ".repeat(mark.length));
    else this.#children(item, look);
  }

  #table(table: Element, look: Look): void {
    const { captions, rows, names } = partsOf(table, look);
    const kind = kindOf(table, names);
    const cells = rows.map((row) => row.map((cell) => this.#cell(cell)));
    const written = writeRows(cells, kind);
    const holdsData = kind === "data" || (kind === "unknown" && written.some((row) => "line" in row && row.places > 1));
    this.#lines.break(holdsData ? "blank line" : "line");
    for (const caption of captions) this.#element(caption.element, look);
    for (const [index, row] of written.entries()) this.#row(row, cells[index] ?? [], !holdsData);
    this.#lines.break(holdsData ? "blank line" : "line");
  }

  #cell({ element, look }: Shown): Cell {
    if (element.holdsTable) return { element, look, lines: null, above: look.above, below: look.below };
    const outer = this.#lines;
    const inner = new Lines();
    this.#lines = inner;
    this.#children(element, look);
    this.#lines = outer;
    const above = look.above || inner.startsApart;
    const below = look.below || inner.endsApart || (look.tall && inner.empty);
    return { element, look, lines: inner.finish(), above, below };
  }

  /** `spaced`: blank lines where the cells have space above or below. */
  #row(row: WrittenRow, cells: Row, spaced: boolean): void {
    if ("blocks" in row) {
      for (const cell of row.blocks) this.#block(cell, row.blocks.length > 1);
      return;
    }
    const space = (apart: boolean): void => this.#lines.break(apart && spaced ? "blank line" : "line");
    space(cells.some((cell) => cell.above));
    if (row.line !== "") this.#lines.line(row.line);
    space(cells.some((cell) => cell.below));
  }

  /** Writes the content of a cell on lines of its own. */
  #block(cell: Cell, besideOthers: boolean): void {
    const apart = besideOthers && (cell.lines?.length ?? 0) > 1;
    this.#lines.break(apart || cell.above ? "blank line" : "line");
    if (cell.lines === null) this.#children(cell.element, cell.look);
    for (const line of cell.lines ?? []) {
      if (line === "") this.#lines.break("blank line");
      else this.#lines.line(line);
    }
    this.#lines.break(apart || cell.below ? "blank line" : "line");
  }
}

/** An element that is visible. */
interface Shown {
  element: Element;
  look: Look;
}

function shownChildren(element: Element, look: Look): Shown[] {
  return element.children.flatMap((child) => {
    const childLook = typeof child === "string" || NEVER.has(child.name) ? null : lookOf(child, look);
    return typeof child === "string" || childLook === null ? [] : [{ element: child, look: childLook }];
  });
}

const CELLS = words("td th");

/** The visible parts of a table: its head first and its foot last, wherever they are in the HTML. */
function partsOf(table: Element, look: Look): { captions: Shown[]; rows: Shown[][]; names: Set<string> } {
  const parts = shownChildren(table, look);
  const called = (name: string): Shown[] => parts.filter(({ element }) => element.name === name);
  const body = parts.filter(({ element }) => !["caption", "thead", "tfoot"].includes(element.name));
  const rows = [...called("thead"), ...body, ...called("tfoot")].flatMap((part) => rowsOf(part));
  const names = new Set([...parts, ...rows.flat()].map(({ element }) => element.name));
  return { captions: called("caption"), rows, names };
}

function rowsOf(part: Shown): Shown[][] {
  if (CELLS.has(part.element.name)) return [[part]];
  const children = shownChildren(part.element, part.look);
  return part.element.name === "tr" ? [children] : children.flatMap((child) => rowsOf(child));
}

function optionsOf(element: Element): Element[] {
  return element.children.flatMap((child) => {
    if (typeof child === "string" || lookOf(child, PLAIN_LOOK) === null) return [];
    return child.name === "option" ? [child] : optionsOf(child);
  });
}

/**
 * The address as browsers read it (WHATWG URL, basic URL parser): without white space around it or line breaks inside.
 */
function addressOf(href: string): string {
  return clean(href.replace(/[\t\r\n]+/g, "")).trim();
}

function isBlank(text: string): boolean {
  return !SEEN.test(clean(text));
}

/** Whether a picture is invisible: it counts opens, or makes a gap. */
function isPixel({ attributes }: Element): boolean {
  const style = attributes.get("style") ?? "";
  return (["width", "height"] as const).some((name) => {
    const inStyle = new RegExp(`(?:^|[;\\s])${name}\\s*:\\s*([^;!]*)`, "i").exec(style)?.[1];
    return /^\s*[01](?:\.\d+)?(?:px)?\s*$/i.test(inStyle ?? attributes.get(name) ?? "");
  });
}

/** The text that a form field shows. */
function shownInput({ attributes }: Element): string {
  const value = attributes.get("value");
  switch (attributes.get("type")?.toLowerCase()) {
    case "checkbox":
      return attributes.has("checked") ? "[x]" : "[ ]";
    case "radio":
      return attributes.has("checked") ? "(x)" : "( )";
    case "submit":
      return value ?? "Submit";
    case "reset":
      return value ?? "Reset";
    case "image":
      return attributes.get("alt") ?? "";
    case "color":
    case "file":
    case "hidden":
    case "password":
    case "range":
      return "";
    default:
      return value || (attributes.get("placeholder") ?? "");
  }
}
