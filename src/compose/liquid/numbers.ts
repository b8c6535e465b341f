/**
 * Numbers as people type them into lists. A list is text: `1`, `1.0`, ` 1 `, `+1`, `1,000.50`, `1.000,50`, `1 000` and `1'000` are numbers,
 * and `1,234` is one of two, which nobody but its author can tell apart.
 */
import { type FilterImplOptions, filters } from "liquidjs";
import { quoted, ValueProblem } from "./value-problem.ts";

/** What a text is as a number. `code`: its leading zero or plus says that it may be a code (a postcode, a telephone number). */
export type Reading = { kind: "number"; number: number; code: boolean } | { kind: "unclear"; problem: string } | null;

/** A double holds this many decimal digits exactly (IEEE 754, binary64). */
const EXACT_DIGITS = 15;
const TOO_LARGE = 10 ** EXACT_DIGITS;

const PLAIN = /^\d+$/;
const DECIMAL = /^(\d*)[.,](\d+)$/;
/** Groups of three behind one and the same sign; another sign may stand before decimals. */
const GROUPED = /^([1-9]\d{0,2}(?:([.,' ])\d{3})(?:\2\d{3})*)(?:(?!\2)[.,](\d+))?$/;
/** India: 12,34,567.00. */
const LAKHS = /^([1-9]\d?(?:,\d\d)+,\d{3})(?:\.(\d+))?$/;
/** One group of three: a thousand in one country, decimals in another. */
const EITHER = /^[1-9]\d{0,2}[.,]\d{3}$/;

/** Reads a text as a number; null when it is none. Money, percent signs, exponents and words make a text no number. */
export function readNumber(text: string): Reading {
  const [, sign = "", body = ""] = /^([+-]?)(.*)$/s.exec(plainSigns(text.trim())) ?? [];
  const parts = partsOf(body);
  if (parts === null) return null;
  if (EITHER.test(body)) return { kind: "unclear", problem: either(text.trim(), body) };
  const [whole, decimals] = parts;
  const figures = `${whole}${decimals.replace(/0+$/, "")}`.replace(/^0+/, "");
  if (figures.length > EXACT_DIGITS) return { kind: "unclear", problem: tooLong(text.trim()) };
  const number = Number(`${sign}${whole || "0"}.${decimals || "0"}`);
  return { kind: "number", number: number === 0 ? 0 : number, code: sign === "+" || /^0\d/.test(whole) };
}

/** The digits before and behind the decimal sign, or null. */
function partsOf(body: string): [string, string] | null {
  if (PLAIN.test(body)) return [body, ""];
  const decimal = DECIMAL.exec(body);
  if (decimal) return [decimal[1] ?? "", decimal[2] ?? ""];
  const lakhs = LAKHS.exec(body);
  if (lakhs) return [digitsOf(lakhs[1]), lakhs[2] ?? ""];
  const grouped = GROUPED.exec(body);
  return grouped && [digitsOf(grouped[1]), grouped[3] ?? ""];
}

function digitsOf(text = ""): string {
  return text.replace(/\D/g, "");
}

/** Digits, signs and spaces of any script as ASCII has them. */
function plainSigns(text: string): string {
  if (/^[\w .,'+-]*$/.test(text)) return text;
  return text
    .replace(/\p{Nd}/gu, digitValue)
    .replace(/[\u2212\uFF0D\uFE63]/g, "-")
    .replace(/[\uFF0B\uFE62]/g, "+")
    .replace(/[\uFF0C]/g, ",")
    .replace(/[\uFF0E\u066B]/g, ".")
    .replace(/[\u2019\u066C]/g, "'")
    .replace(/\p{Zs}/gu, " ");
}

/** Unicode keeps each script's ten digits together, zero first (chapter 4.6). */
function digitValue(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let before = 0;
  while (/^\p{Nd}$/u.test(String.fromCodePoint(code - before - 1))) before++;
  return String(before % 10);
}

function either(text: string, body: string): string {
  const [whole = "", decimals = ""] = body.split(/[.,]/);
  return `${quoted(text)} may be ${whole}${decimals} or ${whole}.${decimals}; write ${whole}${decimals} or ${whole}.${decimals}0 in the list`;
}

function tooLong(text: string): string {
  return `${quoted(text)} has more than ${EXACT_DIGITS} digits, too many for an exact number; compare it as text, in quotes`;
}

/** The number a filter or an operator is given. Throws `ValueProblem` for whatever is none. */
export function numberOf(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  const reading = typeof value === "string" ? readNumber(value) : null;
  if (reading?.kind === "number") return reading.number;
  throw new ValueProblem(reading?.problem ?? `${quoted(value)} is not a number; write the figure alone, such as 12.50`);
}

/** Nothing to reckon with or to compare: an empty cell, an unknown column, nil. */
export function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === "string" && value.trim() === "");
}

/** A number for readers: never `1e+21` or `1e-7`. */
export function plainNumber(value: number): string {
  const text = String(value);
  if (!text.includes("e")) return text;
  return value.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: 20 });
}

/** How many of a filter's values are numbers; what comes behind them is passed on as it is. */
const ARITHMETIC: Record<string, number> = {
  abs: 1,
  ceil: 1,
  floor: 1,
  round: 2,
  plus: 2,
  minus: 2,
  times: 2,
  divided_by: 2,
  modulo: 2,
  at_least: 2,
  at_most: 2,
};

type Handler = Extract<FilterImplOptions, (...args: never[]) => unknown>;

/**
 * LiquidJS's arithmetic for what people type. Nothing in, nothing out: an empty cell stays empty, so that a `default` behind it speaks, or the
 * row is refused as for any empty variable. The filters throw `ValueProblem` for what is no number and for results that cannot be given exactly.
 */
export const NUMBER_FILTERS: Record<string, Handler> = {
  ...Object.fromEntries(Object.entries(ARITHMETIC).map(([name, count]) => [name, arithmetic(name, count)])),
  to_integer(value: unknown) {
    if (isNothing(value)) return "";
    return typeof value === "boolean" ? Number(value) : numberOf(value);
  },
  *sum(
    this: ThisParameterType<Handler>,
    list: unknown,
    property?: string,
  ): Generator<unknown, number | string, unknown> {
    const items = Array.isArray(list) ? (list as unknown[]) : isNothing(list) ? [] : [list];
    let total = 0;
    for (const item of items) {
      const value = property === undefined ? item : yield this.context._getFromScope(item, property);
      if (!isNothing(value)) total += numberOf(value);
    }
    return result(total);
  },
};

function arithmetic(name: string, count: number): Handler {
  const work = filters[name as "plus"] as Handler;
  return function (...values: unknown[]) {
    const numbers = values.slice(0, count);
    if (numbers.some(isNothing)) return "";
    const operands = numbers.map(numberOf);
    if ((name === "divided_by" || name === "modulo") && operands[1] === 0)
      throw new ValueProblem(`${quoted(values[0])} cannot be divided by 0; ask for 0 first, with {% if %}`);
    return result(work.call(this, ...(operands as [number]), ...values.slice(count)) as number);
  };
}

/** Rounded to the digits a double holds, which takes the dust of 0.1 + 0.2 away. */
function result(number: number): number | string {
  if (!(Math.abs(number) < TOO_LARGE))
    throw new ValueProblem(
      `the result has more than ${EXACT_DIGITS} digits and cannot be given exactly; use smaller numbers`,
    );
  const rounded = Number(number.toPrecision(EXACT_DIGITS));
  const plain = plainNumber(rounded);
  return plain === String(rounded) ? (rounded === 0 ? 0 : rounded) : plain;
}
