/**
 * Reads numbers as people type them into lists: `1`, `1.0`, ` 1 `, `+1`, `1,000.50`, `1.000,50`, `1 000` and `1'000`.
 * `1,234` may be two numbers, so it is refused instead of guessed.
 */
import { type FilterImplOptions, filters } from "liquidjs";
import { quoted, ValueProblem } from "./value-problem.ts";

/**
 * A text as a number. `code`: it has a leading zero or plus, so it may be a postcode or a telephone number. `unclear`:
 * it looks like a number, but may be two or has too many digits. Null: it is no number.
 */
export type Reading = { kind: "number"; number: number; code: boolean } | { kind: "unclear"; problem: string } | null;

/** A double stores this many decimal digits exactly (IEEE 754, binary64). */
const EXACT_DIGITS = 15;
const TOO_LARGE = 10 ** EXACT_DIGITS;

const PLAIN = /^\d+$/;
const DECIMAL = /^(\d*)[.,](\d+)$/;
/** Groups of three with the same separator; the decimals need another one. */
const GROUPED = /^([1-9]\d{0,2}(?:([.,' ])\d{3})(?:\2\d{3})*)(?:(?!\2)[.,](\d+))?$/;
/** The groups of India: 12,34,567.00. */
const LAKHS = /^([1-9]\d?(?:,\d\d)+,\d{3})(?:\.(\d+))?$/;
/** One group of three, which means thousands in one country and decimals in another. */
const EITHER = /^[1-9]\d{0,2}[.,]\d{3}$/;

/** Reads a text as a number. Text with a currency, a percent sign, an exponent or words is no number. Never throws. */
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

/** The digits before and after the decimal sign; null when it is no number. */
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

/** Replaces digits, signs and spaces of any script by those of ASCII. */
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

/** The value as a number, for a filter or operator. Throws `ValueProblem` when it is none or unclear. */
export function numberOf(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  const reading = typeof value === "string" ? readNumber(value) : null;
  if (reading?.kind === "number") return reading.number;
  throw new ValueProblem(reading?.problem ?? `${quoted(value)} is not a number; write the figure alone, such as 12.50`);
}

/** Whether there is nothing to calculate with or to compare: a blank cell, an unknown column, nil. */
export function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === "string" && value.trim() === "");
}

/** A number for readers, without an exponent (`1e+21`, `1e-7`) and without grouping. */
export function plainNumber(value: number): string {
  const text = String(value);
  if (!text.includes("e")) return text;
  return value.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: 20 });
}

/** The arithmetic filters, and how many of their values are numbers. Further values are passed on as they are. */
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
 * LiquidJS's arithmetic filters for numbers as people type them. An empty cell gives an empty result, so that a
 * `default` applies or the row is refused, as for any empty variable. The filters throw `ValueProblem` for a value that
 * is no number, a division by 0, and a result that cannot be given exactly.
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

/** Rounds to the digits that a double stores exactly, so that 0.1 + 0.2 gives 0.3. */
function result(number: number): number | string {
  if (!(Math.abs(number) < TOO_LARGE))
    throw new ValueProblem(
      `the result has more than ${EXACT_DIGITS} digits and cannot be given exactly; use smaller numbers`,
    );
  const rounded = Number(number.toPrecision(EXACT_DIGITS));
  const plain = plainNumber(rounded);
  return plain === String(rounded) ? (rounded === 0 ? 0 : rounded) : plain;
}
