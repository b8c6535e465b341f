/** Writes the marks of list items: bullets, numbers and letters. */
import type { Element } from "./tree.ts";

const BULLET = "* ";

/** The marks of one list. Call `mark` for each item, in order. */
export class ListMarks {
  #next: number;
  readonly #step: number;
  readonly #ordered: boolean;
  readonly #type: string | undefined;

  /** `count` is the number of visible items; `list` is null for items outside of a list. */
  constructor(list: Element | null, count: number) {
    const reversed = list?.attributes.has("reversed") ?? false;
    this.#ordered = list?.name === "ol";
    this.#type = list?.attributes.get("type");
    this.#step = reversed ? -1 : 1;
    this.#next = integer(list?.attributes.get("start")) ?? (reversed ? count : 1);
  }

  /**
   * The mark with a space after it, or "" for an item without a mark. `style` is the `list-style-type` in effect, or
   * null.
   */
  mark(item: Element, style: string | null): string {
    const number = (this.#ordered ? integer(item.attributes.get("value")) : null) ?? this.#next;
    this.#next = number + this.#step;
    const type = item.attributes.get("type") ?? this.#type;
    const kind =
      (style === null ? null : kindOfStyle(style)) ?? kindOfType(type) ?? (this.#ordered ? "decimal" : "bullet");
    if (kind === "none") return "";
    return kind === "bullet" ? BULLET : `${inLetters(number, kind)}. `;
  }
}

type Kind = "none" | "bullet" | "decimal" | "a" | "A" | "i" | "I";

function kindOfStyle(style: string): Kind | null {
  if (/\bnone\b/.test(style)) return "none";
  if (/\b(?:disc|circle|square)\b/.test(style)) return "bullet";
  if (/\blower-(?:alpha|latin)\b/.test(style)) return "a";
  if (/\bupper-(?:alpha|latin)\b/.test(style)) return "A";
  if (/\blower-roman\b/.test(style)) return "i";
  if (/\bupper-roman\b/.test(style)) return "I";
  return /\bdecimal\b/.test(style) ? "decimal" : null;
}

function kindOfType(type: string | undefined): Kind | null {
  if (type === "a" || type === "A" || type === "i" || type === "I") return type;
  if (type === "1") return "decimal";
  if (/^none$/i.test(type ?? "")) return "none";
  return /^(?:disc|circle|square)$/i.test(type ?? "") ? "bullet" : null;
}

/** The number in letters; in digits when there are none for it: 0, negative numbers, Roman numbers from 4000. */
function inLetters(number: number, kind: Kind): string {
  const roman = (kind === "i" || kind === "I") && number > 0 && number < 4000;
  const letters = (kind === "a" || kind === "A") && number > 0;
  if (!roman && !letters) return String(number);
  const written = roman ? romanOf(number) : lettersOf(number);
  return kind === "A" || kind === "I" ? written : written.toLowerCase();
}

/** A to Z, then AA, AB and so on. */
function lettersOf(number: number): string {
  let letters = "";
  for (let rest = number; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    letters = String.fromCharCode(65 + ((rest - 1) % 26)) + letters;
  }
  return letters;
}

const ROMAN: [number, string][] = [
  [1000, "M"],
  [900, "CM"],
  [500, "D"],
  [400, "CD"],
  [100, "C"],
  [90, "XC"],
  [50, "L"],
  [40, "XL"],
  [10, "X"],
  [9, "IX"],
  [5, "V"],
  [4, "IV"],
  [1, "I"],
];

function romanOf(number: number): string {
  let rest = number;
  let roman = "";
  for (const [value, letters] of ROMAN) {
    for (; rest >= value; rest -= value) roman += letters;
  }
  return roman;
}

/** The integer as browsers read it: text after the digits is ignored. */
function integer(value: string | undefined): number | null {
  const digits = /^\s*([+-]?\d{1,9})/.exec(value ?? "")?.[1];
  return digits === undefined ? null : Number(digits);
}
