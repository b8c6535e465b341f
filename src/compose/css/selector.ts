/**
 * Reads selectors with css-tree, as strictly as browsers do (one bad selector makes the whole list invalid), and
 * separates what the document decides from what depends on a state or a mail program.
 */
import { type CssNode, type ListItem, parse } from "css-tree";
import { LIMITS, refuseBeyond } from "./limits.ts";
import { decodeName, type Span } from "./syntax.ts";

/** A condition that the document alone decides. */
export type Test =
  | { kind: "type"; name: string }
  | { kind: "class"; name: string }
  | { kind: "id"; name: string }
  | { kind: "attribute"; name: string; operator: string | null; value: string; ignoreCase: boolean }
  | { kind: "root" }
  | { kind: "nth"; step: number; offset: number; fromEnd: boolean; ofType: boolean }
  | { kind: "any" | "none"; of: Selector[] };

/** The part of a selector between two combinators, which is about one element. */
export interface Compound {
  /**
   * Conditions of the document only. Others (`:hover`) are left out, so the tests may match more elements than the
   * compound.
   */
  tests: Test[];
}

type Combinator = " " | ">" | "+" | "~";

/** One selector of a list, and its place in the source. */
export interface Selector extends Span {
  /** From left to right. The combinator before a compound has the same index; the first one means nothing. */
  compounds: Compound[];
  combinators: Combinator[];
  /** 1,000,000 for each id, 1,000 for each class, attribute or pseudo-class, 1 for each type or pseudo-element. */
  specificity: number;
  /** A class, id or attribute in it. Written twice, it matches the same elements and weighs more. */
  repeatable: { text: string; end: number; specificity: number } | null;
  /** The compounds, also inside `:not()`, that test the `style` attribute, which inlining changes. */
  onStyle: Compound[];
  /** The document decides all of it. */
  isStatic: boolean;
  /** It counts positions, so an element that a mail program adds may change what it matches. */
  isStructural: boolean;
  /** It styles a part of an element (`::before`), never the element. */
  isOfPart: boolean;
  /** Some browsers do not know it, and drop the whole rule. */
  isDoubtful: boolean;
}

const STATES = new Set(
  "link visited any-link hover active focus focus-within focus-visible target enabled disabled checked empty".split(
    " ",
  ),
);
const PARTS = new Set(["before", "after", "first-line", "first-letter", "selection", "placeholder", "marker"]);
/** These four may also be written with one colon. */
const OLD_PARTS = new Set(["before", "after", "first-line", "first-letter"]);

/** Attributes with values that HTML compares without regard to case (HTML, "Case-sensitivity of selectors"). */
const CASELESS = new Set(
  (
    "accept accept-charset align alink axis bgcolor charset checked clear codetype color compact declare defer dir direction disabled " +
    "enctype face frame hreflang http-equiv lang language link media method multiple nohref noresize noshade nowrap readonly rel rev rules " +
    "scope scrolling selected shape target text type valign valuetype vlink"
  ).split(" "),
);

const NTH: ReadonlyMap<string, { fromEnd: boolean; ofType: boolean }> = new Map([
  ["nth-child", { fromEnd: false, ofType: false }],
  ["nth-last-child", { fromEnd: true, ofType: false }],
  ["nth-of-type", { fromEnd: false, ofType: true }],
  ["nth-last-of-type", { fromEnd: true, ofType: true }],
]);
const FIRST: ReadonlyMap<string, string[]> = new Map([
  ["first-child", ["nth-child"]],
  ["last-child", ["nth-last-child"]],
  ["only-child", ["nth-child", "nth-last-child"]],
  ["first-of-type", ["nth-of-type"]],
  ["last-of-type", ["nth-last-of-type"]],
  ["only-of-type", ["nth-of-type", "nth-last-of-type"]],
]);

const [ID, CLASS, TYPE] = [1_000_000, 1_000, 1];

class Invalid extends Error {}

/**
 * The list of selectors in `source` at `at`. Null when browsers refuse the list, and drop its rule. Throws `UserError`
 * beyond `LIMITS.selectorParts` and `LIMITS.selectorDepth`.
 */
export function readSelectors(source: string, at: Span): Selector[] | null {
  const text = source.slice(at.start, at.end);
  checkNesting(text);
  try {
    const list = parse(text, { context: "selectorList", positions: true, onParseError: reject });
    return new Reader(text, at.start).list(list);
  } catch (error) {
    if (error instanceof Invalid || (error instanceof Error && error.name === "SyntaxError")) return null;
    throw error;
  }
}

function reject(): never {
  throw new Invalid();
}

/** Refuses deep nesting before css-tree reads the text, because css-tree recurses. */
function checkNesting(text: string): void {
  let depth = 0;
  for (const sign of text) {
    if (sign === "(") depth++;
    else if (sign === ")") depth--;
    refuseBeyond(LIMITS.selectorDepth, depth, "brackets inside each other in a selector");
  }
}

class Reader {
  readonly #text: string;
  readonly #offset: number;

  constructor(text: string, offset: number) {
    this.#text = text;
    this.#offset = offset;
  }

  list(node: CssNode): Selector[] {
    if (node.type !== "SelectorList" || node.children.isEmpty) return reject();
    const selectors = node.children.toArray().map((child) => this.#selector(child));
    // css-tree accepts a comma at the end, but browsers do not.
    const end = selectors.at(-1)?.end ?? 0;
    const closing = node.loc ? this.#text.slice(end - this.#offset) : "";
    if (/^(?:\s|\/\*[^]*?\*\/)*,/.test(closing)) reject();
    return selectors;
  }

  #selector(node: CssNode): Selector {
    if (node.type !== "Selector" || !node.loc) return reject();
    refuseBeyond(LIMITS.selectorParts, node.children.size, "parts in a selector");
    const selector: Selector = {
      start: this.#offset + node.loc.start.offset,
      end: this.#offset + node.loc.end.offset,
      compounds: [{ tests: [] }],
      combinators: [" "],
      specificity: 0,
      repeatable: null,
      onStyle: [],
      isStatic: true,
      isStructural: false,
      isOfPart: false,
      isDoubtful: false,
    };
    node.children.forEach((child, item) => this.#part(selector, child, item));
    return selector;
  }

  #part(selector: Selector, node: CssNode, item: ListItem<CssNode>): void {
    if (node.type === "Combinator") return this.#combinator(selector, node.name, item);
    const compound = selector.compounds.at(-1) ?? reject();
    const { tests } = compound;
    const isFirst = !item.prev || item.prev.data.type === "Combinator";
    // Only states may follow a part of an element.
    if (selector.isOfPart && node.type !== "PseudoClassSelector") reject();
    switch (node.type) {
      case "TypeSelector":
        return isFirst ? readType(selector, tests, node.name) : reject();
      case "ClassSelector":
        this.#weigh(selector, node, CLASS);
        tests.push({ kind: "class", name: decodeName(node.name) ?? reject() });
        return;
      case "IdSelector":
        this.#weigh(selector, node, ID);
        tests.push({ kind: "id", name: decodeName(node.name) ?? reject() });
        return;
      case "AttributeSelector":
        this.#weigh(selector, node, CLASS);
        return readAttribute(selector, compound, node);
      case "PseudoElementSelector":
        return readPart(selector, node.name.toLowerCase(), node.children !== null);
      case "PseudoClassSelector":
        return this.#pseudoClass(selector, tests, node);
      default:
        // Nesting, and anything that CSS may add later.
        doubt(selector);
    }
  }

  #weigh(selector: Selector, { loc }: CssNode, specificity: number): void {
    selector.specificity += specificity;
    if (!loc) return;
    const [start, end] = [loc.start.offset, loc.end.offset];
    selector.repeatable = { text: this.#text.slice(start, end), end: this.#offset + end, specificity };
  }

  #combinator(selector: Selector, name: string, item: ListItem<CssNode>): void {
    if (!item.prev || !item.next || item.prev.data.type === "Combinator" || selector.isOfPart) reject();
    if (name !== " " && name !== ">" && name !== "+" && name !== "~") return reject();
    selector.compounds.push({ tests: [] });
    selector.combinators.push(name);
  }

  #pseudoClass(selector: Selector, tests: Test[], node: CssNode & { type: "PseudoClassSelector" }): void {
    const name = node.name.toLowerCase();
    const argument = node.children?.first ?? null;
    if (node.children === null && OLD_PARTS.has(name)) return readPart(selector, name, false);
    if (selector.isOfPart) return doubt(selector);
    if (name === "not" || name === "is" || name === "where") return this.#logical(selector, tests, name, argument);
    selector.specificity += CLASS;
    if (name === "root" && !node.children) tests.push({ kind: "root" });
    else if (NTH.has(name) || FIRST.has(name)) readPosition(selector, tests, name, argument);
    else if (node.children ? name === "lang" : STATES.has(name)) selector.isStatic = false;
    else doubt(selector);
  }

  #logical(selector: Selector, tests: Test[], name: "not" | "is" | "where", argument: CssNode | null): void {
    if (argument?.type !== "SelectorList") return doubt(selector);
    const of = this.list(argument);
    if (name !== "where") selector.specificity += of.reduce((most, { specificity }) => Math.max(most, specificity), 0);
    selector.onStyle.push(...of.flatMap(({ onStyle }) => onStyle));
    selector.isStructural ||= of.some(({ isStructural }) => isStructural);
    if (of.some(({ isDoubtful, isOfPart }) => isDoubtful || isOfPart)) return doubt(selector);
    if (of.every(({ isStatic }) => isStatic)) tests.push({ kind: name === "not" ? "none" : "any", of });
    else selector.isStatic = false;
  }
}

function doubt(selector: Selector): void {
  selector.isDoubtful = true;
  selector.isStatic = false;
}

function readType(selector: Selector, tests: Test[], name: string): void {
  if (name === "*") return;
  // A namespace. Mails have none, and its meaning depends on the sheet.
  if (name.includes("|")) return doubt(selector);
  selector.specificity += TYPE;
  tests.push({ kind: "type", name: decodeName(name) ?? reject() });
}

function readAttribute(selector: Selector, compound: Compound, node: CssNode & { type: "AttributeSelector" }): void {
  const { value, matcher, flags } = node;
  if (node.name.name.includes("|")) return doubt(selector);
  const name = decodeName(node.name.name) ?? reject();
  const wanted = value === null ? "" : value.type === "String" ? value.value : (decodeName(value.name) ?? reject());
  const flag = flags?.toLowerCase() ?? "";
  if (flag !== "" && flag !== "i" && flag !== "s") reject();
  const ignoreCase = flag === "i" || (flag === "" && CASELESS.has(name.toLowerCase()));
  compound.tests.push({
    kind: "attribute",
    name,
    operator: matcher,
    value: wanted,
    ignoreCase,
  });
  if (name.toLowerCase() === "style") selector.onStyle.push(compound);
}

function readPart(selector: Selector, name: string, hasArgument: boolean): void {
  selector.specificity += TYPE;
  selector.isStatic = false;
  selector.isOfPart = true;
  if (!PARTS.has(name) || hasArgument) selector.isDoubtful = true;
}

function readPosition(selector: Selector, tests: Test[], name: string, argument: CssNode | null): void {
  selector.isStructural = true;
  const simple = FIRST.get(name);
  if (simple) {
    if (argument) return doubt(selector);
    for (const one of simple) tests.push({ kind: "nth", step: 0, offset: 1, ...positionOf(one) });
    return;
  }
  if (argument?.type !== "Nth" || argument.selector) return doubt(selector);
  tests.push({ kind: "nth", ...stepOf(argument.nth), ...positionOf(name) });
}

function positionOf(name: string): { fromEnd: boolean; ofType: boolean } {
  return NTH.get(name) ?? reject();
}

function stepOf(nth: CssNode): { step: number; offset: number } {
  if (nth.type === "Identifier") {
    const name = nth.name.toLowerCase();
    return name === "even" || name === "odd" ? { step: 2, offset: name === "odd" ? 1 : 0 } : reject();
  }
  if (nth.type !== "AnPlusB") return reject();
  const [step, offset] = [Number(nth.a ?? 0), Number(nth.b ?? 0)];
  return Number.isSafeInteger(step) && Number.isSafeInteger(offset) ? { step, offset } : reject();
}
