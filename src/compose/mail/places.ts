/**
 * Finds the places of values in the HTML of a mail. The HTML is only tokenized, as browsers do it, not parsed into a
 * tree. Markup in conditional comments (`<!--[if mso]>`) counts, because Outlook reads it.
 */
import { decodeEntities } from "../../html/entities.ts";
import { cssPlaceAt } from "./css-value.ts";
import { addressAt, addressInText, type Around, IN_HTML, type Place } from "./escape.ts";
import { hasMark, type Marked, marksIn } from "./value-mark.ts";
import { tokenize } from "../../html/tokens.ts";

/** The mark of a value in HTML, and what surrounds it. */
export interface ValuePlace extends Marked {
  place: Place;
  /** True: the value may affect styles or structure, so the mail has to be composed with it. */
  structural: boolean;
  /** The style sheets in lower case, when a value with one of their words may affect styles. Null: no value here can. */
  sheets: string | null;
}

/** Attributes whose value is an address (HTML, index of attributes; VML's `src` and `href`). */
const ADDRESSES = new Set(
  [
    "href",
    "src",
    "action",
    "formaction",
    "background",
    "cite",
    "poster",
    "longdesc",
    "xlink:href",
    "ping",
    "data",
  ].concat(["codebase", "manifest", "lowsrc", "dynsrc"]),
);

/** Attributes whose value matters only to the reader. Any other attribute may affect styles or the text part. */
const PLAIN_ATTRIBUTES = new Set(["alt", "title", "content", "summary", "label", "placeholder", "aria-label"]);

/** Elements whose content has no entities. A value there is escaped all the same, and readers see the escapes. */
const AS_WRITTEN = new Set(["style", "script", "xmp", "iframe", "noembed", "noframes", "plaintext"]);

/** The places of all values in `html`, in order. */
export function placesIn(html: string): ValuePlace[] {
  const marks = marksIn(html);
  return marks.length === 0 ? [] : new Survey(html, marks).places();
}

type Found = Pick<ValuePlace, "place" | "structural"> & Partial<Pick<ValuePlace, "start" | "sheets">>;

interface Tag {
  name: string;
  attribute: string;
  /** Where the value of the attribute begins; -1 before it. */
  valueStart: number;
}

class Survey {
  readonly #html: string;
  readonly #marks: Marked[];
  readonly #sheets: string;
  readonly #selectors: AttributeSelector[];
  readonly #found = new Map<number, Found>();
  #next = 0;
  #tag: Tag = { name: "", attribute: "", valueStart: 0 };
  /** The element of `AS_WRITTEN` whose content is being read ("": none), and where that begins. */
  #inside = "";
  #contentStart = 0;

  constructor(html: string, marks: Marked[]) {
    this.#html = html;
    this.#marks = marks;
    this.#sheets = (html.match(/<style[\s>][\s\S]*?<\/style/gi) ?? []).join("\n");
    this.#selectors = attributeSelectors(this.#sheets);
  }

  places(): ValuePlace[] {
    this.#read(this.#html, 0);
    return this.#marks
      .map((mark) => ({ ...mark, sheets: null, ...(this.#found.get(mark.start) ?? STRUCTURAL) }))
      .map(this.#besideEntity);
  }

  /** In `&{{ value }}` the beginning of the value may complete an entity. */
  readonly #besideEntity = (place: ValuePlace): ValuePlace => {
    const opened = /&[#\w]*$/.test(this.#html.slice(Math.max(0, place.start - 40), place.start));
    return opened ? { ...place, structural: true } : place;
  };

  /** `offset` is where `source` begins in the HTML. */
  #read(source: string, offset: number): void {
    const endOfTag = (end: number) => {
      const { name } = this.#tag;
      this.#contentStart = end + 1;
      this.#inside = AS_WRITTEN.has(name) ? name : "";
    };
    tokenize(source, {
      onopentagname: (start, end) => {
        this.#tag = { name: source.slice(start, end).toLowerCase(), attribute: "", valueStart: 0 };
        this.#each(offset + start, offset + end, (mark) => this.#inTagName(offset + start, mark));
      },
      onattribname: (start, end) => {
        this.#each(offset + start, offset + end, () => ({ place: { in: "unquoted" }, structural: true }));
        this.#tag.attribute = source.slice(start, end).toLowerCase();
        this.#tag.valueStart = -1;
      },
      onattribdata: (start, end) => {
        if (this.#tag.valueStart < 0) this.#tag.valueStart = start;
        this.#each(offset + start, offset + end, (mark) => this.#inAttribute(source, offset, mark));
      },
      onopentagend: endOfTag,
      onselfclosingtag: endOfTag,
      onclosetag: () => (this.#inside = ""),
      ontext: (start, end) => this.#each(offset + start, offset + end, (mark) => this.#inText(source, offset, mark)),
      oncomment: (start, end, cut) => this.#comment(source, offset, start, end - cut),
    });
  }

  /**
   * Calls `tell` for the marks from `start` to `end`. Marks before `start` are in unusual places, and stay structural.
   */
  #each(start: number, end: number, tell: (mark: Marked) => Found): void {
    for (let mark = this.#marks[this.#next]; mark && mark.start < end; mark = this.#marks[++this.#next]) {
      if (mark.start >= start) this.#found.set(mark.start, tell(mark));
    }
  }

  /** At the beginning of the name, the `<` is part of the place. */
  #inTagName(nameStart: number, mark: Marked): Found {
    if (mark.start > nameStart) return { place: { in: "unquoted" }, structural: true };
    return { place: { in: "tag" }, structural: true, start: mark.start - 1 };
  }

  #inText(source: string, offset: number, mark: Marked): Found {
    const [start, end] = [mark.start - offset, mark.end - offset];
    if (this.#inside !== "") {
      const content = source.slice(this.#contentStart, start);
      if (this.#inside === "style") return inStyle(content, "sheet", source.slice(end, end + 2));
      return this.#inside === "script" ? inScript(content) : STRUCTURAL;
    }
    const address = addressInText(source.slice(0, start), source.slice(end, end + 2));
    const place: Place = address ? { in: "address", ...address, html: "text", within: null } : IN_HTML;
    return { place, structural: false };
  }

  #inAttribute(source: string, offset: number, mark: Marked): Found {
    const { attribute, valueStart } = this.#tag;
    const quote = source[valueStart - 1];
    const before = source.slice(valueStart, mark.start - offset);
    const after = source.slice(mark.end - offset, mark.end - offset + 2);
    const isWhole = before === "" && /^[\s>]/.test(after);
    const html = quote === '"' || quote === "'" ? "quoted" : isWhole ? "bare" : "unquoted";
    const selected = this.#selectors.some((selector) => decides(selector, attribute, before));
    if (ADDRESSES.has(attribute)) {
      return { place: { in: "address", ...addressAt(before, after), html, within: null }, structural: selected };
    }
    if (attribute === "style") return inStyle(decodeEntities(before), html, after);
    if (attribute === "srcset" && before !== "") return inSourceSet(before, html, after);
    const place: Place = html === "quoted" ? IN_HTML : { in: html };
    if (!selected && html === "quoted" && isName(attribute)) return { place, ...this.#byName() };
    return { place, structural: selected || !PLAIN_ATTRIBUTES.has(attribute) };
  }

  /** With escapes or values in the style sheets, their names can be anything, so the place is structural. */
  #byName(): Pick<ValuePlace, "structural" | "sheets"> {
    const isOpen = this.#sheets.includes("\\") || hasMark(this.#sheets);
    return { structural: isOpen, sheets: this.#sheets.toLowerCase() };
  }

  #comment(source: string, offset: number, start: number, end: number): void {
    const text = source.slice(start, end);
    const [{ length }] = /^\[if[^\]]*\]>/i.exec(text) ?? [""];
    const { tag, inside } = { tag: this.#tag, inside: this.#inside };
    if (length > 0) this.#read(text.slice(length).replace(/<!\[endif\]$/i, ""), offset + start + length);
    else this.#each(offset + start, offset + end, () => ({ place: IN_HTML, structural: false }));
    this.#tag = tag;
    this.#inside = inside;
  }
}

const STRUCTURAL: Found = { place: IN_HTML, structural: true };

/** `before` is the CSS up to the value. */
function inStyle(before: string, html: Around, after: string): Found {
  const found = cssPlaceAt(before);
  if ("css" in found) return { place: { in: "css", ...found, html }, structural: true };
  return { place: { in: "address", ...addressAt(found.address, after), html, within: "css" }, structural: true };
}

/** `small.png 1x, large.png 2x`: after a space comes the description of the address. */
function inSourceSet(before: string, html: Around, after: string): Found {
  const candidate = before.replace(/^[^]*,\s/, "").trimStart();
  const address = /\s/.test(candidate) ? addressAt("x", after) : addressAt(candidate, after);
  return { place: { in: "address", ...address, html, within: "srcset" }, structural: true };
}

/** `before` is the script up to the value. */
function inScript(before: string): Found {
  const rest = before.replace(/"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'|`(?:[^`\\]|\\[^])*`/g, "");
  return { place: { in: /["'`]/.test(rest) ? "json" : "json value" }, structural: false };
}

/** A selector such as `[href^="tel:"]` in a style sheet. */
interface AttributeSelector {
  name: string;
  operator: string;
  operand: string;
}

/** Attributes that matter only to style sheets, which find elements by their words. */
function isName(attribute: string): boolean {
  return attribute === "class" || attribute === "id" || attribute === "name" || attribute.startsWith("data-");
}

function attributeSelectors(sheets: string): AttributeSelector[] {
  const selectors = [
    ...sheets.matchAll(/\[\s*(?:[\w*-]*\|)?([\w:\\-]+)\s*(?:([~|^$*]?=)\s*(?:"([^"]*)"|'([^']*)'|([^\]\s]*)))?/g),
  ];
  return selectors.map(([, name = "", operator = "", double, single, bare]) => ({
    name: name.toLowerCase().replaceAll("\\", ""),
    operator,
    operand: double ?? single ?? bare ?? "",
  }));
}

/** Whether the rest of an attribute's value can decide whether a selector matches. */
function decides({ name, operator, operand }: AttributeSelector, attribute: string, before: string): boolean {
  if (name !== attribute || operator === "") return false;
  return operator !== "^=" || before.length < operand.length;
}
