/**
 * What values mean in conditions. Columns are text; what stands beside them in a comparison says how they are read: a number asks for a number,
 * `true` for a yes, a text in quotes for exactly that text. Two columns are compared as numbers or dates where both are such.
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

/** A text that the template itself has in quotes: compared as it is, never as a number. */
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

/** LiquidJS's operators, for what people type. They throw `ValueProblem` for a value that may mean two things. */
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

/** Teaches an engine what values mean: in conditions, in `case`, in calculations, as dates and as texts. */
export function teachValues(engine: Liquid): void {
  engine.options.operators = OPERATORS;
  engine.registerTag("case", ReadingCase);
  const filters = { ...TEXT_FILTERS, ...NUMBER_FILTERS, ...DATE_FILTERS };
  for (const [name, filter] of Object.entries(filters)) engine.registerFilter(name, filter);
}

/** Teaches templates just parsed what their texts in quotes and their bare conditions mean. */
export function readConditions(templates: Template[]): void {
  for (const template of everyTemplate(templates)) {
    for (const argument of template.arguments?.() ?? []) if (argument instanceof Value) markTexts(argument.initial);
    if (template instanceof IfTag || template instanceof UnlessTag)
      for (const { value } of template.branches) judge(value, template.token);
  }
}

/** A text alone is passed on as it is: only an operator has to know that it stood in quotes. */
function markTexts({ postfix }: Expression): void {
  if (postfix.length < 2) return;
  for (const token of postfix)
    if (TypeGuards.isQuotedToken(token)) Object.assign(token, { content: new Quoted(token.content) });
}

/** Makes a condition's value true or false by our rules, and a problem of its own say which condition it is. */
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

/** The tag in which a condition stands: for an `elsif` not the `if` it belongs to. */
function tagAround({ initial }: Value, tag: Token): string {
  const [first] = initial.postfix;
  if (!first) return tag.getText();
  const begin = first.input.lastIndexOf("{%", first.begin);
  const end = first.input.indexOf("%}", first.begin);
  return begin < 0 || end < 0 ? tag.getText() : first.input.slice(begin, end + 2);
}

/** `case` by the same rules. The first branch that fits counts: `07` is the text "07" and the number 7, and is answered once. */
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

/** `nil`, `empty` and `blank` compare themselves. */
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

/** `01.03.2026` and `2026-03-01` are one day. */
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

/** Of two texts from the list: `1` and `1.0` are the same, `01234` and `1234` are two postcodes. */
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

/** Below 0: `a` comes before `b`. */
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

/** An empty cell is contained in nothing. */
function contains(whole: unknown, given: unknown): boolean {
  const part = plain(given);
  if (isNothing(whole) || isNothing(part)) return false;
  if (Array.isArray(whole)) return whole.includes(part) || whole.some((item) => same(item, given));
  return typeof whole === "string" && whole.includes(String(part));
}
