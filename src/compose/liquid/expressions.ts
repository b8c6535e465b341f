/**
 * Checks conditions, values and filters by the documented syntax of Liquid. LiquidJS takes the first value and ignores
 * the rest (`a = 1`, `a == "x" b`), so the mail would not be the one its author meant.
 */
import { nearest } from "../../nearest.ts";
import { corrected, type Lexeme } from "./lexer.ts";
import { type Mistake, mistakeIn, type Tag } from "./mistake.ts";
import { FILTER_VALUES, foreignFilter, mendedFormat } from "./foreign.ts";

const COMPARISONS = new Set(["==", "!=", "<", ">", "<=", ">=", "contains"]);
const JOINED = new Set(["and", "or"]);

/**
 * Reads the lexemes of one tag from left to right. Every method that expects something throws `Mistake` when it is
 * missing. `filters` are the names of known filters.
 */
export class TagReader {
  readonly tag: Tag;
  readonly #lexemes: Lexeme[];
  readonly #filters: string[];
  #at = 0;

  constructor(tag: Tag, lexemes: Lexeme[], filters: string[]) {
    this.tag = tag;
    this.#lexemes = lexemes;
    this.#filters = filters;
  }

  get done(): boolean {
    return this.#at >= this.#lexemes.length;
  }

  peek(ahead = 0): Lexeme | undefined {
    return this.#lexemes[this.#at + ahead];
  }

  /** Takes the next lexeme when it is one of `texts`. */
  take(...texts: string[]): Lexeme | undefined {
    const next = this.peek();
    if (!next || next.kind === "text" || !texts.includes(next.text)) return undefined;
    this.#at++;
    return next;
  }

  /** Takes the next lexeme when it is a word. */
  word(): Lexeme | undefined {
    const next = this.peek();
    if (next?.kind !== "word") return undefined;
    this.#at++;
    return next;
  }

  mistake(what: string, hint: string, lexeme: Lexeme | undefined = this.peek()): Mistake {
    return mistakeIn(this.tag, lexeme?.index ?? this.tag.contentIndex, what, hint);
  }

  end(): void {
    if (!this.done) throw this.#unexpected();
  }

  /**
   * Reads a condition to the end of the tag: comparisons joined by `and` and `or`, then perhaps filters, which apply to
   * the whole.
   */
  condition(): void {
    const from = this.#at;
    if (this.done) throw this.mistake("no condition", 'write what to ask for, as in {% if plan == "gold" %}');
    this.#expression();
    const operators = this.#lexemes.slice(from, this.#at).some(isOperator);
    if (operators && this.peek()?.text === "|")
      throw this.mistake("a filter behind a comparison", `write the value first: ${ASSIGN_FIRST}`);
    this.#filterChain();
    const next = this.peek();
    if (next && isComparison(next))
      throw this.mistake("a comparison behind a filter", `write the value first: ${this.#assigned(next)}`);
    this.end();
  }

  /** The two tags to write instead of `{% if name | size > 3 %}`. */
  #assigned(comparison: Lexeme): string {
    const at = comparison.index - this.tag.index;
    const [, begin = "", value = ""] = /^(\{%-?\s*\w+\s+)([\s\S]*)$/.exec(this.tag.text.slice(0, at)) ?? [];
    return `{% assign value = ${value.trim()} %}${begin}value ${this.tag.text.slice(at)}`;
  }

  /** Reads the value of an output or an `assign` to the end of the tag: an expression and its filters. */
  value(kind: "output" | "assign"): void {
    const from = this.#at;
    this.#expression(kind === "output");
    const joined = this.#lexemes
      .slice(from, this.#at)
      .find((lexeme) => lexeme.kind === "word" && JOINED.has(lexeme.text));
    if (joined && kind === "output")
      throw this.mistake(
        `unexpected "${joined.text}", which makes true or false,`,
        'write {{ name | default: "friend" }} for a value in place of an empty one',
        joined,
      );
    this.#filterChain();
    this.end();
  }

  /** Reads only filters to the end of the tag, for an output whose name has been read. */
  filters(): void {
    this.#filterChain();
    this.end();
  }

  #expression(isOutput = false): void {
    let joint: Lexeme | undefined;
    for (;;) {
      const from = this.#at;
      this.#comparison(joint);
      const next = this.peek();
      const goesOn = next?.kind === "word" && JOINED.has(next.text);
      if (!isOutput && (joint || goesOn)) this.#refuseLoneText(from);
      if (!goesOn) break;
      joint = next;
      this.#at++;
    }
    const next = this.peek();
    if (next && ![")", ",", "|"].includes(next.text)) throw this.#unexpected();
  }

  #comparison(joint: Lexeme | undefined): void {
    this.#operand(joint);
    const operator = this.peek();
    if (!operator || !isComparison(operator)) return;
    this.#at++;
    this.#operand(operator);
    if (isComparison(this.peek()))
      throw this.mistake("two comparisons in a row", "join them: 1 < orders and orders < 5");
  }

  /** Refuses `plan == "gold" or "silver"`, because a text alone is always true. */
  #refuseLoneText(from: number): void {
    const text = this.#lexemes[from];
    if (this.#at !== from + 1 || (text?.kind !== "text" && text?.kind !== "number")) return;
    const column = this.#lexemes.find(
      (lexeme, index) => lexeme.kind === "word" && isComparison(this.#lexemes[index + 1]),
    );
    throw this.mistake(
      `${text.text} alone is always true`,
      `write ${column?.text ?? "plan"} == ${text.text} instead`,
      text,
    );
  }

  #operand(operator?: Lexeme): void {
    while (this.take("not")) {
      // `not not x` is odd, but its meaning is clear.
    }
    if (this.done || (this.peek()?.text === "|" && operator))
      throw this.mistake(
        operator ? `no value behind ${operator.text}` : "no value",
        'write a column, a number or a text in quotes, as in {% if plan == "gold" %}',
        operator,
      );
    this.operand();
  }

  /** Reads a text, a number, a range, or a column with its path. */
  operand(): void {
    const next = this.peek();
    if (next?.kind === "text" || next?.kind === "number") this.#at++;
    else if (next?.text === "(") this.#range();
    else if (next?.kind === "word" && !isOperator(next)) this.#column(next);
    else if (next?.text === "[") this.#steps();
    else throw this.#unexpected();
    this.#steps();
  }

  #column(word: Lexeme): void {
    const previous = this.#lexemes[this.#at - 1];
    const spelling = /^(?:true|false)$/i.test(word.text)
      ? word.text.toLowerCase()
      : /^(?:null|none|nil)$/i.test(word.text)
        ? "nil"
        : undefined;
    if (spelling !== undefined && !["true", "false", "nil", "null"].includes(word.text) && isComparison(previous))
      throw this.mistake(
        `unexpected ${word.text}`,
        `write ${spelling}, in small letters; for a text, in quotes: "${word.text}"`,
        word,
      );
    if (word.text === "-" || word.text === "?" || word.text === "??") throw this.#unexpected();
    this.#at++;
    if (this.peek()?.text === "(" && this.peek()?.index === word.index + word.text.length) throw this.#call(word);
  }

  #steps(): void {
    for (;;) {
      if (this.take("[")) {
        this.operand();
        if (!this.take("]")) throw this.mistake("[ has no ]", 'write ["First Name"], or items[0]');
      } else if (this.peek()?.text === "." && !this.done) {
        this.#at++;
        const step = this.word();
        if (!step)
          throw this.mistake("no name behind the dot", "write the name behind it, or leave out the dot", this.peek(-1));
        if (this.peek()?.text === "(") throw this.#call(step);
      } else return;
    }
  }

  #range(): void {
    const open = this.take("(");
    if (this.done) throw this.mistake("( has no )", "write a range as (1..5)", open);
    this.operand();
    if (!this.take("..")) throw this.mistake("unexpected parenthesis", PARENTHESES, open);
    this.operand();
    if (!this.take(")")) throw this.mistake("( has no )", "write a range as (1..5)", open);
  }

  #call({ text, index }: Lexeme): Mistake {
    const known = this.#filters.includes(text) ? text : foreignFilter(text)?.name;
    const hint = `write a filter behind the column, as in {{ name | ${known ?? "upcase"} }}`;
    return mistakeIn(this.tag, index, `unexpected ${text}(…), as Liquid has no functions,`, hint);
  }

  #filterChain(): void {
    while (this.take("|")) {
      const name = this.word();
      if (!name) throw this.mistake("no filter behind |", `write one, as in {{ name | upcase }}, or leave out |`);
      this.#checkName(name);
      const count = this.take(":") ? this.#arguments(name) : 0;
      this.#checkBehind(name, count);
      const expected = FILTER_VALUES[name.text];
      if (expected !== undefined && count < expected.count)
        throw this.mistake(`no value behind ${name.text}`, `write ${expected.example}`, name);
    }
  }

  #checkName(name: Lexeme): void {
    if (this.#filters.includes(name.text)) return;
    const foreign = foreignFilter(name.text);
    const near = nearest(name.text, this.#filters);
    const hint =
      foreign?.hint ??
      (near === null
        ? `the filters are named in docs/content.md; upcase, default and date are some`
        : `did you mean ${near}?`);
    throw this.mistake(`there is no filter ${JSON.stringify(name.text)}`, hint, name);
  }

  /** Reads the values after `name:`. Returns their number. */
  #arguments(name: Lexeme): number {
    let count = 0;
    do {
      const value = this.peek();
      if (!value || value.text === "|")
        throw this.mistake(
          `no value behind ${name.text}:`,
          `write ${FILTER_VALUES[name.text]?.example ?? "a text in quotes, a number or a column"}`,
          name,
        );
      this.operand();
      if (this.take(":")) this.operand();
      else if (value.kind === "text" && name.text === "date" && count === 0) this.#checkFormat(value);
      count++;
    } while (this.take(","));
    return count;
  }

  /** Refuses a date format without `%`, which would be mailed as it is. */
  #checkFormat(format: Lexeme): void {
    const mended = mendedFormat(format.text.slice(1, -1));
    if (mended !== null)
      throw this.mistake(`the date format ${format.text} has no %`, `write date: "${mended}"`, format);
  }

  #checkBehind(name: Lexeme, count: number): void {
    const next = this.peek();
    if (!next || next.text === "|") return;
    if (isComparison(next) || isOperator(next)) return;
    if (next.text === "(")
      throw this.mistake(
        "a parenthesis behind a filter",
        `write its value behind a colon: ${FILTER_VALUES[name.text]?.example ?? `${name.text}: "…"`}`,
      );
    if (next.kind === "sign") throw this.#unexpected();
    const [sign, word] = count === 0 ? [":", "colon"] : [",", "comma"];
    throw this.mistake(
      `no ${word} before ${next.text}`,
      `write ${count === 0 ? `${name.text}${sign} ${next.text}` : `${sign} ${next.text}`}`,
    );
  }

  #unexpected(): Mistake {
    const next = this.peek();
    if (!next) return this.mistake("no value", "write a column, a number or a text in quotes");
    if (next.text === "|" && !this.peek(-1))
      return this.mistake("no value before |", "write a column, a number or a text in quotes");
    if (next.text === "." && !this.peek(-1))
      return this.mistake("unexpected .", `write ${this.tag.text.replace(/\.(?=[\p{L}_])/u, "")}`);
    const said = SAID.get(next.text);
    if (said !== undefined) return this.mistake(`unexpected ${next.text}`, said(corrected(this.tag.text)));
    if (next.kind === "number" && /^[+-]/.test(next.text)) return this.mistake(`unexpected ${next.text[0]}`, CALCULATE);
    if (next.kind === "sign")
      return this.mistake(`unexpected ${next.text}`, "leave it out, or put it in quotes when it is part of a text");
    return this.#sideBySide(next);
  }

  /** The mistake for two values with nothing between them. */
  #sideBySide(next: Lexeme): Mistake {
    const before = this.peek(-1);
    const foreign = FOREIGN_OPERATORS.get(next.text.toLowerCase());
    if (foreign !== undefined) return this.mistake(`unexpected ${next.text}`, foreign);
    if (!before) return this.mistake(`unexpected ${next.text}`, "write a column, a number or a text in quotes");
    if (before.kind === "word" && next.kind === "word" && !isOperator(before))
      return this.mistake(
        `nothing between ${before.text} and ${next.text}`,
        `write ["${before.text} ${next.text}"] when that is one column, or what compares them: ==, and, or`,
      );
    return this.mistake(
      `nothing between ${before.text} and ${next.text}`,
      "write what compares them: ==, !=, contains, and, or",
    );
  }
}

const ASSIGN_FIRST = '{% assign low = name | downcase %}{% if low == "ann" %}';
const PARENTHESES = "Liquid reads and/or from right to left and has no parentheses: put one {% if %} into another";
const CALCULATE = "write {{ price | plus: 5 }}; minus, times and divided_by are filters, too, and append joins texts";

const use = (operator: string) => (tag: string) => `write ${operator}: ${tag}`;

/** The hints for operators of other languages. */
const SAID = new Map<string, (tag: string) => string>(
  Object.entries({
    "=": use("=="),
    "===": use("=="),
    "!==": use("!="),
    "<>": use("!="),
    "=>": use(">="),
    "=<": use("<="),
    "&&": use("and"),
    "||": (tag) =>
      tag.startsWith("{{")
        ? 'write {{ name | default: "friend" }} for a value in place of an empty one'
        : `write or: ${tag}`,
    "!": use("not"),
    "｜": use("|"),
    "：": use(":"),
    "＝": use("=="),
    "?": () => "write {% if vip %}yes{% else %}no{% endif %}",
    "??": () => 'write {{ name | default: "friend" }} for a value in place of an empty one',
    "+": () => CALCULATE,
    "-": () => CALCULATE,
    "*": () => CALCULATE,
    "/": () => CALCULATE,
    "%": () => "write {{ number | modulo: 2 }}",
    "(": () => PARENTHESES,
    ")": () => PARENTHESES,
    ";": () => "leave it out: a tag ends with %} or }}",
    "..": () => "write a range in parentheses: (1..5)",
    ">": () => "write a value before it; a part of another file cannot be taken in, copy its text here",
  }),
);

const FOREIGN_OPERATORS = new Map<string, string>(
  Object.entries({
    eq: "write ==",
    is: "write == for equal, != for unequal",
    equals: "write ==",
    ne: "write !=",
    neq: "write !=",
    isnt: "write !=",
    gt: "write >",
    lt: "write <",
    gte: "write >=",
    ge: "write >=",
    lte: "write <=",
    le: "write <=",
    in: "write it the other way round: list contains value",
    and: "write and, in small letters",
    or: "write or, in small letters",
    not: 'write not before the whole comparison, in small letters: not tags contains "vip"',
    xor: "write (a and not b) as one {% if %} in another",
    contains: "write contains, in small letters",
    like: "write contains",
    includes: "write contains",
  }),
);

function isComparison(lexeme: Lexeme | undefined): boolean {
  return lexeme !== undefined && lexeme.kind !== "text" && COMPARISONS.has(lexeme.text);
}

function isOperator(lexeme: Lexeme): boolean {
  return isComparison(lexeme) || (lexeme.kind === "word" && (JOINED.has(lexeme.text) || lexeme.text === "not"));
}
