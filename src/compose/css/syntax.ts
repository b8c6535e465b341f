/**
 * Cuts style sheets into rules and declarations by CSS Syntax (https://www.w3.org/TR/css-syntax-3/), with css-tree's
 * tokenizer. Broken CSS is skipped where browsers skip it, every piece knows its place in the source, and nothing
 * recurses over nested input.
 */
import { ident, tokenize, tokenTypes } from "css-tree";

/** A part of a source text: from `start` to `end` (exclusive). */
export interface Span {
  start: number;
  end: number;
}

/** A declaration that browsers accept by its syntax. */
export interface Declaration {
  /** In lower case; custom properties as written. `*zoom` for the star hack of old IE. */
  property: string;
  /** On one line, without comments and `!important`. */
  value: string;
  important: boolean;
  /** Where its value ends in the source, before any `!important`. */
  end: number;
}

/** The declarations of a rule or of a `style` attribute. */
export interface Block {
  declarations: Declaration[];
  /** It has something else than declarations, which browsers skip. */
  hasJunk: boolean;
  /** It has nested rules, or brackets and quotes that are not closed, so only the browser knows its meaning. */
  isOpaque: boolean;
}

/** A style rule: selectors and a block. */
export interface StyleRule extends Span {
  kind: "rule";
  /** The selectors. */
  prelude: Span;
  body: Span;
  block: Block;
}

/** An at-rule. */
export interface AtRule extends Span {
  kind: "at-rule";
  /** In lower case, without `@` and vendor prefix. */
  name: string;
  /** The text between the braces; null when there are none. */
  body: Span | null;
}

/** A top-level item of a style sheet, or of a conditional at-rule. */
export type Item = StyleRule | AtRule;

interface Tokens {
  source: string;
  types: number[];
  /** It has one more entry than there are tokens: the end of the source. */
  starts: number[];
  ends: number[];
  /** For an opening token, the index of the token that closes it, or the number of tokens when none does. */
  closedBy: number[];
}

const T = {
  ident: tokenTypes["Ident"],
  at: tokenTypes["AtKeyword"],
  string: tokenTypes["String"],
  badString: tokenTypes["BadString"],
  url: tokenTypes["Url"],
  badUrl: tokenTypes["BadUrl"],
  delim: tokenTypes["Delim"],
  space: tokenTypes["WhiteSpace"],
  cdo: tokenTypes["CDO"],
  cdc: tokenTypes["CDC"],
  colon: tokenTypes["Colon"],
  semicolon: tokenTypes["Semicolon"],
  comment: tokenTypes["Comment"],
  function: tokenTypes["Function"],
  openSquare: tokenTypes["LeftSquareBracket"],
  closeSquare: tokenTypes["RightSquareBracket"],
  openRound: tokenTypes["LeftParenthesis"],
  closeRound: tokenTypes["RightParenthesis"],
  openCurly: tokenTypes["LeftCurlyBracket"],
  closeCurly: tokenTypes["RightCurlyBracket"],
} as const;

const CLOSES: ReadonlyMap<number | undefined, number | undefined> = new Map([
  [T.function, T.closeRound],
  [T.openRound, T.closeRound],
  [T.openSquare, T.closeSquare],
  [T.openCurly, T.closeCurly],
]);
const CLOSING = new Set<number | undefined>(CLOSES.values());

/** The items of a style sheet, or of the body of an at-rule (`within`). Their places are offsets in `source`. */
export function cutRules(source: string, within: Span = { start: 0, end: source.length }): Item[] {
  return new Cutter(read(source, within)).rules();
}

/** The declarations of a `style` attribute. */
export function cutDeclarations(source: string): Block {
  const tokens = read(source, { start: 0, end: source.length });
  return new Cutter(tokens).block(0, tokens.types.length);
}

/** Every name that is followed by a colon. These are at least all properties that are set there, at any depth. */
export function namesBeforeColons(source: string, within: Span): Set<string> {
  const tokens = read(source, within);
  const names = new Set<string>();
  let name: string | null = null;
  tokens.types.forEach((type, at) => {
    if (type === T.ident) name = propertyName(textOf(tokens, at));
    else if (type === T.colon && name !== null) names.add(name);
    else if (type !== T.space && type !== T.comment) name = null;
  });
  return names;
}

/**
 * `value` with its strings in the given quotes where that is possible, so that it can be put between the other quotes.
 */
export function requote(value: string, quote: '"' | "'"): string {
  const tokens = read(value, { start: 0, end: value.length });
  return tokens.types
    .map((type, at) => {
      const text = textOf(tokens, at);
      return type === T.string && !text.includes(quote) && !text.includes("\\")
        ? quote + text.slice(1, -1) + quote
        : text;
    })
    .join("");
}

/** Whether the CSS has only white space and comments. */
export function isBlank(source: string): boolean {
  const empty: (number | undefined)[] = [T.space, T.comment, T.cdo, T.cdc];
  return read(source, { start: 0, end: source.length }).types.every((type) => empty.includes(type));
}

/** The name in a selector without escapes. Null when it is no identifier, as after a `#` that is no id selector. */
export function decodeName(written: string): string | null {
  return /^-?(?:[a-z_\u0080-\uffff-]|\\)/i.test(written) ? ident.decode(written) : null;
}

function propertyName(written: string): string {
  const name = ident.decode(written);
  return name.startsWith("--") ? name : name.toLowerCase();
}

function read(source: string, { start, end }: Span): Tokens {
  const tokens: Tokens = { source, types: [], starts: [], ends: [], closedBy: [] };
  const open: number[] = [];
  tokenize(source.slice(start, end), (type, from, to) => {
    const at = tokens.types.push(type) - 1;
    tokens.starts.push(start + from);
    tokens.ends.push(start + to);
    if (CLOSES.has(type)) open.push(at);
    // A closing token that does not match the innermost open one is an ordinary token inside it.
    else if (CLOSING.has(type) && type === CLOSES.get(tokens.types[open.at(-1) ?? -1]))
      tokens.closedBy[open.pop() ?? 0] = at;
  });
  for (const at of open) tokens.closedBy[at] = tokens.types.length;
  tokens.starts.push(end);
  return tokens;
}

function textOf({ source, starts, ends }: Tokens, at: number): string {
  return source.slice(starts[at], ends[at]);
}

class Cutter {
  readonly #t: Tokens;

  constructor(tokens: Tokens) {
    this.#t = tokens;
  }

  rules(): Item[] {
    const { types } = this.#t;
    const items: Item[] = [];
    for (let at = 0; at < types.length;) {
      const type = types[at];
      if (type === T.space || type === T.comment || type === T.cdo || type === T.cdc) at++;
      else at = type === T.at ? this.#atRule(at, items) : this.#styleRule(at, items);
    }
    return items;
  }

  #atRule(first: number, items: Item[]): number {
    const { types } = this.#t;
    const name = textOf(this.#t, first)
      .slice(1)
      .toLowerCase()
      .replace(/^-[a-z]+-/, "");
    const stop = this.#find(first + 1, types.length, (type) => type === T.semicolon || type === T.openCurly);
    const body = types[stop] === T.openCurly ? this.#inside(stop) : null;
    const last = body ? this.#closing(stop) : stop;
    items.push({ kind: "at-rule", name, body, start: this.#start(first), end: this.#endAt(last) });
    return last + 1;
  }

  #styleRule(first: number, items: Item[]): number {
    const { types } = this.#t;
    const open = this.#find(first, types.length, (type) => type === T.openCurly);
    // Selectors without a block are no rule.
    if (open >= types.length) return open;
    const close = this.#closing(open);
    const block = this.block(open + 1, close);
    items.push({
      kind: "rule",
      prelude: { start: this.#start(first), end: this.#start(open) },
      body: this.#inside(open),
      block: close < types.length ? block : { ...block, isOpaque: true },
      start: this.#start(first),
      end: this.#endAt(close),
    });
    return close + 1;
  }

  block(first: number, end: number): Block {
    const block: Block = { declarations: [], hasJunk: false, isOpaque: false };
    for (let at = first; at < end; at++) {
      const type = this.#t.types[at];
      if (type === T.space || type === T.comment || type === T.semicolon) continue;
      const stop = this.#find(at, end, (next) => next === T.semicolon);
      const declaration = this.#declaration(at, stop, block);
      if (declaration) block.declarations.push(declaration);
      else block.hasJunk = true;
      at = stop;
    }
    return block;
  }

  /** The declaration from `first` to the semicolon at `end`. Null when browsers do not accept it. */
  #declaration(first: number, end: number, block: Block): Declaration | null {
    const { types } = this.#t;
    const star = types[first] === T.delim && textOf(this.#t, first) === "*" && types[first + 1] === T.ident ? "*" : "";
    const name = star === "" ? first : first + 1;
    const property = types[name] === T.ident ? star + propertyName(textOf(this.#t, name)) : "";
    const colon = this.#skipSpace(name + 1, end);
    const isNamed = property !== "" && types[colon] === T.colon && colon < end;
    if (!this.#isClosed(first, end)) block.isOpaque = true;
    if (types[first] === T.at || this.#hasBlock(first, end)) {
      // A custom property may have a block; elsewhere a block is a nested rule.
      if (!isNamed || !property.startsWith("--")) block.isOpaque = true;
    }
    if (!isNamed || textOf(this.#t, name).includes("\\")) return null;
    return this.#value(property, this.#skipSpace(colon + 1, end), end);
  }

  #value(property: string, first: number, end: number): Declaration | null {
    const { types } = this.#t;
    let last = this.#skipSpaceBack(end - 1, first);
    let important = false;
    if (types[last] === T.ident && textOf(this.#t, last).toLowerCase() === "important") {
      const mark = this.#skipSpaceBack(last - 1, first);
      if (mark >= first && types[mark] === T.delim && textOf(this.#t, mark) === "!") {
        important = true;
        last = this.#skipSpaceBack(mark - 1, first);
      }
    }
    if (last < first || !this.#isValue(first, last + 1)) return null;
    return { property, value: this.#text(property, first, last), important, end: this.#endAt(last) };
  }

  /** A value may have any tokens, but every bracket has to be opened and closed, and a `!` is not allowed. */
  #isValue(first: number, end: number): boolean {
    const { types, closedBy } = this.#t;
    for (let at = first; at < end; at++) {
      const type = types[at];
      if (type === T.badString || type === T.badUrl || CLOSING.has(type)) return false;
      if (type === T.delim && textOf(this.#t, at) === "!") return false;
      const close = closedBy[at];
      if (close !== undefined && (close >= end || !this.#isInner(at + 1, close))) return false;
      at = close ?? at;
    }
    return true;
  }

  /** The same for the tokens between brackets, where a `!` is allowed. */
  #isInner(first: number, end: number): boolean {
    const { types, closedBy } = this.#t;
    const closing = new Set<number>();
    for (let at = first; at < end; at++) {
      const type = types[at];
      const close = closedBy[at];
      if (type === T.badString || type === T.badUrl || (close !== undefined && close >= end)) return false;
      if (close !== undefined) closing.add(close);
      else if (CLOSING.has(type) && !closing.has(at)) return false;
    }
    return true;
  }

  #text(property: string, first: number, last: number): string {
    if (property.startsWith("--")) return this.#t.source.slice(this.#start(first), this.#endAt(last));
    let text = "";
    for (let at = first; at <= last; at++) {
      if (!this.#isSpace(at)) text += textOf(this.#t, at);
      else if (!this.#isSpace(at - 1)) text += " ";
    }
    return text;
  }

  #isClosed(first: number, end: number): boolean {
    const { types, closedBy } = this.#t;
    for (let at = first; at < end; at++) if ((closedBy[at] ?? 0) >= types.length) return false;
    return end < types.length || this.#endsWhole(types.length - 1);
  }

  /** False when the last token is a string, address or escape that only the end of the sheet closes. */
  #endsWhole(at: number): boolean {
    const type = this.#t.types[at];
    const text = at < 0 ? "" : textOf(this.#t, at);
    const isEscaped = (/\\*$/.exec(text.slice(0, -1))?.[0].length ?? 0) % 2 === 1;
    if (type === T.string) return text.length > 1 && text.endsWith(text.charAt(0)) && !isEscaped;
    if (type === T.url) return text.endsWith(")") && !isEscaped;
    return type === T.comment || !text.endsWith("\\");
  }

  #hasBlock(first: number, end: number): boolean {
    return this.#find(first, end, (type) => type === T.openCurly) < end;
  }

  /** The first wanted token outside of brackets, or `end`. */
  #find(first: number, end: number, isWanted: (type: number | undefined) => boolean): number {
    const { types, closedBy } = this.#t;
    for (let at = first; at < end; at = (closedBy[at] ?? at) + 1) if (isWanted(types[at])) return at;
    return end;
  }

  #closing(open: number): number {
    return this.#t.closedBy[open] ?? this.#t.types.length;
  }

  #inside(open: number): Span {
    return { start: this.#endAt(open), end: this.#start(this.#closing(open)) };
  }

  #start(at: number): number {
    return this.#t.starts[Math.min(at, this.#t.types.length)] ?? 0;
  }

  #endAt(at: number): number {
    return this.#t.ends[at] ?? this.#start(at);
  }

  #skipSpace(from: number, end: number): number {
    let at = from;
    while (at < end && this.#isSpace(at)) at++;
    return at;
  }

  #skipSpaceBack(from: number, first: number): number {
    let at = from;
    while (at >= first && this.#isSpace(at)) at--;
    return at;
  }

  #isSpace(at: number): boolean {
    const type = this.#t.types[at];
    return type === T.space || type === T.comment;
  }
}
