/**
 * Gives values their meaning in conditions. Columns are text, and the other side of a comparison tells how to read
 * them: beside a number as a number, beside `true` as yes or no, beside a text in quotes as exactly that text. Two
 * columns are compared as numbers or dates when both are.
 */
import {
  CaseTag,
  type Context,
  defaultOperators,
  Drop,
  type Emitter,
  evalToken,
  type Expression,
  IfTag,
  type Liquid,
  type Template,
  type Token,
  toValue,
  TypeGuards,
  UnlessTag,
  Value,
} from "liquidjs";
import { DATE_FILTERS, type DateReading, readDate } from "./dates.ts";
import { isNothing, NUMBER_FILTERS, numberOf, type Reading, readNumber } from "./numbers.ts";
import { TEXT_FILTERS } from "./texts.ts";
import { isTrue, isTruth } from "./truth.ts";
import { quoted, ValueProblem } from "./value-problem.ts";
import { everyTemplate } from "./walk.ts";

/** A text in quotes in the template. It is compared as text, never as a number. */
class Quoted extends Drop {
  readonly #text: string;

  constructor(text: string) {
    super();
    this.#text = text;
  }

  override valueOf(): string {
    return this.#text;
  }
}

type Operator = (typeof defaultOperators)[string];

/**
 * LiquidJS's operators for values as people type them. They throw `ValueProblem` for a value that may mean two things.
 */
const OPERATORS: Record<string, Operator> = {
  ...defaultOperators,
  "==": compared("==", same),
  "!=": compared("!=", (left, right) => !same(left, right)),
  "<": compared(
    "<",
    ordered((difference) => difference < 0),
  ),
  ">": compared(
    ">",
    ordered((difference) => difference > 0),
  ),
  "<=": compared(
    "<=",
    ordered((difference) => difference <= 0),
  ),
  ">=": compared(
    ">=",
    ordered((difference) => difference >= 0),
  ),
  contains: (left: unknown, right: unknown) => contains(plain(left), right),
  not: (value: unknown) => !isTrue(value),
  and: (left: unknown, right: unknown) => isTrue(left) && isTrue(right),
  or: (left: unknown, right: unknown) => isTrue(left) || isTrue(right),
};

/** Gives an engine our operators, our `case`, and our filters for texts, numbers and dates. */
export function teachValues(engine: Liquid): void {
  engine.options.operators = OPERATORS;
  engine.registerTag("case", ReadingCase);
  const filters = { ...TEXT_FILTERS, ...NUMBER_FILTERS, ...DATE_FILTERS };
  for (const [name, filter] of Object.entries(filters)) engine.registerFilter(name, filter);
}

/** Changes parsed templates, so that texts in quotes are marked as such and conditions follow our rules of truth. */
export function readConditions(templates: Template[]): void {
  for (const template of everyTemplate(templates)) {
    for (const argument of template.arguments?.() ?? []) if (argument instanceof Value) markTexts(argument.initial);
    if (template instanceof IfTag || template instanceof UnlessTag)
      for (const { value } of template.branches) judge(value, template.token);
  }
}

/** Marks texts in quotes beside an operator. A text alone is left as it is, because only operators need the mark. */
function markTexts({ postfix }: Expression): void {
  if (postfix.length < 2) return;
  for (const token of postfix)
    if (TypeGuards.isQuotedToken(token)) Object.assign(token, { content: new Quoted(token.content) });
}

/** Makes a condition true or false by our rules, and lets its problems name the condition. */
function judge(condition: Value, tag: Token): void {
  const value = condition.value.bind(condition);
  condition.value = function* (context: Context, lenient?: boolean): Generator<unknown, unknown, unknown> {
    try {
      return isTrue(yield* value(context, lenient));
    } catch (error) {
      throw error instanceof ValueProblem ? error.at(tagAround(condition, tag)) : error;
    }
  };
}

/** The tag with the condition. For an `elsif` that is not `tag`, the `if` it belongs to. */
function tagAround({ initial }: Value, tag: Token): string {
  const [first] = initial.postfix;
  if (!first) return tag.getText();
  const begin = first.input.lastIndexOf("{%", first.begin);
  const end = first.input.indexOf("%}", first.begin);
  return begin < 0 || end < 0 ? tag.getText() : first.input.slice(begin, end + 2);
}

/**
 * `case` by the same rules. Only the first matching branch is rendered: `07` equals both the text "07" and the number
 * 7.
 */
class ReadingCase extends CaseTag {
  override *render(context: Context, emitter: Emitter): Generator<unknown, void, unknown> {
    const target = yield* this.value.value(context);
    for (const { values, templates } of this.branches) {
      for (const token of values) {
        const value: unknown = yield* evalToken(token, context);
        const candidate = TypeGuards.isQuotedToken(token) ? new Quoted(token.content) : value;
        if (!(yield OPERATORS["=="]?.(target, candidate, context))) continue;
        yield this.liquid.renderer.renderTemplates(templates, context, emitter);
        return;
      }
    }
    yield this.liquid.renderer.renderTemplates(this.elseTemplates, context, emitter);
  }
}

/** An operator of ours. LiquidJS's own is used for `nil`, `empty` and `blank`, which compare themselves. */
function compared(name: string, compare: (left: unknown, right: unknown) => boolean): Operator {
  return (left: unknown, right: unknown, context: Context) =>
    isComparable(left) || isComparable(right)
      ? (defaultOperators[name] ?? compare)(unquoted(left), unquoted(right), context)
      : compare(left, right);
}

function isComparable(value: unknown): boolean {
  return value instanceof Drop && typeof value["equals"] === "function";
}

function unquoted(value: unknown): unknown {
  return value instanceof Quoted ? value.valueOf() : value;
}

function plain(value: unknown): unknown {
  return toValue(value);
}

function same(left: unknown, right: unknown): boolean {
  const [a, b] = [plain(left), plain(right)];
  if (typeof b === "boolean") return isTruth(a, b);
  if (typeof a === "boolean") return isTruth(b, a);
  if (typeof a === "number") return sameNumber(b, a);
  if (typeof b === "number") return sameNumber(a, b);
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => same(item, b[index]));
  const exact = left instanceof Quoted || right instanceof Quoted;
  if (a === b || exact || typeof a !== "string" || typeof b !== "string") return a === b;
  return sameFigures(a, b) || sameDates(a, b);
}

/** `01.03.2026` and `2026-03-01` are the same day. */
function sameDates(a: string, b: string): boolean {
  const [left, right] = [readDate(a), readDate(b)];
  if (left?.kind !== "date" || right?.kind !== "date" || left.floating !== right.floating) return false;
  return left.time.toMillis() === right.time.toMillis();
}

function sameNumber(value: unknown, number: number): boolean {
  if (typeof value === "number") return value === number;
  const reading = typeof value === "string" ? readNumber(value) : null;
  return reading !== null && clear(reading) === number;
}

/** For two texts of the list: `1` and `1.0` are the same, but `01234` and `1234` may be two postcodes. */
function sameFigures(a: string, b: string): boolean {
  const [left, right] = [readNumber(a), readNumber(b)];
  if (left === null || right === null) return false;
  const [x, y] = [clear(left), clear(right)];
  return x === y && !isCode(left) && !isCode(right);
}

function isCode(reading: Reading): boolean {
  return reading?.kind === "number" && reading.code;
}

function clear(reading: NonNullable<Reading>): number {
  if (reading.kind === "unclear") throw new ValueProblem(reading.problem);
  return reading.number;
}

function ordered(test: (difference: number) => boolean): (left: unknown, right: unknown) => boolean {
  return (left, right) => {
    const [a, b] = [plain(left), plain(right)];
    return !isNothing(a) && !isNothing(b) && test(difference(a, b));
  };
}

/** Below 0 when `a` comes before `b`. */
function difference(a: unknown, b: unknown): number {
  if (typeof a === "string" && typeof b === "string" && (readNumber(a) === null || readNumber(b) === null)) {
    const dates = readNumber(a) === null && readNumber(b) === null ? [readDate(a), readDate(b)] : [];
    return differenceOfDates(a, b, dates);
  }
  return numberOf(a) - numberOf(b);
}

function differenceOfDates(a: string, b: string, [left = null, right = null]: DateReading[]): number {
  for (const reading of [left, right]) if (reading?.kind === "unclear") throw new ValueProblem(reading.problem);
  if (left?.kind !== "date" || right?.kind !== "date")
    throw new ValueProblem(
      `${quoted(a)} and ${quoted(b)} are not both numbers or both dates; only such have an order, other texts are compared with == or !=`,
    );
  if (left.floating !== right.floating)
    throw new ValueProblem(
      `of ${quoted(a)} and ${quoted(b)} only one has an offset from UTC; write both with one, or both without`,
    );
  return left.time.toMillis() - right.time.toMillis();
}

/** Nothing contains an empty cell. */
function contains(whole: unknown, given: unknown): boolean {
  const part = plain(given);
  if (isNothing(whole) || isNothing(part)) return false;
  if (Array.isArray(whole)) return whole.includes(part) || whole.some((item) => same(item, given));
  return typeof whole === "string" && whole.includes(String(part));
}
